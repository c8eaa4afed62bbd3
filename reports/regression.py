"""Is a run worse than a stored one of the same plan? Work per request first, then times.

A stored run is one start of the system on the machine as it was then. Work that is counted (bytes) hardly depends on
that; processor time does by some per cent for the whole life of a process, and times by more: so their floors are
twice and three times as high, and what was measured on a machine that has since been started anew, or on another one,
only warns. Who needs to see 5 % in times runs a duet, which starts both versions again and again.

Each record is cut into blocks. A block gives one value; neighbours are alike, so n blocks are worth
n_eff = n (1 - r) / (1 + r) of them, r being the correlation of neighbours. Median and spread (1.4826 times the median
absolute deviation) of ln(value), the median's variance pi/2 times spread**2 / n_eff (the normal's), Welch's t between
the two records (Welch, Biometrika 34, 1947), Holm over everything that is compared.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import exp, hypot, log, pi, sqrt

import numpy as np
from numpy.typing import NDArray
from scipy.stats import t as student

from record.reader import RunRecord
from record.types import Manifest
from reports import phases, signed_rank
from reports.case import Case
from reports.verdict import NEVER_NS, Finding, Text, Verdict, Word

BLOCK_S = 3.0
BLOCKS_MIN = 6
CALLS_MIN = 15  # of an operation in a block; below it the block has no percentile
ALPHA = 0.01
FLOOR = 0.05
FLOOR_TIMES = {"bytes": 1.0, "cpu": 2.0, "p50": 3.0, "p95": 3.0}
CORRELATION_MAX = 0.9
_COUNTED = ("bytes",)  # what does not depend on the machine

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Change:
    """One thing that was compared, as a share of the baseline's value; the interval is at 98 %."""

    what: str  # bytes, cpu, p50, p95
    operation: str  # "" for the whole target
    change: float
    low: float
    high: float
    p: float
    floor: float
    worse: bool
    binding: bool  # else it only warns


def unlike(baseline: Manifest, run: Manifest) -> tuple[str, ...]:
    """Everything in which two runs differ that must be alike before they are compared; in words."""
    pairs = {
        "profile": (baseline.profile, run.profile),
        "seed": (baseline.seed, run.seed),
        "plan": (baseline.plan_digest[:12], run.plan_digest[:12]),
        "target": (baseline.target.name, run.target.name),
        "version of the harness": (baseline.code.split("+")[0], run.code.split("+")[0]),
        "identities": (baseline.identities, run.identities),
        "workers": (baseline.workers, run.workers),
        "compression": (baseline.compression, run.compression),
        "judged phases": (_judged(baseline), _judged(run)),
    }
    return tuple(f"{name}: {one} against {other}" for name, (one, other) in pairs.items() if one != other)


def check(baseline: RunRecord, run: RunRecord) -> tuple[Finding, ...]:
    """One finding for each thing compared; an undecided one more when nothing that binds could be.

    The two must not be `unlike`.
    """
    changes = compare(baseline, run)
    found = tuple(_finding(change) for change in changes)
    if any(change.binding for change in changes):
        return found
    needs = Text("regression.needs", {"blocks": str(BLOCKS_MIN), "seconds": f"{BLOCK_S:g}"})
    title, summary = Text("regression.title", {"what": "-"}), Text("regression.nothing")
    if changes:
        summary, needs = Text("regression.warns_only"), Text("regression.longer")
    return (*found, Finding("regression", Verdict.UNDECIDED, title, summary, needs_more=needs))


def compare(baseline: RunRecord, run: RunRecord) -> tuple[Change, ...]:
    """Everything that both records can tell, work first."""
    one, other = _values(baseline), _values(run)
    shared = [key for key in one if key in other]
    same_machine = _boot(baseline.manifest) == _boot(run.manifest) is not None
    tests = {key: _welch(one[key], other[key]) for key in shared}
    worse = signed_rank.holm({key: p for key, (*_, p) in tests.items()}, ALPHA)
    found = []
    for (what, operation), (difference, low, high, p) in tests.items():
        floor = FLOOR * FLOOR_TIMES[what]
        change = exp(difference) - 1
        is_worse = (what, operation) in worse and change > floor
        binding = what in _COUNTED or same_machine
        bounds = exp(low) - 1, exp(min(high, log(1e9))) - 1
        found.append(Change(what, operation, change, *bounds, p, floor, is_worse, binding))
    return tuple(found)


def figures(record: RunRecord) -> dict[tuple[str, str], float]:
    """What a record can tell, by what and operation: medians of its blocks; ns, seconds of processor, bytes."""
    return {key: float(np.exp(np.median(values))) for key, values in _values(record).items()}


def _finding(change: Change) -> Finding:
    key, verdict = "same", Verdict.PASS
    if not change.binding:
        key = "warns" if change.worse else key
    elif change.worse:
        key, verdict = "worse", Verdict.FAIL
    elif change.high > change.floor:
        key, verdict = "open", Verdict.UNDECIDED
    what = Word(f"duet.what.{change.what}", change.what)
    numbers = {
        "operation": change.operation or "*",
        "change": f"{change.change:+.1%}",
        "low": f"{change.low:+.1%}",
        "high": f"{change.high:+.1%}",
        "floor": f"{change.floor:.0%}",
    }
    slug = ".".join(filter(None, ("regression", change.what, change.operation)))
    needs = Text("regression.longer") if verdict is Verdict.UNDECIDED else None
    title, summary = Text("regression.title", {"what": what}), Text(f"regression.{key}", {"what": what, **numbers})
    return Finding(slug, verdict, title, summary, needs_more=needs)


def _values(record: RunRecord) -> dict[tuple[str, str], Floats]:
    """ln of each block's value, by what and operation; only what has BLOCKS_MIN blocks."""
    case = Case(record)
    judged = phases.judged_sql(record.manifest, "intended_ns")
    block_ns = round(BLOCK_S * 1e9)
    rows = case.rows(f"""
        SELECT operation::VARCHAR AS operation, intended_ns // {block_ns} AS block, count(*) AS n,
               avg(bytes_received) FILTER (outcome = 'ok') AS bytes,
               quantile_disc(took, 0.5) FILTER (timed) AS p50, quantile_disc(took, 0.95) FILTER (timed) AS p95
        FROM (SELECT *, outcome <> 'ok' AND status IS NULL AS silent, outcome = 'ok' OR silent AS timed,
                     if(silent, {NEVER_NS}, done_ns - intended_ns) AS took
              FROM samples WHERE outcome <> 'dropped' AND {judged})
        GROUP BY ALL ORDER BY operation, block""")
    found: dict[tuple[str, str], list[float]] = {("cpu", ""): _cpu(case, judged, block_ns)}
    for what in FLOOR_TIMES:
        for row in rows if what != "cpu" else ():
            if row["n"] >= CALLS_MIN and row[what]:
                found.setdefault((what, row["operation"]), []).append(float(row[what]))
    order = list(FLOOR_TIMES)
    keys = sorted(found, key=lambda key: (order.index(key[0]), key[1]))
    return {key: np.log(found[key]) for key in keys if len(found[key]) >= BLOCKS_MIN}


def _cpu(case: Case, judged: str, block_ns: int) -> list[float]:
    """Processor seconds of the whole target per call in each block whose meters were read throughout."""
    rows = case.rows(f"""
        WITH meters AS (
            SELECT at_ns // {block_ns} AS block, source, avg(value) AS cores, count(*) AS n FROM readings
            WHERE starts_with(source::VARCHAR, 'target:') AND metric = 'cpu_share' GROUP BY ALL),
        cores AS (SELECT block, sum(cores) AS cores, count(*) AS sources, min(n) AS n FROM meters GROUP BY block),
        done AS (SELECT done_ns // {block_ns} AS block, count(*) AS calls FROM samples
                 WHERE outcome <> 'dropped' AND {judged} GROUP BY block)
        SELECT block, cores, calls, sources, n FROM cores JOIN done USING (block) ORDER BY block""")
    sources = max((row["sources"] for row in rows), default=0)
    whole = [row for row in rows[1:-1] if row["sources"] == sources and row["n"] >= BLOCK_S - 1 and row["cores"]]
    return [row["cores"] * BLOCK_S / row["calls"] for row in whole]


def _welch(baseline: Floats, run: Floats) -> tuple[float, float, float, float]:
    """(difference, low, high, one-sided p) of the medians; without any spread the difference is what it is."""
    (one, one_error, one_worth), (other, other_error, other_worth) = _median(baseline), _median(run)
    difference, error = other - one, hypot(one_error, other_error)
    if error == 0:
        return difference, difference, difference, 0.0 if difference > 0 else 1.0
    freedom = error**4 / (one_error**4 / max(one_worth - 1, 0.5) + other_error**4 / max(other_worth - 1, 0.5))
    half = float(student.ppf(1 - ALPHA, freedom)) * error
    return difference, difference - half, difference + half, float(student.sf(difference / error, freedom))


def _median(values: Floats) -> tuple[float, float, float]:
    """Median, its standard error, and how many independent values these are worth."""
    middle = float(np.median(values))
    centred = values - values.mean()
    squares = float((centred**2).sum())
    alike = float((centred[1:] * centred[:-1]).sum()) / squares if squares else 0.0
    alike = min(max(alike, 0.0), CORRELATION_MAX)
    worth = len(values) * (1 - alike) / (1 + alike)
    spread = 1.4826 * float(np.median(np.abs(values - middle)))
    return middle, sqrt(pi / 2 * spread**2 / worth), worth


def _judged(manifest: Manifest) -> tuple[tuple[str, float, float], ...]:
    return tuple(
        (phase.name, (phase.end_ns - phase.start_ns) / 1e9, phase.rate) for phase in manifest.phases if phase.judged
    )


def _boot(manifest: Manifest) -> str | None:
    return manifest.zero.boot_id if manifest.zero else None
