"""How far a resource with meters explains that the system was hurt.

Used up where the system was hurt, nearly so already at the first step that lost calls and busy where calls began to
take longer, at a demand per call that is the same as when all was quiet: a culprit (tier 0). So is what most of the
added time is spent waiting for, and what itself refuses most of what failed. Used up at a demand that grew: held by
calls that wait for somebody else, a symptom (tier 3). All others are on the list by their ceilings only (tier 5).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from reports import demands
from reports.demands import PREFIX, Law, Use
from reports.suspects import Row, Suspect, View

USED_UP, NEARLY = 0.92, 0.85  # at most, and at the first step that lost calls
HELD_LONGER, HELD_ERRORS = 0.25, 3.0  # by so much, and by so many standard errors, the demand must have grown
WAITING_SHARE = 0.4  # of the growth of the latency
WAITED_S = 0.05  # growth below which it is not shared out
BUSY_MIN = 0.6  # of a resource that is waited for; one server alone makes calls take 2.5 times as long then (M/M/1)
REFUSING_SHARE = 0.5  # of the calls that failed
BACKLOG_SHARE, BACKLOG_MIN = 0.05, 5.0  # of the calls of a step, that more wait at its end than at its beginning


@dataclass(frozen=True)
class Placed:
    """A suspect, its tier and its order within it. `waited`: the share of the added time that is spent waiting for it,
    where its meters tell of people who wait (a processor's tell of threads)."""

    suspect: Suspect
    tier: int
    order: float
    waited: float | None


def place(view: View, source: str) -> Placed | None:
    """None when its meters say nothing that could be judged."""
    of = demands.uses(view.sweep, source)
    quiet = [one for one in of if one.step in view.quiet]
    hurt = [one for one in of if one.step in view.hurt]
    line = demands.law(quiet or of)
    kind, _, name = source.removeprefix(PREFIX).partition(":")
    waited = waiting_share(view, quiet, hurt)
    tier, law, score = _explains(view, line, hurt, waited or 0.0)
    if not hurt and backlogged(view, source):
        tier, law, score = 0, "backlog", 1.0
    if line is None and tier > 4:
        return None
    if law == "used_up" and held_longer(line, hurt[:1]) <= 1:
        line = demands.law([*quiet, *hurt[:1]])  # where it began, too; above 1, what comes before the culprit does more
    ceiling = line.ceiling if line is not None else None
    suspect = Suspect(name, kind, law, score, ceiling, evidence(source, of, line), line.size if line else None)
    order = ceiling.rate if ceiling is not None else -1.0 - score  # before shapes, of which it says what they wait for
    return Placed(suspect, tier, order, None if kind == "cpu" else waited)


def _explains(view: View, line: Law | None, hurt: Sequence[Use], waited: float) -> tuple[int, str, float]:
    """(tier, law, score) of a resource."""
    shares = [one.share for one in hurt if one.share is not None]
    longer = held_longer(line, hurt)
    same = line is None or longer <= 1 + max(HELD_LONGER, HELD_ERRORS * line.error)
    if (refusing := _refusing_share(hurt)) >= REFUSING_SHARE:
        return 0, "refusing", refusing
    if shares and max(shares) >= USED_UP and _busy_in_time(view, hurt) and same:
        return 0, "used_up", max(shares)
    if waited >= WAITING_SHARE and same and (not shares or max(shares) >= BUSY_MIN):
        return (0 if line is not None else 1), "waited_for", min(1.0, waited)
    if shares and max(shares) >= USED_UP and not same:
        return 3, "held", max(shares) / longer
    return 5, "ceiling", 0.0


def _busy_in_time(view: View, hurt: Sequence[Use]) -> bool:
    """Whether it was already nearly used up where calls were first lost, and busy where they began to take longer.

    Where none were lost, nearly used up where they began to take longer.
    """
    told = [one for one in hurt if one.share is not None]
    judged = [one for one in told if one.step in view.lost] or told
    return (judged[0].share or 0.0) >= NEARLY and (told[0].share or 0.0) >= BUSY_MIN


def held_longer(line: Law | None, hurt: Sequence[Use]) -> float:
    """Demand per call at the steps that were hurt over the demand when quiet."""
    found = [
        max(0.0, one.busy - line.idle * line.size) / one.carried / line.demand
        for one in hurt
        if line is not None and one.busy is not None and one.carried > 0
    ]
    return sorted(found)[len(found) // 2] if found else 1.0


def waiting_share(view: View, quiet: Sequence[Use], hurt: Sequence[Use]) -> float | None:
    """How much of the added latency is spent waiting for this resource, by Little's law from those who wait.

    At the first step that was hurt, where causes are still apart, if enough was added there; else over all of them.
    None when the meters tell of nobody who waits, or hardly anything was added.
    """
    base = sum(step.latency for step in view.base) / len(view.base)
    least = max(WAITED_S, base)
    for steps in (hurt[:1], hurt):
        before = [one.waiting / one.carried for one in quiet if one.waiting is not None and one.carried]
        after = [one.waiting / one.carried for one in steps if one.waiting is not None and one.carried]
        growth = sum(one.step.latency for one in steps) / len(steps) - base if steps else 0.0
        if before and after and growth >= least:
            return (sum(after) / len(after) - sum(before) / len(before)) / growth
    return None


def backlogged(view: View, source: str) -> bool:
    """Whether more and more wait for it at the highest rates although all calls are answered as ever: work that is done
    afterwards, and too slowly."""
    growing = []
    for step in view.sweep.steps[-2:]:
        meter = view.sweep.meter(step, source, "waiting")
        waiting = [] if meter is None else meter.inside(step)[1].tolist()
        growth = waiting[-1] - waiting[0] if len(waiting) >= 3 else 0.0
        growing.append(growth >= max(BACKLOG_MIN, BACKLOG_SHARE * len(step.mine)))
    return bool(growing) and all(growing)


def _refusing_share(hurt: Sequence[Use]) -> float:
    """Of the calls that failed, the share that this resource says it refused."""
    told = [one for one in hurt if one.refused is not None]
    failed = sum(one.step.failed * one.step.offered for one in told)
    return sum(one.refused or 0.0 for one in told) / failed if failed > 0 else 0.0


def evidence(source: str, of: Sequence[Use], line: Law | None) -> tuple[Row, ...]:
    """What the meters said at each step, and the line through it."""
    where = [one.step for one in of]
    columns = (
        ("in_use", f"{source} busy", "share", [one.share for one in of]),
        ("waiting", f"{source} waiting", "count", [one.waiting for one in of]),
        ("refused", f"{source} refused", "per_s", [one.refused for one in of]),
        ("demand", f"{source} busy over calls", "s", [one.demand for one in of]),
    )
    rows = tuple(
        Row(what, meter, unit, tuple((s.offered, v) for s, v in zip(where, values, strict=True) if v is not None))
        for what, meter, unit, values in columns
        if any(value is not None for value in values)
    )
    return rows if line is None else (*rows, Row("idle", f"{source} busy", "share", ((0.0, line.idle),)))
