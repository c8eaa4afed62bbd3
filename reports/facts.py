"""What a reader must know about a run besides the findings: what was tried, by which generator, from which sources."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from record.types import Outcome
from reports import phases
from reports.assess import Assessment
from reports.case import Case
from reports.catalogue import LANGUAGES, phase, word
from reports.latency import ALL_JUDGED
from reports.numbers import show
from reports.verdict import Param, Quantity, Word

VIETNAM = timedelta(hours=7)
_SHOWN_AS = {"hub_lag_ms": ("ns", 1e6), "cpu_share": ("share", 1.0), "rss_mb": ("mb", 1.0)}


@dataclass(frozen=True)
class Fact:
    """One line: a label of the catalogue, and the words for it in Vietnamese and English."""

    label: str
    vi: str
    en: str


@dataclass(frozen=True)
class Health:
    """One meter of one generator process over the judged phases."""

    source: str
    metric: str
    median: Param
    p95: Param
    worst: Param


def of(case: Case, assessment: Assessment) -> list[Fact]:
    """What was tested, line by line."""
    manifest = case.manifest
    rows = [row for row in assessment.latency if row.dimension == "run" and row.phase != ALL_JUDGED]
    known = [row["code"] for row in case.rows("SELECT code FROM communes")]
    seen = set(case.calls.communes).intersection(known)
    lines = [
        _same("profile", manifest.profile),
        _same("target", f"{manifest.target.name} · {', '.join(sorted(set(manifest.target.bases.values())))}"),
        _same("purpose", manifest.target.purpose or "–"),
        _same("systems", ", ".join(sorted({operation.system for operation in manifest.operations}))),
        *([_same("communes", f"{_count(len(seen), 'vi')} / {_count(len(known), 'vi')}")] if known else []),
        _same("arrivals", _count(manifest.arrivals, "vi")),
        _worded("outcomes", lambda language: _outcomes(case, language)),
        _same("calls", _count(sum(row.calls for row in rows), "vi")),
        _worded("phases", lambda language: _phases(case, language)),
        _worded("rate", lambda language: _rate(case, language)),
        _worded("compression", lambda language: _compression(case, language)),
        _worded("identities", lambda language: word(f"identities.{manifest.identities}", language)),
        _same("workers", str(manifest.workers)),
        _same("created", local_time(manifest.created_utc)),
        _same("sealed", local_time(manifest.sealed_utc)),
    ]
    if manifest.profile_overrides:
        lines.append(_same("overrides", ", ".join(f"{k} = {v}" for k, v in sorted(manifest.profile_overrides.items()))))
    return lines


def origin(case: Case, assessment: Assessment, identity: str) -> list[Fact]:
    """Seeds and digests: with them every figure can be computed again."""
    digests = assessment.digests
    return [
        _same("seed", str(case.manifest.seed)),
        _same("plan", digests["plan"]),
        _same("record", digests["record"]),
        _same("target_digest", digests["target"]),
        _same("code", digests["code"]),
        _same("assessment", identity),
    ]


def generator_health(case: Case) -> list[Health]:
    """Every meter of every generator process and of its host while judged phases ran."""
    rows = case.rows(
        f"""
        SELECT source, metric, quantile_disc(value, 0.5) AS median,
               quantile_disc(value, 0.95) AS p95, max(value) AS worst
        FROM readings WHERE (source LIKE 'generator-%' OR source = 'host') AND at_ns <= $end
          AND {phases.judged_sql(case.manifest, "at_ns")}
        GROUP BY source, metric ORDER BY source, metric""",
        {"end": case.end_ns + 1_000_000_000},
    )
    lines = []
    for row in rows:
        unit, scale = _SHOWN_AS.get(row["metric"], ("count", 1.0))
        found = (row[name] for name in ("median", "p95", "worst"))
        values = (Word("page.not_measured") if one is None else Quantity(one * scale, unit) for one in found)
        lines.append(Health(row["source"], row["metric"], *values))
    return lines


def local_time(utc: str | None) -> str:
    """A wall time of the manifest by the clock of Vietnam, whose offset has no summer time; a dash for none."""
    if utc is None:
        return "–"
    here = datetime.strptime(utc, "%Y-%m-%dT%H:%M:%SZ") + VIETNAM
    return here.strftime("%d/%m/%Y %H:%M:%S (UTC+7)")


def _rate(case: Case, language: str) -> str:
    shown = {
        "rate": show(Quantity(case.arrivals_per_s, "factor"), language),
        "factor": show(Quantity(case.manifest.rate_factor, "factor"), language),
    }
    key = "fact.rate_flat" if case.manifest.identities == "none" else "fact.rate_text"
    return word(key, language).format(**shown)


def _same(label: str, text: str) -> Fact:
    return Fact(f"fact.{label}", text, text)


def _worded(label: str, text: Callable[[str], str]) -> Fact:
    return Fact(f"fact.{label}", *(text(language) for language in LANGUAGES))


def _count(value: int, language: str) -> str:
    return show(Quantity(value, "count"), language)


def _filled(key: str, factor: float, language: str) -> str:
    return word(key, language).format(factor=show(Quantity(factor, "factor"), language))


def _compression(case: Case, language: str) -> str:
    factor = case.manifest.compression
    return (
        word("fact.compression_none", language) if factor == 1 else _filled("fact.compression_text", factor, language)
    )


def _outcomes(case: Case, language: str) -> str:
    rows = case.rows("SELECT outcome, count(*) AS n FROM journeys GROUP BY outcome")
    counts = {row["outcome"]: row["n"] for row in rows}
    names = [outcome.name.lower() for outcome in Outcome]
    return " · ".join(f"{_count(counts.get(name, 0), language)} {word(f'outcome.{name}', language)}" for name in names)


def _phases(case: Case, language: str) -> str:
    return " · ".join(
        f"{phase(each.name, language)} {show(Quantity(each.end_ns - each.start_ns, 'ns'), language)}, "
        f"{word('phase.judged' if each.judged else 'phase.not_judged', language)}"
        for each in case.manifest.phases
    )
