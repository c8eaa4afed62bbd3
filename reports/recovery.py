"""How soon would a fault have been noticed, and how soon was all well again after it?

Each fault of events.jsonl is laid over windows of one second. A window is broken when the calls due in it break an
objective of latency or errors, taken by itself: more of them late than the percentile leaves, or a larger share failed
than was promised. A window without any call that an objective speaks of says nothing either way.
Detected: at the end of the first broken window since the fault began. Recovered: at the start of the first
RECOVERED_WINDOWS windows in a row, since it ended, that are not broken.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from math import floor

import numpy as np
from numpy.typing import NDArray

from record.types import Event, Objective
from reports import timing
from reports.case import Case
from reports.verdict import Finding, Param, Quantity, Text, Verdict

BEGIN, END = "fault-begin", "fault-end"
RECOVERED_WINDOWS = 3
WINDOW_NS = 1_000_000_000

_SHARE = {"share": Fraction(1), "%": Fraction(1, 100)}
NOTHING, INSIDE, BROKEN = 0, 1, 2  # what a window says


@dataclass(frozen=True)
class Recovery:
    """One fault and what the calls say of it; a time is None where it did not happen."""

    fault: str
    begin_ns: int
    end_ns: int | None
    detected_ns: int | None  # since it began
    recovered_ns: int | None  # since it ended
    windows: int  # with calls, between its end and that of the plan


def check(case: Case) -> tuple[Finding, ...]:
    """One finding per fault that was set during the run, in order of time."""
    return tuple(_judge(case, number, each) for number, each in enumerate(recoveries(case), 1))


def recoveries(case: Case) -> tuple[Recovery, ...]:
    """One per fault-begin; its end is the first fault-end of the same text that no earlier one took."""
    ends = [event for event in case.events if event.kind == END]
    found = []
    for begin in sorted((event for event in case.events if event.kind == BEGIN), key=lambda event: event.at_ns):
        mine = [event for event in ends if event.text == begin.text and event.at_ns >= begin.at_ns]
        end = min(mine, key=lambda event: event.at_ns, default=None)
        if end is not None:
            ends.remove(end)
        found.append(_one(case, begin, end))
    return tuple(found)


def _one(case: Case, begin: Event, end: Event | None) -> Recovery:
    last_ns = max((phase.end_ns for phase in case.manifest.phases), default=0)
    since_begin = _windows(case, begin.at_ns, last_ns)
    broken = np.flatnonzero(since_begin == BROKEN)
    recovered, after = None, np.empty(0, np.int64)
    if end is not None:
        after = _windows(case, end.at_ns, last_ns)
        recovered = _first_run(after)
    # What breaks only after all was well again is not of this fault.
    until_ns = last_ns if end is None or recovered is None else end.at_ns + recovered * WINDOW_NS
    felt = [place for place in broken.tolist() if begin.at_ns + place * WINDOW_NS < until_ns]
    return Recovery(
        fault=begin.text,
        begin_ns=begin.at_ns,
        end_ns=None if end is None else end.at_ns,
        detected_ns=(felt[0] + 1) * WINDOW_NS if felt else None,
        recovered_ns=None if recovered is None else recovered * WINDOW_NS,
        windows=int((after != NOTHING).sum()),
    )


def _judge(case: Case, number: int, found: Recovery) -> Finding:
    slug = f"recovery.{number}"
    params: dict[str, Param] = {
        "fault": found.fault,
        "at": Quantity(found.begin_ns, "ns"),
        "detected": "-" if found.detected_ns is None else Quantity(found.detected_ns, "ns"),
        "recovered": "-" if found.recovered_ns is None else Quantity(found.recovered_ns, "ns"),
        "windows": Quantity(found.windows, "count"),
        "wanted": Quantity(RECOVERED_WINDOWS, "count"),
    }
    verdict, variant = _verdict(case, found)
    needs = Text("recovery.needs_more", params) if variant in ("unfinished", "too_few") else None
    return Finding(slug, verdict, Text("recovery.title", params), Text(f"recovery.{variant}", params), None, needs)


def _verdict(case: Case, found: Recovery) -> tuple[Verdict, str]:
    if not any(_judged(objective) for objective in case.manifest.objectives):
        return Verdict.UNDECIDED, "no_objective"
    if found.detected_ns is None:
        return Verdict.PASS, "never_felt"
    if found.recovered_ns is not None:
        return Verdict.PASS, "pass"
    if found.end_ns is None:
        return Verdict.UNDECIDED, "unfinished"
    return (Verdict.FAIL, "fail") if found.windows >= RECOVERED_WINDOWS else (Verdict.UNDECIDED, "too_few")


def _first_run(windows: NDArray[np.int64]) -> int | None:
    """Start of the first RECOVERED_WINDOWS windows in a row that are inside; those that say nothing are passed over."""
    run, start = 0, 0
    for place, says in enumerate(windows.tolist()):
        if says == INSIDE:
            start = place if run == 0 else start
            run += 1
            if run == RECOVERED_WINDOWS:
                return start
        elif says == BROKEN:
            run = 0
    return None


def _windows(case: Case, from_ns: int, to_ns: int) -> NDArray[np.int64]:
    """What each whole window between two times says, counted from `from_ns`."""
    length = max(0, to_ns - from_ns) // WINDOW_NS
    says = np.zeros(length, np.int64)
    for objective in case.manifest.objectives:
        if not length or not _judged(objective):
            continue
        meant = case.calls.matching(objective)
        names = [name for name, chosen in zip(case.calls.operations, meant, strict=True) if chosen]
        counted, bad, allowed = _counts(objective)
        table = case.record.arrow(
            f"""
            SELECT (intended_ns - {from_ns}) // {WINDOW_NS} AS place, count(*) FILTER ({counted}) AS n,
                   count(*) FILTER ({bad}) AS bad
            FROM samples WHERE outcome <> 'dropped' AND list_contains($names::VARCHAR[], operation::VARCHAR)
              AND intended_ns >= {from_ns} AND intended_ns < {from_ns + length * WINDOW_NS} GROUP BY place""",
            {"names": names},
        )
        place, n, wrong = (table.column(name).to_numpy() for name in ("place", "n", "bad"))
        # in whole numbers: bad / n > allowed
        broken = wrong * allowed.denominator > n * allowed.numerator
        says[place] = np.maximum(says[place], np.where(broken, BROKEN, np.where(n > 0, INSIDE, NOTHING)))
    return says


def _judged(objective: Objective) -> bool:
    if objective.metric == "latency":
        return objective.percentile is not None and objective.unit in timing.NS
    return objective.metric == "errors" and objective.unit in _SHARE


def _counts(objective: Objective) -> tuple[str, str, Fraction]:
    """SQL for the calls that an objective counts, for those that break it, and the share of those that it allows."""
    if objective.metric == "errors":
        return "true", "outcome IN ('refused', 'unknown')", Fraction(str(objective.limit)) * _SHARE[objective.unit]
    limit_ns = floor(Fraction(str(objective.limit)) * timing.NS[objective.unit])
    unanswered = "outcome <> 'ok' AND status IS NULL"  # as Calls.timed: slower than all that have an answer
    counted = f"outcome = 'ok' OR {unanswered}"
    late = f"({unanswered}) OR (outcome = 'ok' AND done_ns - intended_ns > {limit_ns})"
    return counted, late, 1 - Fraction(str(objective.percentile)) / 100
