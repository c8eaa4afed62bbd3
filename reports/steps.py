"""A record as levels of load: what was asked, what came of it, and what every meter said, step by step.

A step is a judged phase without its first moments, or a part of a long one. Within a step the load counts as level; a
law is then a line through steps. Sums are of whole numbers, so that they are the same on every machine.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from record.reader import RunRecord
from record.types import Manifest

SETTLE_S_MAX, SETTLE_SHARE = 2.0, 0.25  # of a phase, before its load counts as level
PART_S = 10.0  # longer phases are cut into parts of about that length
STEPS_MAX = 60  # of one record; beyond that the parts get longer
STEP_S_MIN = 1.5
REFUSING = (429, 503)  # RFC 6585, RFC 9110: too many requests, unavailable
SPANS = ("queue", "db", "app")
_S = 1e9


@dataclass(frozen=True)
class Calls:
    """The calls of one record, one element per call in every array; times in ns, -1 where there is none."""

    operations: tuple[str, ...]
    systems: tuple[str, ...]
    communes: tuple[str, ...]
    operation: NDArray[np.int64]
    system: NDArray[np.int64]
    commune: NDArray[np.int64]
    due: NDArray[np.int64]
    sent: NDArray[np.int64]
    done: NDArray[np.int64]
    ok: NDArray[np.bool_]
    status: NDArray[np.int64]
    connect_us: NDArray[np.int64]
    first_us: NDArray[np.int64]
    size: NDArray[np.int64]  # bytes, both ways
    spans: dict[str, NDArray[np.int64]]  # Server-Timing, us

    @cached_property
    def finished(self) -> NDArray[np.int64]:
        """Ends of the calls that were carried out, in order."""
        return np.sort(self.done[self.ok])

    def carried(self, begin_ns: float, end_ns: float) -> int:
        """How many were carried out in a stretch of time."""
        low, high = np.searchsorted(self.finished, (begin_ns, end_ns))
        return int(high - low)


@dataclass(frozen=True)
class Step:
    """One level of load; times in ns of its record, rates in calls per s, means in s over calls carried out."""

    record: int
    phase: str
    begin_ns: int
    end_ns: int
    offered: float
    carried: float
    refusing: float  # share of the calls answered 429 or 503
    unanswered: float  # share of the calls without any answer
    failed: float  # share of the calls that were not carried out, the above among them
    p50_s: float
    p95_s: float
    latency: float
    lateness: float  # from due to sent
    connect: float
    transfer: float  # from the first byte of the answer to the last
    spans: dict[str, float]
    mine: NDArray[np.int64]  # places in Calls

    @property
    def seconds(self) -> float:
        return (self.end_ns - self.begin_ns) / _S

    @property
    def kept_up(self) -> float:
        """Carried out over offered."""
        return self.carried / self.offered if self.offered else 1.0


@dataclass(frozen=True)
class Meter:
    """The readings of one metric of one source, in order of time."""

    at_ns: NDArray[np.int64]
    value: NDArray[np.float64]

    def inside(self, step: Step) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        low, high = np.searchsorted(self.at_ns, (step.begin_ns, step.end_ns))
        return self.at_ns[low:high], self.value[low:high]

    def mean(self, step: Step) -> float | None:
        """Of a gauge."""
        found = self.inside(step)[1]
        return float(np.mean(found)) if len(found) else None

    def rate(self, step: Step) -> tuple[float, int, int] | None:
        """(growth per second, from, to) of a counter between the first and the last reading of a step."""
        at, value = self.inside(step)
        if len(at) < 2 or at[-1] <= at[0] or np.any(np.diff(value) < 0):
            return None
        return float((value[-1] - value[0]) / ((at[-1] - at[0]) / _S)), int(at[0]), int(at[-1])


@dataclass(frozen=True)
class Sweep:
    """Records of the same target, as steps in order of the load."""

    manifests: tuple[Manifest, ...]
    calls: tuple[Calls, ...]
    meters: tuple[dict[tuple[str, str], Meter], ...]  # per record: (source, metric) → readings
    steps: tuple[Step, ...]

    def sources(self, prefix: str) -> tuple[str, ...]:
        found = {source for meters in self.meters for source, _ in meters if source.startswith(prefix)}
        return tuple(sorted(found))

    def meter(self, step: Step, source: str, metric: str) -> Meter | None:
        return self.meters[step.record].get((source, metric))

    def mean(self, step: Step, source: str, metric: str) -> float | None:
        meter = self.meter(step, source, metric)
        return None if meter is None else meter.mean(step)


def load(records: Sequence[RunRecord]) -> Sweep:
    """Raises nothing of its own: records without level phases give no steps."""
    calls = tuple(_calls(record) for record in records)
    steps = [
        _step(index, phase, begin, end, calls[index])
        for index, record in enumerate(records)
        for phase, begin, end in windows(record.manifest)
    ]
    steps = [step for step in steps if len(step.mine)]
    return Sweep(
        manifests=tuple(record.manifest for record in records),
        calls=calls,
        meters=tuple(_meters(record) for record in records),
        steps=tuple(sorted(steps, key=lambda step: (step.offered, step.record, step.begin_ns))),
    )


def windows(manifest: Manifest) -> list[tuple[str, int, int]]:
    """(phase, begin, end) of the steps of a record, in ns."""
    judged = [phase for phase in manifest.phases if phase.judged]
    total_s = sum(phase.end_ns - phase.start_ns for phase in judged) / _S
    part_s = max(PART_S, total_s / STEPS_MAX)
    found = []
    for phase in judged:
        length = phase.end_ns - phase.start_ns
        begin = phase.start_ns + round(min(SETTLE_S_MAX * _S, SETTLE_SHARE * length))
        parts = max(1, round((phase.end_ns - begin) / (part_s * _S)))
        edges = [begin + (phase.end_ns - begin) * part // parts for part in range(parts + 1)]
        found += [
            (phase.name, edges[part], edges[part + 1])
            for part in range(parts)
            if edges[part + 1] - edges[part] >= STEP_S_MIN * _S
        ]
    return found


def _step(record: int, phase: str, begin: int, end: int, calls: Calls) -> Step:
    mine = np.flatnonzero((calls.due >= begin) & (calls.due < end))
    seconds = (end - begin) / _S
    ok = mine[calls.ok[mine]]
    latency = calls.done[ok] - calls.due[ok]
    status, failed = calls.status[mine], ~calls.ok[mine]
    count = max(len(mine), 1)
    return Step(
        record=record,
        phase=phase,
        begin_ns=begin,
        end_ns=end,
        offered=len(mine) / seconds,
        carried=calls.carried(begin, end) / seconds,
        refusing=float(np.count_nonzero(np.isin(status, REFUSING))) / count,
        unanswered=float(np.count_nonzero(failed & (status == 0))) / count,
        failed=float(np.count_nonzero(failed)) / count,
        p50_s=_quantile(latency, 0.5),
        p95_s=_quantile(latency, 0.95),
        latency=mean_of(latency) / _S,
        lateness=mean_of(calls.sent[ok] - calls.due[ok]) / _S,
        connect=mean_of(calls.connect_us[ok][calls.connect_us[ok] >= 0]) * 1e-6,
        transfer=_transfer(calls, ok),
        spans={name: mean_of(of[ok][of[ok] >= 0]) * 1e-6 for name, of in calls.spans.items() if np.any(of[ok] >= 0)},
        mine=mine,
    )


def mean_of(values: NDArray[np.int64]) -> float:
    """Of whole numbers, exact but for the division; 0 of none."""
    return int(values.sum()) / len(values) if len(values) else 0.0


def _quantile(values: NDArray[np.int64], share: float) -> float:
    """The smallest value that so many do not exceed, in s; infinite without any."""
    if not len(values):
        return float("inf")
    place = min(len(values) - 1, int(np.ceil(share * len(values))) - 1)
    return float(np.partition(values, place)[place]) / _S


def _transfer(calls: Calls, ok: NDArray[np.int64]) -> float:
    known = ok[(calls.first_us[ok] >= 0) & (calls.sent[ok] >= 0)]
    rest = calls.done[known] - calls.sent[known] - calls.first_us[known] * 1000
    return max(0.0, mean_of(rest) / _S)


def _calls(record: RunRecord) -> Calls:
    words = {
        name: tuple(row for row in record.arrow(f"SELECT DISTINCT {name}::VARCHAR AS w FROM samples ORDER BY 1")
                    .column("w").to_pylist() if row is not None)
        for name in ("operation", "system", "commune")
    }  # fmt: skip
    codes = ", ".join(
        f"coalesce(list_position({_list(values)}, {name}::VARCHAR), 0) - 1 AS {name}" for name, values in words.items()
    )
    table = record.arrow(f"""
        SELECT {codes}, intended_ns AS due, coalesce(sent_ns, -1) AS sent, done_ns AS done, outcome = 'ok' AS ok,
               coalesce(status, 0)::BIGINT AS status, coalesce(connect_us, -1)::BIGINT AS connect_us,
               coalesce(first_byte_us, -1)::BIGINT AS first_us,
               coalesce(bytes_sent, 0)::BIGINT + coalesce(bytes_received, 0)::BIGINT AS size,
               {", ".join(f"coalesce({name}_us, -1)::BIGINT AS {name}_us" for name in SPANS)}
        FROM samples WHERE outcome <> 'dropped' ORDER BY intended_ns, arrival, step""")
    column: Any = {name: table.column(name).to_numpy() for name in table.column_names}
    return Calls(
        operations=words["operation"],
        systems=words["system"],
        communes=words["commune"],
        operation=column["operation"].astype(np.int64),
        system=column["system"].astype(np.int64),
        commune=column["commune"].astype(np.int64),
        due=column["due"],
        sent=column["sent"],
        done=column["done"],
        ok=column["ok"].astype(bool),
        status=column["status"],
        connect_us=column["connect_us"],
        first_us=column["first_us"],
        size=column["size"],
        spans={name: column[f"{name}_us"] for name in SPANS},
    )


def _list(words: Sequence[str]) -> str:
    return "[" + ", ".join("'" + word.replace("'", "''") + "'" for word in words) + "]::VARCHAR[]"


def _meters(record: RunRecord) -> dict[tuple[str, str], Meter]:
    """The last reading of an instant counts: those before the run's zero are all at 0."""
    table = record.arrow("""
        SELECT source::VARCHAR AS source, metric::VARCHAR AS metric, at_ns, max(value) AS value FROM readings
        WHERE value IS NOT NULL AND at_ns > 0 GROUP BY ALL ORDER BY source, metric, at_ns""")
    sources, metrics = table.column("source").to_pylist(), table.column("metric").to_pylist()
    at, value = table.column("at_ns").to_numpy(), table.column("value").to_numpy()
    found: dict[tuple[str, str], Meter] = {}
    keys = list(zip(sources, metrics, strict=True))
    start = 0
    for place in range(1, len(keys) + 1):
        if place == len(keys) or keys[place] != keys[start]:
            found[keys[start]] = Meter(at[start:place], value[start:place])
            start = place
    return found
