"""One offline page in Vietnamese with English beside it. Everything on it comes from the assessment or the record."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup, escape

from record.reader import RunRecord
from record.types import Objective
from reports import catalogue, charts, errors, facts, limits, linked, phases, store, timeline
from reports.assess import Assessment
from reports.case import Case
from reports.latency import ALL_JUDGED, Estimate, Row
from reports.numbers import show
from reports.verdict import Finding, Param, Quantity, Text, Verdict, Word

COMMUNES_SHOWN_MAX = 10
MARKS = {Verdict.PASS: "✓", Verdict.UNDECIDED: "?", Verdict.FAIL: "✗", Verdict.VOID: "⊘"}
DASH = "–"


def render_html(assessment: Assessment, record: RunRecord) -> str:
    """The whole page as text; below 500 kB whatever the size of the record. No link leads out of it."""
    case = Case(record)
    manifest = record.manifest
    findings = {finding.check: finding for finding in assessment.findings}
    judged = [row for row in assessment.latency if row.phase == scope(assessment, case)]
    names = {row["code"]: row for row in case.rows("SELECT code, name FROM communes")}
    promises = _promises(manifest.objectives, findings)
    ranked, percentile = worst_communes(judged)
    return (
        _environment()
        .get_template("report.html.j2")
        .render(
            assessment=assessment,
            manifest=manifest,
            caveats=limits.caveats(manifest),
            findings=findings,
            checks=[finding for finding in assessment.findings if finding.check not in {slug for _, slug in promises}],
            objectives=[(objective, findings[slug]) for objective, slug in promises],
            facts=facts.of(case, assessment),
            origin=facts.origin(case, assessment, store.identity(assessment)),
            overview=[row for row in assessment.latency if row.dimension in ("run", "system")],
            operations=[row for row in judged if row.dimension == "operation"],
            communes=ranked[:COMMUNES_SHOWN_MAX],
            communes_note=Text(
                "page.communes_note",
                {
                    "percentile": Quantity(percentile, "percentile"),
                    "ranked": Quantity(len(ranked), "count"),
                    "all": Quantity(len(names), "count"),
                },
            ),
            commune_names=names,
            errors=errors.groups(case),
            link_classes=linked.CLASSES,
            health=facts.generator_health(case),
            chart=Markup(charts.timeline_svg(timeline.of(case), manifest.phases)),
            chart_alt=catalogue.word("chart.alt", "vi"),
            run_folder=record.folder.name,
            created=facts.local_time(manifest.created_utc),
        )
    )


def scope(assessment: Assessment, case: Case) -> str:
    """The name under which the judged phases appear in the latency table."""
    if any(row.phase == ALL_JUDGED for row in assessment.latency):
        return ALL_JUDGED
    judged = phases.judged(case.manifest)
    return case.manifest.phases[judged[0]].name if judged else ""


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


def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.globals.update(
        t=_word,
        error=_error,
        metric=_metric,
        interval=_interval,
        say=_say,
        mark=MARKS.__getitem__,
        named=lambda link: _cells(linked.words(link)),
        percentile=_percentile,
        share=_share,
        short=_short,
        num=partial(_number, unit="count"),
        at=partial(_number, unit="ns"),
        cell=_cell,
        figure=_figure,
        measured=_measured,
        dash=DASH,
        phase=_phase,
        language=_language,
        all_judged=ALL_JUDGED,
    )
    return environment


def _word(key: str) -> Markup:
    """A text of the catalogue in both languages."""
    return _pair(catalogue.word(key, "vi"), catalogue.word(key, "en"))


def _error(group: errors.ErrorGroup) -> Markup:
    """What went wrong and what it meant for the call; the bare slug of an error that the catalogue does not know."""
    lines = []
    for language in catalogue.LANGUAGES:
        words = catalogue.words(language)
        error = words.get(f"error.{group.error or 'none'}", group.error)
        lines.append(f"{error} · {words[f'outcome.{group.outcome}']}")
    return _pair(*lines)


def _metric(name: str) -> Markup:
    key = f"metric.{name}"
    return _word(key) if key in catalogue.words("vi") else escape(name)


def _phase(name: str) -> Markup:
    return _pair(*(catalogue.phase(name, language) for language in catalogue.LANGUAGES))


def _language(text: str) -> str:
    """The language of a text that the profile gives in one only: Vietnamese shows by its letters, our name aside."""
    return "en" if text.replace("Thông Suốt", "").isascii() else "vi"


def _say(text: Text) -> Markup:
    return _pair(catalogue.say(text, "vi"), catalogue.say(text, "en"))


def _pair(vi: str, en: str) -> Markup:
    if vi == en:
        return escape(vi)
    return Markup('<span lang="vi">{}</span> <span lang="en" class="en">{}</span>').format(vi, en)


def _number(value: float, unit: str) -> str:
    return show(Quantity(value, unit), "vi")


def _cell(value: Param) -> str | Markup:
    """A number in the style of the page; a word of the catalogue in both languages."""
    return _cells(value) if isinstance(value, Word) else catalogue.param(value, "vi")


def _cells(value: Param) -> Markup:
    return _pair(*(catalogue.param(value, language) for language in catalogue.LANGUAGES))


def _percentile(estimate: Estimate) -> Markup:
    """A percentile over its interval, or how many requests it would take."""
    if estimate.value is None or estimate.low is None or estimate.high is None:
        return Markup('<span class="none">{}</span>').format(DASH)
    low, high = (show(Quantity(bound, "ns"), "vi") for bound in (estimate.low, estimate.high))
    return Markup('{} <small class="interval">{} – {}</small>').format(_number(estimate.value, "ns"), low, high)


def _share(part: int, whole: int) -> str:
    return show(Quantity(part / whole, "share"), "vi") if whole else DASH


def _short(digest: str) -> str:
    return digest[:16] if len(digest) > 20 else digest


def _figure(finding: Finding, name: str) -> str:
    """One figure of an objective's finding, a dash where it has none."""
    value = finding.summary.params.get(name, "-")
    return DASH if value == "-" else catalogue.param(value, "vi")


def _measured(finding: Finding) -> str:
    """The measured figure; where a percentile has none, the share that was within the limit."""
    if "within" in finding.summary.params:
        return f"{_figure(finding, 'within')} ≤ {_figure(finding, 'limit')}"
    return _figure(finding, "value")


def _interval(finding: Finding) -> str:
    if "within" in finding.summary.params:
        if finding.verdict is Verdict.FAIL:
            return f"≤ {_figure(finding, 'within_high')}"
        return f"≥ {_figure(finding, 'within_low')}"
    low, high = _figure(finding, "low"), _figure(finding, "high")
    return DASH if low == high == DASH else f"{low} … {high}"
