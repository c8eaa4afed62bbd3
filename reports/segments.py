"""What sealed records show of a target at several rates: one step per phase, with the calls that were due in it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase

import numpy as np
from numpy.typing import NDArray

from record.reader import RunRecord
from record.types import Objective, Phase

NS = 1e9
APART_S = 10_000.0  # between the calls of one record and the next on the common axis of time
LITTLE_MAX = 0.05  # relative gap between calls under way, counted, and rate × time
STEADY_S_MIN = 1.0
UNITS_PER_S = {"ms": 1e3, "s": 1.0}

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]


@dataclass(frozen=True)
class Goal:
    """An objective as a share: so many of its calls may be late or fail. `limit_s` None: only failing counts."""

    slug: str
    operations: tuple[str, ...]
    share: float
    limit_s: float | None


@dataclass(frozen=True)
class Calls:
    """All calls of the records in order of sending, on one axis of time; one element per call."""

    sent_s: Floats
    done_s: Floats
    due_s: Floats
    segment: NDArray[np.int64]  # index into `Load.segments`
    operation: NDArray[np.int64]
    ok: Flags


@dataclass(frozen=True)
class Segment:
    """One phase of one record, cut where the operator or the search stopped the run.

    `arrivals` were planned, `dropped` of them found no free user. `steady` says that Little's law holds and that as
    many calls ended as began.
    """

    run: str
    phase: Phase
    start_s: float
    end_s: float
    arrivals: int
    dropped: int
    began: int
    ended: int
    under_way: float  # mean number of calls
    little_gap: float
    steady: bool

    @property
    def seconds(self) -> float:
        return self.end_s - self.start_s

    @property
    def completions_per_s(self) -> float:
        return self.ended / self.seconds


@dataclass(frozen=True)
class Load:
    """The segments of a search with their calls. `base` are arrivals per second at factor 1."""

    segments: tuple[Segment, ...]
    calls: Calls
    operations: tuple[str, ...]
    goals: tuple[Goal, ...]
    base: float
    calls_per_arrival: float

    def late(self, goal: Goal) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """(late or failed, all) of a goal's calls in each step; a dropped arrival is one that failed."""
        calls, many = self.calls, len(self.segments)
        meant = np.array([any(fnmatchcase(name, one) for one in goal.operations) for name in self.operations], np.bool_)
        chosen = meant[calls.operation] if len(meant) else np.zeros(0, np.bool_)
        bad = ~calls.ok
        if goal.limit_s is not None:
            bad = bad | (calls.done_s - calls.due_s > goal.limit_s)
        counts = [np.bincount(calls.segment[which], minlength=many) for which in (chosen & bad, chosen)]
        dropped = np.array([step.dropped for step in self.segments], np.int64)
        return counts[0] + dropped, counts[1] + dropped

    def factor_of(self, per_s: float) -> float:
        return per_s / self.base


def load(records: Sequence[RunRecord]) -> Load:
    """The segments of all records. Raises ValueError when target or promises of one are not those of the others."""
    first = records[0].manifest
    for record in records[1:]:
        other = record.manifest
        if (other.operations, other.objectives, other.target.digest) != (
            first.operations, first.objectives, first.target.digest
        ):  # fmt: skip
            raise ValueError(f"{other.run_id} and {first.run_id} are not of one search: target or promises differ")
    every: list[Segment] = []
    parts: list[Calls] = []
    planned, weights = 0, 0.0
    for number, record in enumerate(records):
        mine, calls, arrivals, weight = _one(record, number * APART_S, len(every))
        every += mine
        parts.append(calls)
        planned, weights = planned + arrivals, weights + weight
    joined = Calls(*(np.concatenate([getattr(part, name) for part in parts]) for name in Calls.__dataclass_fields__))
    ended = sum(step.arrivals - step.dropped for step in every)
    return Load(
        tuple(every),
        joined,
        tuple(operation.name for operation in first.operations),
        tuple(goal for goal in map(_goal, first.objectives) if goal is not None),
        planned / weights if weights else 0.0,
        max(1.0, len(joined.ok) / ended) if ended else 1.0,
    )


def _one(record: RunRecord, at_s: float, first_step: int) -> tuple[list[Segment], Calls, int, float]:
    """(segments, calls, arrivals of the plan, rate × seconds of the plan) of one record."""
    manifest = record.manifest
    stops = [event.at_ns for event in record.events() if event.kind == "stop"]
    stop_ns = min(stops, default=manifest.phases[-1].end_ns)
    kept = [phase for phase in manifest.phases if min(phase.end_ns, stop_ns) - phase.start_ns >= STEADY_S_MIN * NS]
    starts = np.array([phase.start_ns for phase in kept], np.int64)
    ends = np.array([min(phase.end_ns, stop_ns) for phase in kept], np.int64)
    table = record.arrow("""
        SELECT intended_ns, sent_ns, done_ns, operation::VARCHAR AS operation, outcome = 'ok' AS ok
        FROM samples WHERE sent_ns IS NOT NULL ORDER BY sent_ns, arrival, step""")
    due, sent, done = (table.column(name).to_numpy() for name in ("intended_ns", "sent_ns", "done_ns"))
    names = {operation.name: place for place, operation in enumerate(manifest.operations)}
    operation = np.array([names[name] for name in table.column("operation").to_pylist()], np.int64)
    ok = table.column("ok").to_numpy(zero_copy_only=False).astype(np.bool_)
    planned = record.arrow("""
        SELECT a.at_ns, j.outcome = 'dropped' AS dropped FROM arrivals a JOIN journeys j USING (arrival)""")
    at, dropped = planned.column("at_ns").to_numpy(), planned.column("dropped").to_numpy(zero_copy_only=False)
    place = np.searchsorted(starts, due, "right") - 1
    inside = (place >= 0) & (due < ends[np.maximum(place, 0)]) if len(kept) else np.zeros(len(due), np.bool_)
    found = []
    for index, phase in enumerate(kept):
        low, high = int(starts[index]), int(ends[index])
        due_here = (at >= low) & (at < high)
        found.append(
            _segment(
                manifest.run_id, phase, (low, high), at_s, sent, done, int(due_here.sum()), int(dropped[due_here].sum())
            )
        )
    calls = Calls(
        sent[inside] / NS + at_s,
        done[inside] / NS + at_s,
        due[inside] / NS + at_s,
        place[inside] + first_step,
        operation[inside],
        ok[inside],
    )
    weight = sum(phase.rate * (phase.end_ns - phase.start_ns) / NS for phase in manifest.phases)
    return found, calls, len(at), weight


def _segment(
    run: str, phase: Phase, span: tuple[int, int], at_s: float, sent: NDArray[np.int64], done: NDArray[np.int64],
    arrivals: int, dropped: int,
) -> Segment:  # fmt: skip
    low, high = span
    seconds = (high - low) / NS
    overlap = np.minimum(done, high) - np.maximum(sent, low)
    under_way = float(overlap[overlap > 0].sum()) / NS / seconds
    began, ended = int(((sent >= low) & (sent < high)).sum()), int(((done >= low) & (done < high)).sum())
    here = (sent >= low) & (sent < high)
    expected = began / seconds * float((done - sent)[here].mean()) / NS if began else 0.0
    gap = abs(expected - under_way) / under_way if under_way else 0.0
    spread = 4 * max(1.0, began) ** 0.5
    steady = gap <= max(LITTLE_MAX, 0.5 * under_way / max(1.0, began)) and abs(began - ended) <= spread
    return Segment(
        run, phase, low / NS + at_s, high / NS + at_s, arrivals, dropped, began, ended, under_way, gap, steady
    )


def _goal(objective: Objective) -> Goal | None:
    """None for what is no share of calls, such as the lag between systems."""
    if objective.metric == "errors":
        return Goal(objective.slug, objective.operations, objective.limit, None)
    if objective.metric == "latency" and objective.percentile is not None and objective.unit in UNITS_PER_S:
        share = round(1 - objective.percentile / 100, 9)
        return Goal(objective.slug, objective.operations, share, objective.limit / UNITS_PER_S[objective.unit])
    return None
