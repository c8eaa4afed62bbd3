"""May visitors keep what a website sends them?

From what the generator's own visitors could keep: an answer without a validator and without a time for which it is good
has to be sent again whenever somebody returns, over the weakest links first.
"""

from __future__ import annotations

from reports.case import Case
from reports.verdict import Finding, Param, Quantity, Text, Verdict, exactly

SENT_MIN = 200
_METRICS = ("pages_sent", "pages_keepable", "pages_shown", "pages_unchanged")


def check(case: Case) -> tuple[Finding, ...]:
    """None where nobody asked for pages."""
    counted = case.rows(f"""
        SELECT metric, sum(most) AS n FROM (
            SELECT source, metric, max(value) AS most FROM readings WHERE metric IN {_METRICS} GROUP BY source, metric)
        GROUP BY metric""")
    if not counted:
        return ()
    sent, keepable, shown, unchanged = (
        next((row["n"] for row in counted if row["metric"] == metric), 0.0) for metric in _METRICS
    )
    least = case.manifest.limits.keepable_share_min
    params: dict[str, Param] = {
        "sent": Quantity(sent, "count"),
        "share": Quantity(keepable / sent, "share", least) if sent else Quantity(0.0, "share"),
        "shown": Quantity(shown, "count"),
        "unchanged": Quantity(unchanged, "count"),
        "limit": exactly(least, "share"),
    }
    if sent < SENT_MIN:
        verdict, variant = Verdict.UNDECIDED, "undecided"
    elif keepable < least * sent:
        verdict, variant = Verdict.FAIL, "fail"
    else:
        verdict, variant = Verdict.PASS, "pass"
    return (
        Finding("target.caching", verdict, Text("target.caching.title"), Text(f"target.caching.{variant}", params)),
    )
