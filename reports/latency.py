"""Percentiles of the answer time, each with its interval, by system, operation, commune and phase.

Both clocks: from when a call was due (what the citizen felt) and from when it was sent (what the server took). Exact
order statistics over the raw calls, in whole nanoseconds; nothing is printed that the sample does not support.
"""

from __future__ import annotations

from collections.abc import Iterator
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

    ns: NDArray[np.int64]
    block: NDArray[np.int32]
    planned: NDArray[np.float64]


def table(calls: Calls, phases: list[str], judged: list[int]) -> tuple[Row, ...]:
    """Rows ordered by dimension, phase and name; a group without a call has no row."""
    if not len(calls):
        return ()
    rows: list[Row] = []
    for dimension, names, codes in _dimensions(calls):
        width = len(names)
        for scope, selected, group, groups in _scopes(calls, phases, judged, codes, width):
            rows += _rows(calls, dimension, names, scope, selected, group, groups)
    return tuple(rows)


def estimate(times: Times, percentile: float) -> Estimate:
    """One percentile."""
    group = np.zeros(len(times.ns), np.int64)
    steps = (*(lower for lower in PERCENTILES if lower < percentile), percentile)
    return by_group(times.ns, group, 1, times.block, times.planned, steps)[0][-1]


def by_group(
    latency: NDArray[np.int64],
    group: Codes,
    groups: int,
    block: NDArray[np.int32],
    planned: NDArray[np.float64],
    percentiles: tuple[float, ...],
) -> list[tuple[Estimate, ...]]:
    """Per group one Estimate per percentile, ascending.

    A higher percentile never has a smaller phi than a lower one: its few late calls show too little to trust less.
    """
    found = order.Groups(latency, group, groups)
    shares = [percentile / 100 for percentile in percentiles]
    ranks = np.stack([intervals.rank_of(found.n, share) for share in shares], axis=1)
    values, totals, late = found.beyond(ranks, block, len(planned))
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
            _one(percentile, values[row, step], low[row, step], high[row, step], phis[step][row])
            for step, percentile in enumerate(percentiles)
        )
        for row in range(groups)
    ]


def _dimensions(calls: Calls) -> Iterator[tuple[str, tuple[str, ...], Codes]]:
    yield "run", ("",), np.zeros(len(calls), np.uint8)
    yield "system", calls.systems, calls.system_of.astype(np.uint16)[calls.operation]
    yield "operation", calls.operations, calls.operation
    yield "commune", calls.communes, calls.commune


def _scopes(
    calls: Calls, phases: list[str], judged: list[int], codes: Codes, width: int
) -> Iterator[tuple[list[str], NDArray[np.int64] | slice, Codes, int]]:
    """First every phase for itself; then, when more than one is judged, the judged ones as one."""
    yield phases, slice(None), calls.phase.astype(np.int32) * np.int32(width) + codes, width * len(phases)
    if len(judged) > 1:
        chosen = np.flatnonzero(np.isin(calls.phase, judged))
        yield [ALL_JUDGED], chosen, codes[chosen], width


def _rows(
    calls: Calls,
    dimension: str,
    names: tuple[str, ...],
    scope: list[str],
    selected: NDArray[np.int64] | slice,
    group: Codes,
    groups: int,
) -> Iterator[Row]:
    total = order.count(group, groups)
    failed = order.count(group[calls.failed[selected]], groups)
    timed = np.flatnonzero(calls.timed[selected])
    sent = np.flatnonzero(calls.timed[selected] & (calls.service_ns[selected] >= 0))
    block = calls.block[selected]
    due = by_group(calls.due_ns[selected][timed], group[timed], groups, block[timed], calls.planned, PERCENTILES)
    service = by_group(calls.service_ns[selected][sent], group[sent], groups, block[sent], calls.planned, PERCENTILES)
    counts = order.count(group[timed], groups)
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
