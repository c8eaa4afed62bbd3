"""The portal (cổng dịch vụ công): what citizens do."""

from __future__ import annotations

from typing import Any

from scenarios.contract import BY_NAME
from testbed import bodies, catalogue
from testbed.platform import Platform, Served, acting, attach
from testbed.store import Applied
from testbed.visit import RefusedError, Visit


async def search(platform: Platform, visit: Visit) -> dict[str, Any]:
    return {"procedures": catalogue.search(visit.query(bodies.SearchQuery).q)}


async def procedure(platform: Platform, visit: Visit) -> dict[str, Any]:
    entry = catalogue.BY_CODE.get(visit.scope["path_params"]["procedure"])
    if entry is None:
        raise RefusedError(404, "procedure-unknown")
    return {"procedure": entry.code, "name": entry.name, "fee_vnd": entry.fee_vnd, "legal_days": entry.legal_days}


async def submit(platform: Platform, visit: Visit) -> Applied:
    key, body = visit.key(), await visit.json(bodies.DOSSIER)
    if body.cccd != acting(visit).name:
        raise RefusedError(403, "other-applicant")
    if body.procedure not in catalogue.BY_CODE:
        raise RefusedError(422, "procedure-unknown")
    return await platform.dossiers.create(visit.spent, key, visit.operation, body.kept(), online=True)


async def mine(platform: Platform, visit: Visit) -> dict[str, Any]:
    return {"dossiers": await platform.dossiers.mine(visit.spent, acting(visit).name)}


async def track(platform: Platform, visit: Visit) -> dict[str, Any]:
    code = visit.dossier()
    return {"dossier": code, "state": (await platform.dossiers.dossier(visit.spent, code)).state}


async def rate(platform: Platform, visit: Visit) -> Applied:
    code, key, body = visit.dossier(), visit.key(), await visit.json(bodies.RATING)
    kept = (code, body.stars, body.comment)
    return await platform.dossiers.rate(visit.spent, key, visit.operation, acting(visit), kept)


SERVED = (
    Served(BY_NAME["portal.search"], search),
    Served(BY_NAME["portal.procedure"], procedure),
    Served(BY_NAME["portal.submit"], submit, 201),
    Served(BY_NAME["portal.attach"], attach, 201),
    Served(BY_NAME["portal.mine"], mine),
    Served(BY_NAME["portal.track"], track),
    Served(BY_NAME["portal.rate"], rate, 201),
)
