"""Journeys by the name under which the plan knows them."""

from __future__ import annotations

from collections.abc import Iterable

from scenarios.journeys import docs, portal, tthc, web
from scenarios.types import JourneyMaker

JOURNEYS: dict[str, JourneyMaker] = {
    "portal.submit": portal.submit,
    "portal.visit": portal.visit,
    "portal.track": portal.track,
    "tthc.counter": tthc.counter,
    "tthc.online": tthc.online,
    "tthc.desk": tthc.desk,
    "web.visit": web.visit,
    "docs.province": docs.issue,
    "docs.outgoing": docs.issue,
    "docs.incoming": docs.incoming,
    "docs.reception": docs.incoming,
}

# Systems that people turn to on their way, besides the one that they were sent to.
ON_THE_WAY: dict[str, tuple[str, ...]] = {"portal": ("identity", "bank", "national"), "tthc": ("sign",)}


def visited(systems: Iterable[str]) -> frozenset[str]:
    """All systems that may be asked something when people are sent to these."""
    return frozenset(also for system in systems for also in (system, *ON_THE_WAY.get(system, ())))
