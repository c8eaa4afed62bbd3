"""Percentiles of the answer time, each with its interval, by system, operation, commune and phase.

Both clocks: from when a call was due (what the citizen felt) and from when it was sent (what the server took). Exact
order statistics over the raw calls, in whole nanoseconds; nothing is printed that the sample does not support.
"""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from reports import intervals, order
from reports.calls import UNSENT, Calls

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

    ns: NDArray[np.int64]
    block: Codes
    planned: NDArray[np.float64]


@dataclass(frozen=True)
class Clock:
    """Times of all calls from one moment on; `buckets` say which of them count."""

    values: order.Values
    buckets: order.Buckets


def due_clock(calls: Calls) -> Clock:
    return Clock(calls.due_ns, order.Buckets(calls.due_ns, len(calls), calls.timed))


def service_clock(calls: Calls) -> Clock:
    return Clock(calls.service_ns, order.Buckets(calls.service_ns, len(calls), calls.timed & (calls.late_ns != UNSENT)))


def table(calls: Calls, due: Clock, phases: list[str], judged: list[int]) -> tuple[Row, ...]:
    """Rows ordered by dimension, phase and name; a group without a call has no row."""
    if not len(calls):
        return ()
    clocks = (due, service_clock(calls))
    rows: list[Row] = []
    for dimension, names, codes in _dimensions(calls):
        for scope, group in _scopes(calls, phases, judged, codes, len(names)):
            rows += _rows(calls, clocks, dimension, names, scope, group)
    return tuple(rows)


def among(calls: Calls, clock: Clock, chosen: NDArray[np.bool_], percentile: float) -> Estimate:
    """One percentile, of the chosen calls that count."""
    group = (~chosen).view(np.uint8)
    return by_group(clock.values, group, 1, calls.block, calls.planned, _up_to(percentile), clock.buckets)[0][-1]


def estimate(times: Times, percentile: float) -> Estimate:
    """One percentile."""
    group = np.zeros(len(times.ns), np.int64)
    return by_group(times.ns.__getitem__, group, 1, times.block, times.planned, _up_to(percentile))[0][-1]


def _up_to(percentile: float) -> tuple[float, ...]:
    return (*(lower for lower in PERCENTILES if lower < percentile), percentile)


def by_group(
    values: order.Values,
    group: Codes,
    groups: int,
    block: Codes,
    planned: NDArray[np.float64],
    percentiles: tuple[float, ...],
    buckets: order.Buckets | None = None,
) -> list[tuple[Estimate, ...]]:
    """Per group one Estimate per percentile, ascending; a call of group `groups` counts nowhere.

    A higher percentile never has a smaller phi than a lower one: its few late calls show too little to trust less.
    """
    found = order.Groups(values, group, groups, buckets)
    shares = [percentile / 100 for percentile in percentiles]
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


def _dimensions(calls: Calls) -> Iterator[tuple[str, tuple[str, ...], Codes]]:
    yield "run", ("",), np.zeros(len(calls), np.uint8)
    yield "system", calls.systems, calls.system_of.astype(np.uint8)[calls.operation]
    yield "operation", calls.operations, calls.operation
    yield "commune", calls.communes, calls.commune


def _scopes(
    calls: Calls, phases: list[str], judged: list[int], codes: Codes, width: int
) -> Iterator[tuple[list[str], Codes]]:
    """First every phase for itself; then, when more than one is judged, the judged ones as one.

    A group is the place of its phase times `width` plus its code, and the number of groups that of no group.
    """
    kind: Any = np.uint16 if width * len(phases) < 2**16 else np.int32
    group = calls.phase.astype(kind)
    group *= kind(width)
    group += codes
    yield phases, group
    if len(judged) > 1:
        yield [ALL_JUDGED], np.where(np.isin(calls.phase, judged), codes.astype(kind), kind(width))


def _rows(
    calls: Calls,
    clocks: tuple[Clock, Clock],
    dimension: str,
    names: tuple[str, ...],
    scope: list[str],
    group: Codes,
) -> Iterator[Row]:
    groups = len(names) * len(scope)
    total = order.count(group, groups + 1)[:groups]
    failed = order.count(group[calls.failed], groups + 1)[:groups]

    def estimates(clock: Clock) -> list[tuple[Estimate, ...]]:
        return by_group(clock.values, group, groups, calls.block, calls.planned, PERCENTILES, clock.buckets)

    with ThreadPoolExecutor(len(clocks)) as both:
        due, service = both.map(estimates, clocks)
    counts = total - order.count(group[~calls.timed], groups + 1)[:groups]
    for place in np.flatnonzero(total):
        yield Row(
            dimension=dimension,
            name=names[place % len(names)],
            phase=scope[place // len(names)],
            calls=int(total[place]),
            failed=int(failed[place]),
            timed=int(counts[place]),
            due=due[place],
            service=service[place],
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
