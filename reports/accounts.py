"""Three accounts of the same arrivals laid over each other: the plan, the ends of journeys, and the calls.

The numbers of arrivals are places in arrays: laying four million of them over twenty million calls is adding up, where
a database would have to look each of them up.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from record.reader import RunRecord
from record.types import Outcome
from reports.calls import codes, numbers

NOBODY = 2**32  # where a number is missing: above all that there can be

Ints = NDArray[np.int64]
Flags = NDArray[np.bool_]


@dataclass(frozen=True)
class Accounts:
    """How many arrivals do not add up, by how; `rows` are those of the plan."""

    rows: int
    never: int  # planned, and no end that says how
    twice: int
    unknown: int  # ended, and not planned
    strangers: int  # called, and not planned
    astray: int  # the calls are not the steps


def lay(record: RunRecord) -> Accounts:
    """Numbers of the plan are 0 … n - 1; what is numbered otherwise is laid apart."""
    planned = _joined(numbers(batch.column("arrival"), NOBODY) for batch in record.batches("arrivals", ["arrival"]))
    rows = len(planned)
    inside = _Sheet(rows)
    inside.there[planned[planned < rows]] = True
    elsewhere = planned[planned >= rows]
    ends, calls = [], []
    for batch in record.batches("journeys", ["arrival", "steps", "outcome"]):
        ends.append(inside.ends(*_ends(batch)))
    for batch in record.batches("samples", ["arrival", "step"]):
        calls.append(inside.calls(*_stretches(numbers(batch.column("arrival"), NOBODY), numbers(batch.column("step")))))
    odd_ends, odd_calls = _columns(ends, 4), _columns(calls, 3)
    outer = np.unique(np.concatenate([elsewhere, odd_ends[0], odd_calls[0]]))
    outside = _Sheet(len(outer))
    outside.there = np.isin(outer, elsewhere)
    outside.ends(np.searchsorted(outer, odd_ends[0]), *odd_ends[1:])
    outside.calls(np.searchsorted(outer, odd_calls[0]), *odd_calls[1:])
    return Accounts(rows, *(one + other for one, other in zip(inside.wrong(), outside.wrong(), strict=True)))


class _Sheet:
    """The accounts of arrivals 0 … size - 1. What is added of any other is given back."""

    def __init__(self, size: int) -> None:
        self.there = np.zeros(size, np.bool_)
        self._ended, self._named, self._told, self._called = (np.zeros(size, np.int32) for _ in range(4))
        self._torn = np.zeros(size, np.bool_)
        self._reach = np.zeros(size, np.int32)  # steps 0 … reach - 1 were called, one after the other
        self._later: list[tuple[Ints, ...]] = []

    def ends(self, arrival: Ints, steps: Ints, named: Flags, torn: Flags) -> tuple[Any, ...]:
        (at, steps, named, torn), others = self._known(arrival, steps, named, torn)
        _add(self._ended, at, np.ones(len(at), np.int32))
        _add(self._named, at, named.astype(np.int32))
        _add(self._told, at, steps.astype(np.int32))
        self._torn[at[torn]] = True
        return others

    def calls(self, arrival: Ints, first: Ints, many: Ints) -> tuple[Any, ...]:
        """Stretches of `many` calls whose steps count up from `first`; an arrival may have several, in any order."""
        (at, start, n), others = self._known(arrival, first, many)
        _add(self._called, at, n.astype(np.int32))
        later = start > 0
        if later.any():
            self._reach[at[~later]] = n[~later]
            self._later.append((at[later], start[later], n[later]))
        else:
            self._reach[run_of(at)] = n
        return others

    def _known(self, arrival: Ints, *more: Any) -> tuple[tuple[Any, ...], tuple[Any, ...]]:
        """Columns of the arrivals of the sheet, and of all others."""
        columns, known = (arrival, *more), arrival < len(self.there)
        if known.all():
            return columns, tuple(column[:0].copy() for column in columns)  # a view would keep the whole column
        return tuple(column[known] for column in columns), tuple(column[~known] for column in columns)

    def wrong(self) -> tuple[int, ...]:
        """The fields of Accounts but `rows`."""
        unknown, strangers = ~self.there & (self._ended > 0), ~self.there & (self._called > 0)
        never, twice = self.there & (self._named == 0), self._ended > 1
        astray = (self._called != self._told) | self._torn | self._uneven()
        return tuple(int(np.count_nonzero(each)) for each in (never, twice, unknown, strangers, astray))

    def _uneven(self) -> Flags:
        """Whose steps are not 0 … n-1, each once: laid end to end from step 0 on, the stretches make up all calls."""
        at, start, n = _columns(self._later, 3)
        order = np.lexsort((start, at))
        at, start, end = at[order], start[order], (start + n)[order]
        last = np.append(at[1:] != at[:-1], True)[: len(at)]
        before = np.append(0, end[:-1])[: len(at)]
        new = np.append(True, last[:-1])[: len(at)]
        before[new] = self._reach[at[new]]
        reach = self._reach.copy()
        reach[at[last]] = end[last]
        reach[at[start != before]] = -1
        return np.asarray(reach != self._called)


def run_of(places: NDArray[Any]) -> Any:
    """The same places as a slice where each follows the one before, which is quick to use; else as they are."""
    if not len(places) or int(places[-1]) - int(places[0]) != len(places) - 1 or (np.diff(places) != 1).any():
        return places
    return slice(int(places[0]), int(places[-1]) + 1)


def _add(to: NDArray[np.int32], places: Ints, values: NDArray[np.int32]) -> None:
    """To each place as often as it is there."""
    at = run_of(places)
    if isinstance(at, slice):
        to[at] += values
    else:
        np.add.at(to, at, values)


def _stretches(arrival: Ints, step: Ints) -> tuple[Ints, Ints, Ints]:
    """Neighbouring calls of one arrival whose steps count up: whose, from which step on, and how many."""
    fresh = np.ones(len(arrival), np.bool_)
    np.not_equal(arrival[1:], arrival[:-1], out=fresh[1:])
    fresh[1:] |= (np.diff(step) != 1) | (step[1:] == 0)
    start = np.flatnonzero(fresh)
    return arrival[start].astype(np.int64), step[start].astype(np.int64), np.diff(start, append=len(arrival))


def _ends(batch: pa.RecordBatch) -> tuple[Ints, Ints, Flags, Flags]:
    """Whose ends, after how many steps, with a word for how, and dropped although there were steps."""
    steps, outcome = numbers(batch.column("steps")), batch.column("outcome")
    dropped = codes(outcome, {Outcome.DROPPED.name.lower(): 1}, 0) == 1
    named = np.asarray(outcome.is_valid().to_numpy(zero_copy_only=False))
    return numbers(batch.column("arrival"), NOBODY).astype(np.int64), steps, named, dropped & (steps > 0)


def _joined(parts: Iterable[Any]) -> Any:
    parts = list(parts)
    return np.concatenate(parts) if parts else np.zeros(0, np.int64)


def _columns(parts: list[tuple[Any, ...]], many: int) -> list[Any]:
    return [_joined(part[place] for part in parts) for place in range(many)]
