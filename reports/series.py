"""Are dossier codes and document numbers unique, without gaps, and of the day that they name?

A series is one organisation's numbering of one day or year; it must run 1, 2, 3, … to its highest number. Where its
name ends in -yymmdd, that is the day in Vietnam (UTC+7) on which each of its numbers was given.
"""

from __future__ import annotations

from typing import Any

from reports import places
from reports.case import Case
from reports.verdict import EVIDENCE_ROWS_MAX, Evidence, Finding, Param, Quantity, Text, Verdict, Word

CLASSES = ("repeated", "missing", "misdated", "unreadable")
SLUG = "integrity.numbers"

_GIVEN = r"""
    SELECT place, subject AS series, at_ms, commune, value,
           if(regexp_full_match(value, '[0-9]{1,15}') AND value::BIGINT > 0, value::BIGINT, NULL) AS number,
           coalesce(regexp_matches(subject, '-[0-9]{6}$') AND right(subject, 6)
               <> strftime(make_timestamp(at_ms * 1000) + INTERVAL 7 HOUR, '%y%m%d'), false) AS misdated
    FROM observations WHERE kind = 'number'
"""
# One row per number that was given, kept for all questions.
_NUMBERS = f"""
    SELECT place, series, number, count(*) AS times, count(*) FILTER (misdated) AS misdated,
           max(commune) AS commune, min(at_ms) AS first_ms, any_value(value ORDER BY value) AS value
    FROM ({_GIVEN}) GROUP BY place, series, number
"""
_SERIES = """
    SELECT place, series, max(number) AS highest, count(number) AS given, max(commune) AS commune,
           count(*) FILTER (number IS NOT NULL AND times > 1) AS repeated, coalesce(sum(misdated), 0) AS misdated,
           coalesce(sum(times) FILTER (number IS NULL), 0) AS unreadable, sum(times) AS numbers
    FROM numbers GROUP BY place, series
"""
_EXAMPLES = {
    "repeated": """
        SELECT place, series, commune, number::VARCHAR AS number, times, first_ms FROM numbers
        WHERE number IS NOT NULL AND times > 1""",
    "misdated": """
        SELECT place, series, commune, coalesce(number::VARCHAR, value, '-') AS number, times, first_ms FROM numbers
        WHERE misdated > 0""",
    "unreadable": """
        SELECT place, series, commune, coalesce(value, '-') AS number, times, first_ms FROM numbers
        WHERE number IS NULL""",
    "missing": """
        SELECT place, series, commune, if(low = high, low::VARCHAR, low || ' – ' || high) AS number, 0 AS times,
               first_ms
        FROM (SELECT place, series, commune, first_ms, number - 1 AS high,
                     1 + lag(number, 1, 0) OVER (PARTITION BY place, series ORDER BY number) AS low
              FROM numbers WHERE number IS NOT NULL)
        WHERE low <= high AND list_contains($read::VARCHAR[], place)""",
}


def check(case: Case) -> tuple[Finding, ...]:
    """One finding; none where no place that was asked gives numbers."""
    case.keep("numbers", _NUMBERS)
    read = sorted(places.read(case))
    counts = case.one(
        f"""
        SELECT count(*) AS series, coalesce(sum(numbers), 0) AS numbers, coalesce(sum(repeated), 0) AS repeated,
               coalesce(sum(misdated), 0) AS misdated, coalesce(sum(unreadable), 0) AS unreadable,
               coalesce(sum(highest - given) FILTER (list_contains($read::VARCHAR[], place)), 0) AS missing,
               count(*) FILTER (NOT list_contains($read::VARCHAR[], place)) AS unread
        FROM ({_SERIES})""",
        {"read": read},
    )
    title = Text(f"{SLUG}.title")
    params: dict[str, Param] = {name: Quantity(int(value), "count") for name, value in counts.items()}
    if not counts["series"]:
        if not places.applies(case) or places.observed(case):
            return ()
        needs = Text("linked.needs_read")
        return (Finding(SLUG, Verdict.UNDECIDED, title, Text(f"{SLUG}.empty", params), None, needs),)
    wrong = [name for name in CLASSES if counts[name]]
    if wrong:
        evidence = _examples(case, wrong, read)
        return (Finding(SLUG, Verdict.FAIL, title, Text(f"{SLUG}.fail", params), evidence),)
    if counts["unread"]:
        needs = Text("linked.needs_read")
        return (Finding(SLUG, Verdict.UNDECIDED, title, Text(f"{SLUG}.unread", params), None, needs),)
    return (Finding(SLUG, Verdict.PASS, title, Text(f"{SLUG}.pass", params)),)


def _examples(case: Case, classes: list[str], read: list[str]) -> Evidence:
    share = EVIDENCE_ROWS_MAX // len(classes)
    rows: list[tuple[str, dict[str, Any]]] = []
    for name in classes:
        sql = f"{_EXAMPLES[name]} ORDER BY place, series, first_ms, number LIMIT {share}"
        rows += [(name, row) for row in case.rows(sql, {"read": read} if name == "missing" else None)]
    lines: list[tuple[Param, ...]] = [
        (
            Word(f"class.{name}"),
            row["series"],
            row["number"],
            Quantity(row["times"], "count"),
            row["commune"] or "-",
            row["place"],
        )
        for name, row in rows
    ]
    return Evidence(("class", "series", "number", "times_found", "commune", "place"), tuple(lines))
