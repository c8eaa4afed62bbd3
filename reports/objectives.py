"""The promises of the manifest against what was measured: pass, fail, or not yet decided, by the whole interval.

A promise is kept when the whole interval is on the good side of the limit and broken when the whole interval is on
the bad side; in between it says about how much more it would take. Exact numbers are compared, never printed ones.
A promise is not kept by the operations that happened to be called: each of its patterns must have been seen.
"""

from __future__ import annotations

from fnmatch import fnmatchcase
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from record.types import Objective
from reports import intervals, lags, timing, undone
from reports.calls import Calls
from reports.case import Case
from reports.latency import Times
from reports.verdict import EVIDENCE_ROWS_MAX, Evidence, Finding, Param, Quantity, Text, Verdict, exactly

# An outage is one event however many calls it hits, so it has no interval to speak of; it still broke the promise.
GROSS_FACTOR = 10
GROSS_EVENTS = 100
_SHARE = {"share": Fraction(1), "%": Fraction(1, 100)}


def check(case: Case) -> tuple[Finding, ...]:
    """One finding per objective, in the manifest's order, and one more when something failed that none speaks of.

    A run without objectives promises nothing: undecided.
    """
    objectives = case.manifest.objectives
    if not objectives:
        return (_none(),)
    return (*(_judge(case, objective) for objective in objectives), *_uncovered(case))


def _judge(case: Case, objective: Objective) -> Finding:
    if objective.metric == "lag" and objective.percentile is not None and objective.unit in timing.NS:
        return lags.judge(case, objective, objective.percentile)
    meant = case.calls.matching(objective)
    if objective.metric == "latency" and objective.percentile is not None and objective.unit in timing.NS:
        finding = _latency(case, objective, objective.percentile, meant)
    elif objective.metric == "errors" and objective.unit in _SHARE:
        finding = _errors(case, objective, meant)
    else:
        shown: dict[str, Param] = {"metric": objective.metric, "unit": objective.unit}
        return timing.finding(objective, Verdict.UNDECIDED, "unreadable", shown)
    unseen = _unseen(case, objective)
    if finding.verdict is Verdict.PASS and unseen:
        return timing.finding(objective, Verdict.UNDECIDED, "unseen", {"names": ", ".join(unseen)})
    return finding


def _unseen(case: Case, objective: Objective) -> list[str]:
    """The objective's patterns under which no judged call falls: mistyped, or never driven."""
    called = [case.calls.operations[place] for place in np.flatnonzero(case.counted.sum(axis=1))]
    return [pattern for pattern in objective.operations if not any(fnmatchcase(name, pattern) for name in called)]


def _uncovered(case: Case) -> tuple[Finding, ...]:
    """Failures of judged phases that no error objective speaks of. Nobody promised about them, so they stay open."""
    calls = case.calls
    covered = np.zeros(len(calls.operations), np.bool_)
    for objective in case.manifest.objectives:
        if objective.metric == "errors":
            covered |= calls.matching(objective)
    by_operation = np.where(covered, 0, case.failures.sum(axis=1))
    systems = set(calls.systems) - _systems(calls, covered)
    arrivals = sum(case.once(undone.count).of(systems))
    events = int(by_operation.sum()) + arrivals
    if not events:
        return ()
    worst = np.argsort(-by_operation, kind="stable")[:EVIDENCE_ROWS_MAX]
    rows = tuple((calls.operations[place], Quantity(int(by_operation[place]), "count")) for place in worst)
    evidence = Evidence(("operation", "failed"), tuple(row for row in rows if row[1].value))
    summary = Text("uncovered.errors.undecided", {"events": Quantity(events, "count")})
    title = Text("uncovered.errors.title")
    return (Finding("uncovered.errors", Verdict.UNDECIDED, title, summary, evidence, Text("uncovered.needs")),)


def _systems(calls: Calls, meant: NDArray[np.bool_]) -> set[str]:
    return {calls.systems[calls.system_of[place]] for place in np.flatnonzero(meant)}


def _latency(case: Case, objective: Objective, percentile: float, meant: NDArray[np.bool_]) -> Finding:
    if n := case.timed(meant):
        return timing.judge(case, objective, case.among(meant, percentile), n, lambda: _times(case, meant))
    limit = Fraction(str(objective.limit)) * timing.NS[objective.unit]
    of = int(case.counted[meant].sum())
    shown: dict[str, Param] = {"limit": exactly(float(limit), "ns"), "calls": Quantity(of, "count")}
    return timing.finding(objective, Verdict.UNDECIDED, "all_refused" if of else "nothing", shown)


def _times(case: Case, meant: NDArray[np.bool_]) -> Times:
    calls = case.calls
    timed = case.judged() & calls.timed() & meant[calls.operation]
    return Times(calls.due_ns(timed), calls.block[timed], calls.planned)


def _errors(case: Case, objective: Objective, meant: NDArray[np.bool_]) -> Finding:
    """(refused + unknown calls + undone arrivals) / (calls + undone arrivals).

    An arrival that was dropped or broken off counts when one of its system's operations is meant: the calls that it
    still had before it never came to be.
    """
    calls = case.calls
    exact = Fraction(str(objective.limit)) * _SHARE[objective.unit]
    limit = float(exact)
    dropped, broken = case.once(undone.count).of(_systems(calls, meant))
    failed, called = case.failures[meant].sum(axis=0), case.counted[meant].sum(axis=0)
    events, of = (int(each.sum()) + dropped + broken for each in (failed, called))
    shown: dict[str, Param] = {"limit": exactly(limit, "share")}
    if not of:
        return timing.finding(objective, Verdict.UNDECIDED, "nothing", shown)
    phi = timing.phi(failed, called, calls.planned)
    share = intervals.share_of(events, of, phi)
    shown |= {
        "events": Quantity(events, "count"),
        "dropped": Quantity(dropped, "count"),
        "broken": Quantity(broken, "count"),
        "calls": Quantity(of, "count"),
        "value": Quantity(share.value, "share", limit),
        "low": Quantity(share.low, "share", limit),
        "high": Quantity(share.high, "share", limit),
    }
    if exact == 0:  # no interval can prove "never"; a promise of none is about this run
        verdict, variant = (Verdict.FAIL, "errors_fail") if events else (Verdict.PASS, "errors_none")
        return timing.finding(objective, verdict, variant, shown)
    if share.high <= exact:
        return timing.finding(objective, Verdict.PASS, "errors_pass", shown)
    if share.low > exact or (share.value >= GROSS_FACTOR * limit and events >= GROSS_EVENTS):
        return timing.finding(objective, Verdict.FAIL, "errors_fail", shown)
    more = timing.share_more(events, of, float(exact), phi)
    return timing.finding(objective, Verdict.UNDECIDED, "errors_undecided", shown, timing.needs(case, of, more))


def _none() -> Finding:
    return Finding(
        "objective.none", Verdict.UNDECIDED, Text("objective.none.title"), Text("objective.none.undecided"), None, None
    )
