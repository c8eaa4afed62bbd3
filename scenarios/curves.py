"""Rates over time as straight pieces, and Poisson points under them by exact inversion.

Only + − × ÷, sqrt and frexp are used, which every IEEE machine rounds alike: the logarithm of numpy differs in the last
bit between processors, and the digest of a plan must not. Thinning from a constant envelope was the alternative; it
wastes draws where the curve has a lunch gap, and is kept for factors that multiply a curve (`keep`).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from scenarios import rng

Floats = NDArray[np.float64]

POINTS_MAX = 50_000_000
_LN2 = 0.6931471805599453
_TERMS = 12  # |s| <= 0.1716 in _log: the 13th term is below 2**-60 of the first


@dataclass(frozen=True)
class Curve:
    """A rate (per second) that runs straight between its knots and is zero outside them. Times in s, increasing."""

    times: tuple[float, ...]
    rates: tuple[float, ...]

    def __post_init__(self) -> None:
        assert len(self.times) == len(self.rates) >= 2, "a curve has at least two knots"
        assert all(a < b for a, b in pairwise(self.times)), "times increase"
        assert all(rate >= 0 for rate in self.rates), "a rate is not negative"

    @property
    def edges(self) -> tuple[float, ...]:
        """Area under the curve up to each knot; the last is the whole."""
        total, edges = 0.0, [0.0]
        for i in range(1, len(self.times)):
            total += (self.times[i] - self.times[i - 1]) * (self.rates[i] + self.rates[i - 1]) * 0.5
            edges.append(total)
        return tuple(edges)

    @property
    def area(self) -> float:
        return self.edges[-1]

    def scaled(self, factor: float) -> Curve:
        return Curve(self.times, tuple(rate * factor for rate in self.rates))

    def at(self, times: Floats) -> Floats:
        """The rate at each time."""
        piece, offset = self._pieces(times)
        slope, rates = self._slopes(), np.array(self.rates)
        inside = (times >= self.times[0]) & (times <= self.times[-1])
        return np.where(inside, rates[piece] + slope[piece] * offset, 0.0)

    def below(self, times: Floats) -> Floats:
        """The area from the first knot to each time."""
        clipped = np.clip(times, self.times[0], self.times[-1])
        piece, offset = self._pieces(clipped)
        rates, edges = np.array(self.rates), np.array(self.edges)
        return edges[piece] + offset * (rates[piece] + self._slopes()[piece] * offset * 0.5)

    def inverse(self, areas: Floats) -> Floats:
        """The time at which the area under the curve reaches each value in [0, area]; inverse of `below`."""
        edges, rates, times = np.array(self.edges), np.array(self.rates), np.array(self.times)
        piece = np.clip(np.searchsorted(edges, areas, side="right") - 1, 0, len(times) - 2)
        rest = areas - edges[piece]
        start = rates[piece]
        root = np.sqrt(np.maximum(start * start + 2.0 * self._slopes()[piece] * rest, 0.0))
        moved = np.divide(2.0 * rest, start + root, out=np.zeros_like(rest), where=(start + root) > 0)
        reached: Floats = np.minimum(times[piece] + moved, times[piece + 1])
        return reached

    def _slopes(self) -> Floats:
        return np.diff(np.array(self.rates)) / np.diff(np.array(self.times))

    def _pieces(self, times: Floats) -> tuple[NDArray[np.intp], Floats]:
        knots = np.array(self.times)
        piece = np.clip(np.searchsorted(knots, times, side="right") - 1, 0, len(knots) - 2)
        return piece, times - knots[piece]


def poisson(key: int, curve: Curve) -> Floats:
    """Times of a Poisson process with the curve's rate, ascending: unit-rate points carried through the inverse."""
    return curve.inverse(unit_points(key, curve.area))


def unit_points(key: int, total: float) -> Floats:
    """Points of a unit-rate Poisson process in [0, total). A larger total keeps the points of a smaller one."""
    assert 0 <= total <= POINTS_MAX, f"{total} expected points; at most {POINTS_MAX}"
    if total == 0:
        return np.empty(0)
    count = int(total + 6.0 * math.sqrt(total)) + 16
    points = np.cumsum(exponentials(key, np.arange(count, dtype=np.uint64)))
    while points[-1] < total:  # one case in a thousand million
        count += count // 8 + 16
        points = np.cumsum(exponentials(key, np.arange(count, dtype=np.uint64)))
    return points[: np.searchsorted(points, total, side="left")]


def exponentials(key: int, index: rng.U64) -> Floats:
    """Exponential gaps of mean 1, one per index."""
    return -_log(1.0 - rng.uniforms(key, index))


def keep(key: int, shares: Floats) -> NDArray[np.bool_]:
    """Thinning: which points stay when each stays with its share (0..1)."""
    kept: NDArray[np.bool_] = rng.uniforms(key, np.arange(len(shares), dtype=np.uint64)) < shares
    return kept


def straight(points: Sequence[tuple[float, float]]) -> Curve:
    """A curve from (time, rate) pairs."""
    return Curve(tuple(time for time, _ in points), tuple(rate for _, rate in points))


def _log(x: Floats) -> Floats:
    """Natural logarithm of positive normal numbers, within 2 units of the last place, the same bits everywhere."""
    mantissa, exponent = np.frexp(x)
    low = mantissa < 0.7071067811865476
    mantissa = np.where(low, mantissa * 2.0, mantissa)
    power = exponent.astype(np.float64) - low
    s = (mantissa - 1.0) / (mantissa + 1.0)
    z = s * s
    series = np.full_like(z, 1.0 / (2 * _TERMS + 1))
    for k in range(_TERMS - 1, -1, -1):
        series *= z
        series += 1.0 / (2 * k + 1)
    result: Floats = power * _LN2 + 2.0 * s * series
    return result
