"""Exact order statistics of many groups at once, without sorting all of them.

Values are counted in buckets of their leading bits first; only the buckets in which a wanted rank lies are looked at
value by value. Twenty million calls take a third of the time and memory that sorting them would.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

MANTISSA_BITS = 7  # of a 32-bit float: buckets below 1 % wide
CHUNK = 2**19
_NOWHERE = 2**15  # above the bucket of any value

Ints = NDArray[np.int64]
Values: TypeAlias = Callable[[Any], Ints]  # those at some places: a slice, or an array of places
Codes: TypeAlias = NDArray[np.integer[Any]]


class Buckets:
    """In which bucket each of the values lies: 0 … `width` - 1, ascending, none of them empty; `width` if it does not
    count. Those that count are not negative."""

    def __init__(self, values: Values, length: int, counted: NDArray[np.bool_] | None = None) -> None:
        shift = 23 - MANTISSA_BITS
        self.place = np.empty(length, np.uint16)
        for chunk in chunks(length):
            self.place[chunk] = np.maximum(values(chunk), 0).astype(np.float32).view(np.int32) >> shift
            if counted is not None:
                self.place[chunk][~counted[chunk]] = _NOWHERE
        used = count(self.place, _NOWHERE + 1)[:-1] > 0
        self.width = max(int(np.count_nonzero(used)), 1)
        narrow = np.append(np.cumsum(used) - 1, self.width).astype(np.uint16)
        for chunk in chunks(length):
            self.place[chunk] = narrow[self.place[chunk]]


class Groups:
    """`values` in `groups` groups; `group` says which each belongs to, `groups` itself that it counts nowhere.

    `buckets` are those of the values, where they are known already.
    """

    def __init__(self, values: Values, group: Codes, groups: int, buckets: Buckets | None = None) -> None:
        self._values, self._group, self._groups = values, group, groups
        self._buckets = Buckets(values, len(group)) if buckets is None else buckets
        self._width = self._buckets.width + 1
        size = (groups + 1) * self._width
        self._kind: Any = np.int32 if size < 2**31 else np.int64
        self._counts = np.zeros(size, np.int64)
        for chunk in chunks(len(group)):
            self._counts += np.bincount(self._cells(chunk), minlength=size)
        self._counts[self._width - 1 :: self._width] = 0
        self._below = np.cumsum(self._counts)
        self.n: Ints = self._counts.reshape(groups + 1, self._width).sum(axis=1)[:groups]
        self._start: Ints = np.cumsum(self.n) - self.n

    def at(self, ranks: Ints) -> Ints:
        """(groups, k) ranks from 1 → the values; -1 where the rank is 0 or the group empty."""
        return self._found(ranks)[0]

    def beyond(self, ranks: Ints, block: Codes, blocks: int) -> tuple[Ints, Ints, Ints]:
        """The values at (groups, k) ranks that ascend; per group and block how many values there are, and how many of
        them exceed each of the k (none for rank 0): shapes (groups, k), (groups, blocks), (k, groups, blocks)."""
        values, places, wanted = self._found(ranks)
        steps = ranks.shape[1]
        bucket = np.where(values >= 0, places - self._width * np.arange(self._groups)[:, None], self._width)
        above = np.zeros((self._groups + 1, self._width), np.uint8)
        for step in range(steps):
            above[:-1] += np.arange(self._width) > bucket[:, step, None]
        above[:, -1] = steps + 1  # what does not count is on a level of its own
        passed, levels = above.ravel(), steps + 2
        size = (self._groups + 1) * blocks * levels
        kind: Any = np.int32 if size < 2**31 else np.int64
        counts = np.zeros(size, np.int64)
        exact = (self._values(wanted)[:, None] > values[self._group[wanted]]).sum(axis=1).astype(np.uint8)
        for chunk in chunks(len(self._group)):
            level = passed[self._cells(chunk)]
            first, last = np.searchsorted(wanted, (chunk.start, chunk.stop))
            level[wanted[first:last] - chunk.start] = exact[first:last]
            cell = self._group[chunk].astype(kind) * blocks + block[chunk]
            counts += np.bincount(cell * kind(levels) + level, minlength=size)
        found = counts.reshape(self._groups + 1, blocks, levels)[:-1, :, :-1]
        exceeding = np.cumsum(found[:, :, ::-1], axis=2)[:, :, ::-1]
        return values, exceeding[:, :, 0], np.moveaxis(exceeding[:, :, 1:], 2, 0)

    def _cells(self, chunk: slice) -> Codes:
        """Places of some values in the table of (group, bucket)."""
        return self._group[chunk].astype(self._kind) * self._width + self._buckets.place[chunk]

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
            [np.flatnonzero(flags[self._cells(chunk)]) + chunk.start for chunk in chunks(len(self._group))]
        )
        cell = self._group[wanted].astype(np.int64) * self._width + self._buckets.place[wanted]
        found = self._values(wanted)
        order = np.lexsort((found, cell))
        values, sorted_cells = found[order], cell[order]
        inside = rank - (self._below[cells] - self._counts[cells])
        place = np.searchsorted(sorted_cells, cells, "left") + inside - 1
        return np.where(exists, values[np.where(exists, place, 0)], -1), cells, wanted


def count(cells: Codes, size: int) -> Ints:
    """How often each of 0 … size - 1 is there, without widening all of them at once."""
    counts = np.zeros(size, np.int64)
    for chunk in chunks(len(cells)):
        counts += np.bincount(cells[chunk], minlength=size)
    return counts


def chunks(length: int) -> Iterator[slice]:
    """0 … length - 1 in stretches that the processor's memory holds."""
    for start in range(0, length, CHUNK):
        yield slice(start, min(start + CHUNK, length))
