"""What limits a system, read from how its answers change with the load, where no meter tells of it.

No list of faults: four laws of shape. A limiter refuses at a level rate while what it lets through stays quick. A limit
of connections leaves calls without an answer while the others stay quick. Where time goes, its parts say: connecting,
waiting before the first byte (with what Server-Timing tells of it), the transfer. And what only some operations,
systems or communes suffer from is theirs.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from reports.demands import Ceiling
from reports.steps import SPANS, Calls, Step, Sweep, mean_of

SHARE_MIN = 0.6  # of the growth of the latency, from which a part of it is named
REFUSING_MIN, LEVEL_MAX = 0.02, 0.10  # share of calls; relative spread of the accepted rate
QUICK_MAX = 3.0  # times the quiet p95, up to which what is let through counts as quick
LATE_MIN, REST_MAX = 0.5, 0.34  # of the largest excess: who is late, and how late the others may be
GROUP_CALLS_MIN = 12
LEAK_MB_MIN, LEAK_SHARE_MIN, LEAK_KB_MIN = 25.0, 0.15, 2.0
LEAK_POINTS_MAX = 300
PAYLOAD_R_MIN = 0.6
DIMENSIONS = ("system", "operation", "commune")


@dataclass(frozen=True)
class Row:
    """One line of evidence: what was read, from which meter, and its figure at each rate (calls offered per second)."""

    what: str
    meter: str
    unit: str
    at: tuple[tuple[float, float], ...]


@dataclass(frozen=True)
class Suspect:
    """Something that may be what limits. `law` says by what reasoning, `score` how much of what is seen it explains."""

    name: str
    kind: str
    law: str
    score: float
    ceiling: Ceiling | None
    evidence: tuple[Row, ...]
    size: float | None = None  # how much there is of it, in units of the meter; None: not told


@dataclass(frozen=True)
class View:
    """A sweep with its steps told apart: at `quiet` ones the system kept up, at `hurt` ones it did not.

    `lost` are those of the hurt ones at which calls were left behind or failed; at the others they only took longer.
    """

    sweep: Sweep
    quiet: tuple[Step, ...]
    hurt: tuple[Step, ...]
    lost: tuple[Step, ...]
    limit: float  # calls per second carried out at most, where the system was hurt; else the highest rate offered

    @property
    def growth(self) -> float:
        """Of the mean latency from quiet to hurt, s."""
        return _mean(self.hurt, "latency") - _mean(self.base, "latency")

    @property
    def base(self) -> tuple[Step, ...]:
        """The quieter half of the quiet steps."""
        return self.quiet[: max(1, len(self.quiet) // 2)]


def unmetered(view: View) -> list[Suspect]:
    """Suspects by shape, the best explanation first; only where the system was hurt."""
    if not view.hurt or not view.quiet:
        return []
    found = [*_limiter(view), *_connections(view)]
    local = _local(view)
    parts = _parts(view)
    if not found:
        found += [*local, *parts]
    return sorted(found, key=lambda one: -one.score)


def row(what: str, meter: str, unit: str, steps: Sequence[Step], values: Sequence[float]) -> Row:
    return Row(what, meter, unit, tuple((step.offered, value) for step, value in zip(steps, values, strict=True)))


def _limiter(view: View) -> list[Suspect]:
    """Refused with 429 or 503 from a sharp rate on, level acceptance, quick answers for those that are let through."""
    refusing = [step for step in view.hurt if step.refusing >= REFUSING_MIN]
    steps = view.sweep.steps
    if not refusing or max(step.refusing for step in view.base) >= REFUSING_MIN / 2:
        return []
    slow = [step for step in refusing if step.p95_s > QUICK_MAX * max(one.p95_s for one in view.quiet) + 0.02]
    most = max(step.refusing for step in refusing)
    accepted = [step.carried for step in refusing if step.refusing >= most / 2]
    mean = sum(accepted) / len(accepted)
    if slow or max(abs(value / mean - 1) for value in accepted) > LEVEL_MAX:
        return []
    where = _where(view.sweep, refusing, failing=True)
    evidence = (
        row("refused", "samples: status 429, 503", "share", steps, [step.refusing for step in steps]),
        row("carried", "samples", "per_s", steps, [step.carried for step in steps]),
        row("p95", "samples", "s", steps, [step.p95_s for step in steps]),
    )
    error = 1.65 / max(sum(value * step.seconds for value, step in zip(accepted, refusing, strict=False)), 1.0) ** 0.5
    ceiling = Ceiling(mean, mean * (1 - error), mean * (1 + error))
    return [Suspect(f"rate limiter of {where}", "limit", "limiter", 1.0, ceiling, evidence)]


def _connections(view: View) -> list[Suspect]:
    """Calls without an answer that ended at once, or connecting that takes longer, while the others stay quick."""
    cut = [step for step in view.hurt if step.unanswered >= REFUSING_MIN]
    steps, base = view.sweep.steps, max(one.p95_s for one in view.quiet)
    if not cut or max(step.unanswered for step in view.base) >= REFUSING_MIN / 2:
        return []
    took = np.concatenate([_broken(view.sweep.calls[step.record], step) for step in cut])
    if not len(took) or np.median(took) > max(0.5 * base, 0.05) * 1e9:
        return []  # they were waited for in vain: a time-out, which is a symptom
    at_once = [step.carried * (step.latency - step.lateness) for step in cut]
    evidence = (
        row("unanswered", "samples: no answer", "share", steps, [step.unanswered for step in steps]),
        row("at_once", "samples: carried × latency", "count", steps,
            [step.carried * (step.latency - step.lateness) for step in steps]),
        row("connect", "samples: connect_us", "s", steps, [step.connect for step in steps]),
    )  # fmt: skip
    limit = Ceiling(view.limit, view.limit * 0.95, view.limit * 1.05)
    where = _where(view.sweep, cut, failing=True)
    return [Suspect(f"connections of {where}", "limit", "connections", 0.95, limit, evidence, max(at_once))]


def _broken(calls: Calls, step: Step) -> NDArray[np.int64]:
    """How long the calls of a step that had no answer took, ns."""
    mine = step.mine[~calls.ok[step.mine] & (calls.status[step.mine] == 0) & (calls.sent[step.mine] >= 0)]
    return np.asarray(calls.done[mine] - calls.sent[mine])


def _parts(view: View) -> list[Suspect]:
    """Which part of a call's time grew: connecting, a span of Server-Timing, the transfer; else what nobody told."""
    growth = view.growth - (_mean(view.hurt, "lateness") - _mean(view.base, "lateness"))
    if growth <= 0:
        return []
    grown = {name: _mean(view.hurt, name) - _mean(view.base, name) for name in ("connect", "transfer")}
    spans = {name: _span(view.hurt, name) - _span(view.base, name) for name in SPANS}
    inner = max(0.0, spans["queue"]) + max(0.0, spans["db"])
    if _span(view.base, "app") >= _span(view.base, "queue") + _span(view.base, "db"):
        spans["app"] -= inner  # told with the others inside it
    where = ", ".join(_timed(view.sweep)) or ""
    found = []
    for name, value in {**grown, **spans}.items():
        score = min(1.0, value / growth)
        if score < SHARE_MIN:
            continue
        of = {"connect": "accepting connections", "transfer": "network link"}.get(
            name, f"{where}: span {name}".lstrip(": ")
        )
        kind = {"connect": "limit", "transfer": "link"}.get(name, "other")
        evidence = (
            row("part", _METERS.get(name, f"Server-Timing: {name}"), "s", view.sweep.steps, _values(view, name)),
        )
        found.append(Suspect(of, kind, name if name in grown else "span", score * 0.9, _at_limit(view), evidence))
    if not found:
        evidence = (row("latency", "samples", "s", view.sweep.steps, [step.latency for step in view.sweep.steps]),)
        where = _where(view.sweep, view.hurt, failing=False)
        at_once = view.limit * max(_mean(view.base, "latency"), 1e-6)
        found.append(
            Suspect(f"something unmetered in {where}", "other", "unmetered", 0.1, _at_limit(view), evidence, at_once)
        )
    return found


_METERS = {"connect": "samples: connect_us", "transfer": "samples: done − first byte"}


def _values(view: View, name: str) -> list[float]:
    if name in SPANS:
        return [step.spans.get(name, 0.0) for step in view.sweep.steps]
    return [float(getattr(step, name)) for step in view.sweep.steps]


def _at_limit(view: View) -> Ceiling:
    return Ceiling(view.limit, view.limit * 0.93, view.limit * 1.07)


def _local(view: View) -> list[Suspect]:
    """Some are late and the others are not: by system, operation or commune, a minority with most of the excess."""
    found: dict[str, Suspect] = {}
    for dimension in DIMENSIONS:
        names, quiet, hurt = _excess(view, dimension)
        excess = hurt - quiet
        order = np.argsort(-excess, kind="stable")
        if len(names) < 2 or not excess[order[0]] > 0:
            continue
        late = [int(place) for place in order if excess[place] >= LATE_MIN * excess[order[0]]]
        rest = [int(place) for place in order if int(place) not in late]
        if not rest or len(late) > max(1, len(names) // 2):
            continue
        worst = max(0.0, float(excess[rest[0]]))
        least = float(excess[late[-1]])
        if worst > REST_MAX * least or hurt[late[0]] < 2 * quiet[late[0]]:
            continue
        words = ", ".join(sorted(names[place] for place in late)[:4])
        evidence = tuple(
            Row("latency_of", f"samples: {dimension} {names[place]}", "s",
                ((_mean(view.base, "offered"), float(quiet[place])), (_mean(view.hurt, "offered"), float(hurt[place]))))
            for place in (*late[:4], *rest[:4])
        )  # fmt: skip
        score = 0.7 + 0.3 * (1.0 - worst / least)
        kind = {"commune": "link"}.get(dimension, "other")
        size = view.limit * float(quiet[late[0]])
        found[dimension] = Suspect(f"{dimension} {words}", kind, "local", score, _at_limit(view), evidence, size)
    if "system" in found and "operation" in found and not _whole_system(view, found["system"].name):
        del found["system"]  # one operation of it is not the system
    elif "system" in found:
        found.pop("operation", None)
    return [*found.values(), *(_payload(view, found["operation"].name) if "operation" in found else [])]


def _whole_system(view: View, name: str) -> bool:
    """Whether a system that is late has several operations, and all of them are late."""
    system = name.removeprefix("system ")
    names, quiet, hurt = _excess(view, "operation")
    systems = {one.name: one.system for one in view.sweep.manifests[0].operations}
    excess = [
        float(after - before) for of, before, after in zip(names, quiet, hurt, strict=True) if systems.get(of) == system
    ]
    return len(excess) > 1 and min(excess) >= REST_MAX * max(excess)


def _excess(view: View, dimension: str) -> tuple[list[str], NDArray[np.float64], NDArray[np.float64]]:
    """Names, mean latency when quiet, mean latency when hurt, of the groups with calls enough in both; s."""
    names = sorted({name for calls in view.sweep.calls for name in getattr(calls, dimension + "s")})
    means: list[tuple[str, float, float]] = []
    for name in names:
        quiet, hurt = _latency_of(view, view.base, dimension, name), _latency_of(view, view.hurt, dimension, name)
        if min(len(quiet), len(hurt)) >= GROUP_CALLS_MIN:
            means.append((name, mean_of(quiet) * 1e-9, mean_of(hurt) * 1e-9))
    return [one[0] for one in means], np.array([one[1] for one in means]), np.array([one[2] for one in means])


def _latency_of(view: View, steps: Sequence[Step], dimension: str, name: str) -> NDArray[np.int64]:
    found = [np.empty(0, np.int64)]
    for step in steps:
        calls = view.sweep.calls[step.record]
        known: tuple[str, ...] = getattr(calls, dimension + "s")
        if name in known:
            code = getattr(calls, dimension)[step.mine] == known.index(name)
            mine = step.mine[code & calls.ok[step.mine]]
            found.append(calls.done[mine] - calls.due[mine])
    return np.concatenate(found)


def _payload(view: View, named: str) -> list[Suspect]:
    """An operation whose time follows the bytes it moves, already when nobody waits."""
    operation = named.removeprefix("operation ")
    found = []
    for step in view.base:
        calls = view.sweep.calls[step.record]
        if operation in calls.operations:
            here = calls.operation[step.mine] == calls.operations.index(operation)
            mine = step.mine[here & calls.ok[step.mine]]
            found.append((calls.size[mine], calls.done[mine] - calls.due[mine]))
    if not found:
        return []
    size, took = np.concatenate([one[0] for one in found]), np.concatenate([one[1] for one in found])
    if len(size) < 2 * GROUP_CALLS_MIN or size.max() < 2 * max(1, size.min()):
        return []
    r = float(stats.spearmanr(size, took).statistic)
    if r < PAYLOAD_R_MIN:
        return []
    evidence = (
        Row(
            "rank_correlation",
            f"samples: bytes and latency of {operation}",
            "count",
            ((_mean(view.base, "offered"), r),),
        ),
    )
    return [Suspect(f"size of what {operation} moves", "other", "payload", 0.65, _at_limit(view), evidence)]


def leaks(view: View) -> list[Suspect]:
    """Memory of a process of the target that grows with every call: Theil–Sen slope with its interval, to the end."""
    found = []
    for source in view.sweep.sources("target:"):
        for index, meters in enumerate(view.sweep.meters):
            meter = meters.get((source, "rss_mb"))
            if meter is None or len(meter.at_ns) < 6:
                continue
            every = -(-len(meter.at_ns) // LEAK_POINTS_MAX)
            at, mb = meter.at_ns[::every], meter.value[::every]
            calls = np.searchsorted(view.sweep.calls[index].finished, at).astype(float)
            keep = calls > 0.15 * calls[-1]  # what a process takes once, it takes at the start
            calls, mb = calls[keep], mb[keep]
            if len(calls) < 6 or calls[-1] <= calls[0]:
                continue
            with np.errstate(invalid="ignore"):  # of many equal readings there is no interval; then the rest decides
                slope = stats.theilslopes(mb, calls, 0.9)
            third = len(calls) * 2 // 3
            late = (mb[-1] - mb[third]) / max(calls[-1] - calls[third], 1.0)
            growth = float(mb[-1] - mb[0])
            kb = float(slope.slope) * 1000
            if growth < max(LEAK_MB_MIN, LEAK_SHARE_MIN * mb[0]) or kb < LEAK_KB_MIN or slope.low_slope <= 0:
                continue
            if late < 0.4 * slope.slope:
                continue
            line = tuple(
                (float(n), float(value))
                for n, value in zip(calls[:: max(1, len(calls) // 6)], mb[:: max(1, len(calls) // 6)], strict=True)
            )
            evidence = (
                Row("memory", f"{source} rss_mb, by calls carried out", "mb", line),
                Row("kb_per_call", source, "kb", ((0.0, kb),)),
            )
            found.append(Suspect(f"memory of {source.removeprefix('target:')}", "memory", "leak", 1.0, None, evidence))
            break
    return found


def _where(sweep: Sweep, steps: Sequence[Step], *, failing: bool) -> str:
    """The system or operation whose calls these are, or fail, nearly all; else all systems by name."""
    for dimension in ("operation", "system"):
        counts: dict[str, int] = {}
        for step in steps:
            calls = sweep.calls[step.record]
            mine = step.mine[~calls.ok[step.mine]] if failing else step.mine
            names: tuple[str, ...] = getattr(calls, dimension + "s")
            for code, count in enumerate(np.bincount(getattr(calls, dimension)[mine], minlength=len(names)).tolist()):
                counts[names[code]] = counts.get(names[code], 0) + count
        most = max(counts, key=lambda name: (counts[name], name), default="")
        if counts and counts[most] >= 0.9 * sum(counts.values()):
            return most
    return ", ".join(sorted(counts))


def _timed(sweep: Sweep) -> list[str]:
    """Systems whose answers tell Server-Timing."""
    found = set()
    for calls in sweep.calls:
        told = np.zeros(len(calls.due), bool)
        for of in calls.spans.values():
            told |= of >= 0
        found |= {calls.systems[code] for code in np.unique(calls.system[told]).tolist()}
    return sorted(found)


def _mean(steps: Sequence[Step], name: str) -> float:
    return sum(getattr(step, name) for step in steps) / len(steps) if steps else 0.0


def _span(steps: Sequence[Step], name: str) -> float:
    return sum(step.spans.get(name, 0.0) for step in steps) / len(steps) if steps else 0.0
