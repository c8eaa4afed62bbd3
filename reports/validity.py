"""Was the run itself good? The generator and the record are judged before the system is.

A late, starved or leaking generator makes the verdict void: its figures speak of the harness, not of the platform.
Without telemetry, or without traffic, nothing can be said: undecided.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict
from fractions import Fraction
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from record.types import Outcome, State
from reports import order, phases, undone
from reports.calls import UNSENT
from reports.case import Case
from reports.verdict import EVIDENCE_ROWS_MAX, Evidence, Finding, Param, PhaseNames, Quantity, Text, Verdict, exactly

TELEMETRY_GAP_S_MAX = 5.0
READING_LATE_NS_MAX = 1_000_000_000  # a reading speaks of the half second before it
_MS = 1_000_000
_METRICS = ("hub_lag_ms", "cpu_share")

_TOLD = """
    SELECT operation::VARCHAR AS operation, fact::VARCHAR AS fact, count(*) AS n
    FROM ledger WHERE fact IN ('acked', 'refused', 'unknown') GROUP BY ALL"""


def record(case: Case) -> Finding:
    """The record is sealed, and people arrived in each judged phase."""
    manifest = case.manifest
    if manifest.state is not State.SEALED:
        reason = manifest.abort_reason or "-"
        return _finding("record", Verdict.UNDECIDED, "unsealed", state=str(manifest.state), reason=reason)
    judged = phases.judged(manifest)
    empty = [manifest.phases[index].name for index in judged if not case.calls.arrivals[index]]
    if empty or not judged:
        return _finding("record", Verdict.UNDECIDED, "empty", names=PhaseNames(tuple(empty) or ("-",)))
    return _finding("record", Verdict.PASS, "pass", arrivals=Quantity(manifest.arrivals, "count"))


def conservation(case: Case) -> Finding:
    """planned = ok + refused + unknown + dropped, one end per arrival, every call kept, none of a stranger.

    Samples, ends and ledger are written apart from each other, so that each bears witness against the others: the calls
    of an arrival are as many as its steps, and the writes among the samples have ended as the ledger says.
    """
    manifest = case.manifest
    found = asdict(case.laid) | {"impossible": case.calls.impossible}
    found["unbooked"] = _unbooked(case)
    names = ("never", "twice", "unknown", "strangers", "astray", "impossible", "unbooked")
    counts: dict[str, Param] = {name: Quantity(found[name], "count") for name in names}
    ends = case.rows("SELECT outcome, count(*) AS n FROM journeys GROUP BY outcome")
    by_outcome = {str(row["outcome"]): int(row["n"]) for row in ends}
    outcomes: dict[str, Param] = {o.name.lower(): Quantity(by_outcome.get(o.name.lower(), 0), "count") for o in Outcome}
    planned = Quantity(manifest.arrivals, "count")
    counts |= {"planned": planned, "rows": Quantity(found["rows"], "count")}
    never_right = ("twice", "unknown", "strangers", "impossible")
    if found["rows"] != manifest.arrivals or any(found[name] for name in never_right):
        return _finding("conservation", Verdict.VOID, params=counts)
    if any(found[name] for name in ("never", "astray", "unbooked")):  # a run that was killed looks like this
        verdict = Verdict.VOID if manifest.state is State.SEALED else Verdict.UNDECIDED
        return _finding("conservation", verdict, params=counts)
    if not manifest.arrivals:
        return _finding("conservation", Verdict.UNDECIDED, "empty")
    return _finding("conservation", Verdict.PASS, params={"planned": planned, **outcomes})


def _unbooked(case: Case) -> int:
    """By how many writes samples and ledger differ, operation by operation and outcome by outcome."""
    calls, sent = case.calls, Counter[tuple[str, str]]()
    refused = calls.failed_as == Outcome.REFUSED
    every, failed = calls.counts.sum(axis=(0, 2)), calls.failures.sum(axis=(0, 2))
    no = np.bincount(calls.operation[calls.failed_at[refused]], minlength=len(every))
    for operation, *counts in zip(case.manifest.operations, every - failed, no, failed - no, strict=True):
        if operation.write:
            facts = ((operation.name, fact) for fact in ("acked", "refused", "unknown"))
            sent.update(dict(zip(facts, map(int, counts), strict=True)))
    told = {(row["operation"], row["fact"]): row["n"] for row in case.rows(_TOLD)}
    return sum(abs(sent[key] - told.get(key, 0)) for key in {*sent, *told})


def drops(case: Case) -> Finding:
    """Share of the judged arrivals that no free user was there for. They are never made up later."""
    found = case.once(undone.count)
    planned, dropped = int(found.planned.sum()), int(found.dropped.sum())
    limit = case.manifest.limits.dropped_share_max
    if not planned:
        return _finding("drops", Verdict.UNDECIDED, "undecided", limit=exactly(limit, "share"))
    share = Fraction(dropped, planned)
    return _finding(
        "drops",
        Verdict.VOID if share > Fraction(str(limit)) else Verdict.PASS,
        planned=Quantity(planned, "count"),
        dropped=Quantity(dropped, "count"),
        measured=Quantity(float(share), "share", limit),
        limit=exactly(limit, "share"),
    )


def lateness(case: Case) -> Finding:
    """p99 of sent minus due over the calls of the judged phases.

    A later call of a journey is due when its answer before has arrived, if not later, so waiting for the target is not
    in it (ADR 0004).
    """
    limits, calls = case.manifest.limits, case.calls
    limit = limits.lateness_p99_ms_max * _MS
    late = calls.late_ns

    def sent(at: slice) -> NDArray[np.bool_]:
        return np.asarray(case.judged(at) & (late[at] != UNSENT))

    many, p99, worst = order.nth(late.__getitem__, len(calls), sent, lambda n: -(-99 * n // 100))
    if not many:
        return _finding("lateness", Verdict.UNDECIDED, "undecided", limit=exactly(limit, "ns"))
    return _finding(
        "lateness",
        Verdict.VOID if p99 > Fraction(str(limits.lateness_p99_ms_max)) * _MS else Verdict.PASS,
        calls=Quantity(many, "count"),
        measured=Quantity(p99, "ns", limit),
        worst=Quantity(worst, "ns"),
        limit=exactly(limit, "ns"),
    )


def hub_lag(case: Case) -> Finding:
    """Longest time that a generator process did not come back to its event loop, while a judged phase ran."""
    limit = case.manifest.limits.hub_lag_ms_max
    rows = _readings(case, "hub_lag_ms", "max(value)")
    if not rows:
        return _finding("hub_lag", Verdict.UNDECIDED, "undecided", limit=exactly(limit * _MS, "ns"))
    value = float(rows[0]["value"])
    cells = tuple(
        (row["source"], Quantity(row["value"] * _MS, "ns", limit * _MS), Quantity(row["at_ns"], "ns"))
        for row in rows[:EVIDENCE_ROWS_MAX]
    )
    return _finding(
        "hub_lag",
        Verdict.VOID if value > limit else Verdict.PASS,
        evidence=Evidence(("source", "hub_lag", "at"), cells),
        source=str(rows[0]["source"]),
        measured=Quantity(value * _MS, "ns", limit * _MS),
        limit=exactly(limit * _MS, "ns"),
    )


def cpu(case: Case) -> Finding:
    """p95 of each generator process's share of one core; the busiest process counts."""
    limit = case.manifest.limits.cpu_share_p95_max
    rows = _readings(case, "cpu_share", "quantile_disc(value, 0.95)")
    if not rows:
        return _finding("cpu", Verdict.UNDECIDED, "undecided", limit=exactly(limit, "share"))
    cells = tuple((row["source"], Quantity(row["value"], "share", limit)) for row in rows[:EVIDENCE_ROWS_MAX])
    return _finding(
        "cpu",
        Verdict.VOID if rows[0]["value"] > limit else Verdict.PASS,
        evidence=Evidence(("source", "cpu_p95"), cells),
        source=str(rows[0]["source"]),
        measured=Quantity(rows[0]["value"], "share", limit),
        limit=exactly(limit, "share"),
    )


def telemetry(case: Case) -> Finding:
    """Every worker's own meters were read all through the judged phases, without a gap that could hide a stall."""
    manifest = case.manifest
    windows = [(phase.start_ns, phase.end_ns) for phase in manifest.phases if phase.judged]
    windows = [(start, min(end, case.end_ns)) for start, end in windows if start < case.end_ns]
    if not windows:
        return _finding("telemetry", Verdict.UNDECIDED, "empty")
    rows = case.rows(
        "SELECT source, metric, at_ns FROM readings "
        "WHERE source LIKE 'generator-%' AND value IS NOT NULL ORDER BY 1, 2, 3"
    )
    times: dict[tuple[str, str], list[int]] = {}
    for row in rows:
        times.setdefault((row["source"], row["metric"]), []).append(row["at_ns"])
    sources = sorted({source for source, metric in times if metric in _METRICS})
    bad: list[tuple[Param, ...]] = [
        (source, metric, Quantity(gap, "ns"))
        for source in sources
        for metric in _METRICS
        if (gap := _widest_gap(times.get((source, metric), []), windows)) > TELEMETRY_GAP_S_MAX * 1e9
    ]
    expected, present = Quantity(manifest.workers, "count"), Quantity(len(sources), "count")
    gap_max = Quantity(TELEMETRY_GAP_S_MAX * 1e9, "ns")
    if len(sources) < manifest.workers or bad:
        evidence = Evidence(("source", "metric", "gap"), tuple(bad[:EVIDENCE_ROWS_MAX]))
        return _finding(
            "telemetry", Verdict.UNDECIDED, "undecided", evidence, expected=expected, present=present, gap=gap_max
        )
    return _finding("telemetry", Verdict.PASS, expected=expected, present=present, gap=gap_max)


def _widest_gap(times: list[int], windows: list[tuple[int, int]]) -> int:
    """Longest stretch of a judged window without a reading; the edges of the window count as ends of a stretch.

    A window that no reading speaks of, however short, is all gap.
    """
    widest = 0
    for start, end in windows:
        inside = [at for at in times if start < at < end + READING_LATE_NS_MAX]
        if not inside:
            return round(TELEMETRY_GAP_S_MAX * 1e9) + end - start
        points = [start, *(at for at in inside if at < end), end]
        widest = max(widest, *(after - before for before, after in pairwise(points)))
    return widest


def _readings(case: Case, metric: str, value: str) -> list[dict[str, Any]]:
    """One row per generator process: source, value, at_ns of the highest reading; the worst first."""
    return case.rows(
        f"""
        SELECT source, {value} AS value, arg_max(at_ns, value) AS at_ns FROM readings
        WHERE source LIKE 'generator-%' AND metric = $metric AND value IS NOT NULL AND at_ns <= $end
          AND {phases.judged_sql(case.manifest, "at_ns")}
        GROUP BY source ORDER BY 2 DESC, 1""",
        {"metric": metric, "end": case.end_ns + READING_LATE_NS_MAX},
    )


def _finding(
    name: str,
    verdict: Verdict,
    variant: str | None = None,
    evidence: Evidence | None = None,
    params: dict[str, Param] | None = None,
    **more: Param,
) -> Finding:
    check = f"validity.{name}"
    summary = Text(f"{check}.{variant or verdict.word}", {**(params or {}), **more})
    return Finding(check, verdict, Text(f"{check}.title"), summary, evidence)
