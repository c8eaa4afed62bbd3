"""Does a process of the target keep what it is asked to forget?

From the meters the target shows of itself (process_resident_memory_bytes). Memory that grows by more than the limit
and by more than half while phases are judged, and still grows in the last third as fast as half the average, is no
cache filling up: in a working day it would be the end of the process.
"""

from __future__ import annotations

import numpy as np

from reports import phases
from reports.case import Case
from reports.verdict import Evidence, Finding, Param, Quantity, Text, Verdict

READINGS_MIN = 4
GROWTH_MIN = 0.5  # of what it was
STEADY_MIN = 0.5  # of the average speed, in the last third


def check(case: Case) -> tuple[Finding, ...]:
    """One finding over all processes that were metered; none where the target shows no meters."""
    rows = case.rows(f"""
        SELECT source, at_ns, value FROM readings
        WHERE source LIKE 'target:%' AND metric = 'rss_mb' AND value IS NOT NULL
          AND {phases.judged_sql(case.manifest, "at_ns")} AND at_ns <= {case.end_ns + 1_000_000_000}
        ORDER BY source, at_ns""")
    sources = sorted({row["source"] for row in rows})
    if not sources:
        return ()
    limit = case.manifest.limits.memory_growth_mb_max
    judged, leaking, grown = 0, [], {}
    for source in sources:
        at_ns, mb = (np.array([r[name] for r in rows if r["source"] == source], float) for name in ("at_ns", "value"))
        if len(mb) < READINGS_MIN:
            continue
        judged += 1
        growth = float(mb[-1] - mb[0])
        third = len(mb) * 2 // 3
        late = (mb[-1] - mb[third]) / (at_ns[-1] - at_ns[third]) if third < len(mb) - 1 else 0.0
        steady = late >= STEADY_MIN * growth / (at_ns[-1] - at_ns[0])
        grown[source] = (growth, float(mb[-1]))
        if growth > limit and growth > GROWTH_MIN * mb[0] and steady:
            leaking.append(source)
    params: dict[str, Param] = {"limit": Quantity(limit, "mb", limit), "sources": Quantity(judged, "count")}
    if leaking:
        rows_of = tuple(
            (name, Quantity(grown[name][0], "mb", limit), Quantity(grown[name][1], "mb")) for name in leaking
        )
        return (_finding(Verdict.FAIL, "fail", params, Evidence(("source", "growth", "last"), rows_of)),)
    return (_finding(Verdict.PASS, "pass", params) if judged else _finding(Verdict.UNDECIDED, "undecided", params),)


def _finding(verdict: Verdict, variant: str, params: dict[str, Param], evidence: Evidence | None = None) -> Finding:
    return Finding(
        "target.memory", verdict, Text("target.memory.title"), Text(f"target.memory.{variant}", params), evidence
    )
