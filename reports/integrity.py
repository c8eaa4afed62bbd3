"""Does every acknowledged write exist once, as it was acknowledged?

The ledger's two halves are joined by key: what the generator intended and was told, against what the final read found.
The words are Jepsen's (set, total-queue). A write of unknown outcome may be there or not, but at most once; what became
of it is counted and shown, not judged. A write that the final read never asked about leaves the question open. So
does a final read that did not list what carries the run's tag: strangers can be seen in no other way.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from reports.case import Case
from reports.verdict import EVIDENCE_ROWS_MAX, Evidence, Finding, Param, Quantity, Text, Verdict

LISTED = "final-listing"  # the event that says: every write with the run's tag was listed

# One row per key. What the target told the generator about it: an acknowledgement outranks an unknown, that a refusal;
# null if the generator never spoke of it. `times` is null if the final read never did. Contents are compared by a hash
# of 64 bits of their digests, which takes half the time and memory: one change in 2^64 would not be seen.
_KEYS = """
    SELECT key, count(*) FILTER (fact = 'observed') AS found,
           bit_or(CASE fact WHEN 'intended' THEN 1 WHEN 'acked' THEN 2 WHEN 'refused' THEN 4 WHEN 'unknown' THEN 8
                            WHEN 'observed' THEN 16 ELSE 32 END::UTINYINT) AS facts,
           max(content) FILTER (fact = 'intended') AS sent,
           min(content) FILTER (fact = 'observed') AS low, max(content) FILTER (fact = 'observed') AS high
    FROM (SELECT key, fact, if(digest IS NULL, NULL, hash(digest)) AS content FROM ledger) GROUP BY key
"""
# Kept for all questions: a row for each key that was not acknowledged and found once as it was sent, and few for those
# that were (`key` is null, `n` says how many).
_WRITES = f"""
    SELECT if(outcome = 'acked' AND times = 1 AND NOT changed AND NOT bare, NULL, key) AS key,
           outcome, times, changed, bare, count(*) AS n
    FROM (SELECT key,
                 CASE WHEN facts & 2 > 0 THEN 'acked' WHEN facts & 4 > 0 AND facts & 8 = 0 THEN 'refused'
                      WHEN facts & 15 > 0 THEN 'unknown' END AS outcome,
                 if(facts & 48 > 0, found, NULL) AS times,
                 low <> sent OR high <> sent AS changed, sent IS NULL OR low IS NULL AS bare
          FROM ({_KEYS}))
    GROUP BY ALL
"""
_CLASSES = {
    "lost": "outcome = 'acked' AND times = 0",
    "doubled": "outcome IS NOT NULL AND times > 1",
    "phantom": "outcome IS NULL AND times > 0",
    "changed": "outcome IS NOT NULL AND times > 0 AND changed",
    "refused_but_kept": "outcome = 'refused' AND times > 0",
    "never_read": "outcome IS NOT NULL AND times IS NULL",
}
_COUNTS = {
    "writes": "outcome IS NOT NULL",
    "acked": "outcome = 'acked'",
    "refused": "outcome = 'refused'",
    "unknown": "outcome = 'unknown'",
    "unknown_found": "outcome = 'unknown' AND times > 0",
    "unknown_absent": "outcome = 'unknown' AND times = 0",
    "read": "outcome IS NOT NULL AND times IS NOT NULL",
    "without_digest": "outcome IS NOT NULL AND times > 0 AND bare",
    **_CLASSES,
}


def check(case: Case) -> tuple[Finding, ...]:
    """One finding per class. None where the target has no writing operation: then it is among what was not tested."""
    if not any(operation.write for operation in case.manifest.operations):
        return ()
    counts = tally(case)
    listed = any(event.kind == LISTED for event in case.events)
    return tuple(_judge(case, name, counts, listed) for name in _CLASSES)


def tally(case: Case) -> dict[str, int]:
    """How many keys fall under each name of _COUNTS."""
    columns = ", ".join(f"coalesce(sum(n) FILTER ({what}), 0)::BIGINT AS {name}" for name, what in _COUNTS.items())
    return {name: int(value) for name, value in case.one(f"SELECT {columns} FROM {_writes(case)}").items()}


@dataclass(frozen=True)
class UnitWrites:
    """What became of one commune's writes: acknowledged and gone; wrong otherwise (there twice, changed, or there
    although refused); never asked about by the final read."""

    commune: str
    lost: int
    wrong: int
    unread: int


def by_commune(case: Case) -> tuple[UnitWrites, ...]:
    """Only communes that have such writes, by code; "" where the ledger names none."""
    wrong = " OR ".join(f"({_CLASSES[name]})" for name in ("doubled", "changed", "refused_but_kept"))
    rows = case.rows(f"""
        SELECT commune, count(*) FILTER (lost) AS lost, count(*) FILTER (wrong) AS wrong,
               count(*) FILTER (unread) AS unread
        FROM (SELECT coalesce(max(commune::VARCHAR), '') AS commune, bool_or(lost) AS lost, bool_or(wrong) AS wrong,
                     bool_or(unread) AS unread
              FROM ledger JOIN (SELECT key, coalesce({_CLASSES["lost"]}, false) AS lost,
                                       coalesce({wrong}, false) AS wrong,
                                       coalesce({_CLASSES["never_read"]}, false) AS unread
                                FROM {_writes(case)} WHERE key IS NOT NULL) USING (key)
              WHERE lost OR wrong OR unread GROUP BY key)
        GROUP BY commune ORDER BY commune""")
    return tuple(UnitWrites(**row) for row in rows)


def _writes(case: Case) -> str:
    case.keep("writes", _WRITES)
    return "writes"


def _judge(case: Case, name: str, counts: dict[str, int], listed: bool) -> Finding:
    params: dict[str, Param] = {key: Quantity(value, "count") for key, value in counts.items()}
    verdict, variant = _verdict(name, counts, listed)
    evidence = _examples(case, name) if counts[name] else None
    slug = f"integrity.{name}"
    needs = Text("integrity.needs_read", params) if name == "never_read" and verdict is Verdict.UNDECIDED else None
    key = f"integrity.{variant}" if variant == "partly" else f"{slug}.{variant}"
    return Finding(slug, verdict, Text(f"{slug}.title"), Text(key, params), evidence, needs)


def _verdict(name: str, counts: dict[str, int], listed: bool) -> tuple[Verdict, str]:
    """The verdict and which sentence says it."""
    if name == "never_read":
        if not counts["writes"]:
            return Verdict.UNDECIDED, "no_writes"
        return (Verdict.UNDECIDED, "undecided") if counts[name] else (Verdict.PASS, "pass")
    if counts[name]:
        return Verdict.FAIL, "fail"
    if not counts["read"]:
        return Verdict.UNDECIDED, "undecided"
    if name == "phantom":
        return (Verdict.PASS, "pass") if listed else (Verdict.UNDECIDED, "not_listed")
    if counts["never_read"]:
        return Verdict.UNDECIDED, "partly"
    if name == "changed" and counts["without_digest"]:
        return Verdict.UNDECIDED, "no_digest"
    return Verdict.PASS, "pass"


def _examples(case: Case, name: str) -> Evidence:
    rows = case.rows(f"""
        SELECT key, max(operation) AS operation, max(commune) AS commune, max(arrival) AS arrival,
               coalesce(any_value(times), -1) AS times, max(subject) AS subject,
               max(at_ns) FILTER (fact NOT IN ('observed', 'absent')) AS told_ns
        FROM ledger JOIN (SELECT key, times FROM {_writes(case)} WHERE {_CLASSES[name]}) USING (key)
        GROUP BY key ORDER BY told_ns NULLS LAST, key LIMIT {EVIDENCE_ROWS_MAX}""")
    columns: dict[str, Callable[[dict[str, Any]], Param]] = {
        "key": lambda row: row["key"],
        "operation": lambda row: row["operation"] or "-",
        "commune": lambda row: row["commune"] or "-",
        "arrival": lambda row: "-" if row["arrival"] is None else str(row["arrival"]),
        "times_found": lambda row: "-" if row["times"] < 0 else Quantity(row["times"], "count"),
        "subject": lambda row: row["subject"] or "-",
        "at": lambda row: "-" if row["told_ns"] is None else Quantity(row["told_ns"], "ns"),
    }
    return Evidence(tuple(columns), tuple(tuple(read(row) for read in columns.values()) for row in rows))
