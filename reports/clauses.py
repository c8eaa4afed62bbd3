"""Acceptance clauses as data: clause → scenario → measurement → evidence → verdict → who signs.

A clause without evidence is undecided, never passed. A waiver turns a failure into "waived", with an owner, a reason
and a day on which it ends; whether it has ended is asked of the day of the run, never of a clock.
"""

from __future__ import annotations

import enum
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from fnmatch import fnmatchcase

import msgspec

from record.types import Manifest
from reports.assess import Assessment
from reports.facts import VIETNAM
from reports.page_one import PageOne, Standing
from reports.verdict import Finding, Text, Verdict


@dataclass(frozen=True)
class Clause:
    """One clause. `profiles` and `measures` are names or patterns; without `profiles` any scenario will do.

    Each of `measures` (slugs of findings, such as `objective.*`) must find something, or the clause is undecided.
    """

    slug: str
    vi: str
    en: str
    source: str  # legal or contractual
    verified: bool
    profiles: tuple[str, ...]
    measures: tuple[str, ...]
    signs: str  # a role: catalogue key role.<signs>


@dataclass(frozen=True)
class Waiver:
    """Somebody answers for a clause that is not met, until the end of `expires` (by the clock of Vietnam)."""

    clause: str
    owner: str
    reason: str
    expires: date


class Met(enum.StrEnum):
    """What became of a clause (catalogue: clause.<value>)."""

    YES = "met"
    WAIVED = "waived"
    NO = "not-met"
    UNDECIDED = "undecided"


@dataclass(frozen=True)
class Measured:
    """One measurement of a clause: a check of the assessment."""

    check: str
    verdict: Verdict
    summary: Text


@dataclass(frozen=True)
class ClauseResult:
    """One clause against one run, ready to be printed.

    `verdict` is that of the measurements; `met` counts the waiver in. `evidence` is the sha256 of the record's digest
    with the findings as assessment.json has them ("" without any), so that it can be computed again. `why` says what
    is missing or how it was waived.
    """

    clause: Clause
    scenario: str  # the profile of the run
    measured: tuple[Measured, ...]
    evidence: str
    verdict: Verdict
    met: Met
    why: Text
    waiver: Waiver | None = None  # one that counts, or one that no longer does
    waiver_expired: bool = False

    @property
    def standing(self) -> Standing:
        """What this clause alone lets the whole be."""
        return _STANDINGS[self.met]


_STANDINGS = {
    Met.YES: Standing.READY,
    Met.WAIVED: Standing.CONDITIONAL,
    Met.NO: Standing.NOT_READY,
    Met.UNDECIDED: Standing.INCONCLUSIVE,
}
_WORST_LAST = (Standing.READY, Standing.CONDITIONAL, Standing.INCONCLUSIVE, Standing.NOT_READY)


def results(
    clauses: Sequence[Clause], waivers: Sequence[Waiver], assessment: Assessment, manifest: Manifest, *, sealed: bool
) -> tuple[ClauseResult, ...]:
    """Every clause in its order. A run that is void or was never sealed meets none, whatever its findings read."""
    of = {waiver.clause: waiver for waiver in waivers}
    return tuple(_result(clause, of.get(clause.slug), assessment, manifest, sealed) for clause in clauses)


def standing(found: Sequence[ClauseResult]) -> Standing:
    """Of all clauses together; of none at all, inconclusive."""
    return max((one.standing for one in found), key=_WORST_LAST.index, default=Standing.INCONCLUSIVE)


def with_waivers(page: PageOne, assessment: Assessment, found: Sequence[ClauseResult]) -> PageOne:
    """Page one under these clauses: each waiver that counts is a condition, and so is one that has ended.

    CHƯA ĐỦ becomes CÓ ĐIỀU KIỆN only where every finding that failed is one of a waived clause, and no clause is
    not met; clauses never make a page better otherwise.
    """
    waived = [one for one in found if one.met is Met.WAIVED]
    ended = [one for one in found if one.waiver_expired]
    conditions = (*page.conditions, *(one.why for one in (*waived, *ended)))
    covered = {each.check for one in waived for each in one.measured}
    failed = {finding.check for finding in assessment.findings if finding.verdict is Verdict.FAIL}
    lifted = page.standing is Standing.NOT_READY and waived and failed <= covered
    after = Standing.CONDITIONAL if lifted else page.standing
    if found and after in (Standing.READY, Standing.CONDITIONAL):
        after = max(after, standing(found), key=_WORST_LAST.index)
    why = page.why
    if after is not page.standing:
        why = Text(f"clause.page.{after.value}", {"clauses": ", ".join(_names(found, after))})
    return replace(page, standing=after, why=why, conditions=conditions)


def _names(found: Sequence[ClauseResult], because: Standing) -> list[str]:
    return [one.clause.slug for one in found if one.standing is because]


def _result(
    clause: Clause, waiver: Waiver | None, assessment: Assessment, manifest: Manifest, sealed: bool
) -> ClauseResult:
    fits = not clause.profiles or any(fnmatchcase(manifest.profile, pattern) for pattern in clause.profiles)
    hits = [each for each in assessment.findings if any(fnmatchcase(each.check, one) for one in clause.measures)]
    hits = hits if fits else []
    silent = [one for one in clause.measures if not any(fnmatchcase(each.check, one) for each in hits)]
    verdict = max((each.verdict for each in hits), default=Verdict.UNDECIDED)
    verdict = max(verdict, Verdict.UNDECIDED) if silent or not clause.measures or not sealed else verdict
    if assessment.gate is Verdict.VOID:
        verdict = Verdict.VOID
    met = {Verdict.PASS: Met.YES, Verdict.FAIL: Met.NO if sealed else Met.UNDECIDED}.get(verdict, Met.UNDECIDED)
    over = waiver is not None and day_of(manifest) > waiver.expires
    if met is Met.NO and waiver is not None and not over:
        met = Met.WAIVED
    return ClauseResult(
        clause=clause,
        scenario=manifest.profile,
        measured=tuple(Measured(each.check, each.verdict, each.summary) for each in hits),
        evidence=_digest(assessment, hits) if hits else "",
        verdict=verdict,
        met=met,
        why=_why(clause, waiver, verdict, met, over, fits, silent, sealed),
        waiver=waiver,
        waiver_expired=over,
    )


def _why(
    clause: Clause,
    waiver: Waiver | None,
    verdict: Verdict,
    met: Met,
    over: bool,
    fits: bool,
    silent: Sequence[str],
    sealed: bool,
) -> Text:
    if waiver is not None and (met is Met.WAIVED or over):
        words = {"owner": waiver.owner, "reason": waiver.reason, "until": waiver.expires.strftime("%d/%m/%Y")}
        return Text("clause.why.expired" if over else "clause.why.waived", {"clause": clause.slug, **words})
    if verdict is Verdict.VOID:
        return Text("clause.why.void")
    if not sealed:
        return Text("clause.why.unsealed")
    if not fits:
        return Text("clause.why.scenario", {"profiles": ", ".join(clause.profiles)})
    if silent and met is not Met.NO:
        return Text("clause.why.no_evidence", {"measures": ", ".join(silent)})
    return Text(f"clause.why.{met.value}")


def day_of(manifest: Manifest) -> date:
    """The day of the run by the clock of Vietnam."""
    return (datetime.strptime(manifest.created_utc, "%Y-%m-%dT%H:%M:%SZ") + VIETNAM).date()


def _digest(assessment: Assessment, hits: Sequence[Finding]) -> str:
    plain = msgspec.to_builtins(hits)
    for row, finding in zip(plain, hits, strict=True):
        row["verdict"] = finding.verdict.word
    proof = {"record": assessment.digests["record"], "findings": plain}
    return hashlib.sha256(msgspec.json.encode(proof, order="sorted")).hexdigest()
