"""How long did it take until the mirror of a link showed what the source had come to hold?

For every state that a subject reached at the source: until it is first seen at the mirror. A state that the mirror
never showed, because a later one overtook it, counts until that later one; one that nothing ever followed has taken
longer than all others. Both sides are timed by their own clocks, which reports.clocks compares.
"""

from __future__ import annotations

from fnmatch import fnmatchcase

import numpy as np

from record.types import Link, Objective
from reports import latency, offered, phases, timing
from reports.calls import BLOCKS_MAX
from reports.case import Case
from reports.latency import Estimate, Times
from reports.verdict import NEVER_NS, Finding, Param, Verdict, exactly

_REACHED = """
    SELECT subject, value, min(at_ms) AS at_ms, max(commune) AS commune FROM observations
    WHERE kind = 'history' AND place = {place} AND at_ms IS NOT NULL AND value IS NOT NULL GROUP BY subject, value
"""
_PAIRED = f"""
    WITH paired AS (
        SELECT subject, value, s.at_ms AS at_ms, s.commune AS commune, m.at_ms AS same_ms
        FROM ({_REACHED.format(place="$source")}) s LEFT JOIN ({_REACHED.format(place="$mirror")}) m
        USING (subject, value)),
    overtaken AS (
        SELECT p.subject AS subject, p.value AS value, min(later.same_ms) AS later_ms
        FROM paired p JOIN paired later ON p.subject = later.subject AND later.at_ms >= p.at_ms
        WHERE p.same_ms IS NULL GROUP BY p.subject, p.value)
    SELECT subject, value, at_ms, commune, same_ms, coalesce(same_ms, later_ms) AS seen_ms
    FROM paired LEFT JOIN overtaken USING (subject, value)
"""


def judge(case: Case, objective: Objective, percentile: float) -> Finding:
    """A promise about the lag of the links that its patterns name, over what came about in the judged phases."""
    meant = [
        (index, link)
        for index, link in enumerate(case.manifest.links)
        if link.lag and any(fnmatchcase(link.slug, pattern) for pattern in objective.operations)
    ]
    found = times(case, [index for index, _ in meant])
    limit: dict[str, Param] = {"limit": exactly(objective.limit * timing.NS[objective.unit], "ns")}
    if not len(found.ns):
        return timing.finding(objective, Verdict.UNDECIDED, "lag_nothing", limit)
    estimate = latency.estimate(found, percentile)
    finding = timing.judge(case, objective, estimate, len(found.ns), lambda: found)
    timed = [link.slug for index, link in meant if len(times(case, [index]).ns)]
    unseen = [pattern for pattern in objective.operations if not any(fnmatchcase(slug, pattern) for slug in timed)]
    if finding.verdict is Verdict.PASS and unseen:
        return timing.finding(objective, Verdict.UNDECIDED, "lag_unseen", {"names": ", ".join(unseen)})
    return finding


def estimates(case: Case, link: Link) -> tuple[Estimate, ...]:
    """p50 and p95 of a link's lag in the judged phases; nothing where it has none."""
    found = times(case, [case.manifest.links.index(link)]) if link.lag else None
    if found is None or not len(found.ns):
        return ()
    return tuple(latency.estimate(found, percentile) for percentile in (50.0, 95.0))


def pairs(case: Case, index: int) -> str:
    """The table of a link: subject, value, commune, at_ms at the source, same_ms and seen_ms at the mirror."""
    link = case.manifest.links[index]
    case.keep(f"lag_{index}", _PAIRED, {"source": link.source, "mirror": link.mirror})
    return f"lag_{index}"


def times(case: Case, indices: list[int]) -> Times:
    """The lags of some links together, of all that came about in the judged phases."""
    zero, manifest = case.manifest.zero, case.manifest
    nothing = Times(np.empty(0, np.int64), np.empty(0, np.int32), np.ones((0, 1)))
    if zero is None or not indices:
        return nothing
    since = f"at_ms * 1000000 - {zero.wall_ns}"
    rows = " UNION ALL ".join(f"SELECT at_ms, seen_ms FROM {pairs(case, index)}" for index in indices)
    table = case.record.arrow(f"""
        SELECT {since} AS at_ns, {phases.code_sql(manifest, since)}::BIGINT AS phase,
               if(seen_ms IS NULL, {NEVER_NS},
                  least(greatest(seen_ms - at_ms, 0), {NEVER_NS} // 1000000) * 1000000)::BIGINT AS lag_ns
        FROM ({rows}) WHERE {since} >= 0 AND {phases.judged_sql(manifest, since)}""")
    if not table.num_rows:
        return nothing
    at, phase, lag = (table.column(name).to_numpy() for name in ("at_ns", "phase", "lag_ns"))
    block_ns = 1_000_000_000 * max(1, -(-int(at.max() - at.min()) // (BLOCKS_MAX * 1_000_000_000)))
    block = ((at - at.min()) // block_ns).astype(np.int32)
    counts = np.bincount(block)
    phase_of = np.zeros(len(counts), np.int64)
    np.maximum.at(phase_of, block, phase)
    return Times(lag, block, offered.design(phase_of, counts, counts))
