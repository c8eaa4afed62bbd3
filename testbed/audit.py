"""The final read: what the platform holds, from the tables that the platform itself works with."""

from __future__ import annotations

from scenarios.contract import ObservationsPage, WritesPage
from testbed import bodies, observing
from testbed.platform import Platform
from testbed.views import VIEWS
from testbed.visit import Visit


async def keys(platform: Platform, visit: Visit) -> WritesPage:
    body = await visit.json(bodies.KEYS)
    return WritesPage(await platform.store.by_keys(visit.spent, body.keys))


async def writes(platform: Platform, visit: Visit) -> WritesPage:
    query = visit.query(bodies.WritesQuery)
    return await platform.store.by_tag(visit.spent, query.tag, bodies.cursor(query.after), query.limit)


async def observations(platform: Platform, visit: Visit) -> ObservationsPage:
    query = visit.query(bodies.WritesQuery)
    after = bodies.cursor(query.after)
    return await observing.page(platform.store, VIEWS, visit.spent, query.tag, after, query.limit)
