"""The generator and the record are judged first; whatever is wrong with them is named and voids the run."""

from __future__ import annotations

import shutil
from pathlib import Path

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from record import writer
from record.reader import open_record, read_manifest
from record.types import JourneyEnd, LedgerEntry, Limits, Outcome, Phase, Reading, Sample, State
from reports import facts, validity
from reports.assess import CHECKS, assess
from reports.case import Case
from reports.html import render_html
from reports.verdict import Verdict, Word
from tests.records import MS, S, call, healthy, kept, make_record, manifest, plan, readings

VALIDITY = tuple((slug, check) for slug, check in CHECKS if slug.startswith("validity."))


def judged(folder: Path) -> dict[str, Verdict]:
    case = Case(open_record(folder))
    return {slug.removeprefix("validity."): check(case).verdict for slug, check in VALIDITY}


def run(folder: Path, **changes: object) -> dict[str, Verdict]:
    return judged(make_record(folder, **healthy() | changes))


def only(found: dict[str, Verdict], name: str, verdict: Verdict) -> None:
    """Exactly the named check says `verdict`, all others pass."""
    assert found.pop(name) is verdict
    assert set(found.values()) == {Verdict.PASS}, found


def test_a_healthy_run_is_valid(tmp_path: Path) -> None:
    assert set(run(tmp_path / "r").values()) == {Verdict.PASS}


def test_late_sending_voids(tmp_path: Path) -> None:
    late = [sent_late(s, 51) for s in healthy()["samples"]]
    only(run(tmp_path / "r", samples=late), "lateness", Verdict.VOID)


def test_lateness_on_the_limit_still_counts(tmp_path: Path) -> None:
    late = [sent_late(s, 50) for s in healthy()["samples"]]
    assert run(tmp_path / "r", samples=late)["lateness"] is Verdict.PASS


def test_lateness_within_journeys_counts_too(tmp_path: Path) -> None:
    first = healthy()["samples"]
    second = [sent_late(msgspec.structs.replace(s, step=1), 51) for s in first]
    both = [s for pair in zip(first, second, strict=True) for s in pair]
    only(run(tmp_path / "r", samples=both, ledger=twice(healthy()["ledger"])), "lateness", Verdict.VOID)


def twice(ledger: list[LedgerEntry]) -> list[LedgerEntry]:
    return [*ledger, *(msgspec.structs.replace(entry, key=f"{entry.key}-b") for entry in ledger)]


def sent_late(sample: Sample, ms: int) -> Sample:
    sent = sample.intended_ns + ms * MS
    return msgspec.structs.replace(sample, sent_ns=sent, done_ns=max(sent, sample.done_ns))


def test_a_hub_that_hung_voids(tmp_path: Path) -> None:
    meters = [*readings(), Reading("generator-0", "hub_lag_ms", "ms", 12 * S, 500.0)]
    only(run(tmp_path / "r", meters=meters), "hub_lag", Verdict.VOID)


@pytest.mark.parametrize("at_s", [2, 40])
def test_a_hub_that_hung_in_warm_up_or_in_the_final_read_does_not(tmp_path: Path, at_s: int) -> None:
    meters = [*readings(), Reading("generator-0", "hub_lag_ms", "ms", at_s * S, 500.0)]
    assert set(run(tmp_path / "r", meters=meters).values()) == {Verdict.PASS}


def test_a_starved_generator_voids(tmp_path: Path) -> None:
    only(run(tmp_path / "r", meters=readings(cpu=0.97)), "cpu", Verdict.VOID)


def test_one_starved_worker_of_two_voids(tmp_path: Path) -> None:
    meters = [
        msgspec.structs.replace(r, value=0.97) if (r.source, r.metric) == ("generator-1", "cpu_share") else r
        for r in readings(workers=2)
    ]
    only(run(tmp_path / "r", meters=meters, head=manifest(3000, workers=2)), "cpu", Verdict.VOID)


def test_a_dropped_arrival_voids_unless_the_limits_allow_it(tmp_path: Path) -> None:
    ends = [
        JourneyEnd(index, 0, Outcome.DROPPED, 0, -1, 0) if index == 2000 else JourneyEnd(index, 1, Outcome.OK, 0, 1, 2)
        for index in range(3000)
    ]
    samples = [s for s in healthy()["samples"] if s.arrival != 2000]
    only(run(tmp_path / "a", samples=samples, ends=ends), "drops", Verdict.VOID)
    lenient = manifest(3000, limits=Limits(dropped_share_max=0.01))
    assert set(run(tmp_path / "b", samples=samples, ends=ends, head=lenient).values()) == {Verdict.PASS}


def test_a_call_that_is_missing_from_the_record_voids(tmp_path: Path) -> None:
    ends = [JourneyEnd(index, 1, Outcome.OK, 0, 1, 2) for index in range(3000)]
    only(run(tmp_path / "r", samples=healthy()["samples"][:-1], ends=ends), "conservation", Verdict.VOID)


def test_an_arrival_without_end_voids(tmp_path: Path) -> None:
    folder = make_record(tmp_path / "r", **healthy())
    table = pq.read_table(folder / "journeys.parquet")
    _replace(folder, "journeys", table.slice(0, 2999))
    only(judged(folder), "conservation", Verdict.VOID)


def test_a_sample_of_an_arrival_that_nobody_planned_voids(tmp_path: Path) -> None:
    folder = make_record(tmp_path / "r", **healthy())
    table = pq.read_table(folder / "samples.parquet")
    strange = table.set_column(0, "arrival", pa.array([3000, *range(1, 3000)], pa.uint32()))
    _replace(folder, "samples", strange)
    only(judged(folder), "conservation", Verdict.VOID)


def test_one_call_missing_and_another_kept_twice_do_not_cancel_out(tmp_path: Path) -> None:
    samples = healthy()["samples"]
    ends = [JourneyEnd(index, 1, Outcome.OK, 0, 1, 2) for index in range(3000)]
    cancelling = [*samples[:-2], samples[-4], samples[-1]]
    only(run(tmp_path / "a", samples=cancelling, ends=ends), "conservation", Verdict.VOID)
    one_step_twice = [*samples, *(msgspec.structs.replace(s, step=0) for s in samples[:2])]
    ends[0] = ends[1] = JourneyEnd(0, 2, Outcome.OK, 0, 1, 2)
    ends[1] = msgspec.structs.replace(ends[1], arrival=1)
    ledger = [*healthy()["ledger"], *kept("t1-1-b")]
    only(run(tmp_path / "b", samples=one_step_twice, ends=ends, ledger=ledger), "conservation", Verdict.VOID)


@pytest.mark.parametrize(
    "changes",
    [
        {"done_ns": 10 * S - 1},
        {"sent_ns": 10 * S - 1},
        {"sent_ns": 11 * S},
        {"sent_ns": -1},
    ],
)
def test_times_that_cannot_be_void_the_run(tmp_path: Path, changes: dict) -> None:
    samples = [msgspec.structs.replace(call(0, 10 * S), **changes), *healthy()["samples"][1:]]
    only(run(tmp_path / "r", samples=samples), "conservation", Verdict.VOID)


def test_writes_that_are_not_in_the_ledger_void(tmp_path: Path) -> None:
    """A ledger of one worker that never came home would hide what that worker lost."""
    ledger = [entry for entry in healthy()["ledger"] if entry.key != "t1-1"]
    only(run(tmp_path / "r", ledger=ledger), "conservation", Verdict.VOID)


def test_a_judged_phase_in_which_nobody_arrived_is_undecided(tmp_path: Path) -> None:
    phases = (*manifest(3000).phases, Phase("evening", 35 * S, 60 * S, True))
    found = run(tmp_path / "r", head=manifest(3000, phases=phases), meters=readings(61))
    only(found, "record", Verdict.UNDECIDED)


@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf")])
@pytest.mark.parametrize("metric", ["cpu_share", "hub_lag_ms"])
def test_a_reading_that_is_no_number_was_not_measured(tmp_path: Path, metric: str, value: float) -> None:
    folder = make_record(tmp_path / "r", **healthy())
    table = pq.read_table(folder / "readings.parquet")
    values = [
        value if m == metric else v for m, v in zip(*(table[c].to_pylist() for c in ("metric", "value")), strict=True)
    ]
    _replace(folder, "readings", table.set_column(4, "value", pa.array(values, pa.float64())))
    found = judged(folder)
    assert found["telemetry"] is Verdict.UNDECIDED
    assert found["cpu" if metric == "cpu_share" else "hub_lag"] is Verdict.UNDECIDED
    record = open_record(folder)
    assert "không có số liệu" in render_html(assess(record), record)
    shown = {line.metric: line.worst for line in facts.generator_health(Case(record))}
    assert {name for name, worst in shown.items() if worst == Word("page.not_measured")} == {metric}
    assert len(shown) > 1, "the page shows what else was measured"


def test_a_judged_phase_shorter_than_the_allowed_gap_still_needs_readings(tmp_path: Path) -> None:
    phases = (Phase("warm-up", 0, 5 * S, False), Phase("peak", 5 * S, 8 * S, True), Phase("rest", 8 * S, 35 * S, False))
    meters = [r for r in readings(workers=2) if r.source == "generator-0" or not 5 * S < r.at_ns < 10 * S]
    found = run(tmp_path / "r", head=manifest(3000, workers=2, phases=phases), meters=meters)
    only(found, "telemetry", Verdict.UNDECIDED)


def _replace(folder: Path, name: str, table: pa.Table) -> None:
    """Another table in a sealed record, with a digest that agrees: a harness that wrote nonsense."""
    path = folder / f"{name}.parquet"
    pq.write_table(table, path)
    head = read_manifest(folder)
    digest = msgspec.structs.replace(head.files[path.name], sha256=writer.sha256(path), rows=table.num_rows)
    writer.write_manifest(folder, msgspec.structs.replace(head, files={**head.files, path.name: digest}))


@pytest.mark.parametrize(
    ("meters", "reason"),
    [
        (lambda: readings(), "one of two workers has no meters"),
        (lambda: [r for r in readings(workers=2) if not 10 * S < r.at_ns < 16 * S], "six seconds without a reading"),
        (lambda: [r for r in readings(workers=2) if r.metric != "cpu_share" or r.source == "generator-0"], "no CPU"),
    ],
)
def test_missing_telemetry_is_undecided(tmp_path: Path, meters: object, reason: str) -> None:
    found = run(tmp_path / "r", meters=meters(), head=manifest(3000, workers=2))  # type: ignore[operator]
    assert found["telemetry"] is Verdict.UNDECIDED, reason
    assert Verdict.VOID not in found.values()


def test_without_any_telemetry_nothing_about_the_generator_passes(tmp_path: Path) -> None:
    found = run(tmp_path / "r", meters=[])
    assert {found[name] for name in ("hub_lag", "cpu", "telemetry")} == {Verdict.UNDECIDED}


def test_an_empty_run_is_undecided_throughout(tmp_path: Path) -> None:
    assert set(run(tmp_path / "r", head=manifest(0), arrivals=plan(0), samples=[], ledger=[], meters=[]).values()) == {
        Verdict.UNDECIDED
    }


def test_an_aborted_run_is_undecided_not_void(tmp_path: Path) -> None:
    case = healthy()
    ends = [JourneyEnd(index, 1, Outcome.OK, 0, 1, 2) for index in range(2000)]
    folder = make_record(tmp_path / "r", **case | {"samples": case["samples"][:2100], "ends": ends}, seal=False)
    writer.abort(folder, read_manifest(folder), "killed")
    opened = Case(open_record(folder, unsealed=True))
    assert opened.manifest.state is State.ABORTED
    assert validity.record(opened).verdict is Verdict.UNDECIDED
    assert validity.conservation(opened).verdict is Verdict.UNDECIDED
    shutil.rmtree(folder)
