"""The signed rank against what is printed in tables, against scipy, and against brute force."""

from __future__ import annotations

from itertools import product
from math import inf

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import rankdata, wilcoxon

from reports import signed_rank

TABLE = [  # n, alpha, how many Walsh averages are cut off on each side; T <= cut - 1 is the printed critical value
    (8, 0.0039, 0, "eight pairs cannot reach 0.0039: the smallest p is 1/256 = 0.00390625"),
    (8, 0.004, 1, "T <= 0"),
    (8, 0.01, 2, "T <= 1"),
    (8, 0.05, 6, "T <= 5"),
    (10, 0.01, 6, "T <= 5"),
    (12, 0.005, 8, "T <= 7"),
    (16, 0.01, 24, "T <= 23"),
    (20, 0.05, 61, "T <= 60"),
]
DIFFERENCES = st.lists(st.integers(-6, 6).map(float), min_size=1, max_size=9)


@pytest.mark.parametrize(("n", "alpha", "cut"), [row[:3] for row in TABLE], ids=[row[3] for row in TABLE])
def test_the_bounds_stand_where_the_tables_put_them(n: int, alpha: float, cut: int) -> None:
    values = np.random.default_rng(n).normal(size=n).tolist()
    averages = sorted((values[i] + values[j]) / 2 for i in range(n) for j in range(i, n))
    low, high = signed_rank.bounds(values, alpha)
    assert (low, high) == ((averages[cut - 1], averages[-cut]) if cut else (-inf, inf))


@pytest.mark.parametrize("n", [5, 8, 13, 20])
def test_p_is_scipy_s_exact_one(n: int) -> None:
    values = np.random.default_rng(n).normal(0.3, 1, n)
    exact = wilcoxon(values, alternative="greater", method="exact").pvalue
    assert signed_rank.p_above(values.tolist()) == pytest.approx(exact, rel=1e-12)


@given(DIFFERENCES)
def test_with_ties_and_nothings_p_is_the_share_of_all_ways_to_give_signs(values: list[float]) -> None:
    kept = [value for value in values if value]
    ranks = rankdata(np.abs(kept)) if kept else np.empty(0)
    found = sum(rank for rank, value in zip(ranks, kept, strict=True) if value > 0)
    ways = [sum(r for r, sign in zip(ranks, signs, strict=True) if sign) for signs in product((0, 1), repeat=len(kept))]
    assert signed_rank.p_above(values) == pytest.approx(sum(way >= found - 1e-9 for way in ways) / len(ways))


@given(st.lists(st.floats(-1, 1, width=32), min_size=2, max_size=12, unique=True), st.sampled_from((0.01, 0.05, 0.2)))
def test_the_lower_bound_is_above_nought_just_when_p_says_so(values: list[float], alpha: float) -> None:
    sizes = {abs(value) for value in values}
    if len(sizes) == len(values) and 0.0 not in sizes:
        assert (signed_rank.bounds(values, alpha)[0] > 0) == (signed_rank.p_above(values) <= alpha)


@given(DIFFERENCES)
def test_the_centre_turns_round_with_the_differences(values: list[float]) -> None:
    assert signed_rank.centre(values) == -signed_rank.centre([-value for value in values])
    low, high = signed_rank.bounds(values, 0.2)
    assert low <= signed_rank.centre(values) <= high


def test_one_wrecked_pair_does_not_move_the_centre_far() -> None:
    values = [0.09, 0.1, 0.11, 0.1, 0.09, 0.11, 0.1, 0.1]
    assert abs(signed_rank.centre([*values, -5.0]) - 0.1) < 0.01


def test_holm_lets_the_next_one_in_only_after_the_one_before() -> None:
    assert signed_rank.holm({"cpu": 0.001, "p50": 0.004, "p95": 0.5}, 0.01) == {"cpu", "p50"}
    assert signed_rank.holm({"cpu": 0.004, "p50": 0.004, "p95": 0.5}, 0.01) == set()
    assert signed_rank.holm({}, 0.01) == set()


def test_a_question_of_little_weight_costs_the_others_little() -> None:
    weights = {"cpu": 1.0, "p95": 0.1}
    assert signed_rank.holm({"cpu": 0.009, "p95": 0.5}, 0.01, weights) == {"cpu"}
    assert signed_rank.holm({"cpu": 0.5, "p95": 0.002}, 0.01, weights) == set()
    assert signed_rank.holm({"cpu": 0.5, "p95": 0.0009}, 0.01, weights) == {"p95"}
