"""What to buy: the order in which resources are used up on the way to a goal, and by how much each must grow.

capacity(k) = min over resources of k·c/D: each resource's ceiling grows with its size, the smallest one limits. Beyond
twice the rates that were tried this is reckoned, not seen, and says so; so it does where the demand per call already
grew with the load, since then no line can be drawn further (the bend of Gunther's universal scalability law).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from reports.bottlenecks import Judgement
from reports.demands import Ceiling
from reports.suspects import Suspect

REACH = 2.0  # times the highest rate carried, up to which a line is trusted
BEND = 1.25  # demand in the upper half of the quiet steps over that in the lower half
LAWS = ("used_up", "refusing", "waited_for", "held", "ceiling")  # with a ceiling that comes from a demand


@dataclass(frozen=True)
class Need:
    """A resource that stands in the way: at `ceiling` calls per second it is used up, so it must be `factor` times as
    large (between `low` and `high`). `size` is what is there, `then` what that makes; None where it is not told."""

    name: str
    kind: str
    ceiling: Ceiling
    factor: float
    low: float
    high: float
    size: float | None
    then: float | None
    bends: bool


@dataclass(frozen=True)
class Plan:
    """`goal` in calls per second. `extrapolated`: beyond what the records speak of. `next_at`: what limits after all
    needs are met, if any resource is known to."""

    goal: float
    needs: tuple[Need, ...]
    extrapolated: bool
    next_name: str | None
    next_at: float | None


def plan(found: Judgement, forecast: float, safety: float) -> Plan:
    """Raises nothing: without a known resource there is no need, which is not the same as enough."""
    goal = forecast * safety
    ceilings = known(found)
    needs = tuple(_need(one, ceiling, goal) for one, ceiling in ceilings if ceiling.rate < goal)
    after = next(((one.name, ceiling.rate) for one, ceiling in ceilings if ceiling.rate >= goal), None)
    highest = max((step.carried for step in found.steps), default=0.0)
    return Plan(goal, needs, goal > REACH * highest, *(after or (None, None)))


def known(found: Judgement) -> list[tuple[Suspect, Ceiling]]:
    """Resources with a ceiling, the lowest first: metered ones by their demand, and the one that was named by shape."""
    first = found.suspects[:1] if found.status == "named" else ()
    chosen = [one for one in found.suspects if one.law in LAWS or one in first]
    ceilings = [(one, one.ceiling) for one in chosen if one.ceiling is not None]
    return sorted(ceilings, key=lambda pair: (pair[1].rate, pair[0].name))


def predict(found: Judgement, factors: Mapping[str, float]) -> Ceiling | None:
    """Capacity when some resources are so many times as large, by name. None when no ceiling is known."""
    ceilings = [_scaled(ceiling, factors.get(one.name, 1.0)) for one, ceiling in known(found)]
    if not ceilings:
        return None
    return Ceiling(min(c.rate for c in ceilings), min(c.low for c in ceilings), min(c.high for c in ceilings))


def _scaled(ceiling: Ceiling, factor: float) -> Ceiling:
    return Ceiling(ceiling.rate * factor, ceiling.low * factor, ceiling.high * factor)


def _need(one: Suspect, ceiling: Ceiling, goal: float) -> Need:
    factor = goal / ceiling.rate
    size = one.size if one.law in LAWS else None
    then = None
    if size is not None:
        then = size * factor
        if size == int(size):  # connections and servers come whole
            then = float(math.ceil(then - 1e-9))
    low, high = max(1.0, goal / ceiling.high), goal / max(ceiling.low, 1e-9)
    return Need(one.name, one.kind, ceiling, factor, low, high, size, then, _bends(one))


def _bends(one: Suspect) -> bool:
    """Whether the demand per call grew over the rates at which the resource was not yet used up."""
    shares = dict(_row(one, "in_use"))
    demands = [(rate, value) for rate, value in _row(one, "demand") if shares.get(rate, 1.0) < 0.9]
    half = len(demands) // 2
    if half < 1 or one.law not in LAWS:
        return False
    lower, upper = _mean([v for _, v in demands[:half]]), _mean([v for _, v in demands[half:]])
    return lower > 0 and upper / lower > BEND


def _row(one: Suspect, what: str) -> Sequence[tuple[float, float]]:
    return next((row.at for row in one.evidence if row.what == what), ())


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)
