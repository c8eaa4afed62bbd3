"""`verify`: are the signatures on a paper good, and does it say what its run proves?"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from record.types import RecordError
from scenarios.types import ConfigError
from thongsuot import judge, papers, reporting

if TYPE_CHECKING:
    from reports.signed import Signature, Trust
    from reports.verdict import Text

Value = TypeVar("Value")
_FILE = click.Path(path_type=Path)


@click.command("verify")
@click.argument("paper", type=_FILE, metavar="PDF")
@click.argument("run", type=_FILE, required=False)
@click.option("--trust", type=_FILE, multiple=True, required=True, help="Root certificates (PEM); repeatable.")
@click.option("--crl", type=_FILE, multiple=True, help="List of revoked certificates; repeatable.")
@click.option("--role", "roles", multiple=True, help="Who must have signed so far, instead of all.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object on standard output.")
@reporting.options
def command(
    paper: Path,
    run: Path | None,
    trust: tuple[Path, ...],
    crl: tuple[Path, ...],
    roles: tuple[str, ...],
    as_json: bool,
    **given: Any,
) -> None:
    """Verify the signatures on PDF: intact, trusted, in time, not revoked, all there, and nothing changed afterwards.

    Without --role everybody for whom there is a place on a report, or on a sheet, must have signed.
    With RUN the paper is computed again from the sealed record, and what it says otherwise is named. What went into
    the report besides the run (--actions, --clauses, …) must be given here too.

    Exit code: 0 good, 1 not good with each reason in a line, 2 wrong usage.

    Example: thongsuot verify report.signed.pdf runs/2025-07-01-monday-peak-1 --trust trial/ca.pem --crl trial/ca.crl
    """
    from reports import signed

    data = papers.read(paper)
    if run is not None and not (run / "manifest.json").is_file():
        raise ConfigError([f"{run}: no manifest.json there; is this the folder of a run?"])
    wanted = [papers.role_of("--role", role) for role in roles] or _roles(data)
    found = signed.check(data, _trust(trust, crl), datetime.now(UTC), wanted)
    compared = _compared(data, run, reporting.Given(**given)) if run is not None else _ours(data)
    problems = (*found.problems, *compared)
    notes = list(found.notes)
    if not problems:
        notes.append(_note("recompute.good" if run is not None else "recompute.none"))
    if as_json:
        click.echo(json.dumps(_plain(found.signatures, problems, notes), ensure_ascii=False))
    else:
        _show(found.signatures, problems, notes)
    sys.exit(1 if problems else 0)


def _roles(data: bytes) -> list[str]:
    """Who signs such a paper: it may not say so itself, or whoever made it could leave somebody out."""
    from reports import page_one, recompute, sheets

    bears = recompute.bearing(data)
    if bears is None:
        return []
    return list(sheets.ROLES if bears.unit else page_one.ROLES)


def _ours(data: bytes) -> tuple[Text, ...]:
    """Good signatures on somebody else's paper say nothing about a run."""
    from reports import recompute
    from reports.verdict import Text

    return () if recompute.bearing(data) is not None else (Text("recompute.stranger"),)


def _compared(data: bytes, run: Path, given: reporting.Given) -> tuple[Text, ...]:
    """Damage to the record speaks against the paper: it cannot be what was signed then."""
    from reports import recompute
    from reports.verdict import Text

    try:
        assessment, case = judge.judge(run, unsealed=False)
    except RecordError as error:
        return (Text("recompute.broken", {"reason": str(error)}),)
    said = reporting.told(case, assessment, given)
    return recompute.compare(data, said.page, assessment, case, said.extras)


def _trust(roots: tuple[Path, ...], crls: tuple[Path, ...]) -> Trust:
    from reports import signed

    problems: list[str] = []
    trusted = _loaded("--trust", roots, signed.certificates, "certificates in PEM", problems)
    revoked = _loaded("--crl", crls, signed.lists, "a list of revoked certificates in PEM or DER", problems)
    if problems:
        raise ConfigError(problems)
    return signed.Trust(tuple(trusted), tuple(revoked))


def _loaded(
    option: str, paths: tuple[Path, ...], load: Callable[[bytes], tuple[Value, ...]], what: str, problems: list[str]
) -> list[Value]:
    found: list[Value] = []
    for path in paths:
        try:
            found += load(path.read_bytes())
        except OSError as error:
            problems.append(f"{option} {path}: cannot be read: {error.strerror}")
        except ValueError:
            problems.append(f"{option} {path}: should be {what}")
    return found


def _note(key: str) -> Text:
    from reports.verdict import Text

    return Text(key)


def _show(signatures: tuple[Signature, ...], problems: tuple[Text, ...], notes: list[Text]) -> None:
    from reports import catalogue
    from reports.verdict import Word

    key = "signed.bad" if problems else "signed.good"
    words = " / ".join(catalogue.word(key, language) for language in catalogue.LANGUAGES)
    click.echo(f"{'✗' if problems else '✓'} {words}")
    for line in (*problems, *notes):
        click.echo("  " + " / ".join(catalogue.say(line, language) for language in catalogue.LANGUAGES))
    for one in signatures:
        clock = catalogue.word("signed.by_stamp" if one.stamped else "signed.by_signer", "vi")
        click.echo(
            f"  {catalogue.param(Word(f'role.{one.role}', one.role), 'vi')}: {one.name}, {one.at.isoformat()} ({clock})"
        )


def _plain(signatures: tuple[Signature, ...], problems: tuple[Text, ...], notes: list[Text]) -> dict[str, Any]:
    from reports import catalogue

    def said(lines: tuple[Text, ...] | list[Text]) -> list[dict[str, str]]:
        return [
            {"slug": text.key} | {language: catalogue.say(text, language) for language in catalogue.LANGUAGES}
            for text in lines
        ]

    rows = [{"role": s.role, "name": s.name, "at": s.at.isoformat(), "stamped": s.stamped} for s in signatures]
    return {"good": not problems, "problems": said(problems), "notes": said(notes), "signatures": rows}
