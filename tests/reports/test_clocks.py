"""Clocks that differ are found by asking them, and by what was seen before it came about."""

from __future__ import annotations

from pathlib import Path

import pytest

from record.reader import open_record
from record.types import Limits, Observation, Reading
from reports import clocks
from reports.case import Case
from reports.verdict import Finding, Verdict, Word
from tests.records import COMMUNES, NATIONAL, S, held, make_record, manifest
from tests.words import spoken


def skew(ms: float, system: str = "tthc") -> Reading:
    return Reading(f"target:{system}", "clock_skew_ms", "ms", 40 * S, ms)


def check(folder: Path, meters: list[Reading], rows: tuple[Observation, ...] = (), **head: object) -> list[Finding]:
    head = {"links": (NATIONAL,)} | head
    record = open_record(make_record(folder, manifest(0, **head), observations=rows, meters=meters))
    return spoken(clocks.check(Case(record)))


def visible(source_s: float, mirror_s: float) -> tuple[Observation, ...]:
    return held("tthc", "history", "x", "4", source_s), held("national", "history", "x", "4", mirror_s)


@pytest.mark.parametrize(
    ("meters", "rows", "verdict", "reason"),
    [
        ([skew(3.0), skew(-800.0, "national")], (), Verdict.PASS, "within a second"),
        ([skew(1000.0)], (), Verdict.PASS, "the limit itself is within it"),
        ([skew(3.0), skew(-3000.0, "national")], (), Verdict.FAIL, "three seconds behind"),
        ([skew(3.0), skew(5.0), skew(1000.25)], (), Verdict.FAIL, "the worst reading counts"),
        ([skew(7 * 3_600_000.0)], (), Verdict.FAIL, "the time of another zone"),
        ([skew(3.0)], visible(10.0, 9.0), Verdict.PASS, "a second early is within the limit"),
        ([skew(3.0)], visible(10.0, 8.9), Verdict.FAIL, "seen before it came about"),
        ([], visible(10.0, 8.9), Verdict.FAIL, "whoever was asked for the time"),
        ([], visible(10.0, 12.0), Verdict.UNDECIDED, "nobody was asked"),
        ([], (), Verdict.UNDECIDED, "nothing was read at all"),
    ],
)
def test_clocks_that_differ_by_more_than_the_limit_fail(
    tmp_path: Path, meters: list[Reading], rows: tuple[Observation, ...], verdict: Verdict, reason: str
) -> None:
    assert [finding.verdict for finding in check(tmp_path / "r", meters, rows)] == [verdict], reason


def test_the_limit_is_that_of_the_plan(tmp_path: Path) -> None:
    (finding,) = check(tmp_path / "r", [skew(300.0)], limits=Limits(clock_skew_ms_max=250.0))
    assert finding.verdict is Verdict.FAIL


def test_both_witnesses_stand_in_the_evidence(tmp_path: Path) -> None:
    (finding,) = check(tmp_path / "r", [skew(-3000.0)], visible(10.0, 8.0))
    assert finding.evidence is not None
    first, second = finding.evidence.rows
    assert first[:2] == (Word("class.skewed"), "target:tthc")
    assert (second[0], second[1], second[3], second[4]) == (Word("class.early"), "tthc → national", "x", COMMUNES[0])


def test_a_run_that_links_nothing_is_judged_only_by_clocks_that_were_read(tmp_path: Path) -> None:
    assert check(tmp_path / "a", [], links=()) == []
    assert [finding.verdict for finding in check(tmp_path / "b", [skew(-3000.0)], links=())] == [Verdict.FAIL]
