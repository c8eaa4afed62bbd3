"""The platform's side of identity: it believes nobody who did not come by the identity provider."""

from __future__ import annotations

from typing import Any

import msgspec

from scenarios.contract import BY_NAME, Operation
from testbed import bodies
from testbed.neighbours import NeighbourError
from testbed.platform import Platform, Served
from testbed.tokens import CCCD, Actor
from testbed.visit import RefusedError, Visit

REDEEM_S_MAX = 5.0
LOOKUP_S_MAX = 2.0  # an officer at the counter goes on without the answer


class Person(msgspec.Struct, frozen=True):
    cccd: str


class Known(msgspec.Struct, frozen=True):
    known: bool


_PERSON = msgspec.json.Decoder(Person)
_KNOWN = msgspec.json.Decoder(Known)


async def login(platform: Platform, visit: Visit) -> dict[str, Any]:
    """The code that the person brings is shown to the identity provider, which says whose it was."""
    body = await visit.json(bodies.CITIZEN_LOGIN)
    if await _redeem(platform, body.code) != body.cccd:
        raise RefusedError(401, "login-failed")
    return {"token": platform.tokens.issue(Actor("citizen", body.cccd), platform.now())}


async def way(platform: Platform, visit: Visit) -> dict[str, Any]:
    """Where a person who wants to log in is sent."""
    return {"authorize": platform.outside.base + BY_NAME["identity.authorize"].path}


async def lookup(platform: Platform, visit: Visit) -> dict[str, Any]:
    """Whether the population data know the number; null when they do not answer in time."""
    cccd: str = visit.scope["path_params"]["cccd"]
    if not CCCD.match(cccd):
        raise RefusedError(404, "cccd-invalid")
    try:
        answer = await platform.outside.get(f"/identity/people/{cccd}", seconds=LOOKUP_S_MAX)
        return {"known": _KNOWN.decode(answer.body).known if answer.status == 200 else None}
    except (NeighbourError, msgspec.DecodeError):
        return {"known": None}


async def _redeem(platform: Platform, code: str) -> str:
    """The person's number, empty when the code is none. Raises RefusedError 503 when nobody can say."""
    if not code:
        return ""
    question = msgspec.json.encode({"code": code})
    try:
        answer = await platform.outside.post("/identity/token", question, seconds=REDEEM_S_MAX)
        if answer.status == 200:
            return _PERSON.decode(answer.body).cccd
    except (NeighbourError, msgspec.DecodeError) as error:
        raise RefusedError(503, "identity-unavailable") from error
    if answer.status == 400:
        return ""
    raise RefusedError(503, "identity-unavailable")


SERVED = (
    Served(BY_NAME["portal.login"], login),
    Served(Operation("portal.way", "GET", "/portal/login"), way, inner=True),
    Served(BY_NAME["tthc.lookup"], lookup),
)
