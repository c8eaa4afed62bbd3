"""The spectrum of all answer times and the curve over the load: their figures, and when there is none."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import msgspec
import numpy as np
import pytest

from record.reader import open_record
from record.types import Outcome
from reports import curves, spectrum
from reports.assess import assess
from reports.capacity_file import CapacityAnswer
from reports.case import Case
from tests.provinces import province_run
from tests.records import healthy, make_record, manifest, plan


@pytest.fixture(scope="module")
def case(tmp_path_factory: pytest.TempPathFactory) -> Case:
    return Case(open_record(province_run(tmp_path_factory.mktemp("curves") / "run", 40, 60)))


def test_a_spectrum_is_within_one_per_cent_of_the_calls(case: Case) -> None:
    calls = case.calls
    times = np.sort(calls.due_ns(calls.timed() & (calls.phase > 0)))
    whole, *systems = spectrum.of(case)
    assert [line.system for line in systems] == ["portal", "tthc"]
    assert whole.calls == len(times) == sum(line.calls for line in systems)
    for share, time_s in zip(whole.share, whole.time_s, strict=True):
        exact = times[max(int(np.ceil(round(share * len(times), 6))), 1) - 1] / 1e9
        assert exact <= time_s * 1.001
        assert time_s <= exact * 1.01


def test_calls_without_an_answer_end_the_line(tmp_path: Path) -> None:
    run = healthy()
    run["samples"] = [
        msgspec.structs.replace(each, outcome=Outcome.UNKNOWN, status=0, error=4) if each.arrival % 10 == 0 else each
        for each in run["samples"]  # type: ignore[attr-defined]
    ]
    whole = spectrum.of(Case(open_record(make_record(tmp_path / "run", **run))))[0]  # type: ignore[arg-type]
    assert 0.85 < whole.share[-1] <= 0.9
    assert whole.time_s.max() < 10


def test_nothing_called_draws_nothing(tmp_path: Path) -> None:
    nobody = {"head": manifest(0), "arrivals": plan(0), "samples": (), "ledger": ()}
    case = Case(open_record(make_record(tmp_path / "run", **healthy() | nobody)))  # type: ignore[arg-type]
    assert spectrum.of(case) == ()
    assert curves.loads(assess(case.record, case=case), case) == ()


def test_the_curve_has_a_point_for_each_level_of_load(case: Case) -> None:
    found = curves.loads(assess(case.record, case=case), case)
    assert [each.phase for each in found] == ["low", "middle", "high"]
    assert [round(each.per_s / found[1].per_s, 1) for each in found] == [0.5, 1.0, 1.5]
    capacity = CapacityAnswer(True, 60.0, 55.0, 66.0)
    plain, marked = curves.load_svg(found, None, "en"), curves.load_svg(found, capacity, "en")
    assert "capacity" not in plain
    assert "capacity" in marked
    assert marked == curves.load_svg(found, capacity, "en")
    unknown = [dataclasses.replace(each, p50_ns=None, p95_ns=None) for each in found]
    assert curves.load_svg(unknown, None).startswith("<svg")


def test_one_level_of_load_is_no_curve(tmp_path: Path) -> None:
    case = Case(open_record(make_record(tmp_path / "run", **healthy())))  # type: ignore[arg-type]
    assert curves.loads(assess(case.record, case=case), case) == ()
