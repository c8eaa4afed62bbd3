"""The run second by second: who was to arrive, what was due, what was completed, what failed, and how long it took."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from reports import order
from reports.case import Case

POINTS_MAX = 360  # ten seconds each over an hour

Floats = NDArray[np.float64]


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


def of(case: Case) -> Timeline:
    """At most POINTS_MAX points; longer runs get longer stretches."""
    length = max([1, *(-(-phase.end_ns // 1_000_000_000) for phase in case.manifest.phases), case.end_ns // 10**9 + 1])
    step = -(-length // POINTS_MAX)
    points = -(-length // step)
    step_ns = step * 1_000_000_000
    calls = case.calls
    group = np.minimum(calls.second // step, points - 1).astype(np.uint16)
    due_n, failed_n = (order.count(places, points) for places in (group, group[calls.failed]))
    took = calls.took_ns.__getitem__
    timed = order.Groups(took, group, points, order.Buckets(took, len(calls), calls.timed))
    ranks = -(-np.array([50, 95]) * timed.n[:, None] // 100)
    p50, p95 = np.where(timed.n > 0, timed.at(ranks).T / 1e9, np.nan)

    def rate(source: str, column: str) -> Floats:
        counts = np.zeros(points)
        for row in case.rows(f"""
            SELECT least(greatest({column} // {step_ns}, 0), {points - 1})::INTEGER AS place, count(*) AS n
            FROM {source} GROUP BY place"""):
            counts[row["place"]] = row["n"]
        return counts / step

    return Timeline(
        step_s=step,
        at_s=np.arange(points, dtype=np.float64) * step,
        p50_s=p50,
        p95_s=p95,
        due_per_s=due_n / step,
        done_per_s=rate("samples WHERE outcome = 'ok'", "done_ns"),
        failed_per_s=failed_n / step,
        planned_per_s=rate("arrivals", "at_ns"),
        begun_per_s=rate("journeys WHERE outcome <> 'dropped'", "started_ns"),
        ended_per_s=rate("journeys WHERE outcome = 'ok'", "done_ns"),
    )
