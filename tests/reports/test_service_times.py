"""Service times made smooth: where a family fits, the long ones are known better than the sample knows them."""

from __future__ import annotations

import numpy as np
import pytest

from reports import service_times
from reports.service_times import Floats

N = 8_000


def lognormal(rng: np.random.Generator, n: int) -> Floats:
    return rng.lognormal(-6.0, 1.1, n)


def gamma(rng: np.random.Generator, n: int) -> Floats:
    return rng.gamma(3.0, 0.01, n)


def cached(rng: np.random.Generator, n: int) -> Floats:
    """Nine of ten answered from a cache."""
    return np.where(rng.uniform(size=n) < 0.9, rng.gamma(4.0, 0.0005, n), rng.gamma(4.0, 0.01, n))


@pytest.mark.parametrize(("draw", "names"), [(lognormal, {"lognorm"}), (gamma, {"gamma"})])
def test_a_family_knows_the_second_moment_better_than_the_sample(draw, names: set[str]) -> None:  # type: ignore[no-untyped-def]
    rng = np.random.default_rng(5)
    truth = float((draw(rng, 4_000_000) ** 2).mean())
    plain, smooth = [], []
    for _ in range(6):
        took = draw(rng, N)
        family = service_times.family_of(took)
        assert family in names
        plain.append(float((took**2).mean()) / truth - 1)
        smooth.append(float((service_times.table(took, family) ** 2).mean()) / truth - 1)
    assert abs(np.mean(smooth)) < 0.05
    assert np.std(smooth) < 1.2 * np.std(plain)


def test_answers_that_are_seen_late_hardly_move_the_second_moment() -> None:
    """Some are seen milliseconds late; then the next one's service seems as much too short."""
    rng, apart = np.random.default_rng(5), []
    for _ in range(6):
        took = rng.lognormal(-5.9, 1.09, N)
        delay = rng.exponential(np.where(rng.uniform(size=N + 1) < 0.06, 0.003, 0.0001))
        seen = np.maximum(took + np.diff(delay), 1e-6)
        assert service_times.family_of(seen) == "lognorm"
        sharp, blurred = (float((service_times.table(each, "lognorm") ** 2).mean()) for each in (took, seen))
        apart.append(blurred / sharp - 1)
    assert abs(np.mean(apart)) < 0.03  # 3.6 % when fitted above the middle


def test_two_kinds_of_answers_are_no_family_and_stay_what_they_are() -> None:
    took = cached(np.random.default_rng(5), N)
    assert service_times.family_of(took) is None
    table = service_times.table(took, None)
    assert table.mean() == pytest.approx(took.mean())
    assert np.quantile(table, 0.95) == pytest.approx(np.quantile(took, 0.95), rel=0.01)


def test_a_far_tail_that_a_family_lacks_keeps_it_away() -> None:
    rng = np.random.default_rng(5)
    took = gamma(rng, N)
    took[:60] += 1.0
    assert service_times.family_of(took) is None


def test_a_handful_is_not_fitted() -> None:
    assert service_times.family_of(gamma(np.random.default_rng(5), service_times.SIZE_MIN - 1)) is None
