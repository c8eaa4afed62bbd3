"""95 % confidence intervals that respect that neighbouring calls are alike.

Near saturation a thousand late calls may be one busy period, so n calls are not n observations: they are worth
n_eff = n / phi of them. phi (over-dispersion) is taken from the calls late in one-second blocks: how much more the
blocks differ than independent calls would (Pearson), times (1 + r) / (1 - r) for neighbouring blocks that correlate
by r, times the square of Student's t over the normal quantile because phi is itself an estimate. Blocks of 2, 4, 8, …
seconds are tried while LONG_BLOCKS_MIN of them remain, and the largest phi counts.
A load that was planned to rise makes blocks differ too; that is no chance, so it is taken out first.
Percentiles: ranks from the binomial distribution on n_eff (no shape is assumed). Shares: Clopper-Pearson on n_eff.
`tests/reports/test_coverage.py` measures on simulated queues how often the truth lies inside.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil, log

import numpy as np
from numpy.typing import NDArray
from scipy.stats import beta, binom, norm
from scipy.stats import t as student

CONFIDENCE = 0.95
TAIL = (1 - CONFIDENCE) / 2
BLOCKS_MIN = 8
LONG_BLOCKS_MIN = 16
WORTH_MIN = 6  # the fewest observations of which a median has an interval
CORRELATION_MAX = 0.97
DEPENDENT = 1e-14  # of a column's square: so little left, and the columns before explain all of it
SAMPLES_MORE_MAX = 100_000_000  # beyond this "more of the same" is no advice

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Share:
    """A share with its interval; the whole of it is exact up to floating point, nothing is rounded."""

    events: int
    of: int
    low: float
    high: float

    @property
    def value(self) -> float:
        return self.events / self.of


def overdispersion(events: Ints, totals: Ints, planned: Floats) -> Floats:
    """phi >= 1 per row of (groups, blocks) matrices of events and calls.

    `planned` (blocks, k) is what the plan did to each block (reports.offered); what a weighted linear fit on it
    explains is no chance and does not count. Infinite where fewer than BLOCKS_MIN blocks have a call: a burst says
    nothing about other seconds.
    """
    late, calls = events.astype(np.float64), totals.astype(np.float64)
    share = late.sum(axis=1) / np.maximum(calls.sum(axis=1), 1)
    unexplained, spent = _residuals(late, calls, planned)
    phi = np.where((calls > 0).sum(axis=1) >= BLOCKS_MIN, 1.0, np.inf)
    blocks_min = BLOCKS_MIN
    while calls.shape[1] >= blocks_min:
        phi = np.maximum(phi, _at_this_length(unexplained, calls, share * (1 - share), blocks_min, spent))
        unexplained, calls = _pairs(unexplained), _pairs(calls)
        blocks_min = LONG_BLOCKS_MIN
    return phi


def _residuals(late: Floats, calls: Floats, planned: Floats) -> tuple[Floats, Ints]:
    """Late calls beyond what the plan explains, and how many degrees of freedom explaining took, per row.

    Weighted least squares by the modified method of Gram and Schmidt, in products and sums of rows only: a library's
    matrices come out differently in the last digits on other processors, and so would the verdict's bytes.
    """
    unexplained, spent = late.copy(), np.zeros(len(late), np.int64)
    for blocks, columns in _apart(planned):
        weight, left = calls[:, blocks], unexplained[:, blocks]
        basis: list[tuple[Floats, Floats]] = []
        for column in columns:
            direction = np.tile(planned[blocks, column], (len(late), 1))
            before = (weight * direction**2).sum(axis=1)
            for other, size in basis:
                direction -= other * ((weight * other * direction).sum(axis=1) / size)[:, None]
            size = (weight * direction**2).sum(axis=1)
            counts = size > DEPENDENT * before
            direction[~counts], size[~counts] = 0.0, 1.0
            left -= weight * direction * ((direction * left).sum(axis=1) / size)[:, None]
            spent += counts
            basis.append((direction, size))
        unexplained[:, blocks] = left
    return unexplained, np.maximum(spent, 1)


def _apart(planned: Floats) -> list[tuple[NDArray[np.bool_], list[int]]]:
    """Columns that share blocks, with these blocks. What is in different parts has nothing to do with each other."""
    parts: list[tuple[NDArray[np.bool_], list[int]]] = []
    for column in range(planned.shape[1]):
        blocks, columns, others = planned[:, column] != 0, [column], []
        for part in parts:
            if (part[0] & blocks).any():
                blocks, columns = blocks | part[0], part[1] + columns
            else:
                others.append(part)
        parts = [*others, (blocks, sorted(columns))]
    return parts


def _at_this_length(unexplained: Floats, calls: Floats, spread: Floats, blocks_min: int, spent: Ints) -> Floats:
    """phi from blocks of one length; 1 for rows with too few of them or without any spread."""
    blocks = (calls > 0).sum(axis=1)
    usable = (blocks >= blocks_min + spent - 1) & (spread > 0)
    freedom = np.where(usable, blocks - spent, 1)
    squares = (unexplained**2).sum(axis=1)
    alike = (unexplained[:, 1:] * unexplained[:, :-1]).sum(axis=1) / np.where(squares > 0, squares, 1)
    alike += (1 + 3 * alike) / np.maximum(blocks, 1)  # a short series makes r look smaller than it is
    alike = np.clip(alike, 0, CORRELATION_MAX)
    pearson = squares / np.where(spread > 0, spread, 1) / np.maximum(calls.sum(axis=1), 1) * blocks / freedom
    guess = (student.ppf(1 - TAIL, freedom) / norm.ppf(1 - TAIL)) ** 2
    return np.where(usable, pearson * (1 + alike) / (1 - alike) * guess, 1.0)


def ranks(n: Ints, share: float, phi: Floats) -> tuple[Ints, Ints]:
    """1-based positions in ascending samples of n calls, worth n / phi, that bracket the quantile `share`.

    0 stands for "does not exist": the sample is too small for that side of the interval. One of the worth-many
    observations stands for phi neighbouring ranks; the middle one of them is taken.
    """
    worth = np.floor(n / phi).astype(np.int64)
    safe = np.maximum(worth, 1)
    low = np.asarray(binom.ppf(TAIL, safe, share)).astype(np.int64)
    above = safe - np.asarray(binom.ppf(1 - TAIL, safe, share)).astype(
        np.int64
    )  # the mirror image: counted from the top
    low_rank, from_top = (np.floor((rank - 0.5) * n / safe).astype(np.int64) + 1 for rank in (low, above))
    enough = worth >= WORTH_MIN
    return np.where(enough & (low >= 1), low_rank, 0), np.where(enough & (above >= 1), n + 1 - from_top, 0)


def rank_of(n: Ints, share: float) -> Ints:
    """Position of the quantile itself: the smallest value that at least `share` of the calls do not exceed."""
    return np.maximum(1, np.ceil(np.round(n * share, 6))).astype(np.int64)


def calls_needed(share: float, phi: float = 1.0) -> int:
    """How many calls it takes before the quantile has an interval at all: share ** n_eff <= 2.5 %."""
    phi = phi if phi < np.inf else 1.0
    return ceil(phi * ceil(log(TAIL) / log(max(share, 1 - share))))


def calls_to_decide(n: int, share: float, found: float, phi: float) -> int | None:
    """About how many more calls decide whether `share` of all lie below a limit when `found` of n do.

    None when the two agree so closely that more of the same will not decide it.
    """
    gap = abs(found - share)
    if gap == 0 or phi == np.inf:
        return None
    z = 1.96
    wanted = ceil(phi * share * (1 - share) * (z / gap) ** 2)
    more = max(wanted, calls_needed(share, phi)) - n
    return more if 0 < more <= SAMPLES_MORE_MAX else (1 if more <= 0 else None)


def share_of(events: int, of: int, phi: float = 1.0) -> Share:
    """events / of with its interval. With no events (or nothing but events) one-sided: the rule of three."""
    assert of > 0, "a share of nothing"
    worth = max(of / phi, 1.0)
    if events == 0:
        return Share(0, of, 0.0, float(-np.expm1(log(1 - CONFIDENCE) / worth)))
    if events == of:
        return Share(of, of, float(np.exp(log(1 - CONFIDENCE) / worth)), 1.0)
    hits = worth * events / of
    low = float(beta.ppf(TAIL, hits, worth - hits + 1))
    high = float(beta.ppf(1 - TAIL, hits + 1, worth - hits))
    return Share(events, of, low, high)


def _pairs(matrix: Floats) -> Floats:
    """Neighbouring columns added; an odd last one stays alone."""
    if matrix.shape[1] % 2:
        matrix = np.hstack([matrix, np.zeros((len(matrix), 1))])
    return np.asarray(matrix[:, ::2] + matrix[:, 1::2])
