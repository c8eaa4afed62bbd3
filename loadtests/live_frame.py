"""What the operations room is told every second: one frame, as JSON of a few kilobytes."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

NEVER_MS = -1.0  # stands for a percentile that falls among calls without any answer
QUIET, WELL, SLOW, BAD = "q", "w", "s", "b"  # state of a unit over the last WINDOW_S


class Generator(msgspec.Struct, frozen=True):
    """The last readings of one worker process, or of its host (then without a lag)."""

    source: str
    lag_ms: float | None
    cpu: float | None


class Trouble(msgspec.Struct, frozen=True):
    """Calls that went wrong in one way, with the latest of them as the example."""

    operation: str
    error: str  # slug of record.rows.ERRORS
    status: int  # 0: no answer
    count: int
    arrival: int
    unit: str
    at_s: float


class Mark(msgspec.Struct, frozen=True):
    """One line of events.jsonl."""

    at_s: float
    kind: str
    text: str


class Frame(msgspec.Struct, frozen=True):
    """One second. Counts are of the whole run so far; planned ≥ due now, and never less than the frame before.

    `offered`: arrivals that a user has begun. `completed`: of those, ended. What the generator could not begin is
    `dropped`. `units`: per unit calls, failed calls and state. Percentiles are of the calls answered in the last
    RECENT_S, from when they were due; None without any.
    """

    number: int
    run: str
    stage: str  # starting, the name of a phase, drain, final-read, sealed, aborted
    over: bool
    at_s: float
    left_s: float | None
    arrivals: int
    planned: int
    offered: int
    completed: int
    ok: int
    refused: int
    unknown: int
    dropped: int
    waiting: int
    calls: int
    failed: int
    p50_ms: float | None
    p95_ms: float | None
    late_ms: float | None  # p99 from when a call was due until it left, over the same seconds
    units: Sequence[tuple[int, int, str]]
    troubles: tuple[Trouble, ...]
    generators: tuple[Generator, ...]
    unwell: tuple[str, ...]  # late, lag, cpu, dropped: the generator, not the target, may be the limit
    marks: tuple[Mark, ...]


def encode(frame: Frame) -> bytes:
    return msgspec.json.encode(frame)


def prometheus(frame: Frame) -> str:
    """The frame in Prometheus' text form."""
    lines: list[str] = []

    def tell(name: str, kind: str, text: str, *values: tuple[str, float]) -> None:
        lines.extend((f"# HELP thongsuot_{name} {text}", f"# TYPE thongsuot_{name} {kind}"))
        lines.extend(f"thongsuot_{name}{labels} {value:g}" for labels, value in values)

    def count(name: str, text: str, value: float) -> None:
        lines.extend((f"# HELP thongsuot_{name} {text}", f"# TYPE thongsuot_{name} counter"))
        lines.append(f"thongsuot_{name} {value:.0f}")

    count("arrivals_planned_total", "Arrivals that were due by now.", frame.planned)
    count("arrivals_offered_total", "Arrivals that a user has begun.", frame.offered)
    count("arrivals_completed_total", "Arrivals that have ended, dropped ones apart.", frame.completed)
    count("arrivals_dropped_total", "Arrivals that the generator could not begin.", frame.dropped)
    count("calls_total", "Requests that have an outcome.", frame.calls)
    count("calls_failed_total", "Requests that were refused or whose outcome is unknown.", frame.failed)
    tell("running", "gauge", "1 until the record is sealed.", ("", float(not frame.over)))
    tell("run_seconds", "gauge", "Seconds since the run's zero.", ("", frame.at_s))
    tell("arrivals_waiting", "gauge", "Arrivals in the inboxes of the workers.", ("", float(frame.waiting)))
    answered = {"0.5": frame.p50_ms, "0.95": frame.p95_ms}
    quantiles = [
        (f'{{quantile="{q}"}}', float("inf") if ms == NEVER_MS else ms / 1000)
        for q, ms in answered.items()
        if ms is not None
    ]
    tell("latency_recent_seconds", "gauge", "From when a request was due, over the last seconds.", *quantiles)
    if frame.late_ms is not None:
        tell("lateness_p99_recent_seconds", "gauge", "From due to sent, over the last seconds.",
             ("", frame.late_ms / 1000))  # fmt: skip
    states = {state: sum(unit[2] == state for unit in frame.units) for state in (QUIET, WELL, SLOW, BAD)}
    names = {QUIET: "quiet", WELL: "well", SLOW: "slow", BAD: "bad"}
    tell("units", "gauge", "Communes and wards by state.",
         *((f'{{state="{names[state]}"}}', float(n)) for state, n in states.items()))  # fmt: skip
    for name, text, of in (("lag_ms", "Lateness of the event loop.", "lag_ms"), ("cpu_cores", "Cores used.", "cpu")):
        values = [(each.source, getattr(each, of)) for each in frame.generators]
        tell(f"generator_{name}", "gauge", text,
             *((f'{{source="{source}"}}', value) for source, value in values if value is not None))  # fmt: skip
    return "\n".join(lines).replace(" inf\n", " +Inf\n") + "\n"
