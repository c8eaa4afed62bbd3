"""Judged arrivals that did not come to their end: dropped, or broken off. Counted by the system they were meant for."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from reports import phases
from reports.accounts import NOBODY, run_of
from reports.calls import codes, numbers
from reports.case import Case

_DROPPED, _BROKEN = 1, 2
_ENDS = {"dropped": _DROPPED, "refused": _BROKEN, "unknown": _BROKEN}

Ints = NDArray[np.int64]


@dataclass(frozen=True)
class Undone:
    """One element per system, and a last one for arrivals of none. An arrival with several ends counts with each."""

    systems: tuple[str, ...]
    planned: Ints
    dropped: Ints
    broken: Ints  # without a failed call: no sense in an answer, or cut short between two calls

    def of(self, systems: Collection[str]) -> tuple[int, int]:
        """(dropped, broken) of some systems."""
        places = [place for place, name in enumerate(self.systems) if name in systems]
        return int(self.dropped[places].sum()), int(self.broken[places].sum())


def count(case: Case) -> Undone:
    """Everything of it in one pass over plan and ends."""
    rows = case.rows("SELECT DISTINCT system::VARCHAR AS name FROM arrivals WHERE system IS NOT NULL ORDER BY name")
    systems = tuple(row["name"] for row in rows)
    arrival, system = _plan(case, systems)
    places, size = _Places(arrival), len(systems) + 2
    failed, ended = np.zeros(len(system), np.bool_), np.zeros(len(system), np.bool_)
    failed[places.of(case.calls.failing.arrivals)] = True
    ends = np.zeros(3 * size, np.int64)
    for batch in case.record.batches("journeys", ["arrival", "outcome"]):
        place = run_of(places.of(numbers(batch.column("arrival"), NOBODY)))
        ended[place] = True
        how = codes(batch.column("outcome"), _ENDS, 0)
        told = failed[place] & (how == _BROKEN)
        ends += np.bincount(system[place] * 3 + np.where(told, 0, how), minlength=len(ends))
    by_system = ends.reshape(size, 3)[:-1]
    absent = np.bincount(system[~ended], minlength=size)[:-1]
    return Undone(systems, by_system.sum(axis=1) + absent, by_system[:, _DROPPED], by_system[:, _BROKEN])


def _plan(case: Case, systems: tuple[str, ...]) -> tuple[NDArray[Any], NDArray[np.int32]]:
    """Numbers of the arrivals, and the place of the system of each: the first after all where it has none, the second
    where the arrival is not judged. The last of the second array stands for what is not in the plan."""
    ends = np.array([phase.end_ns for phase in case.manifest.phases[:-1]], np.int64)
    judged = np.isin(np.arange(len(ends) + 1), phases.judged(case.manifest))
    order = {name: place for place, name in enumerate(systems)}
    arrival, system = [np.zeros(0, np.uint32)], [np.zeros(0, np.int32)]
    for batch in case.record.batches("arrivals", ["arrival", "at_ns", "system"]):
        arrival.append(numbers(batch.column("arrival"), NOBODY))
        counts = judged[np.searchsorted(ends, numbers(batch.column("at_ns")), "right")]
        system.append(np.where(counts, codes(batch.column("system"), order, len(systems)), len(systems) + 1))
    return np.concatenate(arrival), np.concatenate([*system, np.array([len(systems) + 1], np.int32)])


class _Places:
    """Where in the plan an arrival is, by its number; the length of the plan if it is not there."""

    def __init__(self, arrival: NDArray[Any]) -> None:
        self._length = len(arrival)
        run = run_of(arrival)
        plain = not self._length or (isinstance(run, slice) and run.start == 0)
        self._order = None if plain else np.argsort(arrival, kind="stable")
        self._sorted = arrival if self._order is None else arrival[self._order]

    def of(self, arrival: NDArray[Any]) -> NDArray[Any]:
        if self._order is None:
            return np.asarray(np.minimum(arrival, self._length))
        found = np.minimum(np.searchsorted(self._sorted, arrival), self._length - 1)
        return np.asarray(np.where(self._sorted[found] == arrival, self._order[found], self._length))
