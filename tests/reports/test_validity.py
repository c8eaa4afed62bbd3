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
from record.types import JourneyEnd, Limits, Outcome, Reading, State
from reports import validity
from reports.assess import CHECKS
from reports.case import Case
from reports.verdict import Verdict
from tests.records import MS, S, healthy, make_record, manifest, plan, readings

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
    late = [msgspec.structs.replace(s, sent_ns=s.intended_ns + 51 * MS) for s in healthy()["samples"]]
    only(run(tmp_path / "r", samples=late), "lateness", Verdict.VOID)


def test_lateness_on_the_limit_still_counts(tmp_path: Path) -> None:
    late = [msgspec.structs.replace(s, sent_ns=s.intended_ns + 50 * MS) for s in healthy()["samples"]]
    assert run(tmp_path / "r", samples=late)["lateness"] is Verdict.PASS


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
    assert set(run(tmp_path / "r", head=manifest(0), arrivals=plan(0), samples=[], meters=[]).values()) == {
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
