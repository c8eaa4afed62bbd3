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
class Evidence:
    """A run and what was found in it."""

    assessment: Assessment
    manifest: Manifest
    sealed: bool


@dataclass(frozen=True)
class Measured:
    """One measurement of a clause: a check of the assessment of a run."""

    run: str
    check: str
    verdict: Verdict
    summary: Text


@dataclass(frozen=True)
class ClauseResult:
    """One clause against the runs, ready to be printed.

    `verdict` is that of the measurements; `met` counts the waiver in. `evidence` is the sha256 of the records' digests
    with the findings as assessment.json has them ("" without any), so that it can be computed again. `why` says what
    is missing or how it was waived.
    """

    clause: Clause
    scenarios: tuple[str, ...]  # the profiles of the runs it was measured in
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
_LEFT = {  # of the whole, by the worst of what no waiver covers; something is waived then
    Verdict.PASS: Standing.CONDITIONAL,
    Verdict.UNDECIDED: Standing.INCONCLUSIVE,
    Verdict.FAIL: Standing.NOT_READY,
    Verdict.VOID: Standing.INCONCLUSIVE,
}
_WORST_LAST = (Standing.READY, Standing.CONDITIONAL, Standing.INCONCLUSIVE, Standing.NOT_READY)


def results(clauses: Sequence[Clause], waivers: Sequence[Waiver], runs: Sequence[Evidence]) -> tuple[ClauseResult, ...]:
    """Every clause in its order. The first run is the one reported on: its day decides whether a waiver has ended.

    A run that is void or was never sealed meets no clause, whatever its findings read.
    """
    of = {waiver.clause: waiver for waiver in waivers}
    return tuple(_result(clause, of.get(clause.slug), runs) for clause in clauses)


def problems(now: Manifest, more: Sequence[Manifest]) -> list[str]:
    """Why further runs are no evidence for this one: of another target, or one of them twice."""
    found = []
    seen = {now.run_id}
    for one in more:
        if one.run_id in seen:
            found.append(f"--evidence: {one.run_id} stands there twice; each run once, and not the one reported on")
        elif one.target.name != now.target.name:
            found.append(
                f"--evidence: {one.run_id} is of the target {one.target.name!r}; should be of {now.target.name!r}, "
                "as the run that is reported on"
            )
        seen.add(one.run_id)
    return found


def standing(found: Sequence[ClauseResult]) -> Standing:
    """Of all clauses together; of none at all, inconclusive."""
    return max((one.standing for one in found), key=_WORST_LAST.index, default=Standing.INCONCLUSIVE)


def with_waivers(page: PageOne, assessment: Assessment, found: Sequence[ClauseResult]) -> PageOne:
    """Page one under these clauses: each waiver that counts is a condition, and so is one that has ended.

    What failed is lifted from the verdict only where it was measured for a clause that is waived; what is left then
    decides. Clauses never make a page better otherwise: one that is not met, or open, takes the page with it.
    """
    waived = [one for one in found if one.met is Met.WAIVED]
    ended = [one for one in found if one.waiver_expired and one.met is not Met.YES]
    covered = {each.check for one in waived for each in one.measured if each.run == assessment.run_id}
    lifted = [one for one in assessment.findings if one.verdict is Verdict.FAIL and one.check in covered]
    left = max((one.verdict for one in assessment.findings if one not in lifted), default=Verdict.PASS)
    after = page.standing
    if after is Standing.NOT_READY and waived:
        after = _LEFT[left]
    after = max((after, *(one.standing for one in found)), key=_WORST_LAST.index)
    why = page.why
    if after is not page.standing:
        because = [one.clause.slug for one in found if one.standing is after]
        why = (
            Text(f"clause.page.{after.value}", {"clauses": ", ".join(because)}) if because else Text("clause.page.open")
        )
    conditions = (*page.conditions, *(one.why for one in (*waived, *ended)))
    return replace(page, standing=after, why=why, conditions=conditions)


def _result(clause: Clause, waiver: Waiver | None, runs: Sequence[Evidence]) -> ClauseResult:
    fitting = [run for run in runs if _fits(clause, run)]
    hits = [(run, one) for run in fitting for one in run.assessment.findings if _matches(one.check, clause.measures)]
    silent = tuple(one for one in clause.measures if not any(fnmatchcase(each.check, one) for _, each in hits))
    open_runs = [run for run in fitting if not run.sealed]
    verdict = max((each.verdict for _, each in hits), default=Verdict.UNDECIDED)
    if silent or not clause.measures:
        verdict = max(verdict, Verdict.UNDECIDED)
    if open_runs:
        verdict = Verdict.UNDECIDED
    if any(run.assessment.gate is Verdict.VOID for run in fitting):
        verdict = Verdict.VOID
    met = {Verdict.PASS: Met.YES, Verdict.FAIL: Met.NO}.get(verdict, Met.UNDECIDED)
    ended = waiver is not None and day_of(runs[0].manifest) > waiver.expires
    if met is Met.NO and waiver is not None and not ended:
        met = Met.WAIVED
    if waiver is not None and (met is Met.WAIVED or (ended and met is not Met.YES)):
        until = waiver.expires.strftime("%d/%m/%Y")
        words = {"clause": clause.slug, "owner": waiver.owner, "reason": waiver.reason, "until": until}
        why = Text("clause.why.expired" if ended else "clause.why.waived", dict(words))
    else:
        why = _why(clause, verdict, fitting, open_runs, silent)
    return ClauseResult(
        clause=clause,
        scenarios=tuple(dict.fromkeys(run.manifest.profile for run, _ in hits)),
        measured=tuple(Measured(run.manifest.run_id, one.check, one.verdict, one.summary) for run, one in hits),
        evidence=_digest(hits) if hits else "",
        verdict=verdict,
        met=met,
        why=why,
        waiver=waiver,
        waiver_expired=ended,
    )


def _why(
    clause: Clause,
    verdict: Verdict,
    fitting: Sequence[Evidence],
    open_runs: Sequence[Evidence],
    silent: Sequence[str],
) -> Text:
    if not fitting:
        return Text("clause.why.scenario", {"profiles": ", ".join(clause.profiles)})
    if verdict is Verdict.VOID:
        return Text("clause.why.void")
    if open_runs:
        return Text("clause.why.unsealed")
    if verdict is Verdict.UNDECIDED and silent:
        return Text("clause.why.no_evidence", {"measures": ", ".join(silent)})
    return Text(f"clause.why.{verdict.word}")


def _fits(clause: Clause, run: Evidence) -> bool:
    return not clause.profiles or _matches(run.manifest.profile, clause.profiles)


def _matches(name: str, patterns: Sequence[str]) -> bool:
    return any(fnmatchcase(name, pattern) for pattern in patterns)


def day_of(manifest: Manifest) -> date:
    """The day of the run by the clock of Vietnam."""
    return (datetime.strptime(manifest.created_utc, "%Y-%m-%dT%H:%M:%SZ") + VIETNAM).date()


def _digest(hits: Sequence[tuple[Evidence, Finding]]) -> str:
    proof = []
    for run, finding in hits:
        plain = msgspec.to_builtins(finding) | {"verdict": finding.verdict.word}
        proof.append({"record": run.assessment.digests["record"], "finding": plain})
    return hashlib.sha256(msgspec.json.encode(proof, order="sorted")).hexdigest()
