"""How a capacity is looked for: what the next record should show, given what the ones before have shown. Pure.

First a staircase of short steps up to beyond saturation, which needs no guess of the ceiling. Then stretches near the
crossing, where the answer is; and, where a queue explains the target and its limit is far below its ceiling, others at
a rate at which many more calls tell of the service. Last a trial of the answer, a little below its lower bound.
"""

from __future__ import annotations

from dataclasses import dataclass

from reports.capacity import CONFIRM, CONFIRM_AT, Capacity

FIRST = 0.25  # factor of the lowest stair
RATIO = 1.5
ARRIVALS_PER_S_MAX = 20_000.0
ARRIVALS_MAX = 3_000_000
SETTLE_S = 2.0
STRETCH_S = 8.0
CONFIRM_S, CONFIRM_S_MAX = 20.0, 60.0
ROUND_S_MIN = 14.0  # of load; a shorter record is not worth its start
NARROW = 0.025  # relative half-width at which there is nothing left to look for
AROUND = (0.97, 1.02, 1.0, 0.985)
FULL = 0.92  # of the ceiling: most is served, and no backlog lasts
FAR = 1.35  # times the crossing; from there on the late calls of a stretch say nothing about the crossing
ROUNDS = 2  # records near the crossing; one is enough for a queue, which learns from any rate
BEHIND = 0.85  # completed ÷ due in BEHIND_S; fewer: the target no longer keeps up
BEHIND_S = 2.0
SEEN_S = 0.75  # what a journal shows may be so old
CHANCE = 3.0  # standard deviations of a Poisson count
LIMIT_S_MAX = 3.0  # a longer limit need not be broken to be learned from


@dataclass(frozen=True)
class Stretch:
    """A phase to come: seconds at a factor of the profile's rate."""

    name: str
    seconds: float
    factor: float


def staircase(base: float, step_s: float) -> tuple[Stretch, ...]:
    """From a quarter of the profile's rate up to what a generator can send. `base`: arrivals per second at factor 1."""
    stairs: list[Stretch] = []
    factor, arrivals = FIRST, 0.0
    while base * factor <= ARRIVALS_PER_S_MAX and arrivals + base * factor * step_s <= ARRIVALS_MAX:
        stairs.append(Stretch(f"stair-{len(stairs) + 1}", step_s, round(factor, 6)))
        arrivals += base * factor * step_s
        factor *= RATIO
    return tuple(stairs) or (Stretch("stair-1", step_s, FIRST),)


def overload(reached: float, step_s: float) -> tuple[Stretch, ...]:
    """After a staircase that broke no promise though it filled the target: longer at the rates it could not keep."""
    return tuple(
        Stretch(f"above-{number + 1}", 2 * step_s, reached * times)
        for number, times in enumerate((0.85, 0.95, 1.05, 1.15, 1.3))
    )


def near(found: Capacity, seconds: float) -> tuple[Stretch, ...]:
    """Stretches about the crossing, as long as `seconds` allow, wider apart while it is not sure.

    Those at a fuller rate come last: what they leave waiting would be late in the stretches about the crossing.
    """
    centre = found.per_s / found.base
    times = max(1.0, min(4.0, found.width / 0.03))
    count = max(1, round((seconds - SETTLE_S) / STRETCH_S))
    length = round((seconds - SETTLE_S) / count, 3)
    factors = [centre * (1 + (AROUND[number % len(AROUND)] - 1) * times) for number in range(count)]
    stretches = [Stretch(f"near-{number + 1}", length, factor) for number, factor in enumerate(factors)]
    full = FULL * found.ceiling / found.base if found.by_queue and found.ceiling else 0.0
    if full > FAR * centre:
        rest = range(1, len(stretches[len(AROUND) :]) + 1)
        stretches[len(AROUND) :] = [Stretch(f"full-{number}", length, full) for number in rest]
    return Stretch("settle", SETTLE_S, centre * (1 - 0.05 * times)), *stretches


def trial(found: Capacity, seconds: float = CONFIRM_S) -> tuple[Stretch, ...]:
    """The answer put to the test."""
    factor = found.low / found.base * CONFIRM_AT
    return Stretch("settle", SETTLE_S, factor), Stretch(CONFIRM, round(seconds, 3), factor)


def trial_s(found: Capacity, left_s: float) -> float:
    """How long the answer is put to the test when so much time is left: all of it while the answer is not sure yet,
    since the calls of a trial tell of the target as well; 0 when it is too little."""
    if left_s < CONFIRM_S / 2:
        return 0.0
    return min(left_s, CONFIRM_S if found.width < NARROW else CONFIRM_S_MAX)


def following(found: Capacity, rounds: int, left_s: float, start_s: float) -> tuple[Stretch, ...] | None:
    """The next record after the staircase; None when it is time for the trial.

    `rounds` were driven near the crossing, `left_s` remain of the budget, and each record takes `start_s` beside its
    load.
    """
    load_s = left_s - (CONFIRM_S + SETTLE_S + start_s)
    if rounds and found.width < NARROW and found.crossings:
        return None
    most = min(1, ROUNDS - rounds) if found.by_queue else ROUNDS - rounds
    for left in range(most, 0, -1):  # fewer and longer ones where starts are slow
        if (length := load_s / left - start_s) >= ROUND_S_MIN:
            return near(found, length)
    return None


class Watch:
    """Looks on while a staircase is driven: is the target still keeping up? Fed with (seconds, arrivals ended)."""

    def __init__(self, stairs: tuple[Stretch, ...], base: float, limit_s: float) -> None:
        self._stairs, self._base = stairs, base
        self._limit_s = min(limit_s, LIMIT_S_MAX)
        self._seen: list[tuple[float, float, int]] = []

    def overloaded(self, at_s: float, ended: int) -> bool:
        """True once too little was completed for BEHIND_S and whoever comes now will wait longer than the limit."""
        due = self._due(at_s - SEEN_S)
        self._seen.append((at_s, due, ended))
        earlier = [one for one in self._seen if one[0] <= at_s - BEHIND_S]
        if not earlier:
            return False
        since, due_then, ended_then = earlier[-1]
        completed, expected = ended - ended_then, due - due_then
        behind = completed < BEHIND * expected - CHANCE * expected**0.5
        waiting_s = 1.3 * max(self._limit_s, 0.4)
        return bool(behind and due - ended > waiting_s * completed / (at_s - since) + CHANCE * due**0.5)

    def _due(self, at_s: float) -> float:
        due, begin = 0.0, 0.0
        for one in self._stairs:
            due += self._base * one.factor * min(max(at_s - begin, 0.0), one.seconds)
            begin += one.seconds
        return due
