"""All answer times of a run at once: which share of the calls was answered within how long, far into the tail.

Read off the buckets in which the percentiles were looked for, which grow by less than 1 %; the figures that decide are
exact and stand elsewhere (reports.latency).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from reports.case import Case
from reports.verdict import NEVER_NS

POINTS = 120
TAIL_MIN = 10  # calls beyond the last point of a line: fewer are single events

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Line:
    """`share` of the calls within `time_s`, ascending; it ends where too few calls are left, or none was answered."""

    system: str  # "" for all of them
    calls: int
    share: Floats
    time_s: Floats


def of(case: Case) -> tuple[Line, ...]:
    """All timed calls of the judged phases, from when they were due; then each system by itself, if there are more."""
    systems, by_operation = case.calls.systems, case.judged_of(case.times.due)
    table = np.zeros((len(systems), by_operation.shape[1]), np.int64)
    for system, counts in zip(case.calls.system_of, by_operation, strict=True):
        table[system] += counts
    if not table.any():
        return ()
    upper = case.times.clock.buckets.upper
    lines = [_line("", table.sum(axis=0), upper)]
    if np.count_nonzero(table.sum(axis=1)) > 1:
        lines += [_line(name, row, upper) for name, row in zip(systems, table, strict=True) if row.any()]
    return tuple(lines)


def _line(system: str, counts: NDArray[np.int64], upper: Floats) -> Line:
    below = np.cumsum(counts)
    n = int(below[-1])
    finest = max(TAIL_MIN / n, 1e-6)
    beyond = np.geomspace(1.0, finest, POINTS) if finest < 1 else np.ones(1)
    place = np.minimum(np.searchsorted(below, np.ceil((1 - beyond) * n).clip(1), "left"), len(upper) - 1)
    answered = upper[place] < NEVER_NS
    return Line(system, n, (1 - beyond)[answered], upper[place][answered] / 1e9)
