"""The highest rate at which every promise holds, from sealed records that show a target at several rates.

Two sources speak about each promise. The segments themselves: how many of their calls were late, fitted by a locally
weighted logit of that share against ln(rate). And the queue behind all calls (reports.queueing): what it would do at
any rate. The queue gives the shape of the curve; the segments shift it, the more the less the queue agrees with them.
Without a queue that explains the calls, the segments speak alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import isotonic_regression

from record.reader import RunRecord
from reports import queueing, segments
from reports.queueing import Curve, Service
from reports.segments import Floats, Goal, Load, Segment

Z90 = 1.6449  # of a normal distribution: 5 % beyond on either side
KERNEL = 0.10  # width of the weights, in ln(rate)
CHANCE = 2.576  # standard errors that are no contradiction
AGREE = 0.01  # a queue is never trusted closer than this, in ln(rate)
WIDER = 1.5  # of every spread: what is learned twice from the same calls is not independent (docs/adr/0006)
SPREAD_MIN = 0.012  # of ln(rate): clocks, rounding, a machine that is shared
SLOPE, SLOPE_SPREAD = np.log(15.0), 0.8  # lognormal prior of the logit's slope, without a queue
HOPELESS = 3.0  # times the longest limit
CALLS_MIN = 50  # in a step, to be fitted
CALLS_MAX = 60_000  # of the last ones, that the queue is learned from
COLLAPSE = 0.80  # of the best throughput
COLLAPSE_BIN_S = 2.0
WARM_SHARE_MAX = 1 / 3  # of the first record; a cut beyond it says that the target was never steady
EXACT_S = 1e-9  # no clock tells service times apart any closer
SLOWER = 2.0  # standard errors by which services of a warm-up are longer
MARGIN = 3.0  # of the warm-up: what is left after the cut must not be taken for a speed that varies
CONFIRM = "confirm"  # name of the phase that tries the answer
CONFIRM_AT = 0.95  # of the lower bound
WANTED = 0.05  # relative half-width
WIDTH_MAX = 0.20  # the same; beyond it nobody should sign anything


@dataclass(frozen=True)
class Crossing:
    """Where one promise stops holding, in arrivals per second. `low` and `high` are its 90 % interval.

    `by` is "queue" or "segments". `shift` is how far the segments moved the queue's curve, in logits, and `doubt` that
    in standard errors. None for a promise that holds wherever the target was seen.
    """

    slug: str
    per_s: float
    low: float
    high: float
    by: str
    shift: float = 0.0
    doubt: float = 0.0


@dataclass(frozen=True)
class Capacity:
    """The answer. Rates are arrivals per second of the whole mix; `base` of them are factor 1.

    `confirmed`: None when it was not tried. `more_s`: seconds of load that would narrow the interval to ±5 %.
    """

    per_s: float
    low: float
    high: float
    base: float
    calls_per_arrival: float
    binding: str
    ceiling: float | None
    ceiling_error: float | None  # standard error, relative
    servers: int | None  # that would explain the calls
    crossings: tuple[Crossing, ...]
    collapses: bool
    warm_s: float
    confirmed: bool | None
    more_s: float
    generator: str  # why the generator was not fit to judge by near the limit; empty: it was
    untested: tuple[str, ...]  # promises of the profile of which too little was seen, or nothing that a search can see
    load: Load

    @property
    def width(self) -> float:
        """Half of the interval, relative."""
        return (self.high - self.low) / (2 * self.per_s)

    @property
    def by_queue(self) -> bool:
        """Whether a queue that explains the calls has a say about the binding promise."""
        return any(one.slug == self.binding and one.by == "queue" for one in self.crossings)

    @property
    def sure(self) -> bool:
        """Whether the answer is one: the interval is not too wide, its trial held, and promises held at some rate."""
        lowest = min(_rate(self.load, step) for step in self.load.segments)
        return self.width <= WIDTH_MAX and self.confirmed is not False and self.per_s > lowest


def estimate(records: Sequence[RunRecord]) -> Capacity | None:
    """None when no promise was ever broken: the target was not driven to its limit. The same records, the same answer.

    Raises ValueError when the records are not of one search.
    """
    load = segments.load(records)
    warm_s = _warm(load)
    service = _service(load, MARGIN * warm_s)
    crossings = tuple(found for goal in load.goals if (found := _crossing(load, goal, service, warm_s)) is not None)
    if not crossings:
        return None
    binding = min(crossings, key=lambda each: each.per_s)
    ceiling, error = _ceiling(load, service)
    confirmed, low, high = _confirmed(load, binding)
    half = (high - low) / (2 * binding.per_s)
    near_s = sum(s.seconds for s in load.segments if abs(np.log(_rate(load, s) / binding.per_s)) < KERNEL)
    return Capacity(
        per_s=binding.per_s, low=low, high=high, base=load.base, calls_per_arrival=load.calls_per_arrival,
        binding=binding.slug, ceiling=ceiling, ceiling_error=error, servers=service.servers if service else None,
        crossings=crossings, collapses=_collapses(load), warm_s=warm_s, confirmed=confirmed,
        more_s=max(0.0, near_s * ((half / WANTED) ** 2 - 1)), generator=generator_trouble(records, load, binding.per_s),
        untested=_untested(records[0], load), load=load,
    )  # fmt: skip


def _rate(load: Load, step: Segment) -> float:
    """Arrivals per second that the plan meant for a step."""
    return load.base * step.phase.rate


def _warm(load: Load) -> float:
    """Where the target was warm, in seconds of the first record: MSER-5 over how long its calls took to be served.

    The cut that makes variance ÷ (n − d) of the rest least, over means of five, within the first half (White, 1997).
    Of a steady target that cut is chance, so the services before it must be longer than the others beyond chance.
    """
    end = max((step.end_s for step in load.segments if step.start_s < segments.APART_S), default=0.0)
    calls = load.calls
    first = calls.sent_s < segments.APART_S
    service = queueing.learn(calls.sent_s[first], calls.done_s[first])
    if service is None or service.took.size < 200:
        return 0.0
    usable = service.took.size // 5 * 5
    means = service.took[:usable].reshape(-1, 5).mean(axis=1)
    tail = np.cumsum(means[::-1])[::-1], np.cumsum((means**2)[::-1])[::-1]
    left = np.arange(means.size, 0, -1)
    worth = (tail[1] / left - (tail[0] / left) ** 2) / left
    cut = int(np.argmin(worth[: means.size // 2]))
    at = float(service.begun[cut * 5])
    slower = cut > 0 and _apart(service.took[: cut * 5], service.took[cut * 5 :]) > SLOWER
    return min(at, end * WARM_SHARE_MAX) if slower else 0.0


def _service(load: Load, warm_s: float) -> Service | None:
    """The servers behind the calls, from those that matter at the limit: warm, and not hopelessly late already.

    Who does less when more is asked is no such queue while overloaded; then what came before that is heard alone.
    """
    calls = load.calls
    limits = [goal.limit_s for goal in load.goals if goal.limit_s is not None]
    usable = (calls.sent_s >= warm_s) & calls.ok
    warm = np.flatnonzero(usable)[-CALLS_MAX:]
    found = _learn(load, warm)
    if found is None and limits:
        warm = np.flatnonzero(usable & _before_overload(load, HOPELESS * max(limits)))[-CALLS_MAX:]
        found = _learn(load, warm)
    if found is None or not limits:
        return found
    near = found.begun - calls.sent_s[warm] <= max(limits)
    if near.sum() < queueing.WAITED_MIN:
        return None
    if _alike(found.took[near], found.took[~near]):
        return found
    return Service(found.servers, found.took[near], found.begun[near], found.waited[near], found.overhead_s)


def _alike(some: Floats, others: Floats) -> bool:
    """Whether two sets of service times are large enough to tell and have means that differ no more than by chance."""
    return min(some.size, others.size) >= CALLS_MIN and abs(_apart(some, others)) <= CHANCE


def _apart(some: Floats, others: Floats) -> float:
    """How much longer some services are than others on average, in standard errors; 0 where all take the same time."""
    error = np.hypot(some.std() / np.sqrt(some.size), others.std() / np.sqrt(others.size))
    return float((some.mean() - others.mean()) / max(error, EXACT_S))


def _learn(load: Load, chosen: NDArray[np.int64]) -> Service | None:
    if chosen.size < queueing.WAITED_MIN:
        return None
    return queueing.learn(load.calls.sent_s[chosen], load.calls.done_s[chosen])


def _before_overload(load: Load, latency_s: float) -> NDArray[np.bool_]:
    """The calls of each record that were sent before the first that took longer than `latency_s`."""
    calls = load.calls
    record = np.floor(calls.sent_s / segments.APART_S)
    kept = np.ones(record.size, np.bool_)
    for number in np.unique(record):
        mine = record == number
        hopeless = mine & (calls.done_s - calls.sent_s > latency_s)
        if hopeless.any():
            kept &= ~mine | (calls.sent_s < calls.sent_s[hopeless].min())
    return kept


def _crossing(load: Load, goal: Goal, service: Service | None, warm_s: float) -> Crossing | None:
    late, of = load.late(goal)
    usable = np.array([step.start_s >= warm_s for step in load.segments]) & (of >= CALLS_MIN)
    if not usable.any() or not (late[usable] > goal.share * of[usable]).any():
        return None
    x = np.log([_rate(load, step) for step in load.segments])[usable]
    late, of, target = late[usable], of[usable], float(np.log(goal.share / (1 - goal.share)))
    if service is not None and goal.limit_s is not None:
        shape = queueing.curve(service, goal.limit_s, goal.share)
        if shape is not None:
            return _shifted(goal.slug, shape, np.log(load.calls_per_arrival), x, late, of, target)
    return _fitted(load, goal.slug, x, late, of, target)


def _shifted(
    slug: str, shape: Curve, per_arrival: float, x: Floats, late: NDArray[np.int64], of: NDArray[np.int64],
    target: float,
) -> Crossing:  # fmt: skip
    """The queue's curve, moved up or down by what the segments near the limit say.

    Both are uncertain: the queue by `spread` and by AGREE, more if the segments contradict it beyond what chance gives
    in 1 of 100 (the excess of the squared shift over that, as James and Stein would have it); the segments by φ, more
    if they contradict each other.
    """
    middle = shape.crossing(target) - per_arrival
    expected = shape.logit(x + per_arrival)
    weight = np.exp(-0.5 * ((x - middle) / KERNEL) ** 2)
    shift, information = queueing.shift(expected, weight, late, of)
    variance = (
        max(shape.phi / information, queueing.jackknife(expected, weight, late, of)) if information > 1e-9 else np.inf
    )
    trusted = (AGREE**2 + shape.spread**2) * shape.slope**2
    trusted += max(0.0, shift**2 - CHANCE**2 * (variance + trusted)) if np.isfinite(variance) else 0.0
    moved = shift * trusted / (trusted + variance) if np.isfinite(variance) else 0.0
    spread = max(SPREAD_MIN, np.sqrt(1 / (1 / trusted + 1 / variance)) / shape.slope)
    at = shape.crossing(target - moved) - per_arrival
    doubt = shift / np.sqrt(variance) if variance else 0.0
    return Crossing(slug, *_interval(at, spread), "queue", moved, float(doubt))


def _fitted(
    load: Load, slug: str, x: Floats, late: NDArray[np.int64], of: NDArray[np.int64], target: float
) -> Crossing:
    """Locally weighted logit of the late share against ln(rate), with a weak prior on its slope."""
    phi = max(1.0, _dispersion(x, late, of))
    middle = _between(x, late, of, target)
    a, b, spread = target, float(np.exp(SLOPE)), 1.0
    for _ in range(5):  # the weights move with the crossing
        weight = np.exp(-0.5 * ((x - middle) / KERNEL) ** 2) / phi
        if weight.max() < 1e-3:
            break
        for _ in range(100):
            p = 1 / (1 + np.exp(-np.clip(a + b * (x - middle), -30, 30)))
            v, r = weight * of * p * (1 - p), weight * (late - of * p)
            prior = 1 / (SLOPE_SPREAD * b) ** 2  # of a lognormal slope, as a normal one about it
            h = np.array([[v.sum() + 1e-3, (v * (x - middle)).sum()], [(v * (x - middle)).sum(), (v * (x - middle) ** 2).sum() + prior]])  # noqa: E501  # fmt: skip
            g = np.array([r.sum() - 1e-3 * (a - target), (r * (x - middle)).sum() - prior * b * (np.log(b) - SLOPE)])
            change = np.linalg.solve(h, g)
            a, b = a + float(np.clip(change[0], -2, 2)), max(1.0, b + float(np.clip(change[1], -b / 2, b)))
            if np.abs(change).max() < 1e-7:
                break
        covariance = np.linalg.inv(h)
        at = middle + (target - a) / b
        slope = np.array([-1 / b, -(target - a) / b**2])
        spread = float(np.sqrt(slope @ covariance @ slope))
        if abs(at - middle) < 1e-4:
            break
        middle = float(np.clip(at, x.min(), x.max()))
    return Crossing(slug, *_interval(middle, max(SPREAD_MIN, spread)), "segments")


def _between(x: Floats, late: NDArray[np.int64], of: NDArray[np.int64], target: float) -> float:
    """A first guess: half-way between the highest rate that held and the next, by shares that never fall (isotonic).

    So a step that something else disturbed gives way to the calls of its own and of higher rates that were in time.
    """
    order = np.argsort(x, kind="stable")
    rates, shares = x[order], isotonic_regression(late[order] / of[order], weights=of[order]).x
    broken = shares > 1 / (1 + np.exp(-target))
    first = float(rates[broken].min()) if broken.any() else float(rates.max())
    held = rates[~broken & (rates < first)]
    return float((held.max() + first) / 2) if held.size else first


def _dispersion(x: Floats, late: NDArray[np.int64], of: NDArray[np.int64]) -> float:
    """How much segments of one rate (within 1 %) differ beyond chance."""
    excess, freedom = 0.0, 0
    for rate in np.unique(np.round(x, 2)):
        same = np.round(x, 2) == rate
        p = late[same].sum() / of[same].sum()
        if same.sum() > 1 and 0 < p < 1:
            excess += float(((late[same] - of[same] * p) ** 2 / (of[same] * p * (1 - p))).sum())
            freedom += int(same.sum()) - 1
    return excess / freedom if freedom else 4.0  # of a queue near its limit, typically


def _interval(at: float, spread: float) -> tuple[float, float, float]:
    half = Z90 * WIDER * spread
    return float(np.exp(at)), float(np.exp(at - half)), float(np.exp(at + half))


def _untested(record: RunRecord, load: Load) -> tuple[str, ...]:
    """Promises that the search cannot speak of: lags between systems, and operations that were hardly called."""
    seen = {goal.slug for goal in load.goals if int(load.late(goal)[1].sum()) >= CALLS_MIN}
    return tuple(objective.slug for objective in record.manifest.objectives if objective.slug not in seen)


def generator_trouble(records: Sequence[RunRecord], load: Load, per_s: float) -> str:
    """What was wrong with the generator in the segments near the limit, by the limits frozen in the manifest."""
    limits = records[0].manifest.limits
    near = [place for place, step in enumerate(load.segments) if abs(np.log(_rate(load, step) / per_s)) < 2 * KERNEL]
    calls = load.calls
    late_ms = (calls.sent_s - calls.due_s)[np.isin(calls.segment, near)] * 1e3
    wrong = []
    if late_ms.size and (p99 := float(np.percentile(late_ms, 99))) > limits.lateness_p99_ms_max:
        wrong.append(f"requests left late (p99 {p99:.0f} ms, up to {limits.lateness_p99_ms_max:g} ms allowed)")
    if sum(load.segments[place].dropped for place in near):
        wrong.append("arrivals found no free user")
    worst = {"hub_lag_ms": 0.0, "cpu_share": 0.0}
    for number, record in enumerate(records):
        spans = [load.segments[place] for place in near if load.segments[place].run == record.manifest.run_id]
        rows = record.arrow(
            "SELECT metric::VARCHAR AS metric, at_ns, value FROM readings WHERE source LIKE 'generator%'"
        )
        for metric, at_ns, value in zip(
            *(rows.column(name).to_pylist() for name in ("metric", "at_ns", "value")), strict=True
        ):
            at_s = at_ns / segments.NS + number * segments.APART_S
            if metric in worst and any(one.start_s <= at_s < one.end_s for one in spans):
                worst[metric] = max(worst[metric], value)
    if worst["hub_lag_ms"] > limits.hub_lag_ms_max:
        wrong.append(f"its loop stood still for {worst['hub_lag_ms']:.0f} ms")
    if worst["cpu_share"] > limits.cpu_share_p95_max:
        wrong.append(f"it used {worst['cpu_share']:.0%} of a core")
    return "the generator was the limit: " + "; ".join(wrong) if wrong else ""


def _ceiling(load: Load, service: Service | None) -> tuple[float | None, float | None]:
    """(arrivals per second that can be completed at most, relative standard error); None when it was never reached."""
    if service is not None:
        error = float(service.took.std() / service.took.mean() / np.sqrt(service.took.size))
        spread = service.speed_spread / np.sqrt(max(1.0, sum(s.seconds for s in load.segments) / queueing.BLOCK_S))
        return service.ceiling / load.calls_per_arrival, float(np.hypot(error, spread))
    full = [step for step in load.segments if step.ended < step.began - 4 * step.began**0.5]
    if not full:
        return None, None
    best = max(full, key=lambda step: step.completions_per_s)
    return best.completions_per_s / load.calls_per_arrival, 1 / best.ended**0.5


def _collapses(load: Load) -> bool:
    """Whether fewer calls are completed when more are offered than can be: the best stretch against the worst.

    Only stretches in which far more calls were under way than where the target did best count as overload.
    """
    done, sent = np.sort(load.calls.done_s), load.calls.sent_s
    if not done.size:
        return False
    worst = 1.0
    for first in sorted({step.run: step.start_s for step in load.segments}.values()):
        own = done[(done >= first) & (done < first + segments.APART_S)]
        edges = np.arange(first, own[-1] if own.size else first, COLLAPSE_BIN_S)
        if edges.size < 4:
            continue
        ended = np.histogram(own, edges)[0]
        waiting = np.searchsorted(sent, edges[:-1]) - np.searchsorted(done, edges[:-1])
        after = np.searchsorted(sent, edges[1:]) - np.searchsorted(done, edges[1:])
        best = int(np.argmax(ended))
        deep = (np.arange(ended.size) > best) & (np.minimum(waiting, after) > 2 * max(waiting[best], after[best], 1))
        if deep.any():
            worst = min(worst, float(np.median(ended[deep]) / ended[best]))
    return worst < COLLAPSE


def _confirmed(load: Load, binding: Crossing) -> tuple[bool | None, float, float]:
    """Whether the trial of the answer held, and the interval, which a trial that did not hold widens downwards."""
    goal = next(goal for goal in load.goals if goal.slug == binding.slug)
    late, of = load.late(goal)
    held: bool | None = None
    low = binding.low
    for place, step in enumerate(load.segments):
        if step.phase.name == CONFIRM and of[place]:
            held = bool(late[place] <= goal.share * of[place])
            if not held and _rate(load, step) < binding.per_s:
                low = min(low, _rate(load, step) * CONFIRM_AT)
    return held, low, binding.high
