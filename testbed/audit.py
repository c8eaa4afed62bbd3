"""The final read: what the platform holds, from the tables that the platform itself works with."""

from __future__ import annotations

from scenarios.contract import WritesPage
from testbed import bodies
from testbed.platform import Platform
from testbed.visit import Visit


async def keys(platform: Platform, visit: Visit) -> WritesPage:
    body = await visit.json(bodies.KEYS)
    return WritesPage(await platform.store.by_keys(visit.spent, body.keys))


async def writes(platform: Platform, visit: Visit) -> WritesPage:
    query = visit.query(bodies.WritesQuery)
    return await platform.store.by_tag(visit.spent, query.tag, bodies.cursor(query.after), query.limit)
