"""The report as an official document: page one to be signed, then the annex for the test team. PDF/A-2b by typst.

Laid out by Decree 30/2020; Vietnamese and English from one template. The same record gives the same bytes.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta, timezone
from itertools import groupby
from typing import Any

from reports import catalogue, charts, curves, facts, fields, geography, spectrum, store, timeline
from reports.actions import Action
from reports.assess import Assessment
from reports.capacity_file import CapacityAnswer
from reports.case import Case
from reports.clauses import ClauseResult, Met
from reports.extras import Extras
from reports.key_figures import KeyFigure
from reports.latency import Estimate, Row
from reports.numbers import show
from reports.page_one import PageOne
from reports.since import Item
from reports.typesetting import Paper, Sizes, Typesetter
from reports.units import UnitState, judged_scope
from reports.verdict import Finding, Param, Quantity, Text, Verdict

ACTIONS_SHOWN = 5  # on page one, fewer where they would push those who sign to the next; the annex has all
HANOI = timezone(timedelta(hours=7))
DASH = "–"


def render_pdf(
    page: PageOne, assessment: Assessment, case: Case, language: str = "vi", extras: Extras | None = None
) -> bytes:
    """The report with an empty field for each of those who sign."""
    return fields.reserve(set_report(page, assessment, case, language, extras))


def set_report(
    page: PageOne,
    assessment: Assessment,
    case: Case,
    language: str = "vi",
    extras: Extras | None = None,
    layout: Sizes | None = None,
) -> Paper:
    """The report before fields are put on it; another `layout` than the decree's is for those who test the lint."""
    words, extras = Words(language), extras or Extras()
    data = {
        **common(words, assessment, case, page.roles, extras.given),
        "paper": f"report:{language}",
        "title": words("pdf.title", run=case.manifest.run_id),
        "head": {
            "superior": words("pdf.superior"),
            "issuer": words("pdf.issuer"),
            "number": words("pdf.number"),
            "date": date_line(words, case, words("pdf.place")),
            "kind": words("pdf.kind"),
            "subject": words("pdf.subject"),
        },
        "recipients": [words(f"pdf.recipient.{name}") for name in ("province", "units", "filed")],
        **_page_one(words, page),
        **_annex(words, page, assessment, case, extras),
    }
    return _fitting(Typesetter("report", layout), data, words, len(page.actions), date(case))


def _fitting(typesetter: Typesetter, data: Mapping[str, Any], words: Words, actions: int, at: datetime) -> Paper:
    """With as many actions on page one as leave room for those who sign; with all, where none would be few enough."""
    most = min(actions, ACTIONS_SHOWN)
    first = None
    for shown in range(most, -1, -1):
        more = words("pdf.actions_more", more=words.counted(actions - shown)) if shown < actions else None
        paper = typesetter.set({**data, "actions_shown": shown, "more": more}, at)
        if all(box.page == 1 for box in paper.boxes):
            return paper
        first = first or paper
    assert first is not None
    return first


class Words:
    """The catalogue in one language."""

    def __init__(self, language: str) -> None:
        self.language = language
        every = catalogue.words(language)
        self.all = {key: text for key, text in every.items() if key.startswith("pdf.")}

    def __call__(self, key: str, **gaps: str) -> str:
        text = catalogue.word(key, self.language)
        return text.format(**gaps) if gaps else text

    def say(self, text: Text | None) -> str:
        return "" if text is None else catalogue.say(text, self.language)

    def show(self, value: Param) -> str:
        return catalogue.param(value, self.language)

    def number(self, value: float | None, unit: str) -> str:
        return DASH if value is None else show(Quantity(value, unit), self.language)

    def counted(self, value: int) -> str:
        return self.number(value, "count")


def common(
    words: Words, assessment: Assessment, case: Case, roles: tuple[str, ...], given: tuple[str, ...]
) -> dict[str, Any]:
    """What every paper of a run bears: language, time, digests, the options it was made with, and who signs."""
    digests = assessment.digests
    at = date(case)
    return {
        "language": words.language,
        "words": words.all,
        "author": "Thông Suốt",
        "keywords": [
            *(f"{name}:{digests[name]}" for name in ("record", "plan", "target", "code")),
            f"assessment:{store.identity(assessment)}",
            *(f"given:{option}" for option in given),
        ],
        "date": {"year": at.year, "month": at.month, "day": at.day, "hour": at.hour, "minute": at.minute, "second": 0},
        "foot": words("pdf.foot", run=case.manifest.run_id, digest=digests["record"]),
        "roles": [{"slug": role, "title": words(f"role.{role}")} for role in roles],
    }


def date(case: Case) -> datetime:
    """When the record was sealed, by the clock of Vietnam; when the run was made, if it never was."""
    utc = case.manifest.sealed_utc or case.manifest.created_utc
    return datetime.strptime(utc, "%Y-%m-%dT%H:%M:%S%z").astimezone(HANOI)


def date_line(words: Words, case: Case, place: str) -> str:
    """Days below 10 and the months 1 and 2 have a leading nought, as the decree has it."""
    at = date(case)
    if words.language == "en":
        return f"{place}, {at.day} {_MONTHS[at.month - 1]} {at.year}"
    month = f"{at.month:02d}" if at.month < 3 else str(at.month)
    return f"{place}, ngày {at.day:02d} tháng {month} năm {at.year}"


_MONTHS = (
    "January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November",
    "December",
)  # fmt: skip


def state(words: Words, verdict: Verdict) -> Mapping[str, str]:
    """The mark of a verdict and the word beside it."""
    return {"state": verdict.word, "word": words(f"pdf.state.{verdict.word}")}


def action_row(words: Words, action: Action) -> dict[str, str]:
    return {
        "what": words.say(action.what),
        "unit": action.unit,
        "effect": words.say(action.effect),
        "evidence": words.say(action.evidence),
        "owner": action.owner,
        "deadline": action.deadline,
    }


def _page_one(words: Words, page: PageOne) -> dict[str, Any]:
    placed = geography.grid(page.units)
    counts = {verdict: page.count(verdict) for verdict in (Verdict.PASS, Verdict.FAIL, Verdict.UNDECIDED)}
    grid = None
    if placed is not None:
        grid = {
            "columns": placed.columns,
            "rows": placed.rows,
            "cells": [{"x": each.column, "y": each.row, "state": each.unit.verdict.word} for each in placed.tiles],
        }
    return {
        "standing": words(f"standing.{page.standing.value}"),
        "why": words.say(page.why),
        "conditions": [words.say(text) for text in page.conditions if text not in page.why.params.values()],
        "figures": [_figure(words, figure) for figure in page.figures],
        "tiles": grid,
        "units": words(
            "pdf.units",
            passed=words.counted(counts[Verdict.PASS]),
            all=words.counted(len(page.units)),
        ),
        "states": [{**state(words, verdict), "count": words.counted(n)} for verdict, n in counts.items()],
        "actions": [action_row(words, action) for action in page.actions],
        "untested": [words.say(text) for text in page.untested],
    }


def _figure(words: Words, figure: KeyFigure) -> dict[str, Any]:
    bound = "≥" if figure.at_least else "≤"
    return {
        "title": words.say(figure.title),
        "value": words("pdf.not_measured") if figure.value is None else words.show(figure.value),
        "limit": DASH if figure.limit is None else f"{bound} {words.show(figure.limit)}",
        "note": words.say(figure.note) if figure.note is not None else None,
        **state(words, figure.verdict),
    }


def _annex(words: Words, page: PageOne, assessment: Assessment, case: Case, extras: Extras) -> dict[str, Any]:
    folder, given = case.record.folder.name, "".join(f" {option} …" for option in extras.given)
    return {
        "facts": [_fact(words, fact) for fact in facts.of(case, assessment)],
        **_extras(words, extras),
        "charts": _charts(words.language, assessment, case, extras.capacity),
        "findings": [_finding(words, finding) for finding in assessment.findings],
        "evidence": [_evidence(words, each) for each in assessment.findings if _shows(each)],
        "operations": _operations(words, assessment, case),
        "unit_rows": _units(words, page.units),
        "health": [
            [row.source, _metric(words, row.metric), *map(words.show, (row.median, row.p95, row.worst))]
            for row in facts.generator_health(case)
        ],
        "origin": [_fact(words, fact) for fact in facts.origin(case, assessment, store.identity(assessment))],
        "commands": [
            f"thongsuot assess runs/{folder}",
            f"thongsuot report runs/{folder} --sheets{given}",
            f"thongsuot verify report.pdf runs/{folder} --trust ca.pem{given}",
        ],
    }


def _extras(words: Words, extras: Extras) -> dict[str, Any]:
    since, limiting = extras.since, extras.limiting(words.language).splitlines()
    return {
        "clauses": [_clause(words, one) for one in extras.clauses],
        "clause_titles": [words(f"sheet.column.{name}") for name in ("clause", "measured", "met", "signs")],
        "clauses_title": words("sheet.clauses"),
        "since": [] if since is None else [_item(words, item) for item in since.items],
        "since_notes": [] if since is None else [words.say(note) for note in since.notes],
        "since_titles": [words(f"sheet.column.{name}") for name in ("change", "title", "said", "first_run")],
        "since_title": words("sheet.since") if since is not None else None,
        "limiting": [{"indent": len(line) - len(line.lstrip()), "line": line.strip()} for line in limiting],
        "limiting_title": words("page.bottleneck"),
    }


def _clause(words: Words, one: ClauseResult) -> dict[str, Any]:
    clause, measured = one.clause, []
    for run, found in groupby(one.measured, lambda each: each.run):
        measured += [run, *(f"{each.check}: {words(f'pdf.state.{each.verdict.word}')}" for each in found)]
    return {
        "slug": clause.slug,
        "text": clause.vi if words.language == "vi" else clause.en,
        "source": f"{clause.source} ({words('page.verified' if clause.verified else 'page.unverified')})",
        "measured": measured or [f"{name}: {words('pdf.not_measured')}" for name in clause.measures],
        "digest": one.evidence,
        "state": _MET.get(one.met, Verdict.UNDECIDED).word,
        "word": words(f"clause.{one.met.value}"),
        "why": words.say(one.why),
        "signs": words(f"role.{clause.signs}"),
    }


_MET = {Met.YES: Verdict.PASS, Met.NO: Verdict.FAIL}


def _item(words: Words, item: Item) -> list[str]:
    change, title = words(f"since.{item.change.value}"), words.say(item.title)
    runs = item.first if item.fixed is None else f"{item.first} → {item.fixed}"
    return [change, title, words.say(item.said), runs]


def _charts(language: str, assessment: Assessment, case: Case, capacity: CapacityAnswer | None) -> list[dict[str, str]]:
    """Over time, over percentiles, over the load; what the record does not support is left out."""
    faults = [(each.begin_ns / 1e9, (each.end_ns or case.end_ns) / 1e9) for each in assessment.recoveries]
    drawn = {"timeline": charts.timeline_svg(case.once(timeline.of), case.manifest.phases, faults, language)}
    if lines := spectrum.of(case):
        drawn["spectrum"] = curves.spectrum_svg(lines, language)
    if found := curves.loads(assessment, case):
        drawn["load"] = curves.load_svg(found, capacity, language)
    titles = {name: catalogue.word(f"pdf.annex.{name}", language) for name in drawn}
    return [{"title": titles[name], "svg": _on_paper(svg), "alt": titles[name]} for name, svg in drawn.items()]


def _on_paper(svg: str) -> str:
    """A picture made for a page of the web, in the letters of this paper and in black."""
    return svg.replace("inherit", "Tinos").replace("currentColor", "#000000")


def _fact(words: Words, fact: facts.Fact) -> list[str]:
    return [words(fact.label), fact.vi if words.language == "vi" else fact.en]


def _metric(words: Words, name: str) -> str:
    return catalogue.words(words.language).get(f"metric.{name}", name)


def _finding(words: Words, finding: Finding) -> dict[str, str]:
    summary = words.say(finding.summary)
    if finding.needs_more is not None:
        summary = f"{summary} {words.say(finding.needs_more)}"
    return {"title": words.say(finding.title), "summary": summary, **state(words, finding.verdict)}


def _shows(finding: Finding) -> bool:
    return finding.evidence is not None and finding.verdict is not Verdict.PASS


def _evidence(words: Words, finding: Finding) -> dict[str, Any]:
    assert finding.evidence is not None
    return {
        "title": words.say(finding.title),
        "columns": [words(f"column.{name}") for name in finding.evidence.columns],
        "rows": [[words.show(cell) for cell in row] for row in finding.evidence.rows],
    }


def _operations(words: Words, assessment: Assessment, case: Case) -> dict[str, Any]:
    scope = judged_scope(assessment, case)
    rows = [row for row in assessment.latency if row.dimension == "operation" and row.phase == scope]
    titles = [*(words(f"pdf.column.{name}") for name in ("operation", "calls", "failed")), "p50", "p95", "p99"]
    return {"titles": titles, "rows": [_operation(words, row) for row in rows]}


def _operation(words: Words, row: Row) -> list[str]:
    times = {estimate.percentile: estimate for estimate in row.due}
    shown = [_estimate(words, times.get(percentile)) for percentile in (50.0, 95.0, 99.0)]
    return [row.name, words.counted(row.calls), words.counted(row.failed), *shown]


def _estimate(words: Words, estimate: Estimate | None) -> str:
    return DASH if estimate is None else words.number(estimate.value, "ns")


def _units(words: Words, units: tuple[UnitState, ...]) -> dict[str, Any]:
    titles = [words(f"pdf.column.{name}") for name in ("code", "name", "verdict", "calls", "failed")]
    return {"titles": [*titles, "p50", "p95", words("pdf.column.lost")], "rows": [_unit(words, one) for one in units]}


def _unit(words: Words, unit: UnitState) -> list[str]:
    mark = state(words, unit.verdict)
    times = [words.number(value, "ns") for value in (unit.p50_ns, unit.p95_ns)]
    counts = [words.counted(value) for value in (unit.calls, unit.failed)]
    return [unit.code, unit.name, mark["state"], mark["word"], *counts, *times, words.counted(unit.lost_writes)]
