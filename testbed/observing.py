"""What a linked system holds, row by row, for the audit: read from the tables that the system itself works with."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

from scenarios.contract import Observation, ObservationsPage
from testbed.store import Columns, Store, of_tag
from testbed.visit import Spent


class View(NamedTuple):
    """One kind of thing held at one place.

    `sql` asks for rows with a number above $1, of keys from $2 (included) to $3 (excluded), ordered by that number,
    which is the first column, at most $4 of them; `make` turns the other columns into an Observation.
    """

    place: str
    sql: str
    make: Callable[[Columns], Observation]


async def page(
    store: Store, views: Sequence[View], spent: Spent, tag: str, after: tuple[int, int], limit: int
) -> ObservationsPage:
    """At most `limit` observations, view by view; `after` is (view, last number), (0, 0) at first."""
    low, high = of_tag(tag)
    room, last = after
    found: list[Observation] = []
    async with store.read(spent) as tx:
        while room < len(views) and len(found) < limit:
            wanted = limit - len(found)
            rows = await tx.rows(views[room].sql, last, low, high, wanted)
            found += [views[room].make(columns[1:]) for columns in rows]
            room, last = (room, rows[-1][0]) if len(rows) == wanted else (room + 1, 0)
    places = list(dict.fromkeys(view.place for view in views))
    return ObservationsPage(found, places, store.now_ms(), f"{room}.{last}" if room < len(views) else None)
