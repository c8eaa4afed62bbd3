"""The final read: what a process holds, from the tables that it works with itself."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import msgspec

from scenarios.contract import ObservationsPage, Write, WritesPage
from testbed import bodies, observing
from testbed.observing import View
from testbed.site import Handler, Site
from testbed.uploads import Files
from testbed.visit import Visit


def keys(files: Files | None) -> Handler:
    """`files`: where the attachments are of those writes that have one."""

    async def page(site: Site, visit: Visit) -> WritesPage:
        body = await visit.json(bodies.KEYS)
        writes = await site.store.by_keys(visit.spent, body.keys)
        return WritesPage(writes if files is None else await asyncio.to_thread(_with_files, files, writes))

    return page


async def writes(site: Site, visit: Visit) -> WritesPage:
    query = visit.query(bodies.WritesQuery)
    return await site.store.by_tag(visit.spent, query.tag, bodies.cursor(query.after), query.limit)


def observations(views: Sequence[View]) -> Handler:
    async def page(site: Site, visit: Visit) -> ObservationsPage:
        query = visit.query(bodies.WritesQuery)
        after = bodies.cursor(query.after)
        return await observing.page(site.store, views, visit.spent, query.tag, after, query.limit)

    return page


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
