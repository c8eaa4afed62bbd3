"""The calls that failed, gathered while all calls are read: whose they are, and those that failed alike in groups."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

COLUMNS = ("arrival", "error")  # what is needed besides the columns of reports.calls
_STATUSES = 2**17  # more than there can be, and one for none

Ints = NDArray[np.int64]


@dataclass(frozen=True)
class Group:
    """Calls with the same operation, outcome (places in their lists), error ("" for none) and status; the example is
    the first by due time, then by number."""

    operation: int
    outcome: int
    error: str
    status: int | None
    count: int
    at_ns: int
    arrival: int
    commune: str


class Failing:
    """Told of one batch after the other; `arrivals` are those with a call that failed, some of them more than once."""

    def __init__(self) -> None:
        self._errors: dict[str, int] = {"": 0}
        self._groups: dict[int, tuple[int, tuple[int, int, str]]] = {}  # key: count, (at_ns, arrival, commune)
        self._arrivals: list[NDArray[np.uint32]] = []

    def note(self, batch: pa.RecordBatch, at: Ints, operations: NDArray[Any], outcomes: NDArray[Any]) -> None:
        """`at`: the rows that failed; `operations` and `outcomes` of all rows, as numbers."""
        if not len(at):
            return
        chosen = pa.array(at)
        arrival, at_ns = (self._numbers(batch.column(name).take(chosen)) for name in ("arrival", "intended_ns"))
        operation, outcome = (each[at].astype(np.int64) for each in (operations, outcomes))
        communes = batch.column("commune")
        error = self._error(batch.column("error").take(chosen))
        status = self._numbers(batch.column("status").take(chosen)) + 1
        self._arrivals.append(np.unique(arrival[arrival >= 0]).astype(np.uint32))
        key = ((operation * 2**8 + outcome) * 2**16 + error) * _STATUSES + status
        order = np.lexsort((arrival, at_ns))
        found, first, counts = np.unique(key[order], return_index=True, return_counts=True)
        first = order[first]
        for place in range(len(found)):
            one = first[place]
            example = (int(at_ns[one]), int(arrival[one]), communes[int(at[one])].as_py() or "")
            count, before = self._groups.get(int(found[place]), (0, example))
            earliest = min(before, example, key=lambda each: each[:2])
            self._groups[int(found[place])] = (count + int(counts[place]), earliest)

    @property
    def arrivals(self) -> NDArray[np.uint32]:
        return np.concatenate([np.zeros(0, np.uint32), *self._arrivals])

    def groups(self) -> list[Group]:
        """In no order that means anything."""
        errors = list(self._errors)
        found = []
        for key, (count, (at_ns, arrival, commune)) in self._groups.items():
            rest, status = divmod(key, _STATUSES)
            rest, error = divmod(rest, 2**16)
            operation, outcome = divmod(rest, 2**8)
            told = None if status == 0 else status - 1
            found.append(Group(operation, outcome, errors[error], told, count, at_ns, arrival, commune))
        return found

    @staticmethod
    def _numbers(column: pa.Array) -> Ints:
        """-1 where there is none."""
        return np.asarray(column.cast(pa.int64()).fill_null(-1).to_numpy(zero_copy_only=False))

    def _error(self, column: pa.DictionaryArray) -> Ints:
        words = [word or "" for word in column.dictionary.to_pylist()]
        places = np.array([self._errors.setdefault(word, len(self._errors)) for word in words] + [0], np.int64)
        return np.asarray(places[column.indices.fill_null(len(words)).to_numpy(zero_copy_only=False)])
