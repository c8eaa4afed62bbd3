"""What went wrong, grouped, each group with the first example so that somebody can look it up."""

from __future__ import annotations

from dataclasses import dataclass

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
    rows = case.rows(f"""
        SELECT operation, outcome, coalesce(error, '') AS error, status, count(*) AS count,
               arg_min(struct_pack(arrival := arrival, commune := coalesce(commune::VARCHAR, ''), at_ns := intended_ns),
                       (intended_ns, arrival)) AS example
        FROM samples WHERE outcome IN ('refused', 'unknown')
        GROUP BY ALL ORDER BY count DESC, 1, 2, 3, 4 LIMIT {GROUPS_MAX}""")
    return tuple(
        ErrorGroup(row["operation"], row["outcome"], row["error"], row["status"], row["count"], **row["example"])
        for row in rows
    )
