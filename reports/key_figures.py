"""The four numbers of page one, each beside its limit: times, errors, capacity over the forecast peak, lost writes."""

from __future__ import annotations

from dataclasses import dataclass, replace

from reports.assess import Assessment
from reports.capacity_file import CapacityAnswer
from reports.case import Case
from reports.verdict import Finding, Param, Quantity, Text, Verdict, exactly, worst


@dataclass(frozen=True)
class KeyFigure:
    """One of the four numbers. `value` None: not measured, and then never a pass."""

    slug: str  # slowest, errors, capacity, lost
    title: Text
    value: Quantity | None
    limit: Quantity | None
    verdict: Verdict
    note: Text | None  # which operation, of how many requests, why not measured
    at_least: bool = False  # the limit is the least that will do


def of(assessment: Assessment, case: Case, capacity: CapacityAnswer | None) -> tuple[KeyFigure, ...]:
    """slowest, errors, capacity, lost. In a run that is not fit to judge by, or was never sealed, none passes."""
    figures = (_slowest(assessment, case), _errors(assessment, case), _capacity(case, capacity), _lost(assessment))
    if assessment.gate is not Verdict.VOID and case.record.sealed:
        return figures
    return tuple(replace(each, verdict=max(each.verdict, Verdict.UNDECIDED)) for each in figures)


def _slowest(assessment: Assessment, case: Case) -> KeyFigure:
    """The promise about answer times that decides: the worst verdict, then the largest share of its limit."""
    title = Text("key.slowest")
    found = _promised(assessment, case, "latency")
    if not found:
        return KeyFigure("slowest", title, None, None, Verdict.UNDECIDED, Text("key.slowest.none"))
    finding = max(found, key=lambda each: (each.verdict, _used(each)))
    shown = finding.summary.params
    named: dict[str, Param] = {"title": finding.title}
    limit, value, within = shown.get("limit"), shown.get("value"), shown.get("within")
    counted: dict[str, Param] = {name: shown[name] for name in ("percentile", "calls") if name in shown}
    if isinstance(value, Quantity) and isinstance(limit, Quantity):
        return KeyFigure("slowest", title, value, limit, finding.verdict, Text("key.slowest.of", named | counted))
    if isinstance(within, Quantity) and isinstance(limit, Quantity):
        promised = shown["promised"]
        assert isinstance(promised, Quantity)
        note = Text("key.slowest.within", named | {"limit": limit, "calls": shown["calls"]})
        return KeyFigure("slowest", title, within, promised, finding.verdict, note, at_least=True)
    limit = limit if isinstance(limit, Quantity) else None
    verdict = max(finding.verdict, Verdict.UNDECIDED)
    return KeyFigure("slowest", title, None, limit, verdict, Text("key.slowest.open", named))


def _used(finding: Finding) -> float:
    """What was measured, as a share of what was promised; without a percentile, late calls over those allowed."""
    shown = finding.summary.params
    value, limit, within, promised = (shown.get(name) for name in ("value", "limit", "within", "promised"))
    if isinstance(value, Quantity) and isinstance(limit, Quantity):
        return value.value / limit.value if limit.value else float("inf")
    if isinstance(within, Quantity) and isinstance(promised, Quantity) and promised.value < 1:
        return (1 - within.value) / (1 - promised.value)
    return float("inf")


def _errors(assessment: Assessment, case: Case) -> KeyFigure:
    """The promise about errors that decides: the worst verdict, then the strictest."""
    title = Text("key.errors")
    found = _promised(assessment, case, "errors")
    measured = [each for each in found if isinstance(each.summary.params.get("value"), Quantity)]
    if not measured:
        return KeyFigure("errors", title, None, None, Verdict.UNDECIDED, Text("key.errors.none"))
    finding = max(measured, key=lambda each: (each.verdict, -_limit(each)))
    shown = finding.summary.params
    value, limit = shown["value"], shown["limit"]
    assert isinstance(value, Quantity)
    assert isinstance(limit, Quantity)
    others = [each for each in assessment.findings if each.check == "uncovered.errors"]
    verdict = worst((finding, *found, *others))
    note: dict[str, Param] = {"title": finding.title, "events": shown["events"], "calls": shown["calls"]}
    return KeyFigure("errors", title, value, limit, verdict, Text("key.errors.of", note))


def _limit(finding: Finding) -> float:
    limit = finding.summary.params["limit"]
    assert isinstance(limit, Quantity)
    return limit.value


def _capacity(case: Case, capacity: CapacityAnswer | None) -> KeyFigure:
    """Capacity over the planned arrivals of the judged phases; judged by its whole interval."""
    title, limit = Text("key.capacity"), exactly(1.0, "factor")
    forecast = case.arrivals_per_s
    if capacity is None or not capacity.measured or not forecast:
        why = "key.capacity.none" if capacity is None or not forecast else "key.capacity.open"
        note = Text(why, {"forecast": Quantity(forecast, "per_s")})
        return KeyFigure("capacity", title, None, limit, Verdict.UNDECIDED, note, at_least=True)
    low, high = capacity.low / forecast, capacity.high / forecast
    verdict = Verdict.PASS if low >= 1 else Verdict.FAIL if high < 1 else Verdict.UNDECIDED
    if capacity.generator or not capacity.sure:
        verdict = Verdict.UNDECIDED
    shown: dict[str, Param] = {
        "capacity": Quantity(capacity.per_s, "per_s"),
        "low": Quantity(capacity.low, "per_s"),
        "high": Quantity(capacity.high, "per_s"),
        "forecast": Quantity(forecast, "per_s"),
    }
    note = Text("key.capacity.generator" if capacity.generator else "key.capacity.of", shown)
    value = Quantity(capacity.per_s / forecast, "factor", 1.0)
    return KeyFigure("capacity", title, value, limit, verdict, note, at_least=True)


def _lost(assessment: Assessment) -> KeyFigure:
    title, limit = Text("key.lost"), exactly(0, "count")
    finding = next((each for each in assessment.findings if each.check == "integrity.lost"), None)
    if finding is None:
        return KeyFigure("lost", title, None, limit, Verdict.UNDECIDED, Text("key.lost.none"))
    counts = assessment.writes
    if not counts.get("read"):
        return KeyFigure("lost", title, None, limit, Verdict.UNDECIDED, Text("key.lost.unread"))
    note = Text("key.lost.of", {name: Quantity(counts[name], "count") for name in ("acked", "read")})
    return KeyFigure("lost", title, Quantity(counts["lost"], "count", 0), limit, finding.verdict, note)


def _promised(assessment: Assessment, case: Case, metric: str) -> list[Finding]:
    findings = {finding.check: finding for finding in assessment.findings}
    mine = [objective for objective in case.manifest.objectives if objective.metric == metric]
    return [findings[slug] for each in mine if (slug := f"objective.{each.slug}") in findings]
