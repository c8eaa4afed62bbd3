"""Page one, for the person who signs: as data, so that HTML, PDF and XLSX say the same. `of` makes it.

Words are keys of the text catalogues; numbers are exact until they are printed.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass

from reports import actions as required
from reports import key_figures, limits
from reports import units as communes_of
from reports.actions import Action
from reports.assess import Assessment
from reports.capacity_file import CapacityAnswer
from reports.case import Case
from reports.key_figures import KeyFigure
from reports.units import UnitState
from reports.verdict import Finding, Quantity, Text, Verdict

__all__ = ["Action", "CapacityAnswer", "KeyFigure", "PageOne", "Standing", "UnitState", "of"]

ROLES = ("tester", "unit-head", "province")


class Standing(enum.StrEnum):
    """The four verdicts in words (catalogue: standing.<value>)."""

    READY = "ready"  # ĐỦ ĐIỀU KIỆN
    CONDITIONAL = "conditional"  # ĐỦ ĐIỀU KIỆN CÓ ĐIỀU KIỆN: passed, by limits or waivers that somebody must own
    NOT_READY = "not-ready"  # CHƯA ĐỦ ĐIỀU KIỆN
    INCONCLUSIVE = "inconclusive"  # KHÔNG KẾT LUẬN ĐƯỢC: undecided or void


@dataclass(frozen=True)
class PageOne:
    """Everything on page one."""

    standing: Standing
    why: Text  # the one sentence
    conditions: tuple[Text, ...]  # what makes it conditional, and what must stand beside the verdict
    units: tuple[UnitState, ...]  # by code; empty where the target has no communes
    figures: tuple[KeyFigure, ...]  # four
    actions: tuple[Action, ...]
    untested: tuple[Text, ...]
    roles: tuple[str, ...]  # catalogue keys role.<slug> of those who sign, in order

    def count(self, verdict: Verdict) -> int:
        """How many units came out so."""
        return sum(1 for unit in self.units if unit.verdict == verdict)


def of(
    assessment: Assessment, case: Case, *, capacity: CapacityAnswer | None = None, waived: tuple[Text, ...] = ()
) -> PageOne:
    """Page one of a record. `waived` are sentences about what somebody answers for although it did not pass.

    A run that passed is not ready where the capacity is below the forecast, and is conditional where it is not known.
    """
    units = communes_of.of(assessment, case)
    figures = key_figures.of(assessment, case, capacity)
    actions = required.of(assessment, case, units, figures)
    short = _beyond_capacity(figures)
    conditions = (*limits.caveats(case.manifest), *waived)
    if assessment.gate is Verdict.PASS:
        conditions += tuple(each.note for each in figures if each.slug == "capacity" and each.note and not _sure(each))
    standing = _standing(assessment.gate, conditions)
    if short is not None and assessment.gate is Verdict.PASS:
        standing = Standing.NOT_READY
    return PageOne(
        standing=standing,
        why=_why(assessment, case, standing, conditions, actions, short),
        conditions=conditions,
        units=units,
        figures=figures,
        actions=actions,
        untested=assessment.limits,
        roles=ROLES,
    )


def _standing(gate: Verdict, conditions: tuple[Text, ...]) -> Standing:
    if gate is Verdict.PASS:
        return Standing.CONDITIONAL if conditions else Standing.READY
    return Standing.NOT_READY if gate is Verdict.FAIL else Standing.INCONCLUSIVE


def _sure(figure: KeyFigure) -> bool:
    return figure.verdict in (Verdict.PASS, Verdict.FAIL)


def _beyond_capacity(figures: tuple[KeyFigure, ...]) -> KeyFigure | None:
    return next((each for each in figures if each.slug == "capacity" and each.verdict is Verdict.FAIL), None)


def _why(
    assessment: Assessment,
    case: Case,
    standing: Standing,
    conditions: tuple[Text, ...],
    actions: tuple[Action, ...],
    short: KeyFigure | None,
) -> Text:
    """One sentence with the thing that decides: of several, the one whose action comes first."""
    if not case.record.sealed and assessment.gate is not Verdict.VOID:
        return Text("why.unsealed")
    if standing is Standing.CONDITIONAL:
        return Text("standing.why.conditional", {"condition": conditions[0]})
    if standing is Standing.READY:
        return Text("standing.why.ready", {"calls": Quantity(len(case.calls), "count")})
    if assessment.gate is Verdict.PASS and short is not None and short.note is not None:
        return Text("standing.why.not-ready", {"title": short.title, "summary": short.note})
    finding = _deciding(assessment, actions)
    key = {Verdict.FAIL: "not-ready", Verdict.VOID: "void"}.get(assessment.gate, "undecided")
    return Text(f"standing.why.{key}", {"title": finding.title, "summary": finding.summary})


def _deciding(assessment: Assessment, actions: tuple[Action, ...]) -> Finding:
    deciding = {finding.check: finding for finding in assessment.deciding}
    first = next((action.key.split(":")[0] for action in actions if action.key.split(":")[0] in deciding), None)
    return deciding[first] if first is not None else assessment.deciding[0]
