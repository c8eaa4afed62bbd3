"""What the plan did to each second of a run: which phase it was in, and how much load was offered.

Answer times that follow a planned curve are not scattered by chance. The intervals take out what phase and offered
load explain (linearly and by the square). A flat load explains nothing, so its chance ups and downs stay in: the load
counts only when the arrivals vary more than a Poisson process of one rate would.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

WINDOWS = 16
WINDOW_BLOCKS_MIN = 5
EXCESS_MIN = 3.0  # chi2 per degree of freedom over 16 windows; a constant rate exceeds it once in 10,000 runs

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


def design(phase: Ints, arrivals: Ints, due: Ints) -> Floats:
    """(blocks, k) from three arrays by block: number of the phase, arrivals due, calls due."""
    columns = [(phase == number).astype(np.float64) for number in np.unique(phase)]
    for number in np.unique(phase):
        inside = phase == number
        if _varies(arrivals[inside]):
            load = np.where(inside, _smooth(due.astype(np.float64)), 0.0)
            scale = load.max() or 1.0
            columns += [load / scale, (load / scale) ** 2]
    return np.column_stack(columns) if columns else np.ones((len(phase), 1))


def _width(blocks: int) -> int:
    return max(WINDOW_BLOCKS_MIN, blocks // WINDOWS)


def _varies(arrivals: Ints) -> bool:
    """Do the counts of a phase vary more than chance at a constant rate?"""
    width = _width(len(arrivals))
    windows = len(arrivals) // width
    if windows < 3:
        return False
    counts = arrivals[: windows * width].reshape(windows, width).sum(axis=1)
    mean = counts.mean()
    return bool(mean > 0 and ((counts - mean) ** 2).sum() / mean / (windows - 1) > EXCESS_MIN)


def _smooth(values: Floats) -> Floats:
    """Moving average over a window, narrower at the edges."""
    kernel = np.ones(min(_width(len(values)), len(values)))
    return np.convolve(values, kernel, "same") / np.convolve(np.ones(len(values)), kernel, "same")
