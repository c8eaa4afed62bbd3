"""Faults are switched while it runs, by whoever asks the platform; only when the testbed was started with --control.

What is switched on here is gone when the process that it lives in is started again.
"""

from __future__ import annotations

from typing import Annotated, Any

import msgspec
from msgspec import Meta

from scenarios.contract import Operation
from testbed import fault_kinds
from testbed.faults import Home
from testbed.neighbours import NeighbourError, heard
from testbed.site import JSON, Content, Served, Site
from testbed.visit import RefusedError, Visit

FAULTS_PATH = "/testbed/faults"
FAULTS_MAX = 100
_Texts = Annotated[list[str], Meta(max_length=FAULTS_MAX)]


class Switch(msgspec.Struct, frozen=True):
    """Faults as `--fault` takes them. `off` goes first: what stands in both begins anew."""

    on: _Texts = []
    off: _Texts = []


class Active(msgspec.Struct, frozen=True):
    active: list[str]


_SWITCH = msgspec.json.Decoder(Switch)
_ACTIVE = msgspec.json.Decoder(Active)
_encode = msgspec.json.Encoder().encode


async def switch(platform: Any, visit: Visit) -> Active | Content:
    """Here, and outside what lives there. Answers everything that is active now; 422 with what is wrong in words."""
    wanted = await visit.json(_SWITCH)
    on, problems = fault_kinds.parse(wanted.on)
    if problems:
        return Content(_encode({"error": "fault-invalid", "problems": problems}), JSON, 422)
    there = Switch([fault.text for fault in on if fault.lives(Home.OUTSIDE)], wanted.off)
    try:
        answer = await platform.outside.post(FAULTS_PATH, _encode(there))
    except NeighbourError as error:
        raise RefusedError(503, "outside-unavailable") from error
    if answer.status != 200:
        raise RefusedError(503, "outside-unavailable")
    here = _switch(platform, wanted)
    return Active(list(dict.fromkeys((*here.active, *_ACTIVE.decode(answer.body).active))))


async def switch_outside(outside: Any, visit: Visit) -> Active:
    """The part of it that the platform hands on."""
    return _switch(outside, _SWITCH.decode(await heard(visit, outside.platform.secret)))


def _switch(site: Site, wanted: Switch) -> Active:
    site.faults.switch(fault_kinds.parse(wanted.on)[0], wanted.off)
    return Active([fault.text for fault in site.faults.active])


PLATFORM = (Served(Operation("testbed.faults", "POST", FAULTS_PATH), switch, inner=True),)
OUTSIDE = (Served(Operation("testbed.faults", "POST", FAULTS_PATH), switch_outside, inner=True),)
