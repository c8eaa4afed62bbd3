"""How soon the mirror of a link shows what came about at its source, and what was promised about that."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from record.reader import open_record
from record.types import Objective, Observation
from reports import lags, linked, objectives
from reports.case import Case
from reports.verdict import NEVER_NS, Finding, Verdict
from tests.records import MS, NATIONAL, PAYMENTS, held, make_record, manifest
from tests.words import spoken

SOON = Objective("lag", "lag", ("national",), 2000.0, "ms", "Độ trễ", "Lag", "a test", False, 95.0)


def shown(n: int = 3000, median_ms: float = 500.0, sigma: float = 0.4, **link: str) -> list[Observation]:
    """n dossiers received over the judged half minute, each visible at the mirror some time later."""
    lag = np.random.default_rng(7).lognormal(np.log(median_ms), sigma, n) / 1000
    rows = []
    for index in range(n):
        at = 5 + 30 * index / n
        rows.append(held("tthc", "history", f"d{index}", "2", at))
        rows.append(held("national", "history", f"d{index}", "2", at + float(lag[index])))
    return rows


def case_of(folder: Path, rows: list[Observation], *promises: Objective, **head: object) -> Case:
    head = {"links": (NATIONAL,), "objectives": promises} | head
    return Case(open_record(make_record(folder, manifest(0, **head), observations=rows)))


def judge(folder: Path, rows: list[Observation], promise: Objective = SOON, **head: object) -> Finding:
    finding, *_ = spoken(objectives.check(case_of(folder, rows, promise, **head)))
    return finding


def limited(limit: float, *operations: str) -> Objective:
    patterns = operations or SOON.operations
    return Objective("lag", "lag", patterns, limit, "ms", "Độ trễ", "Lag", "a test", False, 95.0)


@pytest.mark.parametrize(
    ("limit_ms", "verdict", "key"),
    [
        (2000.0, Verdict.PASS, "objective.lag_pass"),
        (700.0, Verdict.FAIL, "objective.lag_fail"),
        (965.0, Verdict.UNDECIDED, "objective.lag_undecided"),
    ],
)
def test_a_lag_is_judged_by_its_whole_interval(tmp_path: Path, limit_ms: float, verdict: Verdict, key: str) -> None:
    finding = judge(tmp_path / "r", shown(), limited(limit_ms))
    assert (finding.check, finding.verdict, finding.summary.key) == ("objective.lag", verdict, key)
    if verdict is Verdict.UNDECIDED:
        assert finding.needs_more is not None


def test_few_changes_do_not_decide_and_none_at_all_even_less(tmp_path: Path) -> None:
    assert judge(tmp_path / "a", shown(40)).summary.key == "objective.lag_too_few"
    assert judge(tmp_path / "b", []).summary.key == "objective.lag_nothing"


def test_what_came_about_outside_the_judged_phases_does_not_count(tmp_path: Path) -> None:
    early = [
        held(place, "history", f"w{n}", "2", at) for n in range(900) for place, at in (("tthc", 2), ("national", 30))
    ]
    before = [held("tthc", "history", "old", "2", -600.0)]
    assert judge(tmp_path / "r", [*shown(), *early, *before]).verdict is Verdict.PASS


def test_a_pattern_under_which_no_link_was_timed_leaves_the_promise_open(tmp_path: Path) -> None:
    finding = judge(tmp_path / "r", shown(), limited(2000.0, "national", "paymens"), links=(NATIONAL, PAYMENTS))
    assert (finding.verdict, finding.summary.key) == (Verdict.UNDECIDED, "objective.lag_unseen")
    assert finding.summary.params["names"] == "paymens"


def test_a_change_that_is_never_shown_is_slower_than_all_others(tmp_path: Path) -> None:
    rows = [row for row in shown() if row.place == "tthc" or int(row.subject[1:]) % 10]
    assert judge(tmp_path / "r", rows, limited(600_000.0)).verdict is Verdict.FAIL


def test_a_state_that_was_overtaken_counts_until_the_later_one(tmp_path: Path) -> None:
    rows = [
        held("tthc", "history", "x", "2", 10.0), held("tthc", "history", "x", "4", 11.0),
        held("tthc", "history", "x", "9", 12.0), held("national", "history", "x", "4", 14.0),
    ]  # fmt: skip
    times = lags.times(case_of(tmp_path / "r", rows), [0])
    assert sorted(times.ns.tolist()) == [3000 * MS, 4000 * MS, NEVER_NS]


def test_only_the_first_time_counts_on_either_side(tmp_path: Path) -> None:
    rows = [
        held(place, "history", "x", "4", at)
        for place, at in (("tthc", 10), ("tthc", 20), ("national", 11), ("national", 29))
    ]
    assert lags.times(case_of(tmp_path / "r", rows), [0]).ns.tolist() == [1000 * MS]


def test_clocks_that_disagree_make_no_negative_lag(tmp_path: Path) -> None:
    rows = [held("tthc", "history", "x", "4", 10.0), held("national", "history", "x", "4", 9.5)]
    assert lags.times(case_of(tmp_path / "r", rows), [0]).ns.tolist() == [0]


def test_the_table_of_links_has_the_median_and_the_95th_percentile(tmp_path: Path) -> None:
    (tally,) = linked.tallies(case_of(tmp_path / "r", shown()))
    median, p95 = (estimate.value for estimate in tally.lag)
    assert median == pytest.approx(500 * MS, rel=0.05)
    assert p95 == pytest.approx(965 * MS, rel=0.05)
    (untimed,) = linked.tallies(case_of(tmp_path / "b", shown(), links=(PAYMENTS,)))
    assert untimed.lag == ()
