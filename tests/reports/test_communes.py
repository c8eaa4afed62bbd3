"""One commune that is not served does not hide behind the others."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import msgspec

from record.reader import open_record
from record.types import Outcome
from reports.assess import Assessment, assess
from reports.verdict import Finding, Verdict
from tests.records import booked, healthy, make_record, manifest


def _assess(folder: Path, **changes: object) -> Assessment:
    return assess(open_record(make_record(folder / "run", **healthy() | changes)))  # type: ignore[arg-type]


def _finding(assessment: Assessment) -> Finding:
    return next(finding for finding in assessment.findings if finding.check == "communes.errors")


def _failing(wrong: Callable[[int], bool]) -> dict[str, object]:
    """Samples and ledger of a healthy run in which the calls of some arrivals are refused."""
    samples = [
        msgspec.structs.replace(sample, outcome=Outcome.REFUSED, status=404, error=12)
        if wrong(sample.arrival)
        else sample
        for sample in healthy()["samples"]  # type: ignore[attr-defined]
    ]
    return {"samples": samples, "ledger": booked(samples)}


def test_communes_that_are_served_alike_raise_no_alarm(tmp_path: Path) -> None:
    assert _finding(_assess(tmp_path)).verdict is Verdict.PASS


def test_a_commune_with_every_tenth_request_refused_stands_out(tmp_path: Path) -> None:
    found = _finding(_assess(tmp_path, **_failing(lambda arrival: arrival % 3 == 1 and arrival % 10 == 0)))
    assert found.verdict is Verdict.FAIL
    assert found.evidence is not None
    assert [row[0] for row in found.evidence.rows] == ["14812"]


def test_an_outage_of_all_is_no_commune_s_own(tmp_path: Path) -> None:
    assessment = _assess(tmp_path, **_failing(lambda arrival: arrival % 7 == 0))
    assert _finding(assessment).verdict is Verdict.PASS
    assert assessment.gate is Verdict.FAIL, "the promise about errors speaks of that"


def test_a_burst_of_one_second_is_not_taken_for_a_commune_that_is_not_served(tmp_path: Path) -> None:
    found = _finding(_assess(tmp_path, **_failing(lambda arrival: arrival % 3 == 1 and 1500 <= arrival < 1530)))
    assert found.verdict is Verdict.PASS


def test_without_calls_nothing_is_said(tmp_path: Path) -> None:
    nobody = {"head": manifest(0), "arrivals": healthy(0)["arrivals"], "samples": (), "ledger": ()}
    findings = _assess(tmp_path, **nobody).findings
    assert [finding for finding in findings if finding.check == "communes.errors"] == []
