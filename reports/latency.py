"""Percentiles of the answer time, each with its interval, by system, operation, commune and phase.

Both clocks: from when a call was due (what the citizen felt) and from when it was sent (what the server took). Exact
order statistics over the raw calls, in whole nanoseconds; nothing is printed that the sample does not support.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from reports import intervals, order
from reports.calls import Calls

PERCENTILES: tuple[float, ...] = (50.0, 90.0, 95.0, 99.0)
ALL_JUDGED = "*"  # the name under which all judged phases together appear

Codes: TypeAlias = NDArray[np.integer[Any]]


@dataclass(frozen=True)
class Estimate:
    """A percentile in nanoseconds; NEVER_NS where it falls among the calls without any answer.

    A bound that the sample does not support is None; without both, so is the value.
    """

    percentile: float
    value: int | None
    low: int | None
    high: int | None
    calls_needed: int  # for an interval to exist at all
    phi: float  # over-dispersion used


@dataclass(frozen=True)
class Row:
    """One line of the table. `calls` are all, `failed` the refused and unknown, `timed` those in the percentiles."""

    dimension: str  # run, system, operation or commune
    name: str
    phase: str  # name of a phase, or ALL_JUDGED
    calls: int
    failed: int
    timed: int
    due: tuple[Estimate, ...]
    service: tuple[Estimate, ...]


@dataclass(frozen=True)
class Times:
    """How long each of many things took, and in which block of the run it began (see Calls.block, Calls.planned)."""

    ns: Codes
    block: Codes
    planned: NDArray[np.float64]


@dataclass(frozen=True)
class Clock:
    """Times of all calls from one moment on; `buckets` say which of them count."""

    values: order.Values
    buckets: order.Buckets


@dataclass(frozen=True)
class Table:
    """What was found in one go. `promised`: each set of operations that was asked for, in the judged phases and from
    when its calls were due. `due` (phases, operations, buckets): how many calls took how long."""

    rows: tuple[Row, ...]
    promised: tuple[tuple[Estimate, ...], ...]
    due: NDArray[np.int64]
    clock: Clock  # from when they were due


def due_clock(calls: Calls) -> Clock:
    return Clock(calls.due_ns, order.Buckets(calls.due_ns, len(calls), calls.untimed_at))


def service_clock(calls: Calls) -> Clock:
    ignored = np.concatenate([calls.untimed_at, calls.unsent_at])
    return Clock(calls.service_ns, order.Buckets(calls.service_ns, len(calls), ignored))


def table(calls: Calls, phases: list[str], judged: list[int], promised: Sequence[NDArray[np.bool_]] = ()) -> Table:
    """Rows ordered by dimension, phase and name; a group without a call has no row.

    `promised`: for each set of operations, which of them are in it. None is empty, and some phase is judged.
    """
    width = len(calls.operations)
    with ThreadPoolExecutor(2) as both:
        due, service = both.map(lambda clock: clock(calls), (due_clock, service_clock))
    if not len(calls):
        return Table((), (), np.zeros((len(phases), width, due.buckets.width), np.int64), due)
    clocks = (due, service)
    scopes = _Scopes(phases, judged)
    first = [
        *scopes.splits("run", ("",), np.zeros(width, np.int64)),
        *scopes.splits("system", calls.systems, calls.system_of),
        *scopes.splits("operation", calls.operations, np.arange(width)),
    ]
    sets = [scopes.together("promised", ("",), np.where(meant, 0, -1)) for meant in promised]
    by_operation = _Strata(calls, calls.operation, width, [*first, *sets], clocks)
    second = [*scopes.splits("commune", calls.communes, np.arange(len(calls.communes)))]
    by_commune = _Strata(calls, calls.commune, len(calls.communes), second, clocks)
    found = by_operation.due[len(by_operation.due) - len(sets) :]
    rows = (*by_operation.rows(len(first)), *by_commune.rows(len(second)))
    return Table(rows, tuple(found), by_operation.counts.reshape(len(phases), width, -1), due)


def among(calls: Calls, clock: Clock, chosen: NDArray[np.bool_], percentile: float) -> Estimate:
    """One percentile, of the chosen calls that count."""
    found = order.Groups(clock.values, (~chosen).view(np.uint8), 1, clock.buckets)
    return by_group(found, calls.block, calls.planned, _up_to(percentile))[0][-1]


def estimate(times: Times, percentile: float) -> Estimate:
    """One percentile."""
    found = order.Groups(times.ns.__getitem__, np.zeros(len(times.ns), np.uint8), 1)
    return by_group(found, times.block, times.planned, _up_to(percentile))[0][-1]


def _up_to(percentile: float) -> tuple[float, ...]:
    return (*(lower for lower in PERCENTILES if lower < percentile), percentile)


def by_group(
    found: order.Groups, block: Codes, planned: NDArray[np.float64], percentiles: tuple[float, ...]
) -> list[tuple[Estimate, ...]]:
    """Per group one Estimate per percentile, ascending.

    A higher percentile never has a smaller phi than a lower one: its few late calls show too little to trust less.
    """
    groups, shares = len(found.n), [percentile / 100 for percentile in percentiles]
    ranks = np.stack([intervals.rank_of(found.n, share) for share in shares], axis=1)
    at_ranks, totals, late = found.beyond(ranks, block, len(planned))
    phis: list[NDArray[np.float64]] = []
    bounds: list[NDArray[np.int64]] = []
    phi = np.ones(groups)
    for share, beyond in zip(shares, late, strict=True):
        phi = np.maximum(phi, intervals.overdispersion(beyond, totals, planned))
        phis.append(phi)
        bounds += intervals.ranks(found.n, share, phi)
    low, high = np.split(found.at(np.stack([*bounds[::2], *bounds[1::2]], axis=1)), 2, axis=1)
    return [
        tuple(
            _one(percentile, at_ranks[row, step], low[row, step], high[row, step], phis[step][row])
            for step, percentile in enumerate(percentiles)
        )
        for row in range(groups)
    ]


@dataclass(frozen=True)
class _Split:
    """One way to group the strata, which are phases × codes: the place of a scope times the number of names plus that
    of a name; -1 for none."""

    dimension: str
    names: tuple[str, ...]
    scopes: list[str]
    member: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.names) * len(self.scopes)


@dataclass(frozen=True)
class _Scopes:
    phases: list[str]
    judged: list[int]

    def splits(self, dimension: str, names: tuple[str, ...], place: NDArray[np.int64]) -> Iterator[_Split]:
        """First every phase for itself; then, when more than one is judged, the judged ones as one. `place` says which
        of the names a code has."""
        member = np.arange(len(self.phases))[:, None] * len(names) + place
        yield _Split(dimension, names, self.phases, member.ravel())
        if len(self.judged) > 1:
            yield self.together(dimension, names, place)

    def together(self, dimension: str, names: tuple[str, ...], place: NDArray[np.int64]) -> _Split:
        """The judged phases as one; codes of place -1 are in no group."""
        counts = np.isin(np.arange(len(self.phases)), self.judged)[:, None]
        return _Split(dimension, names, [ALL_JUDGED], np.where(counts, place, -1).ravel())


class _Strata:
    """All groups that can be put together of phases and the codes of one column, from both clocks."""

    def __init__(
        self, calls: Calls, codes: Codes, width: int, splits: Sequence[_Split], clocks: tuple[Clock, Clock]
    ) -> None:
        strata = len(splits[0].member)
        stratum = order.Pairs(calls.phase, codes, width)
        self._splits, self._starts = splits, np.cumsum([0, *map(len, splits)])
        starts = zip(splits, self._starts, strict=False)
        member = np.stack([np.where(split.member < 0, -1, split.member + start) for split, start in starts])

        def estimates(clock: Clock) -> tuple[list[tuple[Estimate, ...]], NDArray[np.int64]]:
            found = order.Groups(clock.values, stratum, strata, clock.buckets, member)
            return by_group(found, calls.block, calls.planned, PERCENTILES), found.counts

        with ThreadPoolExecutor(len(clocks)) as both:
            (self.due, self.counts), (self._service, _) = both.map(estimates, clocks)
        self._timed = self.counts.sum(axis=1)
        self._all = self._timed + order.count(stratum[calls.untimed_at], strata)
        self._failed = order.count(stratum[calls.failed_at], strata)

    def rows(self, many: int) -> Iterator[Row]:
        """Of the first so many ways to group."""
        for split, start in zip(self._splits[:many], self._starts, strict=False):
            inside = split.member >= 0
            total, failed, timed = (
                np.bincount(split.member[inside], counts[inside], len(split)).astype(np.int64)
                for counts in (self._all, self._failed, self._timed)
            )
            for place in np.flatnonzero(total):
                yield Row(
                    dimension=split.dimension,
                    name=split.names[place % len(split.names)],
                    phase=split.scopes[place // len(split.names)],
                    calls=int(total[place]),
                    failed=int(failed[place]),
                    timed=int(timed[place]),
                    due=self.due[start + place],
                    service=self._service[start + place],
                )


def _one(percentile: float, value: np.int64, low: np.int64, high: np.int64, phi: np.float64) -> Estimate:
    bounds = [int(bound) if bound >= 0 else None for bound in (low, high)]
    return Estimate(
        percentile=percentile,
        value=int(value) if None not in bounds and value >= 0 else None,
        low=bounds[0],
        high=bounds[1],
        calls_needed=intervals.calls_needed(percentile / 100, float(phi)),
        phi=float(phi),
    )
