"""What went wrong, grouped, each group with the first example so that somebody can look it up."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from reports.calls import OUTCOMES
from reports.case import Case

GROUPS_MAX = 20


@dataclass(frozen=True)
class ErrorGroup:
    """Calls of one operation that failed alike; the example is the first by due time."""

    operation: str
    outcome: str
    error: str  # slug, "" when none was named
    status: int | None
    count: int
    arrival: int
    commune: str
    at_ns: int

    @property
    def label(self) -> str:
        """The HTTP status where it tells all, else the slug of the error with the status behind it."""
        if self.status is None:
            return self.error or self.outcome
        told = not self.error or self.error.startswith("status-")
        return str(self.status) if told else f"{self.error} ({self.status})"


def groups(case: Case) -> tuple[ErrorGroup, ...]:
    """The GROUPS_MAX most frequent; dropped arrivals are not calls and are reported with the generator."""
    calls = case.calls
    found = [
        ErrorGroup(
            operation=calls.operations[each.operation],
            outcome=OUTCOMES[each.outcome],
            error=each.error,
            status=each.status,
            count=each.count,
            arrival=each.arrival,
            commune=each.commune,
            at_ns=each.at_ns,
        )
        for each in calls.failing.groups()
    ]
    found.sort(key=lambda each: (-each.count, each.operation, each.outcome, each.error, each.status or np.inf))
    return tuple(found[:GROUPS_MAX])
