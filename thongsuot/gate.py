"""`thongsuot gate`: one record against its promises and, with a baseline, against regression. For pipelines."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from scenarios.types import ConfigError
from thongsuot import judge

if TYPE_CHECKING:
    from record.reader import RunRecord
    from reports.assess import Assessment
    from reports.case import Case


@click.command("gate")
@click.argument("run", type=click.Path(path_type=Path))
@click.option("--baseline", type=click.Path(path_type=Path), metavar="RUN", help="A record of what is there now.")
@click.option("--junit", type=click.Path(path_type=Path), metavar="FILE", help="Write JUnit XML too.")
@click.option("--markdown", type=click.Path(path_type=Path), metavar="FILE", help="Write a summary for a pull request.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object on standard output.")
def command(run: Path, baseline: Path | None, junit: Path | None, markdown: Path | None, as_json: bool) -> None:
    """Judge the record in the folder RUN as `assess` does and, with --baseline, against that record too.

    Two records are compared only if profile, plan, target and workers are the same. Work per request counts first;
    times and processor seconds of another machine only warn. To see a change of a few per cent for certain: `duet`.

    Exit code: 0 pass, 1 fail, 3 void, 4 undecided, 2 when the two cannot be compared or a record cannot be read.

    \b
    thongsuot gate runs/20260701T080000Z-generic-1 --markdown summary.md
    thongsuot gate runs/new --baseline runs/main --junit gate.xml
    """
    assessment, case = judge.judge(run, unsealed=False)
    if baseline is not None:
        assessment = _against(baseline, case.record, assessment)
    sys.exit(_tell(case, assessment, junit, markdown, as_json))


def _against(baseline: Path, record: RunRecord, assessment: Assessment) -> Assessment:
    """The assessment with what the baseline says. Raises ConfigError with everything in which the two are unlike."""
    from record.reader import open_record
    from reports import regression
    from reports.verdict import worst

    other = open_record(baseline)
    differences = regression.unlike(other.manifest, record.manifest)
    if differences:
        raise ConfigError([f"--baseline {baseline}: not comparable: {difference}" for difference in differences])
    findings = (*assessment.findings, *regression.check(other, record))
    digests = assessment.digests | {"baseline": other.digest}
    return replace(assessment, findings=findings, gate=worst(findings), digests=digests)


def _tell(case: Case, assessment: Assessment, junit: Path | None, markdown: Path | None, as_json: bool) -> int:
    from reports import junit as junit_page
    from reports import markdown as markdown_page
    from reports import store

    paths = {"assessment": judge.write(case.record.folder, assessment) / "assessment.json"}
    pages = ((junit, "junit", junit_page.render_junit), (markdown, "markdown", markdown_page.render_markdown))
    for path, name, render in pages:
        if path is not None:
            paths[name] = store.write_into(path.parent, {path.name: render(assessment)}) / path.name
    judge.show(case, assessment, paths, as_json)
    return assessment.gate.exit_code
