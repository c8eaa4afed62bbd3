"""What must be done before the day: an opportunity, its evidence and the estimated effect, the greatest gain first.

The gain is the share of judged requests that fail or are late because of a thing. Writes that were lost or came out
wrong stand before all shares, and a run that was not fit to judge by before everything.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from math import floor

import numpy as np

from record.types import Objective
from reports import communes, timing
from reports.assess import Assessment
from reports.case import Case
from reports.key_figures import KeyFigure
from reports.units import UnitState
from reports.verdict import Finding, Param, Quantity, Text, Verdict

_FAMILIES = ("validity", "objective", "linked", "recovery", "target", "integrity")


@dataclass(frozen=True)
class Action:
    """Something that must be done before the day, the greatest gain first.

    `unit` is a commune's name, a system or "" for the platform. `effect` is the estimated gain, None where nobody
    can say. Owner and deadline are columns for people to fill in.
    """

    key: str  # stable over runs: the check it comes from, and the unit
    what: Text
    unit: str
    evidence: Text
    effect: Text | None
    owner: str = ""
    deadline: str = ""
    state: str = "open"


@dataclass(frozen=True)
class _Ranked:
    action: Action
    urgency: int
    share: float


def of(
    assessment: Assessment, case: Case, units: tuple[UnitState, ...], figures: tuple[KeyFigure, ...]
) -> tuple[Action, ...]:
    """One for each finding that did not pass; for communes that are served worse than the rest, one each.

    And one for the capacity where it is below the forecast or nobody knows whether it is.
    """
    ranked: list[_Ranked] = []
    for finding in assessment.findings:
        if finding.verdict is Verdict.PASS:
            continue
        if finding.check == "communes.errors" and finding.verdict is Verdict.FAIL:
            ranked += _communes(case, units)
        elif finding.verdict is Verdict.UNDECIDED:
            ranked.append(_Ranked(_undecided(finding), 4, 0.0))
        else:
            ranked.append(_broken(finding, assessment, case, units))
    ranked += [_capacity(each) for each in figures if each.slug == "capacity" and each.verdict is not Verdict.PASS]
    ranked.sort(key=lambda each: (each.urgency, -each.share, not each.action.unit))
    return tuple(each.action for each in ranked)


def _undecided(finding: Finding) -> Action:
    """What is open must be measured; what would decide it stands in the evidence."""
    said: dict[str, Param] = {"summary": finding.summary}
    evidence = finding.summary
    if finding.needs_more is not None:
        evidence = Text("action.evidence_more", said | {"more": finding.needs_more})
    return Action(finding.check, Text("action.decide", {"title": finding.title}), "", evidence, None)


def _capacity(figure: KeyFigure) -> _Ranked:
    assert figure.note is not None
    short = figure.verdict is Verdict.FAIL
    what = Text("action.objective" if short else "action.decide", {"title": figure.title})
    return _Ranked(Action(figure.slug, what, "", figure.note, None), 3 if short else 4, 0.0)


def _broken(finding: Finding, assessment: Assessment, case: Case, units: tuple[UnitState, ...]) -> _Ranked:
    family = next((name for name in _FAMILIES if finding.check.startswith(f"{name}.")), "other")
    what = Text(f"action.{family}", {"title": finding.title})
    if family == "objective":
        return _promise(finding, what, case)
    unit, effect, share, urgency = "", None, 0.0, 3
    if family == "validity":
        effect, urgency = Text("effect.judged"), 0
    elif finding.check == "integrity.lost":
        lost = assessment.writes["lost"]
        hit = [each.name for each in units if each.lost_writes]
        unit = hit[0] if len(hit) == 1 and sum(each.lost_writes for each in units) == lost else ""
        effect, urgency = Text("effect.writes", {"n": Quantity(lost, "count")}), 1
    elif family == "integrity":
        count = assessment.writes.get(finding.check.removeprefix("integrity."))
        effect = Text("effect.writes_right", {"n": Quantity(count, "count")}) if count else None
        urgency = 2
    return _Ranked(Action(finding.check, what, unit, finding.summary, effect), urgency, share)


def _promise(finding: Finding, what: Text, case: Case) -> _Ranked:
    """A promise about times or errors, with the share of judged requests that broke it."""
    objective = next(each for each in case.manifest.objectives if f"objective.{each.slug}" == finding.check)
    calls = case.calls
    meant = calls.matching(objective)
    systems = sorted({calls.systems[calls.system_of[place]] for place in np.flatnonzero(meant)})
    unit = systems[0] if len(systems) == 1 and len(calls.systems) > 1 else ""
    share = _hit(objective, case, meant)
    effect = None
    if share:
        key = "effect.late" if objective.metric == "latency" else "effect.failed"
        effect = Text(key, {"share": Quantity(share, "share")})
    return _Ranked(Action(finding.check, what, unit, finding.summary, effect), 3, share)


def _hit(objective: Objective, case: Case, meant: np.ndarray) -> float:
    """Share of all judged calls: late by a promise about times, failed by one about errors; 0 for any other."""
    of = int(case.counted.sum())
    if objective.metric not in ("latency", "errors") or not of:
        return 0.0
    if objective.metric == "errors":
        return int(case.failures[meant].sum()) / of
    calls = case.calls
    chosen = case.judged() & meant[calls.operation]
    limit = floor(Fraction(str(objective.limit)) * timing.NS[objective.unit])
    return int((chosen & calls.timed() & (calls.due_ns() > limit)).sum()) / of


def _communes(case: Case, units: tuple[UnitState, ...]) -> list[_Ranked]:
    """One for each commune that is served certainly worse than the rest."""
    found = case.once(communes.served)
    assert found is not None
    of = max(int(case.counted.sum()), 1)
    names = {each.code: each.name for each in units}
    ranked = []
    for place in found.named:
        if not found.worse[place]:
            continue
        code, failed, total = found.codes[place], int(found.failed[place]), int(found.calls[place])
        share = failed / of
        shown: dict[str, Param] = {"failed": Quantity(failed, "count"), "calls": Quantity(total, "count")}
        shown["share"] = Quantity(failed / total, "share", found.allowed)
        name = names.get(code, code)
        action = Action(
            key=f"communes.errors:{code}",
            what=Text("action.commune", {"unit": name}),
            unit=name,
            evidence=Text("action.commune.evidence", shown),
            effect=Text("effect.failed", {"share": Quantity(share, "share")}),
        )
        ranked.append(_Ranked(action, 3, share))
    return ranked
