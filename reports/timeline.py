"""The run second by second: what was due, what was completed, what failed, and how long it took."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from reports.case import Case

POINTS_MAX = 720

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

    def __len__(self) -> int:
        return len(self.at_s)


def of(case: Case) -> Timeline:
    """At most POINTS_MAX points; longer runs get longer stretches."""
    length = max([1, *(-(-phase.end_ns // 1_000_000_000) for phase in case.manifest.phases), case.end_ns // 10**9 + 1])
    step = -(-length // POINTS_MAX)
    points = -(-length // step)
    step_ns = step * 1_000_000_000
    due = case.rows(f"""
        SELECT least(greatest(intended_ns // {step_ns}, 0), {points - 1})::INTEGER AS place, count(*) AS n,
               count(*) FILTER (outcome IN ('refused', 'unknown')) AS failed,
               quantile_disc(done_ns - intended_ns, [0.5, 0.95]) FILTER (outcome = 'ok' OR status IS NULL) AS p
        FROM samples WHERE outcome <> 'dropped' GROUP BY place ORDER BY place""")
    done = case.rows(f"""
        SELECT least(greatest(done_ns // {step_ns}, 0), {points - 1})::INTEGER AS place, count(*) AS n
        FROM samples WHERE outcome = 'ok' GROUP BY place""")
    p50, p95 = np.full(points, np.nan), np.full(points, np.nan)
    due_n, done_n, failed_n = np.zeros(points), np.zeros(points), np.zeros(points)
    for row in due:
        due_n[row["place"]], failed_n[row["place"]] = row["n"], row["failed"]
        if row["p"]:
            p50[row["place"]], p95[row["place"]] = (value / 1e9 for value in row["p"])
    for row in done:
        done_n[row["place"]] = row["n"]
    return Timeline(
        step, np.arange(points, dtype=np.float64) * step, p50, p95, due_n / step, done_n / step, failed_n / step
    )
