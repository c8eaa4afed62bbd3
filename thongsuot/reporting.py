"""What `thongsuot report` may be given besides the run: filled-in actions, clauses and waivers, earlier runs."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from record.types import RecordError
from scenarios.types import ConfigError

if TYPE_CHECKING:
    from record.reader import RunRecord
    from reports.assess import Assessment
    from reports.bottlenecks import Judgement
    from reports.case import Case
    from reports.clauses import Clause, ClauseResult, Evidence, Waiver
    from reports.extras import Extras
    from reports.page_one import PageOne
    from reports.since import Seen

Command = TypeVar("Command", bound=Callable[..., Any])
Value = TypeVar("Value")
_FILE = click.Path(path_type=Path)


@dataclass(frozen=True)
class Given:
    """The options of a report. `clauses` is a file or the name of a shipped set."""

    actions: Path | None = None
    clauses: str | None = None
    waivers: Path | None = None
    evidence: tuple[Path, ...] = ()
    since: tuple[Path, ...] = ()
    capacity: Path | None = None
    language: str | None = None

    @property
    def names(self) -> tuple[str, ...]:
        """Of the options that change what the report says in either language."""
        fields = ("actions", "clauses", "waivers", "evidence", "since", "capacity")
        return tuple(f"--{name}" for name in fields if getattr(self, name))


@dataclass(frozen=True)
class Told:
    """Page one under what was given, and what the report says beyond it."""

    page: PageOne
    extras: Extras
    language: str | None = None


def options(command: Command) -> Command:
    """The options; they arrive as the fields of Given."""
    for option in reversed(
        (
            click.option("--actions", type=_FILE, help="report.xlsx with owners, deadlines and states filled in."),
            click.option("--clauses", metavar="FILE|NAME", help="Acceptance clauses; `go-live` ships."),
            click.option("--waivers", type=_FILE, help="Who answers for which clause until when."),
            click.option("--evidence", type=_FILE, multiple=True, help="A further run for the clauses; repeatable."),
            click.option("--capacity", type=_FILE, help="…-capacity.json: the answer of `thongsuot capacity`."),
            click.option("--language", type=click.Choice(("vi", "en")), help="One language instead of both."),
            click.option("--since", type=_FILE, multiple=True, help="An earlier run; repeatable, the oldest first."),
        )
    ):
        command = option(command)
    return command


def told(case: Case, assessment: Assessment, given: Given) -> Told:
    """Page one and what goes with it. Raises ConfigError with all problems of what was given."""
    from reports import capacity_file, clauses, filled, page_one, since
    from reports.extras import Extras

    record = case.record
    problems: list[str] = []
    agreed, waivers = _clauses(given, problems)
    workbook = _workbook(given.actions, problems)
    searched = partial(capacity_file.read, run=record.manifest)
    capacity = None if given.capacity is None else _read(searched, given.capacity, problems)
    earlier = [seen for folder in given.since if (seen := _read(_seen, folder, problems)) is not None]
    problems += since.problems(record.manifest, [seen.manifest for seen in earlier])
    more = [one for folder in given.evidence if (one := _read(_evidence, folder, problems)) is not None]
    problems += clauses.problems(record.manifest, [each.manifest for each in more])
    if problems:
        raise ConfigError(problems)
    page = page_one.of(assessment, case, capacity=capacity)
    found = None
    if earlier:
        found = since.compare(since.Seen(assessment, page.actions, record.manifest, record.sealed), earlier)
    results: tuple[ClauseResult, ...] = ()
    if agreed:
        runs = [clauses.Evidence(assessment, record.manifest, record.sealed), *more]
        results = clauses.results(agreed, waivers, runs)
        page = clauses.with_waivers(page, assessment, results)
    if workbook is not None:
        keys = {action.key for actions in (page.actions, *(seen.actions for seen in earlier)) for action in actions}
        runs_known = {record.manifest.run_id, *(seen.manifest.run_id for seen in earlier)}
        rows, problems = filled.read(str(given.actions), workbook, keys, runs_known)
        if problems:
            raise ConfigError(problems)
        page = replace(page, actions=filled.applied(page.actions, rows))
    extras = Extras(capacity, _bottleneck(assessment, case), results, found, given.names)
    return Told(page, extras, given.language)


def _bottleneck(assessment: Assessment, case: Case) -> Judgement | None:
    """What limits the target, where the record shows it at several loads."""
    from reports import bottlenecks, curves

    return bottlenecks.judge([case.record], None) if curves.loads(assessment, case) else None


def workbook(record: RunRecord, assessment: Assessment, said: Told) -> bytes:
    """report.xlsx."""
    from reports import more_sheets, xlsx

    extras = said.extras
    more = [more_sheets.of_clauses(extras.clauses)] if extras.clauses else []
    more += [more_sheets.of_since(extras.since)] if extras.since is not None else []
    return xlsx.render_xlsx(said.page, assessment, record, more)


def lines(said: Told) -> Iterable[str]:
    """What the command prints about clauses and earlier runs, a line each."""
    from reports import catalogue
    from reports.since import Change

    for one in said.extras.clauses:
        word = " / ".join(catalogue.word(f"clause.{one.met.value}", language) for language in catalogue.LANGUAGES)
        yield f"{one.clause.slug}: {word}: {catalogue.say(one.why, 'en')}"
    if (since := said.extras.since) is not None:
        counts = (f"{since.count(change)} {catalogue.word(f'since.{change.value}', 'en')}" for change in Change)
        yield f"since {', '.join(since.before)}: {', '.join(counts).lower()}"
        for item in since.items:
            yield f"  {catalogue.word(f'since.{item.change.value}', 'en').lower()}: {item.kind} {item.key}"


def _clauses(given: Given, problems: list[str]) -> tuple[tuple[Clause, ...], tuple[Waiver, ...]]:
    from thongsuot.clauses_file import clauses_and_waivers

    if given.clauses is None:
        problems += [f"{name}: needs --clauses" for name, value in _needing(given) if value]
        return (), ()
    try:
        return clauses_and_waivers(given.clauses, given.waivers)
    except ConfigError as error:
        problems += error.problems
        return (), ()


def _needing(given: Given) -> tuple[tuple[str, object], ...]:
    return (("--waivers", given.waivers), ("--evidence", given.evidence))


def _workbook(path: Path | None, problems: list[str]) -> bytes | None:
    from reports.filled import BYTES_MAX

    if path is None:
        return None
    try:
        with path.open("rb") as file:
            return file.read(BYTES_MAX + 1)
    except (OSError, ValueError) as error:
        problems.append(f"--actions {path}: cannot be read: {error}")
        return None


def _read(read: Callable[[Path], Value], path: Path, problems: list[str]) -> Value | None:
    """None where it cannot be read, which is one of the problems then."""
    try:
        return read(path)
    except RecordError as error:
        problems.append(str(error))
        return None


def _judged(folder: Path) -> tuple[RunRecord, Assessment, Case]:
    from record.reader import open_record
    from reports.assess import assess
    from reports.case import Case

    record = open_record(folder, unsealed=True)
    case = Case(record)
    return record, assess(record, case=case), case


def _evidence(folder: Path) -> Evidence:
    from reports.clauses import Evidence

    record, assessment, _ = _judged(folder)
    return Evidence(assessment, record.manifest, record.sealed)


def _seen(folder: Path) -> Seen:
    from reports import page_one
    from reports.since import Seen

    record, assessment, case = _judged(folder)
    return Seen(assessment, page_one.of(assessment, case).actions, record.manifest, record.sealed)
