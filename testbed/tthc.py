"""TTHC (hệ thống giải quyết thủ tục hành chính): what officers do."""

from __future__ import annotations

from typing import Any

from scenarios.contract import BY_NAME
from testbed import bodies, catalogue
from testbed.lifecycle import MOVES
from testbed.platform import Platform, Served, acting, attach
from testbed.store import Applied
from testbed.tokens import officer, same_password
from testbed.visit import RefusedError, Visit

COUNTER = "motcua"  # cán bộ một cửa


async def login(platform: Platform, visit: Visit) -> dict[str, Any]:
    body = await visit.json(bodies.OFFICER_LOGIN)
    actor = officer(body.account)
    if not same_password(body.password, platform.officer_password) or actor is None:
        raise RefusedError(401, "login-failed")
    seats = platform.faults.value("accounts-max")
    if seats is not None and not platform.seats.take(actor, platform.now(), int(seats)):
        raise RefusedError(403, "accounts-full")
    return {"token": platform.tokens.issue(actor, platform.now())}


async def queue(platform: Platform, visit: Visit) -> dict[str, Any]:
    query = visit.query(bodies.DeskQuery)
    _own(visit, query.commune)
    return {"dossiers": await platform.dossiers.desk(visit.spent, query.commune, query.state)}


async def dossier(platform: Platform, visit: Visit) -> dict[str, Any]:
    code = visit.dossier()
    row = await platform.dossiers.dossier(visit.spent, code)
    _own(visit, row.commune)
    return {"dossier": code, "state": row.state, "procedure": row.procedure}


async def receive(platform: Platform, visit: Visit) -> Applied:
    key, body = visit.key(), await visit.json(bodies.DOSSIER)
    _own(visit, body.commune)
    _at_the_counter(visit)
    if body.procedure not in catalogue.BY_CODE:
        raise RefusedError(422, "procedure-unknown")
    return await platform.dossiers.create(visit.spent, key, visit.operation, body.kept(), online=False)


async def scan(platform: Platform, visit: Visit) -> Applied:
    _at_the_counter(visit)
    return await attach(platform, visit)


async def claim(platform: Platform, visit: Visit) -> Applied:
    key, body = visit.key(), await visit.json(bodies.CLAIM)
    _own(visit, body.commune)
    _at_the_counter(visit)
    return await platform.dossiers.claim(visit.spent, key, visit.operation, acting(visit))


async def move(platform: Platform, visit: Visit) -> Applied:
    """One address for six operations: which one it is follows from where the dossier stands and where it shall go."""
    code, key, body = visit.dossier(), visit.key(), await visit.json(bodies.TRANSITION)
    row = await platform.dossiers.dossier(visit.spent, code)
    meant = MOVES.get((row.state, body.to))
    if meant is not None:
        visit.operation = meant.operation
        await platform.faults.before(visit.operation)
    return await platform.dossiers.move(visit.spent, key, acting(visit), (code, body.to, body.note))


def _own(visit: Visit, commune: str) -> None:
    if commune != acting(visit).commune:
        raise RefusedError(403, "other-commune")


def _at_the_counter(visit: Visit) -> None:
    if acting(visit).name != COUNTER:
        raise RefusedError(403, "role-wrong")


SERVED = (
    Served(BY_NAME["tthc.login"], login),
    Served(BY_NAME["tthc.queue"], queue),
    Served(BY_NAME["tthc.dossier"], dossier),
    Served(BY_NAME["tthc.receive"], receive, 201),
    Served(BY_NAME["tthc.scan"], scan, 201),
    Served(BY_NAME["tthc.claim"], claim),
    *(Served(BY_NAME[each.operation], move, shared=True) for each in MOVES.values()),
)
