"""Do the clocks of the linked systems agree, so that deadlines, days and lags mean something?

Two witnesses: the final read compares each system's wall clock with ours; and nothing may be seen at a mirror earlier
than it came about at its source, by more than the same limit.
"""

from __future__ import annotations

from fractions import Fraction
from typing import Any

from reports import lags, places
from reports.case import Case
from reports.verdict import EVIDENCE_ROWS_MAX, Evidence, Finding, Param, Quantity, Text, Verdict, Word, exactly

SLUG = "integrity.clock"
METRIC = "clock_skew_ms"  # of readings from "target:<system>": its wall clock minus ours

_MS = 1_000_000


def check(case: Case) -> tuple[Finding, ...]:
    """One finding; none where no clock was read and nothing is linked."""
    skews = case.rows(
        """
        SELECT source, arg_max(value, abs(value)) AS skew_ms, count(*) AS n, arg_max(at_ns, abs(value)) AS at_ns
        FROM readings WHERE source LIKE 'target:%' AND metric = $metric AND value IS NOT NULL
        GROUP BY source ORDER BY max(abs(value)) DESC, source""",
        {"metric": METRIC},
    )
    if not skews and not places.applies(case):
        return ()
    limit_ms = case.manifest.limits.clock_skew_ms_max
    exact = Fraction(str(limit_ms))
    counts, examples = _early(case, exact)
    wrong = [row for row in skews if abs(Fraction(row["skew_ms"])) > exact]
    params: dict[str, Param] = {
        "limit": exactly(limit_ms * _MS, "ns"),
        "systems": Quantity(len(skews), "count"),
        "wrong": Quantity(len(wrong), "count"),
        "early": Quantity(sum(counts), "count"),
        "source": skews[0]["source"] if skews else "-",
        "measured": Quantity(skews[0]["skew_ms"] * _MS, "ns", limit_ms * _MS) if skews else "-",
    }
    title = Text(f"{SLUG}.title")
    if wrong or examples:
        summary = Text(f"{SLUG}.{'fail' if wrong else 'early'}", params)
        return (Finding(SLUG, Verdict.FAIL, title, summary, _evidence(wrong, examples, limit_ms)),)
    if not skews:
        needs = Text("linked.needs_read")
        return (Finding(SLUG, Verdict.UNDECIDED, title, Text(f"{SLUG}.undecided", params), None, needs),)
    return (Finding(SLUG, Verdict.PASS, title, Text(f"{SLUG}.pass", params)),)


def _early(case: Case, limit_ms: Fraction) -> tuple[list[int], list[dict[str, Any]]]:
    """Per link how much was at the mirror before it was at the source, and the worst examples."""
    counts, examples = [], []
    for index, link in enumerate(case.manifest.links):
        if not link.lag or not places.applies(case):
            continue
        chosen = f"FROM {lags.pairs(case, index)} WHERE at_ms - same_ms > $limit"
        limit = {"limit": float(limit_ms)}
        counts.append(int(case.one(f"SELECT count(*) AS n {chosen}", limit)["n"]))
        rows = case.rows(
            f"""
            SELECT subject, commune, same_ms - at_ms AS lag_ms {chosen}
            ORDER BY lag_ms, subject, value LIMIT {EVIDENCE_ROWS_MAX}""",
            limit,
        )
        examples += [{**row, "way": f"{link.source} → {link.mirror}"} for row in rows]
    return counts, examples


def _evidence(wrong: list[dict[str, Any]], early: list[dict[str, Any]], limit_ms: float) -> Evidence:
    lines: list[tuple[Param, ...]] = [
        (Word("class.skewed"), row["source"], Quantity(row["skew_ms"] * _MS, "ns", limit_ms * _MS), "-", "-")
        for row in wrong
    ]
    lines += [
        (Word("class.early"), row["way"], Quantity(row["lag_ms"] * _MS, "ns"), row["subject"], row["commune"] or "-")
        for row in early
    ]
    return Evidence(("class", "clock", "skew", "held_subject", "commune"), tuple(lines[:EVIDENCE_ROWS_MAX]))
