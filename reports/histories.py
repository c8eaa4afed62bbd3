"""Did every dossier go only where the life cycle of the plan lets it go, and is it where its last step led?

The steps of a dossier must form one chain: born from nothing (0), each step from where the one before led, each among
the allowed moves, the last to the state that the dossier has. One that was there before the run has no state among what
the run wrote; of it only the steps that the run made are judged. Nearly all chains do when ordered by time; only the
others are taken up one by one, because steps of one millisecond may have happened in any order.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby, pairwise
from typing import Any, NamedTuple

from reports import places
from reports.case import Case
from reports.verdict import EVIDENCE_ROWS_MAX, Evidence, Finding, Param, Quantity, Text, Verdict, Word

SLUG = "integrity.history"
TIES_MAX = 12  # steps of one dossier in one millisecond whose order is searched for; more are taken as they come

_STEPS = """
    SELECT place, subject, at_ms, commune, value,
           try_cast(split_part(value, '>', 1) AS INTEGER) AS went_from,
           try_cast(split_part(value, '>', 2) AS INTEGER) AS went_to
    FROM observations WHERE kind = 'move'
"""
# Dossiers whose steps, in order of time, are not one chain from 0 over allowed moves to their state.
_ODD = f"""
    WITH chained AS (
        SELECT place, subject, went_from, went_to, coalesce(lag(went_to) OVER steps, 0) AS was,
               lead(subject) OVER steps IS NULL AS is_last
        FROM ({_STEPS}) WINDOW steps AS (PARTITION BY place, subject ORDER BY at_ms, went_from, went_to)),
    dossiers AS (
        SELECT place, subject, max(went_to) FILTER (is_last) AS last,
               bool_and(coalesce(went_from = was AND {{allowed}}, false)) AS fits
        FROM chained GROUP BY place, subject),
    states AS (
        SELECT place, subject, min(try_cast(value AS INTEGER)) AS low, max(try_cast(value AS INTEGER)) AS high
        FROM observations
        WHERE kind = 'state' AND place IN (SELECT DISTINCT place FROM dossiers) GROUP BY place, subject)
    SELECT place, subject FROM dossiers FULL OUTER JOIN states USING (place, subject)
    WHERE NOT coalesce(fits, false) OR (low IS NOT NULL AND (low <> last OR high <> last))
"""


class Step(NamedTuple):
    """One move of a dossier; None where the target wrote something that is no move."""

    at_ms: int | None
    before: int | None
    after: int | None
    text: str


class Broken(NamedTuple):
    """A dossier with an illegal history."""

    place: str
    subject: str
    commune: str
    reason: str  # a catalogue word: class.<reason>
    steps: str
    state: str


def check(case: Case) -> tuple[Finding, ...]:
    """One finding; none where the plan names no life cycle or nothing was asked."""
    if not case.manifest.moves or not places.applies(case):
        return ()
    title, needs = Text(f"{SLUG}.title"), Text("linked.needs_read")
    found = case.one(
        "SELECT count(*) AS moves, count(DISTINCT subject) AS dossiers FROM observations WHERE kind = 'move'"
    )
    params: dict[str, Param] = {name: Quantity(found[name], "count") for name in ("moves", "dossiers")}
    if not found["moves"]:
        return (Finding(SLUG, Verdict.UNDECIDED, title, Text(f"{SLUG}.empty", params), None, needs),)
    rows = case.rows("SELECT DISTINCT place FROM observations WHERE kind = 'move' ORDER BY place")
    unread = sorted({row["place"] for row in rows} - places.read(case))
    if unread:
        params["names"] = ", ".join(unread)
        return (Finding(SLUG, Verdict.UNDECIDED, title, Text(f"{SLUG}.unread", params), None, needs),)
    broken = list(_broken(case))
    params["illegal"] = Quantity(len(broken), "count")
    if broken:
        evidence = _evidence(broken[:EVIDENCE_ROWS_MAX])
        return (Finding(SLUG, Verdict.FAIL, title, Text(f"{SLUG}.fail", params), evidence),)
    return (Finding(SLUG, Verdict.PASS, title, Text(f"{SLUG}.pass", params)),)


def _broken(case: Case) -> Iterator[Broken]:
    """Every dossier with an illegal history, ordered by place and code."""
    allowed = frozenset(case.manifest.moves)
    listed = ", ".join(f"({before}, {after})" for before, after in sorted(allowed))
    case.keep("odd_chains", _ODD.format(allowed=f"(went_from, went_to) IN ({listed})"))
    table = case.record.arrow(f"""
        SELECT place, subject, kind, at_ms, commune, value, went_from, went_to FROM (
            SELECT *, 'move' AS kind FROM ({_STEPS})
            UNION ALL BY NAME
            SELECT place, subject, at_ms, commune, value, 'state' AS kind, try_cast(value AS INTEGER) AS went_to
            FROM observations WHERE kind = 'state')
        SEMI JOIN odd_chains USING (place, subject)
        ORDER BY place, subject, kind, at_ms NULLS LAST, went_from, went_to, value""")
    rows = zip(*(table.column(name).to_pylist() for name in table.column_names), strict=True)
    for (place, subject), group in groupby(rows, key=lambda row: (row[0], row[1])):
        broken = _one(place, subject, list(group), allowed)
        if broken is not None:
            yield broken


def _one(place: str, subject: str, rows: list[Any], allowed: frozenset[tuple[int, int]]) -> Broken | None:
    steps = [
        Step(at, before, after, value or "-") for _, _, kind, at, _, value, before, after in rows if kind == "move"
    ]
    states = [held for _, _, kind, _, _, _, _, held in rows if kind == "state" and held is not None]
    steps = _ordered(steps)
    reason = _reason(steps, states, allowed)
    if reason is None:
        return None
    commune = max((row[4] for row in rows if row[4]), default="-")
    walked = " ".join(step.text for step in steps)
    return Broken(place, subject, commune, reason, walked or "-", ", ".join(map(str, states)) or "-")


def _reason(steps: list[Step], states: list[int], allowed: frozenset[tuple[int, int]]) -> str | None:
    """What is wrong first, or None. The words are in the catalogue."""
    if not steps or (steps[0].before != 0 and states):
        return "unborn"  # without a state of its own it is a dossier from before the run, taken up on its way
    if any((step.before, step.after) not in allowed for step in steps):
        return "forbidden"
    if any(after.before != before.after for before, after in pairwise(steps)):
        return "jump"
    return "elsewhere" if any(state != steps[-1].after for state in states) else None


def _ordered(steps: list[Step]) -> list[Step]:
    """By time; steps of the same millisecond in an order in which they follow from one another, if there is one."""
    ordered: list[Step] = []
    for _, group in groupby(steps, key=lambda step: step.at_ms):
        tied = list(group)
        here = ordered[-1].after if ordered else 0
        if 1 < len(tied) <= TIES_MAX:
            tied = _chain(here, tied) or tied
        ordered += tied
    return ordered


def _chain(here: int | None, steps: list[Step]) -> list[Step] | None:
    """All the steps in an order in which each begins where the one before ended; None if there is no such order."""
    if not steps:
        return []
    tried = set()
    for place, step in enumerate(steps):
        if step.before == here and step.before is not None and (step.before, step.after) not in tried:
            tried.add((step.before, step.after))
            rest = _chain(step.after, steps[:place] + steps[place + 1 :])
            if rest is not None:
                return [step, *rest]
    return None


def _evidence(shown: list[Broken]) -> Evidence:
    lines: list[tuple[Param, ...]] = [
        (Word("class.illegal"), Word(f"class.{one.reason}"), one.subject, one.commune, one.steps, one.state, one.place)
        for one in shown
    ]
    return Evidence(("class", "reason", "held_subject", "commune", "steps", "state", "place"), tuple(lines))
