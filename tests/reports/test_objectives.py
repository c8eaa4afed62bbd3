"""Promises are judged by the whole interval, on exact numbers."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from record.reader import open_record
from record.rows import ERROR_INDEX
from record.types import JourneyEnd, Objective, Outcome, Phase, Sample
from reports import objectives
from reports.case import Case
from reports.verdict import Finding, Verdict
from tests.records import FAST, FEW_ERRORS, MS, S, call, healthy, make_record, manifest, plan


def judge(folder: Path, *promises: Objective, **changes: object) -> Finding:
    case = healthy() | changes
    n = case["head"].arrivals
    case["head"] = msgspec.structs.replace(case["head"], objectives=promises)
    assert n
    finding, *_ = objectives.check(Case(open_record(make_record(folder, **case))))
    return finding


def limited(limit: float, **changes: object) -> Objective:
    return msgspec.structs.replace(FAST, limit=limit, **changes)


def failing(share: float, outcome: Outcome = Outcome.REFUSED, n: int = 3000) -> dict[str, object]:
    """A healthy run of which every k-th call fails."""
    every = round(1 / share)
    samples = [
        call(s.arrival, s.intended_ns, s.done_ns - s.intended_ns, s.operation, outcome=outcome, status=500)
        if s.arrival % every == 0
        else s
        for s in healthy(n)["samples"]
    ]
    return {"samples": samples, "ledger": []}


def test_a_promise_is_kept_when_the_whole_interval_is_below_the_limit(tmp_path: Path) -> None:
    assert judge(tmp_path / "r", FAST).verdict is Verdict.PASS


def test_a_promise_is_broken_when_the_whole_interval_is_above_the_limit(tmp_path: Path) -> None:
    finding = judge(tmp_path / "r", limited(100.0))
    assert (finding.check, finding.verdict) == ("objective.fast", Verdict.FAIL)


def test_a_limit_inside_the_interval_is_undecided_and_says_how_much_more_it_takes(tmp_path: Path) -> None:
    finding = judge(tmp_path / "r", limited(145.0))
    assert finding.verdict is Verdict.UNDECIDED
    assert finding.needs_more is not None
    assert finding.needs_more.params["calls"].value > 100
    assert finding.needs_more.params["seconds"].value > 1


def test_the_limit_itself_still_passes_and_a_nanosecond_less_does_not(tmp_path: Path) -> None:
    high = judge(tmp_path / "a", FAST).summary.params["high"].value
    assert judge(tmp_path / "b", limited(high / 1e6)).verdict is Verdict.PASS
    assert judge(tmp_path / "c", limited((high - 1) / 1e6)).verdict is Verdict.UNDECIDED


def test_seconds_and_milliseconds_are_the_same_promise(tmp_path: Path) -> None:
    assert judge(tmp_path / "r", limited(0.1, unit="s")).verdict is Verdict.FAIL


def test_a_promise_nothing_matches_is_undecided(tmp_path: Path) -> None:
    assert judge(tmp_path / "r", limited(500.0, operations=("signing.*",))).verdict is Verdict.UNDECIDED


def test_too_few_calls_are_undecided_and_name_the_number(tmp_path: Path) -> None:
    finding = judge(tmp_path / "r", limited(500.0, percentile=99.0), **healthy(200))
    assert finding.verdict is Verdict.UNDECIDED
    assert finding.summary.key == "objective.latency_too_few"
    assert finding.summary.params["needed"].value >= 368


def test_a_run_without_promises_is_undecided(tmp_path: Path) -> None:
    assert judge(tmp_path / "r").verdict is Verdict.UNDECIDED


def test_an_objective_of_an_unknown_kind_is_undecided_not_a_pass(tmp_path: Path) -> None:
    assert judge(tmp_path / "r", limited(1.0, metric="mood")).verdict is Verdict.UNDECIDED


@pytest.mark.parametrize("outcome", [Outcome.REFUSED, Outcome.UNKNOWN])
def test_refused_and_unknown_calls_are_errors(tmp_path: Path, outcome: Outcome) -> None:
    finding = judge(tmp_path / "r", FEW_ERRORS, **failing(0.05, outcome))
    assert finding.verdict is Verdict.FAIL
    assert finding.summary.params["value"].value == pytest.approx(0.05, abs=0.001)


def test_an_error_share_near_its_limit_is_undecided(tmp_path: Path) -> None:
    assert judge(tmp_path / "r", FEW_ERRORS, **failing(0.01)).verdict is Verdict.UNDECIDED


def test_a_target_that_dies_in_the_middle_of_the_run_broke_its_promise(tmp_path: Path) -> None:
    samples = [
        call(s.arrival, s.intended_ns, MS, s.operation, outcome=Outcome.REFUSED, status=0) if s.arrival > 1650 else s
        for s in healthy(3000)["samples"]
    ]
    finding = judge(tmp_path / "r", FEW_ERRORS, samples=samples, ledger=[])
    assert finding.verdict is Verdict.FAIL
    assert finding.summary.params["value"].value == pytest.approx(0.52, abs=0.01)


def test_dropped_arrivals_count_as_errors_of_their_system(tmp_path: Path) -> None:
    case = healthy()
    dropped = set(range(0, 3000, 20))  # portal is every even arrival
    ends = [
        JourneyEnd(index, 0, Outcome.DROPPED, 0, -1, 0)
        if index in dropped
        else JourneyEnd(index, 1, Outcome.OK, 0, 1, 2)
        for index in range(3000)
    ]
    samples = [s for s in case["samples"] if s.arrival not in dropped]
    portal = msgspec.structs.replace(FEW_ERRORS, slug="portal", operations=("portal.*",))
    tthc = msgspec.structs.replace(FEW_ERRORS, slug="tthc", operations=("tthc.*",))
    assert judge(tmp_path / "a", portal, samples=samples, ends=ends).verdict is Verdict.FAIL
    assert judge(tmp_path / "b", tthc, samples=samples, ends=ends).verdict is Verdict.PASS


def test_a_promise_of_no_errors_at_all_is_about_this_run(tmp_path: Path) -> None:
    none = msgspec.structs.replace(FEW_ERRORS, limit=0.0)
    assert judge(tmp_path / "a", none).verdict is Verdict.PASS
    one = healthy()["samples"]
    one[2000] = msgspec.structs.replace(one[2000], outcome=Outcome.REFUSED)
    assert judge(tmp_path / "b", none, samples=one).verdict is Verdict.FAIL


def test_warm_up_is_not_judged(tmp_path: Path) -> None:
    samples = [
        msgspec.structs.replace(s, done_ns=s.intended_ns + 3000 * MS) if s.intended_ns < 4_900 * MS else s
        for s in healthy()["samples"]
    ]
    assert judge(tmp_path / "r", FAST, samples=samples).verdict is Verdict.PASS


def test_the_manifest_of_the_makers_holds_two_promises() -> None:
    assert manifest(0).objectives == (FAST, FEW_ERRORS)


def drifting() -> list[Sample]:
    """Answer times that double during a run of constant load: something fills up, nobody knows where it ends."""
    whole = 35 * S
    return [
        msgspec.structs.replace(
            s, done_ns=s.intended_ns + (s.done_ns - s.intended_ns) * (whole + s.intended_ns) // whole
        )
        for s in healthy()["samples"]
    ]


@pytest.mark.parametrize(
    ("limit_ms", "verdict"), [(2000.0, Verdict.PASS), (180.0, Verdict.UNDECIDED), (1.0, Verdict.FAIL)]
)
def test_drifting_times_have_no_percentile_but_a_far_limit_still_holds(
    tmp_path: Path, limit_ms: float, verdict: Verdict
) -> None:
    finding = judge(tmp_path / "r", limited(limit_ms, percentile=90.0), samples=drifting())
    assert finding.summary.params["value"] == "-" or verdict is Verdict.FAIL
    assert finding.verdict is verdict


def test_a_short_run_of_drifting_times_all_beyond_the_limit_fails(tmp_path: Path) -> None:
    """Neither bound of the percentile exists, and yet each of the calls was late."""
    samples = [
        msgspec.structs.replace(s, done_ns=s.intended_ns + 900 * MS + s.intended_ns // 20 + s.arrival % 7)
        for s in healthy()["samples"]
        if s.arrival < 1200
    ]
    phases = (Phase("warm-up", 0, 5 * S, False), Phase("peak", 5 * S, 14 * S, True))
    changes = {"samples": samples, "head": manifest(1200, phases=phases), "arrivals": plan(3000).slice(0, 1200)}
    finding = judge(tmp_path / "r", limited(200.0, percentile=50.0), **changes, ledger=[])
    assert (finding.verdict, finding.summary.key) == (Verdict.FAIL, "objective.latency_beyond")


def test_what_is_still_needed_is_the_shorter_of_both_ways(tmp_path: Path) -> None:
    """Drifting far below the limit: 59 seconds without a late call decide p95, whatever the percentile would take."""
    n, phases = 1628, (Phase("warm-up", 0, 5 * S, False), Phase("peak", 5 * S, 19 * S, True))
    samples = [
        msgspec.structs.replace(s, done_ns=s.intended_ns + (s.done_ns - s.intended_ns) * (1 + s.intended_ns // (4 * S)))
        for s in healthy(3000)["samples"]
        if s.arrival < n
    ]
    changes = {"samples": samples, "head": manifest(n, phases=phases), "arrivals": plan(3000).slice(0, n)}
    finding = judge(tmp_path / "r", limited(20_000.0), **changes, ledger=[])
    assert finding.summary.key == "objective.latency_too_few"
    assert finding.needs_more is not None
    assert 40 <= finding.needs_more.params["seconds"].value <= 50


def test_times_that_follow_the_planned_phases_keep_their_percentile(tmp_path: Path) -> None:
    """The second phase is heavier by plan: that is no chance, so the pooled percentile keeps a usable interval."""
    phases = (Phase("a", 0, 18 * S, True), Phase("b", 18 * S, 35 * S, True))
    samples = [
        msgspec.structs.replace(s, done_ns=2 * s.done_ns - s.intended_ns) if s.intended_ns >= 18 * S else s
        for s in healthy()["samples"]
    ]
    finding = judge(tmp_path / "r", FAST, samples=samples, head=manifest(3000, phases=phases))
    assert finding.summary.key == "objective.latency_pass"


def broken_off(error: str = "journey-broke") -> list[JourneyEnd]:
    """Every tenth person gives up although each of their calls went well."""
    return [
        JourneyEnd(
            index, 1, Outcome.OK if index % 10 else Outcome.UNKNOWN, 0 if index % 10 else ERROR_INDEX[error], 1, 2
        )
        for index in range(3000)
    ]


@pytest.mark.parametrize("error", ["journey-broke", "drained"])
def test_a_journey_that_breaks_off_is_an_error_though_each_of_its_calls_went_well(tmp_path: Path, error: str) -> None:
    finding = judge(tmp_path / "r", FEW_ERRORS, ends=broken_off(error))
    assert finding.verdict is Verdict.FAIL
    assert finding.summary.params["broken"].value == 257


def test_failures_that_no_objective_speaks_of_leave_the_run_undecided(tmp_path: Path) -> None:
    other = msgspec.structs.replace(FEW_ERRORS, operations=("tthc.*",))
    for name, promise, changes in (
        ("a", FAST, failing(0.1)),
        ("b", other, failing(0.1)),
        ("c", FAST, {"ends": broken_off()}),
    ):
        case = healthy() | changes
        case["head"] = msgspec.structs.replace(case["head"], objectives=(promise,))
        *_, last = objectives.check(Case(open_record(make_record(tmp_path / name, **case))))
        assert (last.check, last.verdict) == ("uncovered.errors", Verdict.UNDECIDED), name


@pytest.mark.parametrize("metric", [FAST, FEW_ERRORS])
def test_a_promise_about_an_operation_that_nobody_called_is_not_kept_by_the_others(
    tmp_path: Path, metric: Objective
) -> None:
    promise = msgspec.structs.replace(metric, operations=("portal.track", "portal.trak"))
    finding = judge(tmp_path / "r", promise)
    assert finding.verdict is Verdict.UNDECIDED
    assert finding.summary.params["names"] == "portal.trak"


def test_where_everything_was_refused_the_words_say_so(tmp_path: Path) -> None:
    finding = judge(tmp_path / "r", FAST, **failing(1.0))
    assert (finding.verdict, finding.summary.key) == (Verdict.UNDECIDED, "objective.all_refused")


def test_a_percentile_without_a_figure_in_an_unsealed_run_asks_for_no_more_calls(tmp_path: Path) -> None:
    case = healthy(200) | {"seal": False}
    case["head"] = msgspec.structs.replace(case["head"], objectives=(limited(500.0, percentile=99.0),))
    finding, *_ = objectives.check(Case(open_record(make_record(tmp_path / "r", **case), unsealed=True)))
    assert (finding.verdict, finding.summary.key) == (Verdict.UNDECIDED, "objective.unsealed")
    assert finding.needs_more is None
