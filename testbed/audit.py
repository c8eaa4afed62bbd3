"""The final read: what the platform holds, from the tables that the platform itself works with."""

from __future__ import annotations

import asyncio

import msgspec

from scenarios.contract import ObservationsPage, Write, WritesPage
from testbed import bodies, observing
from testbed.platform import Platform
from testbed.uploads import Files
from testbed.views import VIEWS
from testbed.visit import Visit


async def keys(platform: Platform, visit: Visit) -> WritesPage:
    body = await visit.json(bodies.KEYS)
    writes = await platform.store.by_keys(visit.spent, body.keys)
    return WritesPage(await asyncio.to_thread(_with_files, platform.files, writes))


async def writes(platform: Platform, visit: Visit) -> WritesPage:
    query = visit.query(bodies.WritesQuery)
    return await platform.store.by_tag(visit.spent, query.tag, bodies.cursor(query.after), query.limit)


async def observations(platform: Platform, visit: Visit) -> ObservationsPage:
    query = visit.query(bodies.WritesQuery)
    after = bodies.cursor(query.after)
    return await observing.page(platform.store, VIEWS, visit.spent, query.tag, after, query.limit)


def _with_files(files: Files, writes: list[Write]) -> list[Write]:
    """A file counts as what lies on the disk, whatever the table says of it: nothing there, nothing kept."""
    found = []
    for write in writes:
        if "sha256" in write.content:
            digest = files.digest(write.content["sha256"])
            if digest is None:
                continue
            write = msgspec.structs.replace(write, content=write.content | {"sha256": digest})
        found.append(write)
    return found
