"""The run second by second: who was to arrive, what was due, what was completed, what failed, and how long it took."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from reports import order
from reports.calls import SECONDS_MAX, codes, divide, numbers
from reports.case import Case

POINTS_MAX = 360  # ten seconds each over an hour

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Stretches:
    """Of each of `codes`, in which stretch of `length` codes it is: the last of `many` for all beyond. Reckoned when it
    is asked for."""

    codes: order.Codes
    length: int
    many: int

    def __len__(self) -> int:
        return len(self.codes)

    def __getitem__(self, at: Any) -> order.Codes:
        found: order.Codes = self.codes[at]
        if self.length > 1:
            kind: Any = np.uint32 if found.dtype.itemsize <= 4 else np.int64
            found = found.astype(kind) // kind(self.length)
        return np.minimum(found, found.dtype.type(self.many - 1))


@dataclass(frozen=True)
class Timeline:
    """One element per stretch of `step_s` seconds; percentiles are NaN in a stretch without a timed call."""

    step_s: int
    at_s: Floats  # beginning of the stretch
    p50_s: Floats  # from due time, over the calls due in the stretch; without an answer, as long as was waited
    p95_s: Floats
    due_per_s: Floats
    done_per_s: Floats
    failed_per_s: Floats
    planned_per_s: Floats  # arrivals: by the plan, begun, and carried out to their end
    begun_per_s: Floats
    ended_per_s: Floats

    def __len__(self) -> int:
        return len(self.at_s)


def _times(case: Case, group: Stretches, points: int) -> tuple[order.Ints, Floats]:
    """Of the calls whose time counts, by point: how many there are, and (2, points) p50 and p95, s."""
    calls, took = case.calls, case.calls.took_ns.__getitem__
    alike = not len(calls.unanswered_at)  # then every time counts as what it is, as for the percentiles
    buckets = case.times.clock.buckets if alike else order.Buckets(took, len(calls), calls.untimed_at)
    timed = order.Groups(took, group, points, buckets)
    ranks = -(-np.array([50, 95]) * timed.n[:, None] // 100)
    return timed.n, np.where(timed.n > 0, timed.at(ranks).T / 1e9, np.nan)


def _count(case: Case, table: str, column: str, step: int, points: int, outcomes: tuple[str, ...] = ()) -> order.Ints:
    """How many rows of a table lie in each point by one of their times; with `outcomes`, only those that ended so."""
    counts = np.zeros(points, np.int64)
    for batch in case.record.batches(table, [column, "outcome"] if outcomes else [column]):
        at = numbers(batch.column(column), -1)
        second = divide(np.maximum(at, 0), 1_000_000_000)
        if outcomes:
            second = second[(codes(batch.column("outcome"), dict.fromkeys(outcomes, 1), 0) == 1) & (at >= 0)]
        counts += np.bincount(Stretches(second, step, points)[:], minlength=points)
    return counts


def of(case: Case) -> Timeline:
    """At most POINTS_MAX points; longer runs get longer stretches."""
    length = max([1, *(-(-phase.end_ns // 1_000_000_000) for phase in case.manifest.phases), case.end_ns // 10**9 + 1])
    step = -(-length // POINTS_MAX)
    points = -(-length // step)
    calls = case.calls
    group = Stretches(calls.second, step, points)
    failed_n, untimed_n = (order.count(group[at], points) for at in (calls.failed_at, calls.untimed_at))
    ended = Stretches(np.arange(len(calls.done)), step, points)[:]
    ended[SECONDS_MAX:] = points - 1
    done_n = np.bincount(ended, calls.done, points)
    with ThreadPoolExecutor(1) as beside:
        times = beside.submit(_times, case, group, points)
        planned_n = _count(case, "arrivals", "at_ns", step, points)
        begun_n = _count(case, "journeys", "started_ns", step, points, ("ok", "refused", "unknown"))
        ended_n = _count(case, "journeys", "done_ns", step, points, ("ok",))
        timed_n, (p50, p95) = times.result()
    return Timeline(
        step_s=step,
        at_s=np.arange(points, dtype=np.float64) * step,
        p50_s=p50,
        p95_s=p95,
        due_per_s=(timed_n + untimed_n) / step,
        done_per_s=done_n / step,
        failed_per_s=failed_n / step,
        planned_per_s=planned_n / step,
        begun_per_s=begun_n / step,
        ended_per_s=ended_n / step,
    )
