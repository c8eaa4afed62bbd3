"""The commands `assess` and `report`: judge a record, and write down what was found. Wiring only."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from thongsuot import papers, reporting

if TYPE_CHECKING:
    from reports.assess import Assessment
    from reports.case import Case
    from thongsuot.reporting import Told

ERROR_LINES_MAX = 5
ERRORS_A_LINE_MAX = 3
_MARKS = {"pass": "✓", "undecided": "?", "fail": "✗", "void": "⊘"}
_RUN = click.argument("run", type=click.Path(path_type=Path))
_UNSEALED = click.option("--unsealed", is_flag=True, help="Read a run that was never sealed; its verdict is undecided.")
_JSON = click.option("--json", "as_json", is_flag=True, help="One JSON object on standard output.")


@click.command("assess")
@_RUN
@_UNSEALED
@_JSON
def assess_command(run: Path, unsealed: bool, as_json: bool) -> None:
    """Judge the record in the folder RUN and write RUN/assessments/<id>/assessment.json and junit.xml.

    Exit code: 0 ready, 1 not ready, 3 void, 4 undecided, 2 when the record cannot be read.

    Example: thongsuot assess runs/2025-07-01-monday-peak-1
    """
    assessment, case = judge(run, unsealed)
    folder = write(run, assessment)
    show(case, assessment, {"assessment": folder / "assessment.json", "junit": folder / "junit.xml"}, as_json)
    sys.exit(assessment.gate.exit_code)


@click.command("report")
@_RUN
@_UNSEALED
@_JSON
@click.option("--out", type=click.Path(path_type=Path), help="Folder for the pages instead of RUN/assessments/<id>.")
@click.option("--sheets", is_flag=True, help="A PDF for each commune and ward as well, sheets/<code>.pdf.")
@reporting.options
def report_command(run: Path, unsealed: bool, as_json: bool, out: Path | None, sheets: bool, **given: Any) -> None:
    """Judge the record in the folder RUN; write report.html, report.xlsx and report.pdf beside its assessment.

    Exit code 0 when the pages were written, whatever the verdict on them.

    \b
    thongsuot report runs/2025-07-01-monday-peak-1 --out /tmp/report
    thongsuot report RUN --actions filled.xlsx                       with owners, deadlines and states
    thongsuot report RUN --clauses go-live --waivers waivers.toml    acceptance clause by clause
    thongsuot report RUN --capacity runs/RUN1-capacity.json --language vi
    thongsuot report RUN --since RUN0 --since RUN1                   open, fixed, come back, new
    """
    assessment, case = judge(run, unsealed, pages=True)
    said = reporting.told(case, assessment, reporting.Given(**given))
    paths = _write_pages(write(run, assessment) if out is None else out, case, assessment, said, sheets)
    show(case, assessment, paths, as_json, said)


def judged(run: Path, *, as_json: bool) -> Callable[[], int]:
    """What follows a run: assessment, JUnit and page written beside the record.

    Returns what prints the verdict and gives its exit code, for when the progress bar has left the terminal.
    """
    assessment, case = judge(run, unsealed=False, pages=True)
    folder = write(run, assessment)
    said = reporting.told(case, assessment, reporting.Given())
    pages = _write_pages(folder, case, assessment, said)

    def tell() -> int:
        show(case, assessment, {"assessment": folder / "assessment.json", **pages}, as_json, said)
        return assessment.gate.exit_code

    return tell


def write(run: Path, assessment: Assessment) -> Path:
    from reports import junit, store

    return store.write(run, assessment, {"junit.xml": junit.render_junit(assessment)})


def _write_pages(folder: Path, case: Case, assessment: Assessment, said: Told, sheets: bool = False) -> dict[str, Path]:
    """What was written, by what it is."""
    from reports import html, store

    page = html.render_html(
        assessment, case.record, case=case, page=said.page, extras=said.extras, language=said.language
    )
    book = reporting.workbook(case.record, assessment, said)
    printed = papers.of(case, assessment, said, sheets=sheets)
    store.write_into(folder, {"report.html": page, "report.xlsx": book, **printed})
    paths = {"report": "report.html", "workbook": "report.xlsx", "pdf": papers.REPORT}
    return {name: folder / file for name, file in (paths | ({"sheets": papers.SHEETS} if sheets else {})).items()}


def judge(run: Path, unsealed: bool, *, pages: bool = False) -> tuple[Assessment, Case]:
    """And the case, for whoever asks more of the record afterwards, as those do who make `pages`.

    Imports late: pandas and matplotlib have no place in a load worker, which starts through the same command.
    """
    from record.reader import open_record
    from reports.assess import assess
    from reports.case import Case

    soon: list[Callable[[Case], Any]] = []
    if pages:
        from reports import html, timeline

        soon = [html.ready, timeline.of]
    case = Case(open_record(run, unsealed=unsealed, beside=True))
    return assess(case.record, case=case, soon=soon), case


def show(case: Case, assessment: Assessment, paths: dict[str, Path], as_json: bool, said: Told | None = None) -> None:
    from reports import catalogue, limits, store

    if as_json:
        answer = store.summary(assessment) | {"paths": {name: str(path) for name, path in paths.items()}}
        answer |= {} if said is None else {"standing": said.page.standing.value}
        click.echo(json.dumps(answer, ensure_ascii=False))
        return
    mark, key = _headline(assessment, said)
    click.echo(f"{mark} {catalogue.word(key, 'vi')} / {catalogue.word(key, 'en')}")
    for caveat in limits.caveats(case.manifest) if said is None else said.page.conditions:
        click.echo(f"  {catalogue.say(caveat, 'vi')} / {catalogue.say(caveat, 'en')}")
    for finding in assessment.findings:
        click.echo(f"  {_MARKS[finding.verdict.word]} {finding.check}: {catalogue.say(finding.summary, 'en')}")
        if finding.needs_more is not None:
            click.echo(f"      {catalogue.say(finding.needs_more, 'en')}")
    for line in _error_lines(case):
        click.echo(f"  {line}")
    for line in reporting.lines(said) if said is not None else ():
        click.echo(f"  {line}")
    for path in paths.values():
        click.echo(str(path))


def _headline(assessment: Assessment, said: Told | None) -> tuple[str, str]:
    """(mark, key of the words): of a run that passed, those of page one, which may set conditions."""
    gate = assessment.gate.word
    if said is None or gate != "pass":
        return _MARKS[gate], f"gate.{gate}"
    standing = said.page.standing.value
    return {"not-ready": "✗", "inconclusive": "?"}.get(standing, "✓"), f"standing.{standing}"


def _error_lines(case: Case) -> list[str]:
    """Which calls failed and how, the most frequent first; warm-up included, as in the page's table of errors."""
    from reports import errors

    groups = errors.groups(case)
    shown = [f"{group.operation} {group.count} × {group.label}" for group in groups]
    starts = range(0, min(len(shown), ERROR_LINES_MAX * ERRORS_A_LINE_MAX), ERRORS_A_LINE_MAX)
    lines = [" · ".join(shown[start : start + ERRORS_A_LINE_MAX]) for start in starts]
    if len(shown) > ERROR_LINES_MAX * ERRORS_A_LINE_MAX:
        lines[-1] += " · …"
    return [("errors, warm-up included: " if place == 0 else "  ") + line for place, line in enumerate(lines)]
