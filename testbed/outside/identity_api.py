"""Operations of the identity provider: for people, and for the platform, which must be who it says."""

from __future__ import annotations

import asyncio
from typing import Any

import msgspec

from scenarios.contract import BY_NAME, Operation
from testbed.bodies import Cccd, PersonName
from testbed.neighbours import heard
from testbed.outside.identity import Person, known
from testbed.outside.outside import Outside
from testbed.site import Served
from testbed.tokens import CCCD
from testbed.visit import RefusedError, Visit

TOKEN_PATH = "/identity/token"
PEOPLE_PATH = "/identity/people/{cccd}"


class Consent(msgspec.Struct, frozen=True):
    """Somebody agrees to be named to the portal."""

    cccd: Cccd
    applicant: PersonName


class Code(msgspec.Struct, frozen=True):
    code: str


_CONSENT = msgspec.json.Decoder(Consent)
_CODE = msgspec.json.Decoder(Code)


async def authorize(outside: Outside, visit: Visit) -> dict[str, Any]:
    body = await visit.json(_CONSENT)
    await _come_in(outside)
    return {"code": await outside.identity.authorize(visit.spent, Person(body.cccd, body.applicant))}


async def token(outside: Outside, visit: Visit) -> dict[str, Any]:
    body = await heard(visit, outside.platform.secret)
    await _come_in(outside)
    person = await outside.identity.redeem(visit.spent, _CODE.decode(body).code)
    if person is None:
        raise RefusedError(400, "code-invalid")
    return person._asdict()


async def people(outside: Outside, visit: Visit) -> dict[str, Any]:
    await heard(visit, outside.platform.secret)
    await _come_in(outside)
    cccd: str = visit.scope["path_params"]["cccd"]
    if not CCCD.match(cccd):
        raise RefusedError(404, "cccd-invalid")
    return {"known": known(cccd)}


async def _come_in(outside: Outside) -> None:
    """What every question goes through: an outage, a quota, a slow day."""
    faults = outside.faults
    if faults.hit("identity-down"):
        raise RefusedError(503, "identity-down")
    quota = faults.value("identity-quota")
    if quota is not None and not outside.identity.within(int(quota)):
        raise RefusedError(429, "identity-quota")
    if slow_ms := faults.value("identity-slow"):
        await asyncio.sleep(slow_ms / 1000)


SERVED = (
    Served(BY_NAME["identity.authorize"], authorize),
    Served(Operation("identity.token", "POST", TOKEN_PATH), token, inner=True),
    Served(Operation("identity.people", "GET", PEOPLE_PATH), people, inner=True),
)
