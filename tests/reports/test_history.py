"""Change points: found where they are, not found where nothing changed, and told with the run they began with."""

from __future__ import annotations

from pathlib import Path

import msgspec
import numpy as np
import pytest

from record.reader import RunRecord, open_record
from reports import history
from tests import records


def noise(n: int, seed: int, spread: float = 0.03) -> list[float]:
    return np.exp(np.random.default_rng(seed).normal(0, spread, n)).tolist()


def test_a_step_is_found_at_its_place() -> None:
    for seed in range(20):
        series = noise(15, seed)
        ((place, p),) = history.change_places([*series, *(1.3 * value for value in noise(10, seed + 100))])
        assert place == pytest.approx(15, abs=1)
        assert p < history.ALPHA


def test_two_steps_are_two() -> None:
    series = [*noise(12, 1), *(1.4 * value for value in noise(12, 2)), *noise(12, 3)]
    assert [place for place, _ in history.change_places(series)] == pytest.approx([12, 24], abs=1)


def test_noise_alone_is_hardly_ever_a_change() -> None:
    alarms = sum(bool(history.change_places(noise(30, seed, 0.08))) for seed in range(200))
    assert alarms <= 4  # ALPHA of 200 is one


def test_four_per_cent_are_not_worth_a_word() -> None:
    assert history.change_places([*noise(15, 1, 0.001), *(1.04 * value for value in noise(15, 2, 0.001))]) == []


@pytest.mark.parametrize("n", [0, 1, 5])
def test_too_few_runs_have_no_change(n: int) -> None:
    assert history.change_places([1.0, 9.0, 1.0, 9.0, 9.0][:n]) == []


def test_equal_figures_have_no_change() -> None:
    assert history.change_places([7.0] * 20) == []


def a_run(folder: Path, number: int, slower: float, **changes: object) -> RunRecord:
    made = records.healthy(1200, lambda n: [round(ns * slower) for ns in records.latencies(n, seed=number)])
    head = msgspec.structs.replace(
        records.manifest(1200), run_id=f"run-{number:02d}", created_utc=f"2025-07-{number:02d}T00:00:00Z", **changes
    )
    return open_record(records.make_record(folder / f"run-{number:02d}", **made | {"head": head}))  # type: ignore[arg-type]


def test_records_become_lines_by_profile_target_and_load(tmp_path: Path) -> None:
    runs = [a_run(tmp_path, number, 1.0 if number <= 7 else 1.6) for number in range(1, 15)]
    other = a_run(tmp_path, 20, 1.0, workers=2)
    found = history.histories([other, *reversed(runs)])
    assert [len(each.runs) for each in found] == [14, 1]
    (line,) = [line for line in found[0].lines if (line.what, line.operation) == ("p50", "portal.track")]
    (change,) = line.changes
    assert change.run == "run-08"
    assert change.change == pytest.approx(0.6, abs=0.1)
    assert history.encode(found) == history.encode(history.histories([*runs, other]))
