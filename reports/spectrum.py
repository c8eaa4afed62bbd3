"""All answer times of a run at once: which share of the calls was answered within how long, far into the tail.

Times are counted in buckets that grow by less than 1 %, so that twenty million of them cost a moment; the figures that
decide are exact and stand elsewhere (reports.latency).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from reports import order
from reports.case import Case
from reports.verdict import NEVER_NS

MANTISSA_BITS = 7  # of a 32-bit float that are kept: buckets 1/128 of an octave wide
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
    calls = case.calls
    shift = 23 - MANTISSA_BITS
    size = 2**31 >> shift
    counts = np.zeros(len(calls.systems) * size, np.int64)
    for chunk in order.chunks(len(calls)):
        chosen = calls.timed[chunk] & case.judged[chunk]
        bucket = calls.due_ns(chunk)[chosen].astype(np.float32).view(np.int32) >> shift
        system = calls.system_of[calls.operation[chunk][chosen]]
        counts += np.bincount(system * size + bucket, minlength=len(counts))
    table = counts.reshape(len(calls.systems), size)
    found = np.flatnonzero(table.any(axis=0))
    if not len(found):
        return ()
    lowest, width = int(found[0]), int(found[-1] - found[0]) + 1
    table = table[:, lowest : lowest + width]
    upper = ((np.arange(width, dtype=np.int32) + lowest + 1) << shift).view(np.float32).astype(np.float64)
    lines = [_line("", table.sum(axis=0), upper)]
    if np.count_nonzero(table.sum(axis=1)) > 1:
        lines += [_line(name, row, upper) for name, row in zip(calls.systems, table, strict=True) if row.any()]
    return tuple(lines)


def _line(system: str, counts: NDArray[np.int64], upper: Floats) -> Line:
    below = np.cumsum(counts)
    n = int(below[-1])
    finest = max(TAIL_MIN / n, 1e-6)
    beyond = np.geomspace(1.0, finest, POINTS) if finest < 1 else np.ones(1)
    place = np.minimum(np.searchsorted(below, np.ceil((1 - beyond) * n).clip(1), "left"), len(upper) - 1)
    answered = upper[place] < NEVER_NS
    return Line(system, n, (1 - beyond)[answered], upper[place][answered] / 1e9)
