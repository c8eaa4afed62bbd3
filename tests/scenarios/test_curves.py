"""Laws of the curves, against a plain numerical integral and against the logarithm of the standard library."""

from __future__ import annotations

import math

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from scenarios import curves, rng
from scenarios.curves import Curve

KNOTS = st.lists(
    st.tuples(st.floats(0.01, 100.0), st.one_of(st.just(0.0), st.floats(0.001, 50.0))), min_size=2, max_size=9
)


def made(knots: list[tuple[float, float]]) -> Curve:
    times = np.cumsum([gap for gap, _ in knots]).tolist()
    return Curve(tuple(times), tuple(rate for _, rate in knots))


@given(KNOTS, st.floats(0.0, 1.0))
def test_the_inverse_takes_an_area_back_to_its_time(knots: list[tuple[float, float]], share: float) -> None:
    curve = made(knots)
    areas = np.array([share * curve.area])
    there = curve.inverse(areas)
    assert curve.times[0] <= there[0] <= curve.times[-1]
    assert math.isclose(curve.below(there)[0], areas[0], rel_tol=1e-9, abs_tol=1e-9 * max(curve.area, 1.0))


@given(KNOTS)
def test_the_area_is_the_integral_of_the_rate(knots: list[tuple[float, float]]) -> None:
    curve = made(knots)
    times = np.union1d(np.linspace(curve.times[0], curve.times[-1], 2001), np.array(curve.times))
    assert math.isclose(np.trapezoid(curve.at(times), times), curve.area, rel_tol=1e-9, abs_tol=1e-12)
    assert curve.at(np.array([curve.times[0] - 1, curve.times[-1] + 1])).tolist() == [0.0, 0.0]


@given(st.floats(min_value=2.0**-60, max_value=1.0))
def test_our_logarithm_is_the_logarithm(x: float) -> None:
    assert math.isclose(curves._log(np.array([x]))[0], math.log(x), rel_tol=1e-15, abs_tol=2.0**-60)


def test_a_longer_run_keeps_the_points_of_a_shorter_one() -> None:
    short, long = curves.unit_points(7, 100.0), curves.unit_points(7, 5_000.0)
    assert np.array_equal(short, long[: len(short)])
    assert long[len(short)] >= 100.0


def test_counts_of_a_poisson_process_have_mean_and_variance_of_their_rate() -> None:
    counts = np.array([len(curves.unit_points(rng.stream(seed, "count"), 20.0)) for seed in range(4000)])
    assert abs(counts.mean() - 20.0) < 4 * math.sqrt(20.0 / 4000)
    assert abs(counts.var() / 20.0 - 1.0) < 4 * math.sqrt(2.0 / 4000)


def test_points_fall_where_the_rate_is() -> None:
    """A triangle: the share below half time is a quarter. Nothing falls into a gap of rate zero."""
    triangle = Curve((0.0, 10.0), (0.0, 4_000.0))
    points = curves.poisson(3, triangle)
    assert abs((points < 5.0).mean() - 0.25) < 4 * math.sqrt(0.25 * 0.75 / len(points))
    gap = Curve((0.0, 1.0, 1.5, 3.0, 3.5, 4.0), (900.0, 900.0, 0.0, 0.0, 900.0, 900.0))
    points = curves.poisson(3, gap)
    assert not ((points > 1.5) & (points < 3.0)).any()
    assert np.all(np.diff(points) >= 0)


def test_thinning_keeps_each_share() -> None:
    kept = curves.keep(5, np.repeat([0.0, 0.3, 1.0], 20_000)).reshape(3, -1).mean(axis=1)
    assert kept[0] == 0.0
    assert abs(kept[1] - 0.3) < 4 * math.sqrt(0.21 / 20_000)
    assert kept[2] == 1.0
