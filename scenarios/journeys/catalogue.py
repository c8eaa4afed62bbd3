"""Journeys by the name under which the plan knows them."""

from __future__ import annotations

from scenarios.journeys import portal, tthc
from scenarios.types import JourneyMaker

JOURNEYS: dict[str, JourneyMaker] = {
    "portal.submit": portal.submit,
    "portal.visit": portal.visit,
    "portal.track": portal.track,
    "tthc.counter": tthc.counter,
    "tthc.online": tthc.online,
    "tthc.desk": tthc.desk,
}
