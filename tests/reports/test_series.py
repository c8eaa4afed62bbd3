"""Numbers of a series: each once, none left out, each on its day."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from record.reader import open_record
from record.types import Observation
from reports import catalogue, series
from reports.case import Case
from reports.verdict import Finding, Verdict, Word
from tests.records import COMMUNES, NATIONAL, held, make_record, manifest
from tests.words import spoken

DAY = "000.00.14800.H56-250707"  # the day of the run's zero
YEAR = "H56.14800/2025/den"


def given_numbers(name: str, *numbers: int | str, place: str = "tthc", at_s: float = 10.0) -> list[Observation]:
    return [held(place, "number", name, str(number), at_s) for number in numbers]


def check(folder: Path, rows: list[Observation], **options: object) -> list[Finding]:
    head = manifest(0, links=(NATIONAL,))
    record = open_record(make_record(folder, head, observations=rows, **options))  # type: ignore[arg-type]
    return spoken(series.check(Case(record)))


def classes(finding: Finding) -> dict[str, int]:
    counts = {name: int(finding.summary.params[name].value) for name in series.CLASSES}
    return {name: count for name, count in counts.items() if count}


GOOD = [*given_numbers(DAY, *range(1, 12)), *given_numbers(YEAR, *range(1, 8), place="docs")]


def test_numbers_that_run_from_one_without_gaps_pass(tmp_path: Path) -> None:
    (finding,) = check(tmp_path / "r", GOOD)
    assert (finding.verdict, classes(finding)) == (Verdict.PASS, {})
    assert "18 numbers in 2 series" in catalogue.say(finding.summary, "en")


@pytest.mark.parametrize(
    ("rows", "wrong", "shown", "reason"),
    [
        (given_numbers(DAY, 11), {"repeated": 1}, "11", "two replicas counted in-process"),
        (given_numbers(DAY, 13, 16), {"missing": 3}, "12", "left out: 12, 14, 15"),
        (given_numbers("S/2025", 2, 3), {"missing": 1}, "1", "the first is left out"),
        (given_numbers(DAY, 12, at_s=-9 * 3600 - 1), {"misdated": 1}, "12", "a second before midnight in Hanoi"),
        (given_numbers(DAY, 12, at_s=15 * 3600), {"misdated": 1}, "12", "midnight in Hanoi, though not in London"),
        (given_numbers(DAY, "a7"), {"unreadable": 1}, "a7", "no number"),
        (given_numbers(DAY, "0"), {"unreadable": 1}, "0", "numbers begin with 1"),
        (given_numbers(DAY, "0011"), {"repeated": 1}, "11", "the same number however it is written"),
    ],
)
def test_each_fault_of_a_series_has_its_own_class(
    tmp_path: Path, rows: list[Observation], wrong: dict[str, int], shown: str, reason: str
) -> None:
    (finding,) = check(tmp_path / "r", GOOD + rows)
    assert (finding.verdict, classes(finding)) == (Verdict.FAIL, wrong), reason
    assert finding.evidence is not None
    line = dict(zip(finding.evidence.columns, finding.evidence.rows[0], strict=True))
    (name,) = wrong
    assert (line["class"], line["number"], line["commune"]) == (Word(f"class.{name}"), shown, COMMUNES[0]), reason


@pytest.mark.parametrize(
    ("rows", "reason"),
    [
        (given_numbers(DAY, 12, at_s=-9 * 3600), "the first moment of the day in Hanoi"),
        (given_numbers(YEAR, 8, place="docs", at_s=86_400.0), "a series of the year has no day"),
        (given_numbers(DAY, *range(1, 4), place="docs"), "the same name at another place is another series"),
        ([held("tthc", "number", DAY, "12", None)], "no time is no other day"),
    ],
)
def test_what_is_no_fault_passes(tmp_path: Path, rows: list[Observation], reason: str) -> None:
    (finding,) = check(tmp_path / "r", GOOD + rows)
    assert (finding.verdict, classes(finding)) == (Verdict.PASS, {}), reason


def test_gaps_of_what_was_not_read_to_the_end_are_not_held_against_it(tmp_path: Path) -> None:
    (finding,) = check(tmp_path / "a", [*GOOD, *given_numbers(DAY, 20)], places=("docs",))
    assert (finding.verdict, finding.summary.key) == (Verdict.UNDECIDED, "integrity.numbers.unread")
    (finding,) = check(tmp_path / "b", [*GOOD, *given_numbers(DAY, 2)], places=("docs",))
    assert (finding.verdict, classes(finding)) == (Verdict.FAIL, {"repeated": 1})


def test_nothing_asked_is_undecided_and_a_place_that_gives_none_is_not_judged(tmp_path: Path) -> None:
    (finding,) = check(tmp_path / "a", [])
    assert finding.verdict is Verdict.UNDECIDED
    assert check(tmp_path / "b", [held("tthc", "state", "x", "9")]) == []


@settings(max_examples=20)
@given(
    length=st.integers(1, 60), gone=st.sets(st.integers(1, 59)), again=st.sets(st.integers(1, 60)), seed=st.integers()
)
def test_exactly_the_numbers_left_out_and_given_again_are_found(
    tmp_path_factory: pytest.TempPathFactory, length: int, gone: set[int], again: set[int], seed: int
) -> None:
    gone = {number for number in gone if number < length}
    again = {number for number in again if number <= length} - gone
    numbers = [number for number in range(1, length + 1) if number not in gone] + sorted(again)
    random.Random(seed).shuffle(numbers)
    (finding,) = check(tmp_path_factory.mktemp("r") / "run", given_numbers(DAY, *numbers))
    expected = {"missing": len(gone), "repeated": len(again)}
    assert classes(finding) == {name: count for name, count in expected.items() if count}
