"""Exact order statistics of many groups at once, without sorting all of them.

Values are counted in buckets of their leading bits first; only the buckets in which a wanted rank lies are looked at
value by value. Twenty million calls take a third of the time and memory that sorting them would.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

MANTISSA_BITS = 7  # of a 32-bit float: buckets below 1 % wide
CHUNK = 2**21

Ints = NDArray[np.int64]
Cells: TypeAlias = NDArray[Any]  # int32, or int64 where that is too small


class Groups:
    """`values` (not negative) in `groups` groups; `group` says which each belongs to."""

    def __init__(self, values: Ints, group: NDArray[np.integer[Any]], groups: int) -> None:
        self._values, self._group, self._groups = values, group, groups
        self._cell, self._width = self._cells()
        self._counts = count(self._cell, groups * self._width)
        self._below = np.cumsum(self._counts)
        self.n: Ints = self._counts.reshape(groups, self._width).sum(axis=1)
        self._start: Ints = np.cumsum(self.n) - self.n

    def at(self, ranks: Ints) -> Ints:
        """(groups, k) ranks from 1 → the values; -1 where the rank is 0 or the group empty."""
        return self._found(ranks)[0]

    def beyond(self, ranks: Ints, block: NDArray[np.int32], blocks: int) -> tuple[Ints, Ints, Ints]:
        """The values at (groups, k) ranks that ascend; per group and block how many values there are, and how many of
        them exceed each of the k (none for rank 0): shapes (groups, k), (groups, blocks), (k, groups, blocks)."""
        values, places, wanted = self._found(ranks)
        steps = ranks.shape[1]
        bucket = np.where(values >= 0, places - self._width * np.arange(self._groups)[:, None], self._width)
        above = np.zeros((self._groups, self._width), np.uint8)
        for step in range(steps):
            above += np.arange(self._width) > bucket[:, step, None]
        passed = above.ravel()
        size = self._groups * blocks * (steps + 1)
        kind: Any = np.int32 if size < 2**31 else np.int64
        counts = np.zeros(size, np.int64)
        exact = (self._values[wanted, None] > values[self._group[wanted]]).sum(axis=1).astype(np.uint8)
        for chunk in _chunks(len(self._values)):
            level = passed[self._cell[chunk]]
            first, last = np.searchsorted(wanted, (chunk.start, chunk.stop))
            level[wanted[first:last] - chunk.start] = exact[first:last]
            cell = self._group[chunk].astype(kind) * blocks + block[chunk]
            counts += np.bincount(cell * (steps + 1) + level, minlength=size)
        levels = counts.reshape(self._groups, blocks, steps + 1)
        exceeding = np.cumsum(levels[:, :, ::-1], axis=2)[:, :, ::-1]
        return values, exceeding[:, :, 0], np.moveaxis(exceeding[:, :, 1:], 2, 0)

    def _cells(self) -> tuple[Cells, int]:
        """Place of each value in the table of (group, bucket), and how many buckets a group has."""
        if not len(self._values):
            return np.zeros(0, np.int32), 1
        shift = 23 - MANTISSA_BITS
        low, high = (int(np.float32(edge).view(np.int32)) >> shift for edge in (self._values.min(), self._values.max()))
        width = high - low + 1
        kind: Any = np.int32 if self._groups * width < 2**31 else np.int64
        cell = np.empty(len(self._values), kind)
        for chunk in _chunks(len(cell)):
            bucket = self._values[chunk].astype(np.float32).view(np.int32) >> shift
            cell[chunk] = self._group[chunk].astype(kind) * width + (bucket - low)
        return cell, width

    def _found(self, ranks: Ints) -> tuple[Ints, Ints, NDArray[np.intp]]:
        """The values at the ranks, the cells that hold them, and where all values of these cells are, ascending."""
        exists = (ranks >= 1) & (self.n >= 1)[:, None]
        if not exists.any():
            return np.full(ranks.shape, -1), np.zeros(ranks.shape, np.int64), np.zeros(0, np.intp)
        rank = self._start[:, None] + np.minimum(ranks, self.n[:, None])
        cells = np.searchsorted(self._below, np.where(exists, rank, 1), "left")
        flags = np.zeros(len(self._counts), np.bool_)
        flags[cells[exists]] = True
        wanted = np.concatenate(
            [np.flatnonzero(flags[self._cell[chunk]]) + chunk.start for chunk in _chunks(len(self._cell))]
        )
        order = np.lexsort((self._values[wanted], self._cell[wanted]))
        values, sorted_cells = self._values[wanted][order], self._cell[wanted][order]
        inside = rank - (self._below[cells] - self._counts[cells])
        place = np.searchsorted(sorted_cells, cells, "left") + inside - 1
        return np.where(exists, values[np.where(exists, place, 0)], -1), cells, wanted


def count(cells: NDArray[np.integer[Any]], size: int) -> Ints:
    """How often each of 0 … size - 1 is there, without widening all of them at once."""
    counts = np.zeros(size, np.int64)
    for chunk in _chunks(len(cells)):
        counts += np.bincount(cells[chunk], minlength=size)
    return counts


def _chunks(length: int) -> Iterator[slice]:
    for start in range(0, length, CHUNK):
        yield slice(start, min(start + CHUNK, length))
