"""The files of acceptance clauses and of waivers: strict TOML, every problem of both told at once."""

from __future__ import annotations

import re
from datetime import date, datetime
from pathlib import Path

from reports.clauses import Clause, Waiver
from reports.page_one import ROLES
from scenarios.strict_toml import Document, Table, is_there, read
from scenarios.types import ConfigError

SHIPPED = Path(__file__).parent.parent / "reports" / "clauses"
TEXT_CHARS_MAX = 2000


def clauses_and_waivers(clauses: str, waivers: Path | None) -> tuple[tuple[Clause, ...], tuple[Waiver, ...]]:
    """`clauses` is a file, or the name of a shipped set. Raises ConfigError with every problem of both files."""
    path = Path(clauses)
    if not path.suffix and not is_there(path):
        path = SHIPPED / f"{clauses}.toml"
        if not is_there(path):
            known = ", ".join(sorted(item.stem for item in SHIPPED.glob("*.toml")))
            raise ConfigError([f"--clauses {clauses}: no such file; shipped sets: {known}"])
    problems: list[str] = []
    found: tuple[Clause, ...] = ()
    try:
        found = parse_clauses(str(path), read(path))
    except ConfigError as error:
        problems += error.problems
    given: tuple[Waiver, ...] = ()
    if waivers is not None:
        try:
            given = parse_waivers(str(waivers), read(waivers), None if problems else [one.slug for one in found])
        except ConfigError as error:
            problems += error.problems
    if problems:
        raise ConfigError(problems)
    return found, given


def parse_clauses(name: str, text: str) -> tuple[Clause, ...]:
    """Clauses in the order of the file; `name` is for messages. Raises ConfigError with every problem."""
    document = Document(name, text)
    found: list[Clause] = []
    for table in document.root.tables("clause", required=True):
        clause = _clause(table)
        if clause.slug and clause.slug in {one.slug for one in found}:
            table.problem("slug", f"{clause.slug!r} names another clause too; each has a slug of its own")
        found.append(clause)
    document.finish()
    return tuple(found)


def parse_waivers(name: str, text: str, slugs: list[str] | None) -> tuple[Waiver, ...]:
    """Waivers in the order of the file. `slugs` are the clauses there are; None where they could not be read."""
    document = Document(name, text)
    found: list[Waiver] = []
    for table in document.root.tables("waiver", required=True):
        clause = table.take("clause", str, right="the slug of the clause that is waived")
        if clause and slugs is not None and clause not in slugs:
            table.problem("clause", f"{clause!r} is no clause here; one of {', '.join(slugs)}")
        if clause in {one.clause for one in found}:
            table.problem("clause", f"{clause!r} is waived twice; one waiver for each clause")
        owner = _words(table, "owner", "who answers for it: name and post")
        reason = _words(table, "reason", "why it may be so for the time being")
        found.append(Waiver(clause, owner, reason, _day(table, "expires")))
    document.finish()
    return tuple(found)


def _clause(table: Table) -> Clause:
    roles = ", ".join(ROLES)
    return Clause(
        slug=table.take("slug", str, right="a short name such as submit-time", check=_is_slug),
        vi=_words(table, "text_vi", "the clause in Vietnamese"),
        en=_words(table, "text_en", "the clause in English"),
        source=_words(table, "source", "the regulation or the contract, with its article"),
        verified=table.take("verified", bool, right="true only when somebody has read the source"),
        profiles=table.words("profiles", [], right='a list of profiles or patterns such as ["monday-peak"]'),
        measures=_some(table, "measures", 'a list of checks or patterns such as ["objective.*"]'),
        signs=table.take("signs", str, right=f"one of {roles}", check=lambda role: role in ROLES),
    )


def _some(table: Table, key: str, right: str) -> tuple[str, ...]:
    words = table.words(key, right=right)
    if table.data.get(key) == []:
        table.problem(key, f"empty: a clause that nothing measures can never be met; {right}")
    return words


def _words(table: Table, key: str, right: str) -> str:
    return table.take(
        key, str, right=right, check=lambda text: bool(text.strip()) and len(text) <= TEXT_CHARS_MAX
    ).strip()


def _day(table: Table, key: str) -> date:
    right = "a day such as 2026-07-31, without quotes"
    value = table.take(key, object, None, right=right)
    if key not in table.data:
        table.problem(key, f"missing; {right}")
    elif value is not None and (not isinstance(value, date) or isinstance(value, datetime)):
        table.problem(key, f"{value!s:.60} is no day; {right}")
    return value if isinstance(value, date) else date.min


def _is_slug(text: str) -> bool:
    return re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", text) is not None and len(text) <= 60
