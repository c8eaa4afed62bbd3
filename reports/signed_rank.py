"""Wilcoxon's signed rank, exactly: is the centre of a few paired differences above something, and where does it lie?

Nothing is assumed of the differences but that they scatter evenly about their centre. One wrecked pair moves a rank,
not a mean. The null distribution is counted, not approximated: with eight pairs the normal one is wrong by a factor of
two. Bounds are order statistics of the Walsh averages (x_i + x_j) / 2, i <= j (Hollander, Wolfe: Nonparametric
Statistical Methods, section 3.2); Holm: Scandinavian Journal of Statistics 6 (1979).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from math import inf
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray
from scipy.stats import rankdata

PAIRS_MAX = 400  # beyond it counting takes long, and nobody restarts anything so often

Name = TypeVar("Name")
Floats = NDArray[np.float64]


def p_above(differences: Sequence[float], centre: float = 0.0) -> float:
    """One-sided exact p of "the centre is not above `centre`"; differences equal to it count for nothing.

    Equal sizes share their mean rank, and the distribution is counted for the ranks as they are. Nothing at all: 1.
    """
    shifted = np.asarray(differences, np.float64) - centre
    shifted = shifted[shifted != 0]
    if not len(shifted):
        return 1.0
    doubled = tuple(int(rank) for rank in np.rint(2 * rankdata(np.abs(shifted))))
    found = sum(rank for rank, value in zip(doubled, shifted, strict=True) if value > 0)
    counts = _counts(tuple(sorted(doubled)))
    return float(sum(counts[found:]) / 2 ** len(doubled))


def centre(differences: Sequence[float]) -> float:
    """Hodges and Lehmann's estimate: the median of the Walsh averages."""
    return float(np.median(_walsh(differences)))


def bounds(differences: Sequence[float], alpha: float) -> tuple[float, float]:
    """Lower and upper bound of the centre, each wrong in at most `alpha` of cases; infinite where n is too small."""
    averages = _walsh(differences)
    counts, room, below = _counts(tuple(range(2, 2 * len(differences) + 1, 2))), alpha * 2 ** len(differences), 0
    depth = -1
    for rank_sum in range(0, len(counts), 2):
        below += counts[rank_sum]
        if below > room:
            break
        depth += 1
    if depth < 0:
        return -inf, inf
    return float(averages[depth]), float(averages[-1 - depth])


def holm(p_values: Mapping[Name, float], alpha: float, weights: Mapping[Name, float] | None = None) -> set[Name]:
    """Which of several questions are answered yes, at most `alpha` of such families with a wrong one among them.

    `weights` (1 each) say how much of the doubt each question may use: Holm's second procedure.
    """
    shares = dict.fromkeys(p_values, 1.0) if weights is None else {name: weights[name] for name in p_values}
    left, found = sum(shares.values()), set[Name]()
    for name, p in sorted(p_values.items(), key=lambda item: item[1] / shares[item[0]]):
        if p > alpha * shares[name] / left:
            break
        found.add(name)
        left -= shares[name]
    return found


def _walsh(differences: Sequence[float]) -> Floats:
    values = np.asarray(differences, np.float64)
    assert 0 < len(values) <= PAIRS_MAX, "from one pair on"
    rows, columns = np.triu_indices(len(values))
    return np.sort((values[rows] + values[columns]) / 2)


@lru_cache(maxsize=64)
def _counts(doubled_ranks: tuple[int, ...]) -> list[int]:
    """How many of the 2**n ways to give signs lead to each doubled rank sum of the positive ones."""
    counts = [1]
    for rank in doubled_ranks:
        longer = counts + [0] * rank
        for place, ways in enumerate(counts):
            longer[place + rank] += ways
        counts = longer
    return counts
