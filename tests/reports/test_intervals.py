"""Intervals exist when the sample supports them, and are as wide as they must be."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binom

from reports import intervals

ONE = np.ones(1)


def ranks(n: int, share: float, phi: float = 1.0) -> tuple[int, int]:
    low, high = intervals.ranks(np.array([n]), share, ONE * phi)
    return int(low[0]), int(high[0])


@given(n=st.integers(1, 3000), share=st.sampled_from([0.5, 0.9, 0.95, 0.99]))
def test_ranks_cover_the_quantile_with_at_least_95_percent(n: int, share: float) -> None:
    low, high = ranks(n, share)
    below = binom.cdf(low - 1, n, share) if low else 0.0
    above = 1 - binom.cdf(high - 1, n, share) if high else 0.0
    assert below <= 0.025 + 1e-9
    assert above <= 0.025 + 1e-9


@pytest.mark.parametrize(("share", "needed"), [(0.5, 6), (0.9, 36), (0.95, 72), (0.99, 368)])
def test_an_interval_exists_exactly_from_the_number_of_calls_that_is_named(share: float, needed: int) -> None:
    assert intervals.calls_needed(share) == needed
    assert ranks(needed, share)[1] > 0
    assert ranks(needed - 1, share)[1] == 0


def test_a_larger_phi_never_makes_an_interval_narrower() -> None:
    previous = (10**9, 0)
    for phi in (1.0, 1.5, 2.0, 4.0, 10.0):
        low, high = ranks(10_000, 0.95, phi)
        assert low <= previous[0]
        assert high >= previous[1]
        previous = (low, high)


def test_calls_alike_within_a_second_are_worth_less_than_their_number() -> None:
    generator = np.random.default_rng(3)
    totals = np.full((2, 120), 50)
    independent = generator.binomial(50, 0.1, 120)
    busy_seconds = np.where(generator.random(120) < 0.1, 50, 0)
    even, bursty = intervals.overdispersion(np.array([independent, busy_seconds]), totals, np.ones((120, 1)))
    assert even < 2
    assert bursty > 40


def test_a_burst_of_a_few_seconds_says_nothing_about_other_seconds() -> None:
    totals = np.zeros((1, 60), np.int64)
    totals[0, :3] = 1000
    assert intervals.overdispersion(totals // 10, totals, np.ones((60, 1)))[0] == np.inf
    assert ranks(3000, 0.5, np.inf) == (0, 0)


def test_no_error_in_n_calls_is_bounded_by_the_rule_of_three() -> None:
    share = intervals.share_of(0, 3000)
    assert share.low == 0
    assert share.high == pytest.approx(3 / 3000, rel=0.01)


@given(events=st.integers(0, 200), more=st.integers(0, 5000), phi=st.floats(1, 50))
def test_the_interval_of_a_share_holds_the_share(events: int, more: int, phi: float) -> None:
    of = events + more
    if of:
        share = intervals.share_of(events, of, phi)
        assert 0 <= share.low <= share.value <= share.high <= 1


def test_what_would_decide_shrinks_with_the_distance_from_the_limit() -> None:
    near = intervals.calls_to_decide(1000, 0.95, 0.951, 1.0)
    far = intervals.calls_to_decide(1000, 0.95, 0.96, 1.0)
    assert near is not None
    assert far is not None
    assert near > far > 0
    assert intervals.calls_to_decide(1000, 0.95, 0.95, 1.0) is None


def test_what_phase_and_planned_load_explain_is_no_chance_and_nothing_else_is_explained() -> None:
    """Late calls that follow the load by the square, in the second of two phases, beside a row that knows only three
    blocks of it; then the same with a burst on top."""
    phase, load = np.repeat([0, 1], 60), np.tile(np.linspace(0.2, 1.0, 60), 2)
    columns = (phase == 0, phase == 1, load * phase, load**2 * phase)
    planned = np.stack(columns, axis=1).astype(np.float64)
    calls = np.full((2, 120), 10_000)
    calls[1, 63:] = 0
    late = np.rint(calls * np.where(phase == 1, 0.02 + 0.1 * load + 0.2 * load**2, 0.05)).astype(np.int64)
    assert intervals.overdispersion(late, calls, planned).tolist() == [1.0, 1.0]
    assert intervals.overdispersion(late, calls, planned[:, :2])[0] > 100
    late[0, 80:90] += 1000
    assert intervals.overdispersion(late, calls, planned)[0] > 10
