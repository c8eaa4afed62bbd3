"""A record in, an Assessment out: every check in order, the worst verdict is the gate."""

from __future__ import annotations

import traceback
from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Any

from record.reader import RunRecord
from record.types import RecordError
from reports import (
    caching,
    clocks,
    communes,
    histories,
    integrity,
    latency,
    limits,
    linked,
    memory,
    objectives,
    recovery,
    series,
    signatures,
    validity,
)
from reports.case import Case
from reports.verdict import Finding, Text, Verdict, worst

FORMAT = 1  # of assessment.json

Check = Callable[[Case], Finding | tuple[Finding, ...]]

CHECKS: tuple[tuple[str, Check], ...] = (
    ("validity.record", validity.record),
    ("validity.conservation", validity.conservation),
    ("validity.drops", validity.drops),
    ("validity.lateness", validity.lateness),
    ("validity.hub_lag", validity.hub_lag),
    ("validity.cpu", validity.cpu),
    ("validity.telemetry", validity.telemetry),
    ("objective", objectives.check),
    ("communes.errors", communes.check),
    ("target.memory", memory.check),
    ("target.caching", caching.check),
    ("integrity", integrity.check),
    ("linked", linked.check),
    ("integrity.numbers", series.check),
    ("integrity.history", histories.check),
    ("integrity.signatures", signatures.check),
    ("integrity.clock", clocks.check),
    ("recovery", recovery.check),
)


@dataclass(frozen=True)
class Assessment:
    """What the record proves. Pure: the same record and the same code give the same value."""

    run_id: str
    gate: Verdict
    findings: tuple[Finding, ...]
    limits: tuple[Text, ...]  # what was not tested
    digests: dict[str, str]  # of the record, the plan, the target file, and the code that drove
    latency: tuple[latency.Row, ...]
    writes: dict[str, int]  # keys by class, empty where nothing writes
    links: tuple[linked.Tally, ...] = ()
    recoveries: tuple[recovery.Recovery, ...] = ()

    @property
    def deciding(self) -> tuple[Finding, ...]:
        """The findings that made the gate what it is."""
        return tuple(finding for finding in self.findings if finding.verdict is self.gate)


def assess(
    record: RunRecord,
    checks: tuple[tuple[str, Check], ...] = CHECKS,
    case: Case | None = None,
    soon: Collection[Callable[[Case], Any]] = (),
) -> Assessment:
    """Judge a record. A check that breaks down is undecided and says so; it never takes the others with it.

    A run that was never sealed is undecided however its findings read: what is missing from it could have spoken
    either way. `case` is that record's own, where the caller wants to ask more of it afterwards; `soon` are questions
    to it whose answers are begun beside the checks.
    """
    with record.checked():
        case = Case(record) if case is None else case
        case.begin(soon)
        findings = tuple(finding for slug, check in checks for finding in _guarded(slug, check, case))
        gate = worst(findings)
        if not record.sealed:
            gate = Verdict.UNDECIDED
        writes = any(operation.write for operation in record.manifest.operations)
        return Assessment(
            run_id=record.manifest.run_id,
            gate=gate,
            findings=findings,
            limits=limits.untested(case),
            digests={
                "record": record.digest,
                "plan": record.manifest.plan_digest,
                "target": record.manifest.target.digest,
                "code": record.manifest.code,
            },
            latency=case.latency,
            writes=integrity.tally(case) if writes else {},
            links=linked.tallies(case),
            recoveries=recovery.recoveries(case),
        )


def _guarded(slug: str, check: Check, case: Case) -> tuple[Finding, ...]:
    try:
        found = check(case)
    except RecordError:
        raise  # there is nothing to judge
    except Exception as error:  # noqa: BLE001 - whatever breaks in a check leaves its question open
        where = traceback.extract_tb(error.__traceback__)[-1]
        reason = f"{type(error).__name__}: {error} ({where.name}, line {where.lineno})"
        summary = Text("check.crashed", {"check": slug, "reason": reason})
        return (Finding(slug, Verdict.UNDECIDED, Text("check.crashed.title", {"check": slug}), summary),)
    return found if isinstance(found, tuple) else (found,)
