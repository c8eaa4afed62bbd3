"""What the platform remembers. The rules of storing are here once; a Database only runs statements."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from typing import Any, NamedTuple, Protocol

import msgspec

from scenarios.contract import HANOI_OFFSET_HOURS, Write, WritesPage, as_text
from testbed import schema
from testbed.faults import Effect
from testbed.lifecycle import MOVES, RECEIVED
from testbed.schema import ATTACHMENTS, CLAIMS, DOSSIERS, RATINGS, TABLES, TRANSITIONS, Dialect, Table
from testbed.tokens import Actor
from testbed.visit import RefusedError, Spent

ATTACHMENTS_MAX = 50  # of one dossier
DESK_MAX = 100  # dossiers in one look at the queue
MINE_MAX = 50  # dossiers in one's own list
_HANOI = dt.timezone(dt.timedelta(hours=HANOI_OFFSET_HOURS))
Columns = tuple[Any, ...]


class Tx(Protocol):
    """One transaction."""

    async def rows(self, sql: str, *values: Any) -> list[Columns]: ...
    async def run(self, sql: str, *values: Any) -> None: ...


class Database(Protocol):
    """A real database. Leaving `write` with an exception rolls everything back; `write` also makes requests with the
    same key take turns. Both add what they took to `spent`."""

    dialect: Dialect

    def write(self, spent: Spent, key: str) -> AbstractAsyncContextManager[Tx]: ...
    def read(self, spent: Spent) -> AbstractAsyncContextManager[Tx]: ...
    async def close(self) -> None: ...


class DatabaseError(Exception):
    """The database cannot be opened. The text is for the operator and holds no password."""


class Applied(NamedTuple):
    """A write as it stands, and whether this request did it (else: an earlier one with the same key)."""

    write: Write
    fresh: bool


class DossierRow(NamedTuple):
    """What the rules need to know of a dossier."""

    state: int
    commune: str
    procedure: str
    cccd: str


class _Row(NamedTuple):
    """A write on its way into a table: the kept values and the further columns in the table's order."""

    key: str
    operation: str
    subject: str
    kept: Columns
    more: Columns


class Store:
    """Dossiers and what happened to them. `now` gives seconds since 1970, `effect` the faults of storing."""

    def __init__(self, database: Database, now: Callable[[], float], effect: Callable[[str], Effect]) -> None:
        self._db = database
        self._now = now
        self._effect = effect
        self._claim = schema.claim(database.dialect)
        self._by_keys = schema.by_keys(database.dialect)
        self.by_state: Counter[int] = Counter()
        self.stored_bytes = 0

    async def open(self, fresh_secret: str) -> str:
        """Count what is there; the secret of the tokens, `fresh_secret` when the database is new."""
        spent = Spent()
        async with self._db.write(spent, "open") as tx:
            await tx.run(schema.SET_ONCE, "secret", fresh_secret)
            secret: str = (await tx.rows(schema.SETTING, "secret"))[0][0]
            self.by_state.update(dict(await tx.rows(schema.BY_STATE)))
            self.stored_bytes = int((await tx.rows(schema.STORED_BYTES))[0][0])
        return secret

    async def create(self, spent: Spent, key: str, operation: str, kept: Columns, *, online: bool) -> Applied:
        """A new dossier from (commune, procedure, cccd, applicant, form); its code is the subject."""
        async with self._db.write(spent, key) as tx:
            if earlier := await self._earlier(tx, key, DOSSIERS, kept, operation):
                return earlier
            code = await self._next_code(tx, kept[0])
            state = 1 if online else RECEIVED
            more = (code, state, int(online), "", int(self._now() * 1000))
            rows = await self._keep(tx, DOSSIERS, _Row(key, operation, code, kept, more))
        self.by_state[state] += rows
        return Applied(_write(DOSSIERS, key, operation, code, kept), True)

    async def attach(
        self, spent: Spent, key: str, operation: str, kept: Columns, size: int, settle: Callable[[], None]
    ) -> Applied:
        """A file that arrived, from (dossier, kind, sha256). `settle` puts it in its place before it is promised."""
        async with self._db.write(spent, key) as tx:
            if earlier := await self._earlier(tx, key, ATTACHMENTS, kept, operation):
                return earlier
            if (await tx.rows(schema.ATTACHED, kept[0]))[0][0] >= ATTACHMENTS_MAX:
                raise RefusedError(409, "attachments-full")
            settle()
            row = _Row(key, operation, kept[0], kept, (size, int(self._now() * 1000)))
            await self._keep(tx, ATTACHMENTS, row)
        self.stored_bytes += size
        return Applied(_write(ATTACHMENTS, key, operation, kept[0], kept), True)

    async def move(self, spent: Spent, key: str, actor: Actor, kept: Columns) -> Applied:
        """One step of a dossier's life, from (dossier, to, note)."""
        code, to, _note = kept
        async with self._db.write(spent, key) as tx:
            if earlier := await self._earlier(tx, key, TRANSITIONS, kept, None):
                return earlier
            dossier = await _dossier(tx, code)
            if dossier.commune != actor.commune:
                raise RefusedError(403, "other-commune")
            move = MOVES.get((dossier.state, to))
            if move is None:
                raise RefusedError(409, "transition-illegal")
            if actor.name not in move.roles:
                raise RefusedError(403, "role-wrong")
            if not await tx.rows(schema.MOVE, to, code, dossier.state):
                raise RefusedError(409, "dossier-moved")
            more = (dossier.state, actor.name, int(self._now() * 1000))
            await self._keep(tx, TRANSITIONS, _Row(key, move.operation, code, kept, more))
        self.by_state[dossier.state] -= 1
        self.by_state[to] += 1
        return Applied(_write(TRANSITIONS, key, move.operation, code, kept), True)

    async def claim(self, spent: Spent, key: str, operation: str, actor: Actor) -> Applied:
        """The oldest online dossier of the officer's commune that nobody has taken; the subject is empty when none.

        A claim that found nothing is a write too: it is stored, so that the final read can tell it from a lost one.
        """
        kept = (actor.commune,)
        async with self._db.write(spent, key) as tx:
            if earlier := await self._earlier(tx, key, CLAIMS, kept, operation):
                return earlier
            found = await tx.rows(self._claim, actor.name, actor.commune)
            code = found[0][0] if found else ""
            more = (code, actor.name, int(self._now() * 1000))
            await self._keep(tx, CLAIMS, _Row(key, operation, code, kept, more))
        return Applied(_write(CLAIMS, key, operation, code, kept), True)

    async def rate(self, spent: Spent, key: str, operation: str, actor: Actor, kept: Columns) -> Applied:
        """The applicant's rating, from (dossier, stars, comment). One per dossier."""
        async with self._db.write(spent, key) as tx:
            if earlier := await self._earlier(tx, key, RATINGS, kept, operation):
                return earlier
            dossier = await _dossier(tx, kept[0])
            if dossier.cccd != actor.name:
                raise RefusedError(403, "other-applicant")
            if await tx.rows(schema.RATED, kept[0]):
                raise RefusedError(409, "already-rated")
            await self._keep(tx, RATINGS, _Row(key, operation, kept[0], kept, (int(self._now() * 1000),)))
        return Applied(_write(RATINGS, key, operation, kept[0], kept), True)

    async def dossier(self, spent: Spent, code: str) -> DossierRow:
        """Raises RefusedError 404 when there is none."""
        async with self._db.read(spent) as tx:
            return await _dossier(tx, code)

    async def desk(self, spent: Spent, commune: str, state: int) -> list[str]:
        """Codes of the oldest dossiers of a commune in a state, at most DESK_MAX."""
        async with self._db.read(spent) as tx:
            return [code for (code,) in await tx.rows(schema.DESK, commune, state, DESK_MAX)]

    async def mine(self, spent: Spent, cccd: str) -> list[str]:
        """Codes of an applicant's dossiers, newest first, at most MINE_MAX."""
        async with self._db.read(spent) as tx:
            return [code for (code,) in await tx.rows(schema.MINE, cccd, MINE_MAX)]

    async def by_keys(self, spent: Spent, keys: list[str]) -> list[Write]:
        """Every stored write with one of these keys."""
        wanted = msgspec.json.encode(keys).decode()
        writes: list[Write] = []
        async with self._db.read(spent) as tx:
            for table, sql in zip(TABLES, self._by_keys, strict=True):
                writes += [_as_write(table, columns) for columns in await tx.rows(sql, wanted)]
        return writes

    async def by_tag(self, spent: Spent, tag: str, after: tuple[int, int], limit: int) -> WritesPage:
        """At most `limit` writes whose keys begin with the tag and "-", table by table in the order of row numbers.

        `after` is (table, last row number), (0, 0) at first. A table is entered at its first row of this tag.
        """
        low, high = tag + "-", tag + "."  # "." follows "-"
        room, last = after
        writes: list[Write] = []
        async with self._db.read(spent) as tx:
            while room < len(TABLES) and len(writes) < limit:
                if last == 0:
                    first = (await tx.rows(schema.FIRST[room], low, high))[0][0]
                    if first is None:
                        room += 1
                        continue
                    last = first - 1
                wanted = limit - len(writes)
                rows = await tx.rows(schema.PAGE[room], last, low, high, wanted)
                writes += [_as_write(TABLES[room], columns) for columns in rows]
                room, last = (room, rows[-1][0]) if len(rows) == wanted else (room + 1, 0)
        return WritesPage(writes, f"{room}.{last}" if room < len(TABLES) else None)

    async def close(self) -> None:
        await self._db.close()

    async def _earlier(self, tx: Tx, key: str, table: Table, kept: Columns, operation: str | None) -> Applied | None:
        """What this key wrote before; refused when that was something else. `operation` None: any of the table."""
        found = await tx.rows(schema.FIND_KEY, key)
        if not found:
            return None
        room, number = found[0]
        write = _as_write(TABLES[room], (await tx.rows(schema.BY_ID[room], number))[0])
        wanted = _write(table, key, operation or write.operation, write.subject, kept)
        if TABLES[room] is not table or write != wanted:
            raise RefusedError(409, "key-reused")
        return Applied(write, False)

    async def _keep(self, tx: Tx, table: Table, row: _Row) -> int:
        """Store the row, or what a fault makes of it. Returns how many rows there are now."""
        effect = self._effect(row.operation)
        if effect is Effect.LOSE:
            return 0
        if effect is Effect.CHANGE:
            row = row._replace(kept=_altered(row.kept, table.text))
        sql = schema.INSERT[TABLES.index(table)]
        await tx.run(sql, row.key, row.operation, *row.kept, *row.more)
        if effect not in (Effect.DOUBLE, Effect.PHANTOM):
            return 1
        if effect is Effect.PHANTOM:
            row = row._replace(key=f"{row.key}.phantom")
        if table is DOSSIERS:
            row = row._replace(more=(await self._next_code(tx, row.kept[0]), *row.more[1:]))
        await tx.run(sql, row.key, row.operation, *row.kept, *row.more)
        return 2

    async def _next_code(self, tx: Tx, commune: str) -> str:
        """`<org>-<yymmdd>-<NNNN>`: per organisation and day in UTC+7, without gaps, since it rolls back with the rest.

        The codes of the new organisations are not public: `000.00.<commune>.H56` is a form made up for this testbed.
        """
        org = f"000.00.{commune}.H56"
        day = dt.datetime.fromtimestamp(self._now(), _HANOI).strftime("%y%m%d")
        number: int = (await tx.rows(schema.NEXT_NUMBER, org, day))[0][0]
        return f"{org}-{day}-{number:04d}"


async def _dossier(tx: Tx, code: str) -> DossierRow:
    rows = await tx.rows(schema.DOSSIER, code)
    if not rows:
        raise RefusedError(404, "dossier-unknown")
    return DossierRow(*rows[0])


def _write(table: Table, key: str, operation: str, subject: str, kept: Columns) -> Write:
    content = {name: as_text(value) for (name, _), value in zip(table.kept, kept, strict=True)}
    return Write(key, operation, subject, content)


def _as_write(table: Table, columns: Columns) -> Write:
    """From the columns of schema.select."""
    return _write(table, columns[1], columns[2], columns[3], tuple(columns[4:]))


def _altered(kept: Columns, place: int) -> Columns:
    return (*kept[:place], f"{kept[place]} *", *kept[place + 1 :])
