"""One offline page: page one for who signs, all evidence for who tests, a sheet for each unit.

Everything on it comes from the assessment or the record; it works without JavaScript, which only adds a timeline to
look into and a search.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

import numpy as np
from markupsafe import Markup

from record.reader import RunRecord
from record.types import Objective
from reports import (
    catalogue,
    charts,
    curves,
    errors,
    facts,
    geography,
    limits,
    linked,
    map_svg,
    page_assets,
    page_one,
    spectrum,
    store,
    timeline,
)
from reports.assess import Assessment
from reports.capacity_file import CapacityAnswer
from reports.case import Case
from reports.extras import Extras
from reports.latency import Estimate, Row
from reports.markup import DASH, Pen, compile_templates, environment
from reports.page_one import PageOne, UnitState
from reports.timeline import Floats, Timeline
from reports.units import P95, judged_scope
from reports.verdict import Finding, Param, Quantity, Text, Verdict, Word

COMMUNES_SHOWN_MAX = 10
ACTIONS_SHOWN_MAX = 8
SIGNIFICANT = 4  # digits of the timeline's numbers


def ready(_: Case) -> None:
    """What a page needs of no record: a question to be begun while the record is judged."""
    compile_templates()
    page_assets.fonts()


def render_html(
    assessment: Assessment,
    record: RunRecord,
    *,
    case: Case | None = None,
    page: PageOne | None = None,
    extras: Extras | None = None,
    language: str | None = None,
) -> str:
    """The whole page as text. No link leads out of it. `language` None: Vietnamese with English beside it.

    `case` is that of the record and `page` its page one, where the caller has them already.
    """
    case = Case(record) if case is None else case
    extras = extras or Extras()
    page = page_one.of(assessment, case, capacity=extras.capacity) if page is None else page
    pen = Pen(language)
    line = case.once(timeline.of)
    faults = [(each.begin_ns / 1e9, (each.end_ns or case.end_ns) / 1e9) for each in assessment.recoveries]
    return (
        environment(language)
        .get_template("report.html.j2")
        .render(
            assessment=assessment,
            manifest=record.manifest,
            page=page,
            fonts=page_assets.fonts(),
            style=page_assets.style(),
            script=page_assets.script(),
            pictures=_pictures(page, pen),
            sheets=[(unit, _sheet(unit)) for unit in page.units],
            shown_actions=page.actions[:ACTIONS_SHOWN_MAX],
            more_actions=page.actions[ACTIONS_SHOWN_MAX:],
            chart=Markup(charts.timeline_svg(line, record.manifest.phases, faults, language)),
            chart_data=_chart_data(line, case, assessment, pen),
            chart_alt=pen.plain(Text("chart.alt")),
            spectrum=_spectrum(case, language),
            load=_load(assessment, case, extras.capacity, language),
            extras=extras,
            limiting=extras.limiting(language),
            run_folder=record.folder.name,
            created=facts.local_time(record.manifest.created_utc),
            **_evidence(assessment, case),
        )
    )


def _evidence(assessment: Assessment, case: Case) -> dict[str, Any]:
    """What the tables for who tests are made of."""
    manifest = case.manifest
    findings = {finding.check: finding for finding in assessment.findings}
    judged = [row for row in assessment.latency if row.phase == judged_scope(assessment, case)]
    names = {row["code"]: row for row in case.rows("SELECT code, name FROM communes")}
    promises = _promises(manifest.objectives, findings)
    ranked, percentile = worst_communes(judged)
    operations = [row for row in judged if row.dimension == "operation"]
    ranks = {"ranked": Quantity(len(ranked), "count"), "all": Quantity(len(names), "count")}
    return {
        "caveats": limits.caveats(manifest),
        "findings": findings,
        "checks": [finding for finding in assessment.findings if finding.check not in {slug for _, slug in promises}],
        "objectives": [(objective, findings[slug]) for objective, slug in promises],
        "facts": facts.of(case, assessment),
        "origin": facts.origin(case, assessment, store.identity(assessment)),
        "overview": [row for row in assessment.latency if row.dimension in ("run", "system")],
        "operations": operations,
        "matrix": matrix(operations, case.calls.systems),
        "communes": ranked[:COMMUNES_SHOWN_MAX],
        "communes_note": Text("page.communes_note", {"percentile": Quantity(percentile, "percentile"), **ranks}),
        "commune_names": names,
        "errors": errors.groups(case),
        "link_classes": linked.CLASSES,
        "health": facts.generator_health(case),
    }


@dataclass(frozen=True)
class Matrix:
    """Operations of the same name in several systems beside each other; None where a system has no such operation."""

    systems: tuple[str, ...]
    rows: tuple[tuple[str, tuple[Row | None, ...]], ...]

    @staticmethod
    def figure(row: Row) -> Estimate:
        """p95, or the highest percentile below it that the calls support."""
        return next((each for each in row.due[P95::-1] if each.value is not None), row.due[P95])


def matrix(operations: list[Row], systems: tuple[str, ...]) -> Matrix:
    """Systems as columns; an operation's name without its system as rows. Only what was called."""
    found: dict[tuple[str, str], Row] = {}
    for row in operations:
        system, _, name = row.name.partition(".")
        found[name or system, system] = row
    used = tuple(system for system in systems if any(place == system for _, place in found))
    names = sorted({name for name, _ in found})
    return Matrix(used, tuple((name, tuple(found.get((name, system)) for system in used)) for name in names))


def worst_communes(judged: list[Row]) -> tuple[list[Row], float]:
    """Communes by the highest percentile that most of them support, slowest first."""
    rows = [row for row in judged if row.dimension == "commune" and row.name]
    for place in (2, 1, 0):  # p95, p90, p50
        supported = [row for row in rows if row.due[place].value is not None]
        if len(supported) * 2 >= len(rows) or place == 0:
            break
    supported.sort(key=lambda row: (-(row.due[place].value or 0), row.name))
    return supported, (rows[0].due[place].percentile if rows else 95.0)


def _promises(objectives: tuple[Objective, ...], findings: dict[str, Finding]) -> list[tuple[Objective, str]]:
    slugs = [(objective, f"objective.{objective.slug}") for objective in objectives]
    return [(objective, slug) for objective, slug in slugs if slug in findings]


def _pictures(page: PageOne, pen: Pen) -> tuple[Markup, Markup] | None:
    """The map for the screen and the grid for paper."""
    found, grid = geography.voronoi(page.units), geography.grid(page.units)
    if found is None or grid is None:
        return None
    counts = {
        verdict.word: Quantity(page.count(verdict), "count") for verdict in Verdict if verdict is not Verdict.VOID
    }
    label = pen.plain(Text("page.map_label", {**counts}))
    return Markup(map_svg.voronoi_svg(found, label)), Markup(map_svg.tiles_svg(grid, label))


def _sheet(unit: UnitState) -> Text:
    counts = {
        "population": unit.population,
        "arrivals": unit.arrivals,
        "calls": unit.calls,
        "failed": unit.failed,
        "lost": unit.lost_writes,
        "wrong": unit.wrong_writes,
    }
    times = {"p50": unit.p50_ns, "p95": unit.p95_ns}
    shown: dict[str, Param] = {name: Quantity(value, "count") for name, value in counts.items()}
    shown |= {name: DASH if value is None else Quantity(value, "ns") for name, value in times.items()}
    if unit.verdict is Verdict.PASS:
        return Text("sheet.pass", shown)
    return Text("sheet.open", shown | {"verdict": Word(f"verdict.{unit.verdict.word}"), "why": unit.why})


def _spectrum(case: Case, language: str | None) -> Markup | None:
    lines = spectrum.of(case)
    return Markup(curves.spectrum_svg(lines, language)) if lines else None


def _load(assessment: Assessment, case: Case, capacity: CapacityAnswer | None, language: str | None) -> Markup | None:
    found = curves.loads(assessment, case)
    return Markup(curves.load_svg(found, capacity, language)) if found else None


def _chart_data(line: Timeline, case: Case, assessment: Assessment, pen: Pen) -> Markup:
    """For the script: numbers by column, phases, faults, and the words it needs. Nothing in it can end the element."""
    columns = (
        "p50_s",
        "p95_s",
        "planned_per_s",
        "begun_per_s",
        "ended_per_s",
        "due_per_s",
        "done_per_s",
        "failed_per_s",
    )
    keys = ("p50", "p95", "planned", "begun", "ended", "offered", "completed", "failed", "latency")
    keys_of_axes = ("people", "rate", "time")
    data = {
        "style": "vi-VN" if pen.style == "vi" else "en-US",
        "at": [int(value) for value in line.at_s],
        **{name: _short(getattr(line, name)) for name in columns},
        "phases": [
            [catalogue.phase(each.name, pen.style), each.start_ns / 1e9, each.end_ns / 1e9, each.judged]
            for each in case.manifest.phases
        ],
        "faults": [
            [each.fault, each.begin_ns / 1e9, (each.end_ns or case.end_ns) / 1e9] for each in assessment.recoveries
        ],
        "words": {key: pen.plain(Text(f"chart.{key}")) for key in (*keys, *keys_of_axes)},
    }
    text = json.dumps(data, ensure_ascii=False, separators=(",", ":"))
    return Markup(text.replace("<", "\\u003c").replace("&", "\\u0026"))


def _short(values: Floats) -> list[float | None]:
    return [float(f"{value:.{SIGNIFICANT}g}") if np.isfinite(value) else None for value in values]
