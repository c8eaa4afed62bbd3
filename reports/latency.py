"""Percentiles of the answer time, each with its interval, by system, operation, commune and phase.

Both clocks: from when a call was due (what the citizen felt) and from when it was sent (what the server took). Exact
order statistics over the raw calls, in whole nanoseconds; nothing is printed that the sample does not support.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from reports import intervals
from reports.calls import LATENCY_BITS, LATENCY_NS_MAX, Calls

PERCENTILES: tuple[float, ...] = (50.0, 90.0, 95.0, 99.0)
ALL_JUDGED = "*"  # the name under which all judged phases together appear

Keys = NDArray[np.int64]


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
    group: NDArray[np.int64],
    groups: int,
    block: NDArray[np.int32],
    planned: NDArray[np.float64],
    percentiles: tuple[float, ...],
) -> list[tuple[Estimate, ...]]:
    """Per group one Estimate per percentile, ascending. Sorting keys of (group, latency) sorts all groups at once.

    A higher percentile never has a smaller phi than a lower one: its few late calls show too little to trust less.
    """
    blocks = len(planned)
    keys = (group << LATENCY_BITS) | latency
    keys.sort()
    n = np.bincount(group, minlength=groups)
    start = np.cumsum(n) - n
    cell = group * blocks + block
    totals = np.bincount(cell, minlength=groups * blocks).reshape(groups, blocks)
    columns = []
    phi = np.ones(groups)
    for percentile in percentiles:
        share = percentile / 100
        value = _at(keys, start, n, intervals.rank_of(n, share))
        # What is not above a lower percentile need not be asked about a higher one. Places, not masks: half the time.
        above = np.flatnonzero(latency > np.repeat(value, blocks)[cell])
        latency, cell = latency[above], cell[above]
        late = np.bincount(cell, minlength=groups * blocks).reshape(groups, blocks)
        phi = np.maximum(phi, intervals.overdispersion(late, totals, planned))
        low_rank, high_rank = intervals.ranks(n, share, phi)
        low, high = _at(keys, start, n, low_rank), _at(keys, start, n, high_rank)
        columns.append([_one(percentile, *cells) for cells in zip(value, low, high, phi, strict=True)])
    return list(zip(*columns, strict=True))


def _dimensions(calls: Calls) -> Iterator[tuple[str, tuple[str, ...], NDArray[np.int64]]]:
    yield "run", ("",), np.zeros(len(calls), np.int64)
    yield "system", calls.systems, calls.system_of[calls.operation]
    yield "operation", calls.operations, calls.operation.astype(np.int64)
    yield "commune", calls.communes, calls.commune.astype(np.int64)


def _scopes(
    calls: Calls, phases: list[str], judged: list[int], codes: NDArray[np.int64], width: int
) -> Iterator[tuple[list[str], NDArray[np.int64] | slice, NDArray[np.int64], int]]:
    """First every phase for itself; then, when more than one is judged, the judged ones as one."""
    yield phases, slice(None), calls.phase * np.int64(width) + codes, width * len(phases)
    if len(judged) > 1:
        chosen = np.flatnonzero(np.isin(calls.phase, judged))
        yield [ALL_JUDGED], chosen, codes[chosen], width


def _rows(
    calls: Calls,
    dimension: str,
    names: tuple[str, ...],
    scope: list[str],
    selected: NDArray[np.int64] | slice,
    group: NDArray[np.int64],
    groups: int,
) -> Iterator[Row]:
    total = np.bincount(group, minlength=groups)
    failed = np.bincount(group[calls.failed[selected]], minlength=groups)
    timed = np.flatnonzero(calls.timed[selected])
    sent = np.flatnonzero(calls.timed[selected] & (calls.service_ns[selected] >= 0))
    block = calls.block[selected]
    due = by_group(calls.due_ns[selected][timed], group[timed], groups, block[timed], calls.planned, PERCENTILES)
    service = by_group(calls.service_ns[selected][sent], group[sent], groups, block[sent], calls.planned, PERCENTILES)
    counts = np.bincount(group[timed], minlength=groups)
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


def _at(keys: Keys, start: NDArray[np.int64], n: NDArray[np.int64], rank: NDArray[np.int64]) -> NDArray[np.int64]:
    """The order statistic of each group; -1 where the rank is 0 or the group empty."""
    exists = (rank >= 1) & (n >= 1)
    place = np.where(exists, start + np.minimum(rank, n) - 1, 0)
    values = keys[place] & LATENCY_NS_MAX if len(keys) else np.zeros(len(n), np.int64)
    return np.where(exists, values, -1)


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
