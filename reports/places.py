"""Which linked systems were asked at the final read, when, and whether a run has anything to say about them."""

from __future__ import annotations

import re

from reports.case import Case

READ = "final-observations"  # the event whose text names the places that were read to the end


def applies(case: Case) -> bool:
    """Are there linked systems to compare? A run that writes nothing and observed nothing asks them nothing."""
    if not case.manifest.links:
        return False
    return any(operation.write for operation in case.manifest.operations) or observed(case)


def observed(case: Case) -> bool:
    return bool(case.one("SELECT count(*) AS n FROM observations WHERE kind <> 'signature'")["n"])


def read(case: Case) -> frozenset[str]:
    """The places that gave all they hold. Of any other, rows may be missing."""
    texts = [event.text for event in case.events if event.kind == READ]
    return frozenset(place for text in texts for place in re.split(r"[,;\s]+", text) if place)


def read_ms(case: Case) -> float | None:
    """When the linked systems were asked, on the wall clock; None if they were not."""
    at = [event.at_ns for event in case.events if event.kind == READ]
    zero = case.manifest.zero
    return (zero.wall_ns + max(at)) / 1e6 if at and zero is not None else None
