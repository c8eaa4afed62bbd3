"""Sheets of the workbook that only some reports have: acceptance clauses, and what became of findings since."""

from __future__ import annotations

from collections.abc import Sequence

from reports.clauses import ClauseResult, Met
from reports.since import Change, Since
from reports.verdict import Verdict
from reports.xlsx import Cell, Column, Sheet, both, verdict_word, word

_SHADES = {
    Met.YES: Verdict.PASS,
    Met.WAIVED: Verdict.UNDECIDED,
    Met.NO: Verdict.FAIL,
    Met.UNDECIDED: Verdict.VOID,
}
_NEWS = {
    Change.NEW: Verdict.FAIL,
    Change.COME_BACK: Verdict.FAIL,
    Change.OPEN: Verdict.UNDECIDED,
    Change.FIXED: Verdict.PASS,
}


def of_clauses(found: Sequence[ClauseResult]) -> Sheet:
    columns = (
        Column("clause", 18), Column("clause_text", 60), Column("source", 36), Column("verified", 14),
        Column("scenario", 18), Column("measured", 60), Column("digest", 26), Column("verdict", 20),
        Column("met", 24), Column("why", 50), Column("signs", 26), Column("waiver_owner", 26),
        Column("waiver_reason", 36), Column("waiver_expires", 14, "date"),
    )  # fmt: skip
    rows = tuple(
        (
            one.clause.slug, f"{one.clause.vi}\n{one.clause.en}", one.clause.source,
            word("page.verified" if one.clause.verified else "page.unverified"),
            ", ".join(one.scenarios) or ", ".join(one.clause.profiles),
            "\n".join(f"{each.check} ({each.run}): {verdict_word(each.verdict)}" for each in one.measured)
            or ", ".join(one.clause.measures),
            one.evidence or None, one.verdict, (word(f"clause.{one.met.value}"), _SHADES[one.met]), one.why,
            word(f"role.{one.clause.signs}"), *_waiver(one),
        )
        for one in found
    )  # fmt: skip
    return Sheet("sheet.clauses", columns, rows)


def _waiver(one: ClauseResult) -> tuple[Cell, Cell, Cell]:
    waiver = one.waiver
    return (None, None, None) if waiver is None else (waiver.owner, waiver.reason, waiver.expires)


def of_since(since: Since) -> Sheet:
    columns = (
        Column("change", 22), Column("kind_of_item", 16), Column("check", 30), Column("title", 44), Column("said", 80),
        Column("verdict", 20), Column("first_run", 34), Column("fixed_run", 34),
    )  # fmt: skip
    rows = tuple(
        (
            (word(f"since.{item.change.value}"), _NEWS[item.change]), word(f"since.kind.{item.kind}"), item.key,
            item.title, item.said, word("page.not_measured") if item.verdict is None else item.verdict, item.first,
            item.fixed,
        )
        for item in since.items
    )  # fmt: skip
    return Sheet("sheet.since", columns, rows, tuple(both(note) for note in since.notes))
