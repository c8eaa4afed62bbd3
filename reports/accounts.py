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
from reports.calls import codes

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
    planned = _joined(_numbers(batch, "arrival") for batch in record.batches("arrivals", ["arrival"]))
    rows = len(planned)
    inside = _Sheet(rows)
    inside.there[planned[planned < rows]] = True
    elsewhere = planned[planned >= rows]
    ends, calls = [], []
    for batch in record.batches("journeys", ["arrival", "steps", "outcome"]):
        ends.append(inside.ends(*_ends(batch)))
    for batch in record.batches("samples", ["arrival", "step"]):
        calls.append(inside.calls(_numbers(batch, "arrival"), _numbers(batch, "step", 0)))
    odd_ends, odd_calls = _columns(ends, 4), _columns(calls, 2)
    numbers = np.unique(np.concatenate([elsewhere, odd_ends[0], odd_calls[0]]))
    outside = _Sheet(len(numbers))
    outside.there = np.isin(numbers, elsewhere)
    outside.ends(np.searchsorted(numbers, odd_ends[0]), *odd_ends[1:])
    outside.calls(np.searchsorted(numbers, odd_calls[0]), *odd_calls[1:])
    return Accounts(rows, *(one + other for one, other in zip(inside.wrong(), outside.wrong(), strict=True)))


class _Sheet:
    """The accounts of arrivals 0 … size - 1. What is added of any other is given back."""

    def __init__(self, size: int) -> None:
        self.there = np.zeros(size, np.bool_)
        self._ended, self._named, self._called = (np.zeros(size, np.int32) for _ in range(3))
        self._told, self._total, self._squares = (np.zeros(size, np.int64) for _ in range(3))
        self._highest = np.zeros(size, np.int32)
        self._torn = np.zeros(size, np.bool_)

    def ends(self, arrival: Ints, steps: Ints, named: Flags, torn: Flags) -> tuple[Any, ...]:
        size = len(self.there)
        known = arrival < size
        at = arrival[known]
        np.add.at(self._ended, at, 1)
        np.add.at(self._named, at, named[known].astype(np.int32))
        np.add.at(self._told, at, steps[known])
        self._torn[at[torn[known]]] = True
        return tuple(column[~known] for column in (arrival, steps, named, torn))

    def calls(self, arrival: Ints, step: Ints) -> tuple[Ints, Ints]:
        """Sealing puts the calls of an arrival beside each other; where they are not, they are sorted first."""
        known = arrival < len(self.there)
        odd = arrival[~known], step[~known]
        if len(odd[0]):
            arrival, step = arrival[known], step[known]
        if (arrival[1:] < arrival[:-1]).any():
            order = np.argsort(arrival, kind="stable")
            arrival, step = arrival[order], step[order]
        if len(arrival):
            start = np.flatnonzero(np.concatenate([[True], arrival[1:] != arrival[:-1]]))
            at = arrival[start]
            self._called[at] += np.diff(start, append=len(arrival)).astype(np.int32)
            self._highest[at] = np.maximum(self._highest[at], np.maximum.reduceat(step, start))
            self._total[at] += np.add.reduceat(step, start)
            self._squares[at] += np.add.reduceat(step * step, start)
        return odd

    def wrong(self) -> tuple[int, ...]:
        """The fields of Accounts but `rows`."""
        unknown, strangers = ~self.there & (self._ended > 0), ~self.there & (self._called > 0)
        never, twice = self.there & (self._named == 0), self._ended > 1
        astray = (self._called != self._told) | self._torn | self._uneven()
        return tuple(int(np.count_nonzero(each)) for each in (never, twice, unknown, strangers, astray))

    def _uneven(self) -> Flags:
        """Steps of an arrival are 0 … n-1, each once: how many, their highest, sum and sum of squares say so.

        Products that overflow do no harm: with so many calls the highest step, of 16 bits, is not n - 1 any more.
        """
        n = self._called.astype(np.int64)
        wrong = (self._highest != n - 1) | (2 * self._total != n * (n - 1))
        return np.asarray((n > 0) & (wrong | (6 * self._squares != n * (n - 1) * (2 * n - 1))))


def _ends(batch: pa.RecordBatch) -> tuple[Ints, Ints, Flags, Flags]:
    """Whose ends, after how many steps, with a word for how, and dropped although there were steps."""
    steps, outcome = _numbers(batch, "steps", 0), batch.column("outcome")
    dropped = codes(outcome, {Outcome.DROPPED.name.lower(): 1}, 0) == 1
    named = np.asarray(outcome.is_valid().to_numpy(zero_copy_only=False))
    return _numbers(batch, "arrival"), steps, named, dropped & (steps > 0)


def _numbers(batch: pa.RecordBatch, name: str, missing: int = NOBODY) -> Ints:
    column = batch.column(name)
    return np.asarray((column.cast(pa.int64()).fill_null(missing) if column.null_count else column), np.int64)


def _joined(parts: Iterable[Any]) -> Any:
    parts = list(parts)
    return np.concatenate(parts) if parts else np.zeros(0, np.int64)


def _columns(parts: list[tuple[Any, ...]], many: int) -> list[Any]:
    return [_joined(part[place] for part in parts) for place in range(many)]
