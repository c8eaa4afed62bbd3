"""The promises of the manifest against what was measured: pass, fail, or not yet decided, by the whole interval.

A promise is kept when the whole interval is on the good side of the limit and broken when the whole interval is on
the bad side; in between it says about how much more it would take. Exact numbers are compared, never printed ones.
A promise is not kept by the operations that happened to be called: each of its patterns must have been seen.
"""

from __future__ import annotations

from fnmatch import fnmatchcase
from fractions import Fraction
from math import ceil, floor, log, log1p

import numpy as np
from numpy.typing import NDArray

from record.types import Objective
from reports import intervals, latency, phases
from reports.calls import Calls
from reports.case import Case
from reports.verdict import EVIDENCE_ROWS_MAX, Evidence, Finding, Param, Quantity, Text, Verdict, exactly

# An outage is one event however many calls it hits, so it has no interval to speak of; it still broke the promise.
GROSS_FACTOR = 10
GROSS_EVENTS = 100
_NS = {"ms": 1_000_000, "s": 1_000_000_000}
_SHARE = {"share": Fraction(1), "%": Fraction(1, 100)}


def check(case: Case) -> tuple[Finding, ...]:
    """One finding per objective, in the manifest's order, and one more when something failed that none speaks of.

    A run without objectives promises nothing: undecided.
    """
    objectives = case.manifest.objectives
    if not objectives:
        return (_none(),)
    return (*(_judge(case, objective) for objective in objectives), *_uncovered(case))


def matching(calls: Calls, objective: Objective) -> NDArray[np.bool_]:
    """Per operation: is it meant by one of the objective's patterns?"""
    meant = [any(fnmatchcase(name, pattern) for pattern in objective.operations) for name in calls.operations]
    return np.array(meant, np.bool_)


def _judge(case: Case, objective: Objective) -> Finding:
    calls = case.calls
    chosen = np.isin(calls.phase, phases.judged(case.manifest))
    meant = matching(calls, objective)
    if len(calls):
        chosen &= meant[calls.operation]
    if objective.metric == "latency" and objective.percentile is not None and objective.unit in _NS:
        finding = _latency(case, objective, objective.percentile, chosen)
    elif objective.metric == "errors" and objective.unit in _SHARE:
        finding = _errors(case, objective, chosen, meant)
    else:
        shown: dict[str, Param] = {"metric": objective.metric, "unit": objective.unit}
        return _finding(objective, Verdict.UNDECIDED, "unreadable", shown)
    unseen = _unseen(calls, objective, chosen)
    if finding.verdict is Verdict.PASS and unseen:
        return _finding(objective, Verdict.UNDECIDED, "unseen", {"names": ", ".join(unseen)})
    return finding


def _unseen(calls: Calls, objective: Objective, chosen: NDArray[np.bool_]) -> list[str]:
    """The objective's patterns under which no judged call falls: mistyped, or never driven."""
    called = [calls.operations[place] for place in np.unique(calls.operation[chosen])]
    return [pattern for pattern in objective.operations if not any(fnmatchcase(name, pattern) for name in called)]


def _uncovered(case: Case) -> tuple[Finding, ...]:
    """Failures of judged phases that no error objective speaks of. Nobody promised about them, so they stay open."""
    calls = case.calls
    covered = np.zeros(len(calls.operations), np.bool_)
    for objective in case.manifest.objectives:
        if objective.metric == "errors":
            covered |= matching(calls, objective)
    failed = calls.failed & np.isin(calls.phase, phases.judged(case.manifest))
    if len(calls):
        failed &= ~covered[calls.operation]
    by_operation = np.bincount(calls.operation[failed], minlength=len(calls.operations))
    systems = set(calls.systems) - _systems(calls, covered)
    undone = sum(_undone(case, sorted(systems)))
    events = int(failed.sum()) + undone
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


def _latency(case: Case, objective: Objective, percentile: float, chosen: NDArray[np.bool_]) -> Finding:
    calls = case.calls
    exact = Fraction(str(objective.limit)) * _NS[objective.unit]
    limit = float(exact)
    timed = chosen & calls.timed
    n = int(timed.sum())
    shown: dict[str, Param] = {"limit": exactly(limit, "ns"), "percentile": Quantity(percentile, "percentile")}
    if not n:
        shown["calls"] = Quantity(int(chosen.sum()), "count")
        return _finding(objective, Verdict.UNDECIDED, "all_refused" if chosen.any() else "nothing", shown)
    found = latency.estimate(calls, chosen, percentile)
    shown |= {"calls": Quantity(n, "count"), "needed": Quantity(found.calls_needed, "count")}
    for name in ("value", "low", "high"):
        bound = getattr(found, name)
        shown[name] = "-" if bound is None else Quantity(bound, "ns", limit)
    if found.high is not None and found.high <= exact:
        return _finding(objective, Verdict.PASS, "latency_pass", shown)
    if found.low is not None and found.low > exact:
        return _finding(objective, Verdict.FAIL, "latency_fail" if found.value is not None else "at_least", shown)
    if found.high is None or found.low is None:
        late, allowed = _late(calls, timed, floor(exact)), 1 - Fraction(str(percentile)) / 100
        shown |= {"within": Quantity(1 - late.value, "share"), "promised": exactly(percentile / 100, "share")}
        shown |= {"within_low": Quantity(1 - late.high, "share", percentile / 100)}
        shown |= {"within_high": Quantity(1 - late.low, "share", percentile / 100)}
        if Fraction(late.high) <= allowed:
            return _finding(objective, Verdict.PASS, "latency_within", shown)
        if Fraction(late.low) > allowed:
            return _finding(objective, Verdict.FAIL, "latency_beyond", shown)
    if found.value is None and not case.record.sealed:  # what is missing cannot be counted, nor can more of it be asked
        return _finding(objective, Verdict.UNDECIDED, "unsealed", shown)
    if found.value is None:
        by_share = _within_more(calls, timed, floor(exact), percentile)
        more = max(1, found.calls_needed - n if by_share is None else min(found.calls_needed - n, by_share))
        shown["needed"] = Quantity(n + more, "count")
        return _finding(objective, Verdict.UNDECIDED, "too_few", shown, _needs(case, n, more))
    within = int((calls.due_ns[timed] <= floor(exact)).sum()) / n
    more_or_none = intervals.calls_to_decide(n, percentile / 100, within, found.phi)
    return _finding(objective, Verdict.UNDECIDED, "latency_undecided", shown, _needs(case, n, more_or_none))


def _errors(case: Case, objective: Objective, chosen: NDArray[np.bool_], meant: NDArray[np.bool_]) -> Finding:
    """(refused + unknown calls + undone arrivals) / (calls + undone arrivals).

    An arrival that was dropped or broken off counts when one of its system's operations is meant: the calls that it
    still had before it never came to be.
    """
    calls = case.calls
    exact = Fraction(str(objective.limit)) * _SHARE[objective.unit]
    limit = float(exact)
    dropped, broken = _undone(case, sorted(_systems(calls, meant)))
    failed = chosen & calls.failed
    events, of = int(failed.sum()) + dropped + broken, int(chosen.sum()) + dropped + broken
    shown: dict[str, Param] = {"limit": exactly(limit, "share")}
    if not of:
        return _finding(objective, Verdict.UNDECIDED, "nothing", shown)
    phi = _phi(calls, failed, chosen)
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
        return _finding(objective, verdict, variant, shown)
    if share.high <= exact:
        return _finding(objective, Verdict.PASS, "errors_pass", shown)
    if share.low > exact or (share.value >= GROSS_FACTOR * limit and events >= GROSS_EVENTS):
        return _finding(objective, Verdict.FAIL, "errors_fail", shown)
    more = _share_more(events, of, float(exact), phi)
    return _finding(objective, Verdict.UNDECIDED, "errors_undecided", shown, _needs(case, of, more))


def _late(calls: Calls, timed: NDArray[np.bool_], limit_ns: int) -> intervals.Share:
    """Share of the timed calls later than the limit: "95 % within 2 s" said the other way round.

    It decides where the percentile has no interval because answer times drift far from the limit. When no call is late,
    or every one, nothing is known of how late calls cluster, so a whole second counts as one observation.
    """
    late = timed & (calls.due_ns > limit_ns)
    events, of = int(late.sum()), int(timed.sum())
    seconds = len(np.unique(calls.block[timed]))
    return intervals.share_of(events, of, _phi(calls, late, timed) if 0 < events < of else of / seconds)


def _within_more(calls: Calls, timed: NDArray[np.bool_], limit_ns: int, percentile: float) -> int | None:
    """About how many more calls decide by the share within the limit, as long as none is late; None if one is."""
    if (timed & (calls.due_ns > limit_ns)).any():
        return None
    of, seconds = int(timed.sum()), len(np.unique(calls.block[timed]))
    return _share_more(0, of, 1 - percentile / 100, of / seconds)


def _phi(calls: Calls, events: NDArray[np.bool_], among: NDArray[np.bool_]) -> float:
    blocks = len(calls.planned)
    counts = [np.bincount(calls.block[mask], minlength=blocks)[None, :] for mask in (events, among)]
    return float(intervals.overdispersion(counts[0], counts[1], calls.planned)[0])


def _share_more(events: int, of: int, limit: float, phi: float) -> int | None:
    """About how many more calls decide a share; with no event so far the rule of three says it."""
    if events == 0 and 0 < limit < 1 and phi < np.inf:
        return max(1, ceil(phi * log(1 - intervals.CONFIDENCE) / log1p(-limit)) - of)
    return intervals.calls_to_decide(of, 1 - limit, 1 - events / of, phi) if 0 < limit < 1 else None


def _undone(case: Case, systems: list[str]) -> tuple[int, int]:
    """Judged arrivals of some systems that were dropped, and those broken off without a failed call of their own.

    A journey breaks off when it cannot make sense of an answer, or when it is cut short between two calls.
    """
    sql = f"""
        SELECT count(*) FILTER (j.outcome = 'dropped') AS dropped,
               count(*) FILTER (j.outcome IN ('refused', 'unknown') AND failed.arrival IS NULL) AS broken
        FROM arrivals a JOIN journeys j ON a.arrival = j.arrival
        LEFT JOIN (SELECT DISTINCT arrival FROM samples WHERE outcome IN ('refused', 'unknown')) failed
          ON a.arrival = failed.arrival
        WHERE list_contains($systems::VARCHAR[], a.system::VARCHAR) AND {phases.judged_sql(case.manifest, "a.at_ns")}"""
    found = case.one(sql, {"systems": systems})
    return int(found["dropped"]), int(found["broken"])


def _needs(case: Case, n: int, more: int | None) -> Text:
    """What would decide it: about this many calls more, and at the run's pace that many seconds more."""
    if more is None:
        return Text("objective.needs_other", {})
    seconds = phases.seconds(case.manifest)
    wait = ceil(more * seconds / n) if seconds > 0 else 0
    return Text("objective.needs_more", {"calls": Quantity(more, "count"), "seconds": Quantity(wait, "count")})


def _finding(
    objective: Objective, verdict: Verdict, variant: str, params: dict[str, Param], needs: Text | None = None
) -> Finding:
    title = Text("objective.title", {"vi": objective.title_vi, "en": objective.title_en})
    summary = Text(f"objective.{variant}", params)
    return Finding(f"objective.{objective.slug}", verdict, title, summary, None, needs)


def _none() -> Finding:
    return Finding(
        "objective.none", Verdict.UNDECIDED, Text("objective.none.title"), Text("objective.none.undecided"), None, None
    )
