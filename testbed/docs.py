"""The document system (hệ thống quản lý văn bản): what clerks, specialists, heads of units and leaders do."""

from __future__ import annotations

import re
from typing import Any

from scenarios import edxml
from scenarios.contract import BY_NAME
from testbed import bodies, paper
from testbed.platform import Content, Platform, Served, acting
from testbed.store import Applied
from testbed.tokens import Actor, clerk, same_password
from testbed.visit import RefusedError, Visit

CODE = re.compile(r"[0-9]{5}-[0-9]{1,9}\Z")  # of a draft, and of the document that it becomes


async def login(platform: Platform, visit: Visit) -> dict[str, Any]:
    body = await visit.json(bodies.OFFICER_LOGIN)
    actor = clerk(body.account)
    if not same_password(body.password, platform.officer_password) or actor is None:
        raise RefusedError(401, "login-failed")
    platform.documents.warm()  # before somebody signs
    return {"token": platform.tokens.issue(actor, platform.now())}


async def draft(platform: Platform, visit: Visit) -> Applied:
    key, body = visit.key(), await visit.json(bodies.DRAFT)
    if len(set(body.recipients)) != len(body.recipients) or body.commune in body.recipients:
        raise RefusedError(422, "recipients-invalid")
    return await platform.documents.draft(visit.spent, key, visit.operation, acting(visit), body.kept())


async def review(platform: Platform, visit: Visit) -> Applied:
    code, key, body = _code(visit, "draft"), visit.key(), await visit.json(bodies.OPINION)
    return await platform.documents.review(visit.spent, key, visit.operation, acting(visit), (code, body.opinion))


async def sign(platform: Platform, visit: Visit) -> Applied:
    code, key = _code(visit, "draft"), visit.key()
    return await platform.documents.sign(visit.spent, key, visit.operation, acting(visit), (code,))


async def issue(platform: Platform, visit: Visit) -> Applied:
    code, key = _code(visit, "draft"), visit.key()
    return await platform.documents.issue(visit.spent, key, visit.operation, acting(visit), (code,))


async def inbox(platform: Platform, visit: Visit) -> dict[str, Any]:
    actor = _at_home(visit, visit.query(bodies.InboxQuery).commune)
    return {"documents": await platform.inbox.untaken(visit.spent, actor.commune)}


async def take(platform: Platform, visit: Visit) -> Applied:
    key, body = visit.key(), await visit.json(bodies.CLAIM)
    return await platform.inbox.take(visit.spent, key, visit.operation, _at_home(visit, body.commune))


async def fetch(platform: Platform, visit: Visit) -> Content:
    commune, document = _place(visit)
    body = await platform.inbox.fetch(visit.spent, commune, document)
    return Content(body, ((b"content-type", edxml.CONTENT_TYPE.encode()),))


async def confirm(platform: Platform, visit: Visit) -> Applied:
    place, key, body = _place(visit), visit.key(), await visit.json(bodies.CONFIRMATION)
    kept = (*place, body.status)
    return await platform.inbox.confirm(visit.spent, key, visit.operation, acting(visit), kept)


async def register(platform: Platform, visit: Visit) -> Applied:
    return await platform.inbox.register(visit.spent, visit.key(), visit.operation, acting(visit), _place(visit))


async def assign(platform: Platform, visit: Visit) -> Applied:
    place, key, body = _place(visit), visit.key(), await visit.json(bodies.ASSIGNMENT)
    return await platform.inbox.assign(visit.spent, key, visit.operation, acting(visit), (*place, body.to))


async def finish(platform: Platform, visit: Visit) -> Applied:
    place, key, body = _place(visit), visit.key(), await visit.json(bodies.COMPLETION)
    return await platform.inbox.finish(visit.spent, key, visit.operation, acting(visit), (*place, body.note))


async def file(platform: Platform, visit: Visit) -> Content:
    body = await platform.documents.file(visit.spent, _code(visit, "document"), acting(visit))
    return Content(body, ((b"content-type", paper.CONTENT_TYPE.encode()),))


def _code(visit: Visit, name: str) -> str:
    """The draft or document of the path; what cannot be one does not exist."""
    code: str = visit.scope["path_params"][name]
    if not CODE.match(code):
        raise RefusedError(404, f"{name}-unknown")
    return code


def _place(visit: Visit) -> tuple[str, str]:
    """Commune and document of the path."""
    document = _code(visit, "document")
    return _at_home(visit, visit.scope["path_params"]["commune"]).commune, document


def _at_home(visit: Visit, commune: str) -> Actor:
    actor = acting(visit)
    if actor.commune != commune:
        raise RefusedError(403, "other-commune")
    return actor


SERVED = (
    Served(BY_NAME["docs.login"], login),
    Served(BY_NAME["docs.draft"], draft, 201),
    Served(BY_NAME["docs.review"], review),
    Served(BY_NAME["docs.sign"], sign),
    Served(BY_NAME["docs.issue"], issue, 201),
    Served(BY_NAME["docs.inbox"], inbox),
    Served(BY_NAME["docs.take"], take),
    Served(BY_NAME["docs.fetch"], fetch),
    Served(BY_NAME["docs.confirm"], confirm),
    Served(BY_NAME["docs.register"], register),
    Served(BY_NAME["docs.assign"], assign),
    Served(BY_NAME["docs.finish"], finish),
    Served(BY_NAME["docs.file"], file),
)
