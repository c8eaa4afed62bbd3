"""A fault is laid over the seconds of the run: when it would have been noticed, and when all was well again."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from record.reader import open_record
from record.types import Event, Objective, Outcome, Sample
from reports import recovery
from reports.case import Case
from reports.verdict import Finding, Verdict
from tests.records import FAST, FEW_ERRORS, MS, S, call, make_record, manifest, plan
from tests.words import spoken

N, SECONDS = 700, 35
DELAY = "delay=900:portal.search"


def run(slow: tuple[float, float] = (0, 0), failing: tuple[float, float] = (0, 0), quiet: float = 99.0) -> list[Sample]:
    """20 calls a second for 35 s; those due in some stretch are slow, or refused; none is due from `quiet` on."""
    samples = []
    for index in range(N):
        at = index * SECONDS * S // N
        took = 900 * MS if slow[0] * S <= at < slow[1] * S else 50 * MS
        sample = call(index, at, took)
        if failing[0] * S <= at < failing[1] * S and index % 4 == 0:
            sample = msgspec.structs.replace(sample, outcome=Outcome.REFUSED, status=503)
        if at < quiet * S:
            samples.append(sample)
    return samples


def fault(begin_s: float, end_s: float | None, text: str = DELAY) -> list[Event]:
    end = [] if end_s is None else [Event(round(end_s * S), "fault-end", text)]
    return [Event(round(begin_s * S), "fault-begin", text), *end]


def case_of(folder: Path, samples: list[Sample], events: list[Event], promises: tuple[Objective, ...]) -> Case:
    head = manifest(N, objectives=promises)
    return Case(open_record(make_record(folder, head, arrivals=plan(N), samples=samples, events=events)))


def check(
    folder: Path, samples: list[Sample], events: list[Event], promises: tuple[Objective, ...] = (FAST, FEW_ERRORS)
) -> list[Finding]:
    return spoken(recovery.check(case_of(folder, samples, events, promises)))


def test_a_run_without_faults_says_nothing(tmp_path: Path) -> None:
    assert check(tmp_path / "r", run(), []) == []


@pytest.mark.parametrize(
    ("samples", "events", "variant", "verdict", "detected_s", "recovered_s", "reason"),
    [
        (run(slow=(10, 17)), fault(10, 15), "pass", Verdict.PASS, 1, 2, "the queue took two seconds to drain"),
        (run(slow=(10, 15)), fault(10, 15), "pass", Verdict.PASS, 1, 0, "over with the fault"),
        (
            run(failing=(12, 15)),
            fault(10, 15),
            "pass",
            Verdict.PASS,
            3,
            0,
            "noticed by errors, from the third second on",
        ),
        (run(slow=(10, 15)), fault(9.5, 15), "pass", Verdict.PASS, 1, 0, "windows begin where the fault begins"),
        (run(), fault(10, 15), "never_felt", Verdict.PASS, None, 0, "nobody felt it"),
        (run(slow=(25, 30)), fault(10, 15), "never_felt", Verdict.PASS, None, 0, "what came long after is not of it"),
        (run(slow=(10, 35)), fault(10, 15), "fail", Verdict.FAIL, 1, None, "never well again"),
        (run(slow=(10, 33)), fault(10, 15), "fail", Verdict.FAIL, 1, None, "two seconds are not three"),
        (run(slow=(10, 35)), fault(10, 33), "too_few", Verdict.UNDECIDED, 1, None, "the run was over too soon"),
        (run(slow=(10, 15), quiet=16), fault(10, 15), "too_few", Verdict.UNDECIDED, 1, None, "nobody called any more"),
        (run(slow=(10, 35)), fault(10, None), "unfinished", Verdict.UNDECIDED, 1, None, "it had no end"),
        (run(), fault(10, None), "never_felt", Verdict.PASS, None, None, "not even without end"),
    ],
)
def test_a_fault_is_noticed_and_got_over(
    tmp_path: Path,
    samples: list[Sample],
    events: list[Event],
    variant: str,
    verdict: Verdict,
    detected_s: int | None,
    recovered_s: int | None,
    reason: str,
) -> None:
    case = case_of(tmp_path / "r", samples, events, (FAST, FEW_ERRORS))
    (finding,), (found,) = spoken(recovery.check(case)), recovery.recoveries(case)
    assert (finding.check, finding.verdict, finding.summary.key) == ("recovery.1", verdict, f"recovery.{variant}"), (
        reason
    )
    seconds = [None if at is None else at // S for at in (found.detected_ns, found.recovered_ns)]
    assert seconds == [detected_s, recovered_s], reason


def test_one_late_call_in_twenty_does_not_break_a_second(tmp_path: Path) -> None:
    """The limit of a percentile leaves five in a hundred."""
    samples = [call(s.arrival, s.intended_ns, 900 * MS) if s.arrival % 20 == 0 else s for s in run()]
    (finding,) = check(tmp_path / "r", samples, fault(10, 15), (FAST,))
    assert finding.summary.key == "recovery.never_felt"


def test_a_call_without_answer_breaks_the_second_in_which_it_was_due(tmp_path: Path) -> None:
    silent = [
        msgspec.structs.replace(s, outcome=Outcome.UNKNOWN, status=0) if 240 <= s.arrival < 260 else s for s in run()
    ]
    case = case_of(tmp_path / "r", silent, fault(10, 15), (FAST,))
    assert [found.detected_ns for found in recovery.recoveries(case)] == [3 * S]


def test_each_fault_has_its_own_end_and_its_own_finding(tmp_path: Path) -> None:
    events = [*fault(20, 25, "log-in=out"), *fault(6, 9), *fault(14, 17)]
    case = case_of(tmp_path / "r", run(slow=(6, 9)), events, (FAST,))
    found = recovery.recoveries(case)
    assert [(each.fault, each.begin_ns // S, (each.end_ns or 0) // S) for each in found] == [
        (DELAY, 6, 9), (DELAY, 14, 17), ("log-in=out", 20, 25),
    ]  # fmt: skip
    assert [finding.summary.key for finding in recovery.check(case)] == [
        "recovery.pass", "recovery.never_felt", "recovery.never_felt",
    ]  # fmt: skip


def test_without_a_promise_of_time_or_errors_nobody_can_say_what_well_means(tmp_path: Path) -> None:
    lag = Objective("lag", "lag", ("national",), 2000.0, "ms", "Độ trễ", "Lag", "a test", False, 95.0)
    for name, promises in (("a", ()), ("b", (lag,))):
        (finding,) = check(tmp_path / name, run(), fault(10, 15), promises)
        assert (finding.verdict, finding.summary.key) == (Verdict.UNDECIDED, "recovery.no_objective")
