"""What a report can say beyond its one record, the same in every form of it."""

from __future__ import annotations

from dataclasses import dataclass

from reports import bottleneck_page, catalogue
from reports.bottlenecks import Judgement
from reports.capacity_file import CapacityAnswer
from reports.clauses import ClauseResult
from reports.since import Since


@dataclass(frozen=True)
class Extras:
    """The answer of a capacity search, what limits the target, acceptance clauses, and what became of earlier findings.

    `given`: the options that led to them, such as "--clauses"; who makes the report again must give them again.
    """

    capacity: CapacityAnswer | None = None
    bottleneck: Judgement | None = None
    clauses: tuple[ClauseResult, ...] = ()
    since: Since | None = None
    given: tuple[str, ...] = ()

    def limiting(self, language: str | None) -> str:
        """Lines about what limits the target, "" where that is not known; `language` None: both."""
        if self.bottleneck is None:
            return ""
        return bottleneck_page.text(self.bottleneck, None, catalogue.LANGUAGES if language is None else (language,))
