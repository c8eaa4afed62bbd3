"""What one can say of each commune and ward by itself: passed, failed, or too little seen of it.

A unit fails when it is served certainly worse than the rest or than was promised, or when one of its writes was lost or
came out wrong. It is undecided when nothing or too little was seen of it, when the final read left out some of its
writes, and when the run itself was not fit to judge by.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from reports import communes, integrity, phases
from reports.assess import Assessment
from reports.case import Case
from reports.communes import Served
from reports.integrity import UnitWrites
from reports.latency import ALL_JUDGED, Row
from reports.verdict import Param, Quantity, Text, Verdict

P50, P95 = 0, 2  # places in Row.due


@dataclass(frozen=True)
class UnitState:
    """One commune or ward. `verdict` is PASS, FAIL or UNDECIDED (too little was seen of it); VOID never.

    Calls, failures, times and arrivals are those of the judged phases, times from when a call was due. `p50_ns` and
    `p95_ns` are None where its calls do not support them. `why` names what failed or what is missing.
    """

    code: str
    name: str
    kind: str  # "commune" or "ward", as in the record
    population: int
    latitude: float
    longitude: float
    area_km2: float
    verdict: Verdict
    why: Text
    calls: int
    failed: int
    p50_ns: float | None
    p95_ns: float | None
    lost_writes: int
    arrivals: int
    wrong_writes: int = 0  # there twice, changed, or there although refused


def of(assessment: Assessment, case: Case) -> tuple[UnitState, ...]:
    """All communes of the record, by code."""
    found = case.once(communes.served)
    places = {code: place for place, code in enumerate(found.codes)} if found else {}
    rows = {row.name: row for row in assessment.latency if _judged(row, assessment, case)}
    writes = {each.commune: each for each in integrity.by_commune(case)} if assessment.writes else {}
    planned = case.rows(f"""
        SELECT commune::VARCHAR AS code, count(*) AS n FROM arrivals
        WHERE commune IS NOT NULL AND {phases.judged_sql(case.manifest, "at_ns")} GROUP BY code""")
    arrivals = {row["code"]: row["n"] for row in planned}
    states = []
    for unit in case.rows("SELECT * FROM communes ORDER BY code"):
        code = unit["code"]
        row, own = rows.get(code), writes.get(code, UnitWrites(code, 0, 0, 0))
        verdict, why = _fit(assessment, case, row) or _verdict(found, places.get(code), row, own)
        states.append(_state(unit, verdict, why, row, own, arrivals.get(code, 0)))
    return tuple(states)


def _judged(row: Row, assessment: Assessment, case: Case) -> bool:
    return row.dimension == "commune" and row.phase == judged_scope(assessment, case)


def judged_scope(assessment: Assessment, case: Case) -> str:
    """The name under which the judged phases appear in the latency table."""
    if any(row.phase == ALL_JUDGED for row in assessment.latency):
        return ALL_JUDGED
    judged = phases.judged(case.manifest)
    return case.manifest.phases[judged[0]].name if judged else ""


def _fit(assessment: Assessment, case: Case, row: Row | None) -> tuple[Verdict, Text] | None:
    """A run that cannot be judged by says nothing about any unit."""
    if assessment.gate is Verdict.VOID:
        return Verdict.UNDECIDED, Text("unit.void")
    if not case.record.sealed:
        return Verdict.UNDECIDED, Text("unit.unsealed")
    return None if row is not None else (Verdict.UNDECIDED, Text("unit.silent"))


def _verdict(found: Served | None, place: int | None, row: Row | None, own: UnitWrites) -> tuple[Verdict, Text]:
    counted: dict[str, Param] = {"calls": Quantity(row.calls if row else 0, "count")}
    if own.lost:
        return Verdict.FAIL, Text("unit.lost", {"lost": Quantity(own.lost, "count")})
    if own.wrong:
        return Verdict.FAIL, Text("unit.wrong", {"wrong": Quantity(own.wrong, "count")})
    if found is None:
        return Verdict.UNDECIDED, Text("unit.unpromised", counted)
    if place is None or not found.calls[place]:
        return Verdict.UNDECIDED, Text("unit.silent")
    calls, failed = int(found.calls[place]), int(found.failed[place])
    shown = {
        "calls": Quantity(calls, "count"),
        "failed": Quantity(failed, "count"),
        "share": Quantity(failed / calls, "share", found.allowed),
        "limit": Quantity(found.allowed, "share", found.allowed),
    }
    if found.worse[place] or found.beyond[place]:
        return Verdict.FAIL, Text("unit.worse" if found.worse[place] else "unit.beyond", dict(shown))
    if not found.seen[place]:
        return Verdict.UNDECIDED, Text("unit.few", counted)
    if own.unread:
        return Verdict.UNDECIDED, Text("unit.unread", {"unread": Quantity(own.unread, "count")})
    return Verdict.PASS, Text("unit.pass", dict(shown))


def _state(
    unit: dict[str, Any], verdict: Verdict, why: Text, row: Row | None, own: UnitWrites, arrivals: int
) -> UnitState:
    return UnitState(
        code=unit["code"],
        name=unit["name"],
        kind=unit["kind"],
        population=unit["population"],
        latitude=unit["latitude"],
        longitude=unit["longitude"],
        area_km2=unit["area_km2"],
        verdict=verdict,
        why=why,
        calls=row.calls if row else 0,
        failed=row.failed if row else 0,
        p50_ns=row.due[P50].value if row else None,
        p95_ns=row.due[P95].value if row else None,
        lost_writes=own.lost,
        arrivals=arrivals,
        wrong_writes=own.wrong,
    )
