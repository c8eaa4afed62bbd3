"""Exact order statistics of many groups at once, without sorting all of them.

Values are counted in buckets of their leading bits first; only the buckets in which a wanted rank lies are looked at
value by value. The smallest groups that anybody asks for are the strata; every other group is some of them together, so
that all groups share the passes over the values: three of them, however many groups there are. Twenty million calls
take a fraction of the time and memory that sorting them would.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

MANTISSA_BITS = 7  # of a 32-bit float: buckets below 1 % wide
CHUNK = 2**19
TABLE_MAX = 2**22
_SHIFT = 23 - MANTISSA_BITS
_SIGN = 31  # bits to the right of the sign of a key
_NOWHERE = 2**15  # above the bucket of any value
_VALUE_BITS = 42  # of a value, beside the number of its cell; NEVER_NS has as many

Ints = NDArray[np.int64]
Codes: TypeAlias = NDArray[np.integer[Any]]
Values: TypeAlias = Callable[[Any], Codes]  # those at some places: a slice, or an array of places
Chosen: TypeAlias = Callable[[slice], NDArray[np.bool_]]


class Numbers(Protocol):
    """One for each value, reckoned when they are asked for."""

    def __len__(self) -> int: ...

    def __getitem__(self, at: Any) -> Codes: ...


class Buckets:
    """In which bucket each of the values lies: 0 … `width` - 1, ascending, none of them empty; `width` if it does not
    count, as those at the places `ignored`. Those that count are from 0 to 2**42 - 1. `upper`: where each bucket ends.
    """

    def __init__(self, values: Values, length: int, ignored: Codes | None = None) -> None:
        self.place = np.empty(length, np.uint16)
        for chunk in chunks(length):
            self.place[chunk] = _bucket(values(chunk))
        if ignored is not None:
            self.place[ignored] = _NOWHERE
        used = count(self.place, _NOWHERE + 1)[:-1] > 0
        self.width = max(int(np.count_nonzero(used)), 1)
        ends = (np.flatnonzero(used).astype(np.int32) + 1) << _SHIFT
        self.upper: NDArray[np.float64] = ends.view(np.float32).astype(np.float64)
        narrow = np.append(np.cumsum(used) - 1, self.width).astype(np.uint16)
        for chunk in chunks(length):
            np.take(narrow, self.place[chunk], out=self.place[chunk], mode="clip")


@dataclass(frozen=True)
class Pairs:
    """Of each call, one number for two: `outer` times `width` plus `inner`, which is 0 … width - 1. Reckoned when it is
    asked for; neighbours mostly have the same `outer`."""

    outer: Codes
    inner: Codes
    width: int

    def __len__(self) -> int:
        return len(self.inner)

    def __getitem__(self, at: Any) -> Codes:
        outer: Codes = self.outer[at]
        found: Codes = self.inner[at].astype(np.int32)
        if len(outer) and outer.min() == outer.max():
            found += np.int32(int(outer[0]) * self.width)
        else:
            found += outer.astype(np.int32) * np.int32(self.width)
        return found


@dataclass(frozen=True)
class _Ranked:
    """Where (groups, k) ranks are: does the value exist, in which cell of (group, bucket), and as the how-many-eth."""

    exists: NDArray[np.bool_]
    cells: Ints
    inside: Ints


@dataclass(frozen=True)
class _Looked:
    """The values in some cells, one by one."""

    place: NDArray[np.intp]
    stratum: Codes
    bucket: Codes
    value: Codes


class Groups:
    """`values` in `strata`; `stratum` says which each belongs to, `strata` itself that it counts nowhere.

    `member` (partitions, strata): the groups. In each partition a stratum is in one group or in none (-1); groups are
    numbered through from 0, one partition after the other. Without it every stratum is a group. `buckets` are those of
    the values, where they are known already. `counts` (strata, buckets) are the values that count.
    """

    def __init__(
        self,
        values: Values,
        stratum: Codes | Numbers,
        strata: int,
        buckets: Buckets | None = None,
        member: Ints | None = None,
    ) -> None:
        self._values, self._stratum, self._strata = values, stratum, strata
        self._buckets = Buckets(values, len(stratum)) if buckets is None else buckets
        self._width = self._buckets.width
        self._parts = [_Part.of(row) for row in (np.arange(strata)[None] if member is None else member)]
        size = (strata + 1) * (self._width + 1)
        self._kind: Any = np.int32 if size < 2**31 else np.int64
        counts = np.zeros(size, np.int64)
        for chunk in chunks(len(stratum)):
            counts += np.bincount(self._cells(chunk, self._stratum[chunk]), minlength=size)
        self.counts: Ints = counts.reshape(strata + 1, self._width + 1)[:-1, :-1]
        self._grouped = np.concatenate([part.sums(self.counts[part.strata]) for part in self._parts])
        self._below = np.cumsum(self._grouped)
        self.n: Ints = self._grouped.sum(axis=1)
        self._start: Ints = np.cumsum(self.n) - self.n

    def at(self, ranks: Ints) -> Ints:
        """(groups, k) ranks from 1 → the values; -1 where the rank is 0 or the group empty."""
        ranked = self._ranked(ranks)
        flags = self._flags(ranked)
        found = [
            _where(flags, self._cells(chunk, self._stratum[chunk])) + chunk.start
            for chunk in chunks(len(self._stratum))
        ]
        return self._picked(ranked, self._looked(found))

    def beyond(self, ranks: Ints, block: Codes, blocks: int) -> tuple[Ints, Ints, Ints]:
        """The values at (groups, k) ranks; per group and block how many values there are, and how many of them exceed
        each of the k (none for rank 0): shapes (groups, k), (groups, blocks), (k, groups, blocks).

        Values in the bucket of a rank are compared one by one; all others exceed it if their bucket is a higher one.
        """
        ranked = self._ranked(ranks)
        bucket = np.where(ranked.exists, ranked.cells % self._width, self._width)
        levels = _Levels.of(self._parts, bucket, self._strata, self._width, self._flags(ranked))
        totals = np.zeros((len(ranks), blocks), np.int64)
        exceeding = np.zeros((len(ranks), ranks.shape[1], blocks), np.int64)
        found = []
        for chunk in chunks(len(self._stratum)):
            mine = block[chunk]
            keys = np.take(levels.keys, self._cells(chunk, self._stratum[chunk]), mode="clip")
            found.append(np.flatnonzero(keys < 0) + chunk.start)
            keys ^= keys >> _SIGN
            for some in levels.stretches(mine):
                first = int(mine[some].min())
                table = levels.table(keys[some], mine[some] - mine.dtype.type(first))
                span = slice(first, first + table.shape[2])
                for part, step in zip(self._parts, levels.steps, strict=True):
                    totals[part.groups, span] += part.sums(table[0, part.strata])
                    exceeding[part.groups, :, span] += part.sums(table[step, part.strata[:, None]])
        looked = self._looked(found)
        values = self._picked(ranked, looked)
        for part in self._parts:
            part.add_exact(exceeding[part.groups], looked, bucket, values, block)
        return values, totals, np.moveaxis(exceeding, 1, 0)

    def _cells(self, chunk: slice, stratum: Codes) -> Codes:
        """Places of some values in the table of (stratum, bucket), in which a last bucket does not count."""
        cells: Codes = stratum.astype(self._kind)
        cells *= self._width + 1
        cells += self._buckets.place[chunk]
        return cells

    def _ranked(self, ranks: Ints) -> _Ranked:
        exists = (ranks >= 1) & (self.n >= 1)[:, None]
        rank = self._start[:, None] + np.minimum(ranks, self.n[:, None])
        cells = np.searchsorted(self._below, np.where(exists, rank, 1), "left")
        cells = np.minimum(cells, max(self._grouped.size - 1, 0))
        return _Ranked(exists, cells, rank - (self._below[cells] - self._grouped.ravel()[cells]))

    def _flags(self, ranked: _Ranked) -> NDArray[np.bool_]:
        """Which places of the table of (stratum, bucket) have values that must be looked at."""
        wanted = np.zeros(self._grouped.shape, np.bool_)
        wanted.ravel()[ranked.cells[ranked.exists]] = True
        flags = np.zeros((self._strata + 1, self._width + 1), np.bool_)
        for part in self._parts:
            flags[part.strata, :-1] |= wanted[part.member[part.strata]]
        return flags.ravel()

    def _looked(self, found: Sequence[NDArray[np.intp]]) -> _Looked:
        place = np.concatenate([np.zeros(0, np.intp), *found])
        return _Looked(place, self._stratum[place], self._buckets.place[place], self._values(place))

    def _picked(self, ranked: _Ranked, looked: _Looked) -> Ints:
        """The values at the ranks, -1 where there is none: those of each wanted cell sorted, one cell after another."""
        wanted = np.zeros(self._grouped.size, np.bool_)
        wanted[ranked.cells[ranked.exists]] = True
        number = np.cumsum(wanted) - 1
        counts = self._grouped.ravel()[wanted]
        parts = [np.zeros(0, np.int64)]
        for part in self._parts:
            group = part.member[looked.stratum]
            cell = group * self._width + looked.bucket
            mine = (group >= 0) & wanted[cell]
            keys = (number[cell[mine]] << _VALUE_BITS) | looked.value[mine]
            keys.sort()
            parts.append(keys)
        keys = np.concatenate(parts)
        if not len(keys):
            return np.full(ranked.exists.shape, -1)
        begin = np.append(0, np.cumsum(counts))[np.where(ranked.exists, number[ranked.cells], 0)]
        place = np.where(ranked.exists, begin + ranked.inside - 1, 0)
        return np.where(ranked.exists, keys[place] & (2**_VALUE_BITS - 1), -1)


@dataclass(frozen=True)
class _Part:
    """A partition: the group of each stratum (-1: none), the strata that have one, by group, and where each begins."""

    member: Ints
    groups: slice
    strata: NDArray[np.intp]
    first: NDArray[np.intp]

    @classmethod
    def of(cls, member: Ints) -> _Part:
        """Raises AssertionError where a group has no stratum."""
        inside = np.flatnonzero(member >= 0)
        strata = inside[np.argsort(member[inside], kind="stable")]
        numbers, first = np.unique(member[strata], return_index=True)
        low = int(numbers[0])
        assert np.array_equal(numbers, low + np.arange(len(numbers))), "groups are numbered through"
        return cls(member, slice(low, low + len(numbers)), strata, first)

    def sums(self, rows: Ints) -> Ints:
        """Rows of its strata, in their order, added up by group."""
        return np.asarray(np.add.reduceat(rows, self.first, axis=0))

    def add_exact(self, exceeding: Ints, looked: _Looked, bucket: Ints, values: Ints, block: Codes) -> None:
        """To (groups, k, blocks): values in the very bucket of a rank that exceed the value there."""
        many, steps, blocks = exceeding.shape
        group = self.member[looked.stratum]
        for step in range(steps):
            there = (group >= 0) & (looked.bucket == bucket[group, step])
            hits = np.flatnonzero(there & (looked.value > values[group, step]))
            cells = (group[hits] - self.groups.start) * blocks + block[looked.place[hits]]
            exceeding[:, step] += np.bincount(cells, minlength=many * blocks).reshape(many, blocks)


@dataclass(frozen=True)
class _Levels:
    """Above how many of the wanted buckets of its stratum a value lies.

    `keys`: by place in (stratum, bucket), that level times the number of strata and one more, plus the stratum; turned
    over (~) where the values must be looked at one by one. `steps`: for each partition (its strata, k) levels from
    which on a value lies above the bucket of the rank.
    """

    keys: NDArray[np.int32]
    many: int
    strata: int
    steps: list[Ints]

    @classmethod
    def of(cls, parts: Sequence[_Part], bucket: Ints, strata: int, width: int, flags: NDArray[np.bool_]) -> _Levels:
        """`bucket` (groups, k) of the ranks, `width` where there is none; `flags` of what must be looked at."""
        marks = np.zeros((strata, width + 1), np.bool_)
        for part in parts:
            marks[part.strata[:, None], bucket[part.member[part.strata]]] = True
        above: Ints = np.cumsum(marks, axis=1) - marks
        many = int(above.max(initial=0)) + 2
        level = np.full((strata + 1, width + 1), many, np.int32)
        level[:-1, :-1] = above[:, :-1]
        keys = (level * (strata + 1) + np.arange(strata + 1, dtype=np.int32)[:, None]).ravel()
        keys[flags] = ~keys[flags]
        steps = [above[part.strata[:, None], bucket[part.member[part.strata]]] + 1 for part in parts]
        return cls(keys, many, strata, steps)

    def stretches(self, block: Codes) -> Iterator[Any]:
        """Places of values, so that the table of each lot holds at most about TABLE_MAX numbers: all of them as a rule;
        sorted by block and cut where few values are spread over many blocks."""
        blocks_max = max(TABLE_MAX // ((self.many + 1) * (self.strata + 1)), 1)
        first, last = int(block.min()), int(block.max())
        if last - first < blocks_max:
            yield slice(None)
            return
        place = np.argsort(block, kind="stable")
        edges = np.searchsorted(block[place], np.arange(first, last + 1, blocks_max))
        for begin, end in pairwise([*edges, len(place)]):
            if end > begin:
                yield place[begin:end]

    def table(self, keys: Codes, block: Codes) -> Ints:
        """(levels, strata, blocks): how many of these values are on that level or above."""
        blocks = int(block.max()) + 1
        size = (self.many + 1) * (self.strata + 1) * blocks
        key: Codes = keys.astype(np.int32 if size < 2**31 else np.int64)
        key *= blocks
        key += block
        counts = np.bincount(key, minlength=size).reshape(self.many + 1, self.strata + 1, blocks)[:-1, :-1]
        return np.asarray(np.cumsum(counts[::-1], axis=0)[::-1])


def nth(values: Values, length: int, chosen: Chosen, rank: Callable[[int], int]) -> tuple[int, int, int]:
    """How many values are chosen, the rank-th of them in ascending order (`rank` of how many, from 1), and the last; of
    none chosen, 0 and two numbers that mean nothing."""
    counts, last = np.zeros(_NOWHERE, np.int64), -(2**63)
    for mine in _chosen(values, length, chosen):
        counts += np.bincount(_bucket(mine), minlength=_NOWHERE)
        last = max(last, int(mine.max()))
    many, below = int(counts.sum()), np.cumsum(counts)
    if not many:
        return 0, last, last
    bucket = int(np.searchsorted(below, rank(many), "left"))
    found = [mine[_bucket(mine) == bucket] for mine in _chosen(values, length, chosen)]
    inside = rank(many) - int(below[bucket] - counts[bucket])
    return many, int(np.partition(np.concatenate(found), inside - 1)[inside - 1]), last


def _chosen(values: Values, length: int, chosen: Chosen) -> Iterator[Codes]:
    """Chunk by chunk, none of them empty."""
    for chunk in chunks(length):
        mine, mask = values(chunk), chosen(chunk)
        if not mask.all():
            mine = mine[mask]
        if len(mine):
            yield mine


def _where(flags: NDArray[np.bool_], cells: Codes) -> NDArray[np.intp]:
    """Places whose cell is flagged. No cell is beyond the table; with "clip" that is not looked at first, which takes a
    third of the time."""
    return np.flatnonzero(np.take(flags, cells, mode="clip"))


def _bucket(values: Codes) -> NDArray[np.int32]:
    """The leading bits of a value; of one below 0, those of 0."""
    found = values if values.dtype.kind == "u" else np.maximum(values, 0)
    bits = found.astype(np.float32).view(np.int32)
    bits >>= _SHIFT
    return bits


def count(cells: Codes | Numbers, size: int) -> Ints:
    """How often each of 0 … size - 1 is there, without widening all of them at once."""
    counts = np.zeros(size, np.int64)
    for chunk in chunks(len(cells)):
        counts += np.bincount(cells[chunk], minlength=size)
    return counts


def by_block(codes: Codes | Numbers, many: int, block: Codes, blocks: int, chosen: Chosen | None = None) -> Ints:
    """(many, blocks): how often each of 0 … many - 1 is there in each block, of the chosen ones."""
    counts = np.zeros((many, blocks), np.int64)
    for chunk in chunks(len(codes)):
        code, mine = codes[chunk], block[chunk]
        mask = True if chosen is None else chosen(chunk)
        if not np.all(mask):
            code, mine = code[mask], mine[mask]
        if len(mine):
            first, last = int(mine.min()), int(mine.max())
            span = last + 1 - first
            key: Codes = code.astype(np.int32 if many * span < 2**31 else np.int64)
            key *= span
            key += mine - mine.dtype.type(first)
            counts[:, first : last + 1] += np.bincount(key, minlength=many * span).reshape(many, span)
    return counts


def chunks(length: int) -> Iterator[slice]:
    """0 … length - 1 in stretches that the processor's memory holds."""
    for start in range(0, length, CHUNK):
        yield slice(start, min(start + CHUNK, length))
