"""Does every signed document that came back verify? The journeys checked each; the record says which did not."""

from __future__ import annotations

from reports.case import Case
from reports.verdict import EVIDENCE_ROWS_MAX, Evidence, Finding, Param, Quantity, Text, Verdict, Word

SLUG = "integrity.signatures"
INVALID = "signature-invalid"

_SIGNED = "list_contains($signed::VARCHAR[], operation::VARCHAR) AND outcome <> 'dropped'"


def check(case: Case) -> tuple[Finding, ...]:
    """One finding; none where no operation that returns a signed document was called."""
    signed = [operation.name for operation in case.manifest.operations if operation.signed]
    if not signed:
        return ()
    found = case.one(
        f"""
        SELECT count(*) AS calls, count(*) FILTER (outcome = 'ok') AS verified,
               count(*) FILTER (error = '{INVALID}') AS invalid
        FROM samples WHERE {_SIGNED}""",
        {"signed": signed},
    )
    if not found["calls"]:
        return ()
    params: dict[str, Param] = {name: Quantity(value, "count") for name, value in found.items()}
    title = Text(f"{SLUG}.title")
    if found["invalid"]:
        return (Finding(SLUG, Verdict.FAIL, title, Text(f"{SLUG}.fail", params), _examples(case, signed)),)
    if not found["verified"]:
        return (Finding(SLUG, Verdict.UNDECIDED, title, Text(f"{SLUG}.undecided", params)),)
    return (Finding(SLUG, Verdict.PASS, title, Text(f"{SLUG}.pass", params)),)


def _examples(case: Case, signed: list[str]) -> Evidence:
    """What was asked for and why it does not verify, where the record knows; else the calls."""
    why = case.rows(
        f"""
        SELECT place, subject, commune, value FROM observations WHERE kind = 'signature'
        ORDER BY place, subject, value LIMIT {EVIDENCE_ROWS_MAX}"""
    )
    if why:
        reasons: list[tuple[Param, ...]] = [
            (row["place"], row["subject"], row["commune"] or "-", Word(f"signature.{row['value']}", row["value"]))
            for row in why
        ]
        return Evidence(("place", "held_subject", "commune", "reason"), tuple(reasons))
    rows = case.rows(
        f"""
        SELECT operation, commune, arrival, done_ns FROM samples WHERE {_SIGNED} AND error = '{INVALID}'
        ORDER BY done_ns, arrival, step LIMIT {EVIDENCE_ROWS_MAX}""",
        {"signed": signed},
    )
    lines: list[tuple[Param, ...]] = [
        (row["operation"], row["commune"] or "-", str(row["arrival"]), Quantity(row["done_ns"], "ns")) for row in rows
    ]
    return Evidence(("operation", "commune", "arrival", "at"), tuple(lines))
