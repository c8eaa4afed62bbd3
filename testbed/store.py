"""How the platform keeps writes, whatever they are about: once per key, findable again, or as a fault has it.

The rules of each system are in its own module (dossiers, …); a Database only runs statements.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Any, NamedTuple, Protocol

import apsw
import asyncpg
import msgspec

from scenarios.contract import HANOI_OFFSET_HOURS, Write, WritesPage, as_text
from testbed import schema
from testbed.faults import Effect
from testbed.schema import Dialect, Table
from testbed.visit import RefusedError, Spent

HANOI = dt.timezone(dt.timedelta(hours=HANOI_OFFSET_HOURS))
Columns = tuple[Any, ...]
# What a database that fails raises; whoever works without a request at hand waits and tries again.
DATABASE_ERRORS = (OSError, TimeoutError, apsw.Error, asyncpg.PostgresError, asyncpg.InterfaceError)


class Tx(Protocol):
    """One transaction."""

    async def rows(self, sql: str, *values: Any) -> list[Columns]: ...
    async def run(self, sql: str, *values: Any) -> None: ...


class Database(Protocol):
    """A real database. Leaving `write` with an exception rolls everything back; `write` also makes requests with the
    same key take turns. Both add what they took to `spent`."""

    dialect: Dialect
    commit_late_s: Callable[[], float]  # for a fault: how long after it was acknowledged a write is committed

    def write(self, spent: Spent, key: str) -> AbstractAsyncContextManager[Tx]: ...
    def read(self, spent: Spent) -> AbstractAsyncContextManager[Tx]: ...
    async def close(self) -> None: ...


class DatabaseError(Exception):
    """The database cannot be opened. The text is for the operator and holds no password."""


class Applied(NamedTuple):
    """A write as it stands, and whether this request did it (else: an earlier one with the same key)."""

    write: Write
    fresh: bool


class Row(NamedTuple):
    """A write on its way into a table: the kept values and the further columns in the table's order.

    `renew` makes the further columns of a second copy, where they must differ (a number of its own).
    """

    key: str
    operation: str
    subject: str
    kept: Columns
    more: Columns
    renew: Callable[[], Awaitable[Columns]] | None = None


class Store:
    """Writes of all systems. `now` gives seconds since 1970, `effect` the faults of storing."""

    def __init__(
        self,
        database: Database,
        tables: Sequence[Table],
        now: Callable[[], float],
        effect: Callable[[str], Effect],
    ) -> None:
        self.database = database
        self.now = now
        self._effect = effect
        self._tables = tuple(tables)
        self._sql = schema.statements(database.dialect, tables)

    async def open(self, fresh_secret: str) -> str:
        """The secret of the tokens, `fresh_secret` when the database is new."""
        async with self.database.write(Spent(), "open") as tx:
            await tx.run(schema.SET_ONCE, "secret", fresh_secret)
            secret: str = (await tx.rows(schema.SETTING, "secret"))[0][0]
        return secret

    def now_ms(self) -> int:
        return int(self.now() * 1000)

    def write(self, spent: Spent, key: str) -> AbstractAsyncContextManager[Tx]:
        return self.database.write(spent, key)

    def read(self, spent: Spent) -> AbstractAsyncContextManager[Tx]:
        return self.database.read(spent)

    async def earlier(self, tx: Tx, key: str, table: Table, kept: Columns, operation: str | None) -> Applied | None:
        """What this key wrote before; refused when that was something else. `operation` None: any of the table."""
        found = await tx.rows(self._sql.find_key, key)
        if not found:
            return None
        room, number = found[0]
        write = as_write(self._tables[room], (await tx.rows(self._sql.by_id[room], number))[0])
        wanted = make_write(table, key, operation or write.operation, write.subject, kept)
        if self._tables[room] is not table or write != wanted:
            raise RefusedError(409, "key-reused")
        return Applied(write, False)

    async def keep(self, tx: Tx, table: Table, row: Row) -> int:
        """Store the row, or what a fault makes of it. Returns how many rows there are now."""
        effect = self._effect(row.operation)
        if effect is Effect.LOSE:
            return 0
        if effect is Effect.CHANGE:
            row = row._replace(kept=_altered(row.kept, table.text))
        sql = self._sql.insert[self._tables.index(table)]
        await tx.run(sql, row.key, row.operation, *row.kept, *row.more)
        if effect not in (Effect.DOUBLE, Effect.PHANTOM):
            return 1
        if effect is Effect.PHANTOM:
            row = row._replace(key=f"{row.key}.phantom")
        if row.renew is not None:
            row = row._replace(more=await row.renew())
        await tx.run(sql, row.key, row.operation, *row.kept, *row.more)
        return 2

    async def next_number(self, tx: Tx, series: str) -> int:
        """1, 2, 3 … per series without gaps, since the counter rolls back with the rest."""
        number: int = (await tx.rows(schema.NEXT_NUMBER, series))[0][0]
        return number

    async def by_keys(self, spent: Spent, keys: list[str]) -> list[Write]:
        """Every stored write with one of these keys."""
        wanted = msgspec.json.encode(keys).decode()
        writes: list[Write] = []
        async with self.database.read(spent) as tx:
            for table, sql in zip(self._tables, self._sql.by_keys, strict=True):
                writes += [as_write(table, columns) for columns in await tx.rows(sql, wanted)]
        return writes

    async def by_tag(self, spent: Spent, tag: str, after: tuple[int, int], limit: int) -> WritesPage:
        """At most `limit` writes whose keys begin with the tag and "-", table by table in the order of row numbers.

        `after` is (table, last row number), (0, 0) at first. A table is entered at its first row of this tag.
        """
        low, high = of_tag(tag)
        room, last = after
        writes: list[Write] = []
        async with self.database.read(spent) as tx:
            while room < len(self._tables) and len(writes) < limit:
                if last == 0:
                    first = (await tx.rows(self._sql.first[room], low, high))[0][0]
                    if first is None:
                        room += 1
                        continue
                    last = first - 1
                wanted = limit - len(writes)
                rows = await tx.rows(self._sql.page[room], last, low, high, wanted)
                writes += [as_write(self._tables[room], columns) for columns in rows]
                room, last = (room, rows[-1][0]) if len(rows) == wanted else (room + 1, 0)
        return WritesPage(writes, f"{room}.{last}" if room < len(self._tables) else None)

    async def close(self) -> None:
        await self.database.close()


def of_tag(tag: str) -> tuple[str, str]:
    """Keys of a run lie from the first (included) to the second (excluded): its tag, then "-"; "." follows "-"."""
    return f"{tag}-", f"{tag}."


def make_write(table: Table, key: str, operation: str, subject: str, kept: Columns) -> Write:
    content = {name: as_text(value) for (name, _), value in zip(table.kept, kept, strict=True)}
    return Write(key, operation, subject, content)


def as_write(table: Table, columns: Columns) -> Write:
    """From the columns of schema.select."""
    return make_write(table, columns[1], columns[2], columns[3], tuple(columns[4:]))


def _altered(kept: Columns, place: int) -> Columns:
    return (*kept[:place], f"{kept[place]} *", *kept[place + 1 :])
