"""What limits the system: the generator, a resource whose meters say so, or what the shape of the answers gives away.

The order of suspicion. First ourselves. Then resources that are used up where the system is hurt, at a demand per call
that is the same as when all was quiet; one whose demand grew is held longer by somebody else, a symptom. Then the laws
of shape (reports.suspects). Who is used up without explaining anything comes last, by ceiling. Nobody is accused where
nothing was hurt and no ceiling lies below what was asked for; a goal that was not driven and that no meter speaks of is
"beyond" what is known.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from record.reader import RunRecord
from reports import metered, steps, suspects
from reports.demands import PREFIX
from reports.metered import Placed
from reports.steps import Step, Sweep
from reports.suspects import Row, Suspect, View

FAILED_MIN, KEPT_UP_MIN = 0.02, 0.93
SLOWER, LATER_S = 4.0, 0.1  # times the quiet p95 and more than it: a queue that grows, not chance
LAGGING = 0.5  # of the added latency: so long the generator did not look, on the worst half of every second
STILL = 1 / 3  # of the time: a generator that stands still for so long has nothing to say about others
STRONG, IDLY = 0.75, 0.2  # a shape as strong as this comes before what is used up but hardly waited for
CULPRITS = ("used_up", "refusing", "waited_for")  # laws of a metered resource that explains what was seen
ALIKE = 0.10  # ceilings nearer than that are named together
CONFIRMED = 0.15  # how far from the prediction an intervention may end
ADJUSTED = "adjusted"  # event: the resource and the factor on its size, "database pool=0.75"
STATUSES = ("generator", "named", "together", "unconfirmed", "expected", "beyond", "healthy", "undecided")


@dataclass(frozen=True)
class Judgement:
    """`limit`: calls per second carried out at most where the system was hurt, else the highest rate offered."""

    status: str
    suspects: tuple[Suspect, ...]  # in order of suspicion
    limit: float
    hurt_from: float | None  # calls offered per second at the first step that was hurt
    highest: float  # rate offered
    confirmed: bool | None  # by an intervention; None: there was none
    steps: tuple[Step, ...]


def judge(records: Sequence[RunRecord], goal: float | None = None) -> Judgement:
    """`goal`: calls per second that must be carried; without it, the highest rate that was tried.

    Records with an intervention (event "adjusted") are kept for the confirmation.
    """
    plain = [record for record in records if adjustment(record) is None]
    changed = [(record, change) for record in records if (change := adjustment(record)) is not None]
    found = _judge(steps.load(plain), goal)
    for record, (name, factor) in changed:
        found = _confirm(found, steps.load([record]), name, factor)
    return found


def adjustment(record: RunRecord) -> tuple[str, float] | None:
    """What was done to the target for the whole of a run."""
    for event in record.events():
        if event.kind == ADJUSTED:
            name, _, factor = event.text.rpartition("=")
            return name, float(factor)
    return None


def view_of(sweep: Sweep) -> View:
    """Steps told apart. A single bad step below good ones is chance, not a limit."""
    all_steps = sweep.steps
    lowest = all_steps[: max(1, len(all_steps) // 3)]
    base_p95 = min((step.p95_s for step in lowest), default=0.0)
    base_failed = min((step.failed for step in lowest), default=0.0)
    loses = [_loses(step, base_failed) for step in all_steps]
    slower = [step.p95_s > max(SLOWER * base_p95, base_p95 + LATER_S) for step in all_steps]
    bad = [one or other for one, other in zip(loses, slower, strict=True)]
    begin = len(all_steps)
    for place in range(len(all_steps) - 1, -1, -1):
        if bad[place] and sum(bad[place:]) >= 2 / 3 * (len(all_steps) - place):
            begin = place
    quiet = tuple(step for step, is_bad in zip(all_steps[:begin], bad, strict=False) if not is_bad)
    hurt = tuple(step for place, step in enumerate(all_steps) if place >= begin and bad[place])
    lost = tuple(step for place, step in enumerate(all_steps) if place >= begin and loses[place])
    return View(sweep, quiet or all_steps[:1], hurt, lost, _limit(all_steps, hurt))


def _limit(all_steps: Sequence[Step], hurt: Sequence[Step]) -> float:
    """What was carried where the system fell behind, on average; the most, where it carried less the more was asked."""
    behind = [step.carried for step in hurt if step.kept_up < KEPT_UP_MIN]
    most = max([step.carried for step in hurt] or [step.offered for step in all_steps] or [0.0])
    mean = _mean(behind)
    return mean if behind and min(behind) > (1 - 2 * ALIKE) * most else most


def _loses(step: Step, base_failed: float) -> bool:
    missing = (step.offered - step.carried) * step.seconds
    behind = step.kept_up < KEPT_UP_MIN and missing > 3 * (step.offered * step.seconds) ** 0.5
    return behind or (step.failed >= FAILED_MIN and step.failed > 2 * base_failed)


def _judge(sweep: Sweep, goal: float | None) -> Judgement:
    if not sweep.steps:
        return Judgement("undecided", (), 0.0, None, 0.0, None, ())
    view = view_of(sweep)
    placed = [one for source in sweep.sources(PREFIX) if (one := metered.place(view, source)) is not None]
    shapes = suspects.unmetered(view)
    leaking = suspects.leaks(view)
    ours = _generator(view)
    ranked = _ranked(view, placed, shapes, leaking)
    order = tuple(each[2] for each in ranked)
    status = _status(view, ranked, goal or 0.0, leaking)
    if ours is not None:
        status, order = "generator", (ours, *order)
    hurt_from = min((step.offered for step in view.hurt), default=None)
    return Judgement(status, order, view.limit, hurt_from, sweep.steps[-1].offered, None, sweep.steps)


def _ranked(
    view: View, placed: Sequence[Placed], shapes: Sequence[Suspect], leaking: Sequence[Suspect]
) -> list[tuple[int, float, Suspect]]:
    """(tier, order within it, suspect), the first suspect first."""
    strong = any(one.score >= STRONG for one in shapes)
    explained = any(one.tier == 0 for one in placed)
    ranked = [(0 if not view.hurt else 4, 0.0, one) for one in leaking]
    for one in placed:
        beside = strong and one.suspect.law == "used_up" and one.waited is not None and one.waited < IDLY
        ranked.append((2 if beside else one.tier, one.order, one.suspect))
    ranked += [(1, -one.score, one) for one in shapes if one.score >= suspects.SHARE_MIN]
    ranked += [(4, -one.score, one) for one in shapes if one.score < suspects.SHARE_MIN and not explained]
    return sorted(ranked, key=lambda each: (each[0], each[1], each[2].name))


def _status(view: View, ranked: Sequence[tuple[int, float, Suspect]], goal: float, leaking: Sequence[Suspect]) -> str:
    if not view.hurt:
        if leaking or (ranked and ranked[0][0] == 0):
            return "named"
        below = [one for tier, _, one in ranked if one.ceiling is not None and one.ceiling.rate < goal]
        known = any(one.ceiling is not None for *_, one in ranked)
        return "expected" if below else "healthy" if known or goal <= view.sweep.steps[-1].offered else "beyond"
    if not ranked or ranked[0][0] >= 4:
        return "unconfirmed"
    tier, _, first = ranked[0]
    if tier == 0 and first.ceiling is not None and first.ceiling.low > (1 + CONFIRMED) * view.limit:
        return "unconfirmed"
    alike = [
        one
        for other, _, one in ranked[1:]
        if other == tier == 0 and one.ceiling and first.ceiling and one.ceiling.rate <= (1 + ALIKE) * first.ceiling.rate
    ]
    return "together" if alike else "named"


def carries(found: Judgement, goal: float) -> bool:
    """Whether so many calls per second were driven and nothing was hurt."""
    unhurt = [step.offered for step in found.steps if found.hurt_from is None or step.offered < found.hurt_from]
    return found.status != "generator" and goal <= max(unhurt, default=0.0)


def together(found: Judgement) -> tuple[Suspect, ...]:
    """The first suspect, and those that are named in one breath with it."""
    first = found.suspects[:1]
    if found.status != "together" or not first or first[0].ceiling is None:
        return first
    edge = (1 + ALIKE) * first[0].ceiling.rate
    return tuple(
        one for one in found.suspects if one.law in CULPRITS and one.ceiling is not None and one.ceiling.rate <= edge
    )


def _generator(view: View) -> Suspect | None:
    """Our own processors, our own lateness: where they explain what was hurt, nothing else may be said."""
    sweep, limits = view.sweep, view.sweep.manifests[0].limits
    watched = view.hurt or sweep.steps[-1:]
    for source in sweep.sources("generator-"):
        shares = [sweep.mean(step, source, "cpu_share") or 0.0 for step in watched]
        if shares and min(shares) > limits.cpu_share_p95_max:
            values = [sweep.mean(step, source, "cpu_share") or 0.0 for step in sweep.steps]
            evidence = (suspects.row("generator_cpu", f"{source} cpu_share", "share", sweep.steps, values),)
            return Suspect("generator", "generator", "generator", 1.0, None, evidence)
    if not view.hurt:
        return None
    for source in sweep.sources("generator-"):
        longest = min(_lag_s(sweep, step, source) for step in view.hurt)
        explained = view.growth >= LATER_S / 2 and longest >= LAGGING * view.growth
        if explained or min(_stood(sweep, step, source) for step in view.hurt) >= STILL:
            values = [_lag_s(sweep, step, source) for step in sweep.steps]
            evidence = (suspects.row("hub_lag", f"{source} hub_lag_ms", "s", sweep.steps, values),)
            return Suspect("generator", "generator", "generator", 1.0, None, evidence)
    late = _mean([step.lateness for step in view.hurt]) - _mean([step.lateness for step in view.base])
    before = _mean([step.latency - step.lateness for step in view.base])
    after = _mean([step.latency - step.lateness for step in view.hurt])
    if late > 0.5 * max(view.growth, 1e-9) and late > LATER_S and after < 3 * before:
        values = [step.lateness for step in sweep.steps]
        evidence = (suspects.row("lateness", "samples: sent − due", "s", sweep.steps, values),)
        return Suspect("generator", "generator", "generator", 1.0, None, evidence)
    return None


def _lag_s(sweep: Sweep, step: Step, source: str) -> float:
    return (sweep.mean(step, source, "hub_lag_ms") or 0.0) * 1e-3


def _stood(sweep: Sweep, step: Step, source: str) -> float:
    """Share of a step in which a generator process did not look at what came in: of each reading, its longest such
    time. It cannot keep up then, and what piles up in it takes longer than it stood still."""
    lag = sweep.meter(step, source, "hub_lag_ms")
    return 0.0 if lag is None else float(lag.inside(step)[1].sum()) * 1e-3 / step.seconds


def _confirm(found: Judgement, sweep: Sweep, name: str, factor: float) -> Judgement:
    """The run with a resource made smaller or larger must have moved the limit as the law says, or nothing is sure."""
    if not found.suspects or not sweep.steps or found.hurt_from is None:
        return found
    view = view_of(sweep)
    first = found.suspects[0]
    others = [one.ceiling.rate for one in found.suspects if one.ceiling is not None and one.name != name]
    expected = min([found.limit * (factor if first.name == name else 1.0), *(rate for rate in others if factor > 1)])
    moved = bool(view.hurt) and abs(view.limit / expected - 1) <= CONFIRMED
    row = Row("adjusted", f"{name} × {factor:g}", "per_s", ((expected, view.limit),))
    named = replace(first, evidence=(*first.evidence, row))
    status = found.status if moved else "unconfirmed"
    return replace(found, status=status, confirmed=moved, suspects=(named, *found.suspects[1:]))


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values) if values else 0.0
