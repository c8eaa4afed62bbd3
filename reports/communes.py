"""Is one commune served worse than the rest? A promise over all of them hides one that is not served at all.

A commune stands out when its share of failed requests is certainly above what was promised for errors and above
RATIO_MIN times the share of all others. Certainly: the lower bound of Clopper-Pearson, over-dispersion included, at
5 % for all communes together (Bonferroni); or, where seconds are too few for that, GROSS_EVENTS requests turned away in
GROSS_SECONDS different seconds and GROSS_FACTOR times the promise: a "no" is an answer, while no answer in a few
seconds may as well come from a machine that has too much to do.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import beta

from record.types import Outcome
from reports import intervals, order
from reports.case import Case
from reports.verdict import EVIDENCE_ROWS_MAX, Evidence, Finding, Param, Quantity, Text, Verdict

ALPHA = 0.05
RATIO_MIN = 3.0
GROSS_EVENTS, GROSS_SECONDS, GROSS_FACTOR = 10, 3, 3.0


@dataclass(frozen=True)
class Served:
    """How the communes were served in the judged phases: one element per place in Calls.communes.

    `calls` and `failed` count the calls that a promise about errors means. `worse`: certainly worse than the rest.
    `beyond`: certainly more failures than were promised, whatever the others have. `seen`: in enough seconds for a
    share to have an interval.
    """

    codes: tuple[str, ...]
    allowed: float  # share, of the laxest promise
    calls: NDArray[np.int64]
    failed: NDArray[np.int64]
    worse: NDArray[np.bool_]
    beyond: NDArray[np.bool_]
    seen: NDArray[np.bool_]

    @property
    def named(self) -> list[int]:
        return [place for place, code in enumerate(self.codes) if code]


def served(case: Case) -> Served | None:
    """None where the target has no communes, or nobody promised a share of errors."""
    calls = case.calls
    promises = [objective for objective in case.manifest.objectives if objective.metric == "errors"]
    known = {row["code"] for row in case.rows("SELECT code FROM communes")}
    codes = tuple(code if code in known else "" for code in calls.communes)  # other callers have a code of their own
    named = sum(1 for code in codes if code)
    if not promises or not named or not len(calls):
        return None
    allowed = max(float(objective.limit) for objective in promises)
    meant = np.any([calls.matching(objective) for objective in promises], axis=0)

    def chosen(at: Any) -> NDArray[np.bool_]:
        return case.judged(at) if meant.all() else np.asarray(case.judged(at) & meant[calls.operation[at]])

    def by_second(at: Any, mask: order.Chosen | None = None) -> NDArray[np.int64]:
        return order.by_block(calls.commune[at], len(codes), calls.block[at], len(calls.planned), mask)

    counts = chosen(calls.failed_at)
    bad, refusals = calls.failed_at[counts], calls.failed_as[counts] == Outcome.REFUSED
    totals, failed, refused = by_second(slice(None), chosen), by_second(bad), by_second(bad[refusals])
    with np.errstate(divide="ignore", invalid="ignore"):
        phi = intervals.overdispersion(failed, totals, calls.planned)
    of, events = totals.sum(axis=1), failed.sum(axis=1)
    rest = (events.sum() - events) / np.maximum(of.sum() - of, 1)
    limit = np.maximum(allowed, RATIO_MIN * rest)
    low = _lower(events, of, phi, ALPHA / named)
    away, seconds = refused.sum(axis=1), (refused > 0).sum(axis=1)
    often = (away >= GROSS_EVENTS) & (seconds >= GROSS_SECONDS)
    return Served(
        codes=codes,
        allowed=allowed,
        calls=of,
        failed=events,
        worse=(low > limit) | (often & (away > GROSS_FACTOR * limit * of)),
        beyond=(low > allowed) | (often & (away > GROSS_FACTOR * allowed * of)),
        seen=np.isfinite(phi) & (of > 0),
    )


def check(case: Case) -> tuple[Finding, ...]:
    """None where the target has no communes or nobody promised a share of errors."""
    found = case.once(served)
    if found is None:
        return ()
    bad = [place for place in found.named if found.worse[place]]
    decided = sum(1 for place in found.named if found.seen[place])
    params: dict[str, Param] = {
        "communes": Quantity(len(found.named), "count"),
        "bad": Quantity(len(bad), "count"),
        "decided": Quantity(decided, "count"),
        "limit": Quantity(found.allowed, "share", found.allowed),
    }
    if bad:
        share = found.failed / np.maximum(found.calls, 1)
        worst = sorted(bad, key=lambda place: (-share[place], found.codes[place]))
        rows = tuple(
            (
                found.codes[place],
                Quantity(int(found.calls[place]), "count"),
                Quantity(int(found.failed[place]), "count"),
                Quantity(float(share[place]), "share", found.allowed),
            )
            for place in worst[:EVIDENCE_ROWS_MAX]
        )
        evidence = Evidence(("commune", "calls", "failed", "measured"), rows)
        return (_finding(Verdict.FAIL, "fail", params, evidence),)
    return (_finding(Verdict.PASS, "pass", params) if decided else _finding(Verdict.UNDECIDED, "undecided", params),)


def _lower(events: np.ndarray, of: np.ndarray, phi: np.ndarray, alpha: float) -> np.ndarray:
    worth = np.maximum(of / phi, 1.0)
    hits = worth * events / np.maximum(of, 1)
    low = beta.ppf(alpha, np.maximum(hits, 1e-9), worth - hits + 1)
    return np.where((events > 0) & np.isfinite(phi), low, 0.0)


def _finding(verdict: Verdict, variant: str, params: dict[str, Param], evidence: Evidence | None = None) -> Finding:
    return Finding(
        "communes.errors", verdict, Text("communes.errors.title"), Text(f"communes.errors.{variant}", params), evidence
    )
