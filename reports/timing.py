"""A promise about times, whatever took them: answers counted from their due time, or the way from system to system.

Kept when the whole interval of the percentile is within the limit, broken when the whole interval is beyond. Where the
percentile has no interval, the share within the limit may still decide.
"""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from math import ceil, floor, log, log1p

import numpy as np
from numpy.typing import NDArray

from record.types import Objective
from reports import intervals, order, phases
from reports.case import Case
from reports.latency import Estimate, Times
from reports.verdict import Finding, Param, Quantity, Text, Verdict, exactly

NS = {"ms": 1_000_000, "s": 1_000_000_000}


def judge(case: Case, objective: Objective, found: Estimate, n: int, ask: Callable[[], Times]) -> Finding:
    """The finding on a percentile of n > 0 times; its words are those of objective.<metric>_….

    All times are asked for only where the percentile does not decide.
    """
    exact = Fraction(str(objective.limit)) * NS[objective.unit]
    limit, percentile, words = float(exact), found.percentile, objective.metric
    shown: dict[str, Param] = {"limit": exactly(limit, "ns"), "percentile": Quantity(percentile, "percentile")}
    shown |= {"calls": Quantity(n, "count"), "needed": Quantity(found.calls_needed, "count")}
    for name in ("value", "low", "high"):
        bound = getattr(found, name)
        shown[name] = "-" if bound is None else Quantity(bound, "ns", limit)
    if found.high is not None and found.high <= exact:
        return finding(objective, Verdict.PASS, f"{words}_pass", shown)
    if found.low is not None and found.low > exact:
        variant = f"{words}_fail" if found.value is not None else f"{words}_at_least"
        return finding(objective, Verdict.FAIL, variant, shown)
    times = ask()
    if found.high is None or found.low is None:
        late, allowed = _late(times, floor(exact)), 1 - Fraction(str(percentile)) / 100
        shown |= {"within": Quantity(1 - late.value, "share"), "promised": exactly(percentile / 100, "share")}
        shown |= {"within_low": Quantity(1 - late.high, "share", percentile / 100)}
        shown |= {"within_high": Quantity(1 - late.low, "share", percentile / 100)}
        if Fraction(late.high) <= allowed:
            return finding(objective, Verdict.PASS, f"{words}_within", shown)
        if Fraction(late.low) > allowed:
            return finding(objective, Verdict.FAIL, f"{words}_beyond", shown)
    if found.value is None and not case.record.sealed:  # what is missing cannot be counted, nor can more of it be asked
        return finding(objective, Verdict.UNDECIDED, "unsealed", shown)
    if found.value is None:
        by_share = _within_more(times, floor(exact), percentile)
        more = max(1, found.calls_needed - n if by_share is None else min(found.calls_needed - n, by_share))
        shown["needed"] = Quantity(n + more, "count")
        return finding(objective, Verdict.UNDECIDED, f"{words}_too_few", shown, needs(case, n, more))
    within = int((times.ns <= floor(exact)).sum()) / n
    more_or_none = intervals.calls_to_decide(n, percentile / 100, within, found.phi)
    return finding(objective, Verdict.UNDECIDED, f"{words}_undecided", shown, needs(case, n, more_or_none))


def phi(events: NDArray[np.int64], of: NDArray[np.int64], planned: NDArray[np.float64]) -> float:
    """How much more the events of one block resemble each other than independent ones would; both counted by block."""
    return float(intervals.overdispersion(events[None, :], of[None, :], planned)[0])


def share_more(events: int, of: int, limit: float, phi: float) -> int | None:
    """About how many more calls decide a share; with no event so far the rule of three says it."""
    if events == 0 and 0 < limit < 1 and phi < np.inf:
        return max(1, ceil(phi * log(1 - intervals.CONFIDENCE) / log1p(-limit)) - of)
    return intervals.calls_to_decide(of, 1 - limit, 1 - events / of, phi) if 0 < limit < 1 else None


def needs(case: Case, n: int, more: int | None) -> Text:
    """What would decide it: about this many calls more, and at the run's pace that many seconds more."""
    if more is None:
        return Text("objective.needs_other", {})
    seconds = phases.seconds(case.manifest)
    wait = ceil(more * seconds / n) if seconds > 0 else 0
    return Text("objective.needs_more", {"calls": Quantity(more, "count"), "seconds": Quantity(wait, "count")})


def finding(
    objective: Objective, verdict: Verdict, variant: str, params: dict[str, Param], needs: Text | None = None
) -> Finding:
    """What an objective's check says."""
    title = Text("objective.title", {"vi": objective.title_vi, "en": objective.title_en})
    summary = Text(f"objective.{variant}", params)
    return Finding(f"objective.{objective.slug}", verdict, title, summary, None, needs)


def _late(times: Times, limit_ns: int) -> intervals.Share:
    """Share of the times beyond the limit: "95 % within 2 s" said the other way round.

    It decides where the percentile has no interval because answer times drift far from the limit. When none is late, or
    every one, nothing is known of how late ones cluster, so a whole second counts as one observation.
    """
    late = times.ns > limit_ns
    events, of = int(late.sum()), len(late)
    seconds = len(np.unique(times.block))
    if not 0 < events < of:
        return intervals.share_of(events, of, of / seconds)
    by_block = [order.count(places, len(times.planned)) for places in (times.block[late], times.block)]
    return intervals.share_of(events, of, phi(by_block[0], by_block[1], times.planned))


def _within_more(times: Times, limit_ns: int, percentile: float) -> int | None:
    """About how many more decide by the share within the limit, as long as none is late; None if one is."""
    if (times.ns > limit_ns).any():
        return None
    of, seconds = len(times.ns), len(np.unique(times.block))
    return share_more(0, of, 1 - percentile / 100, of / seconds)
