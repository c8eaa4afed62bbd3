"""Dossiers (hồ sơ) and what happens to them: the rules of portal and TTHC over the store."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

from testbed import dossiers_schema as sql
from testbed.dossiers_schema import ATTACHMENTS, CLAIMS, DOSSIERS, RATINGS, TRANSITIONS
from testbed.faults import Faults
from testbed.lifecycle import MOVES, RECEIVED
from testbed.outbox import Outbox
from testbed.store import HANOI, Applied, Columns, Row, Store, Tx, make_write
from testbed.tokens import Actor
from testbed.visit import RefusedError, Spent

ATTACHMENTS_MAX = 50  # of one dossier
DESK_MAX = 100  # dossiers in one look at the queue
MINE_MAX = 50  # dossiers in one's own list
NEW_MAX = 10  # codes remembered for whoever takes up what was touched


class DossierRow(NamedTuple):
    """What the rules need to know of a dossier."""

    state: int
    commune: str
    procedure: str
    cccd: str


class Dossiers:
    """All dossiers of the platform. The two tallies are for its monitoring."""

    def __init__(self, store: Store, faults: Faults | None = None) -> None:
        self._store = store
        self._faults = faults or Faults()
        self.outbox = Outbox(store)
        self._claim = sql.claim(store.database.dialect)
        self.by_state: Counter[int] = Counter()
        self.stored_bytes = 0
        self._touched: dict[str, list[str]] = {}  # communes and their new dossiers since somebody asked

    async def open(self) -> None:
        """Count what is there."""
        async with self._store.read(Spent()) as tx:
            self.by_state.update(dict(await tx.rows(sql.BY_STATE)))
            self.stored_bytes = int((await tx.rows(sql.STORED_BYTES))[0][0])

    async def create(self, spent: Spent, key: str, operation: str, kept: Columns, *, online: bool) -> Applied:
        """A new dossier from (commune, procedure, cccd, applicant, form); its code is the subject."""
        state = 1 if online else RECEIVED
        self._served(kept[0])
        async with self._store.write(spent, key) as tx:
            if earlier := await self._store.earlier(tx, key, DOSSIERS, kept, operation):
                return earlier

            async def numbered() -> Columns:
                return (*await self._next_code(tx, kept[0]), state, int(online), "", self._store.now_ms())

            more = await numbered()
            rows = await self._store.keep(tx, DOSSIERS, Row(key, operation, more[0], kept, more, numbered))
            await self.outbox.created(tx, key)
        self.outbox.noted.set()
        self.by_state[state] += rows
        self.touch({kept[0]: [more[0]] if rows else []})
        return Applied(make_write(DOSSIERS, key, operation, more[0], kept), True)

    async def attach(
        self, spent: Spent, key: str, operation: str, kept: Columns, size: int, settle: Callable[[], None]
    ) -> Applied:
        """A file that arrived, from (dossier, kind, sha256). `settle` puts it in its place before it is promised."""
        async with self._store.write(spent, key) as tx:
            if earlier := await self._store.earlier(tx, key, ATTACHMENTS, kept, operation):
                return earlier
            if (await tx.rows(sql.ATTACHED, kept[0]))[0][0] >= ATTACHMENTS_MAX:
                raise RefusedError(409, "attachments-full")
            settle()
            row = Row(key, operation, kept[0], kept, (size, self._store.now_ms()))
            await self._store.keep(tx, ATTACHMENTS, row)
        self.stored_bytes += size
        return Applied(make_write(ATTACHMENTS, key, operation, kept[0], kept), True)

    async def move(self, spent: Spent, key: str, actor: Actor, kept: Columns) -> Applied:
        """One step of a dossier's life, from (dossier, to, note)."""
        code, to, note = kept
        async with self._store.write(spent, key) as tx:
            if earlier := await self._store.earlier(tx, key, TRANSITIONS, kept, None):
                return earlier
            dossier = await _dossier(tx, code)
            if dossier.commune != actor.commune:
                raise RefusedError(403, "other-commune")
            move = MOVES.get((dossier.state, to))
            if move is None:
                raise RefusedError(409, "transition-illegal")
            if actor.name not in move.roles:
                raise RefusedError(403, "role-wrong")
            more = (dossier.state, actor.name, self._store.now_ms())
            kept_rows = await self._store.keep(tx, TRANSITIONS, Row(key, move.operation, code, kept, more))
            if kept_rows and not await tx.rows(sql.MOVE, to, code, dossier.state):  # a lost step leaves no trace
                raise RefusedError(409, "dossier-moved")
            if kept_rows:
                await self.outbox.moved(tx, key, code, to, actor.name, note)
            if kept_rows and self._faults.hit("state-back", move.operation):  # and nothing says so
                await tx.rows(sql.MOVE, dossier.state, code, to)
        self.outbox.noted.set()
        if kept_rows:
            self.by_state[dossier.state] -= 1
            self.by_state[to] += 1
        self.touch({dossier.commune: []})
        return Applied(make_write(TRANSITIONS, key, move.operation, code, kept), True)

    async def claim(self, spent: Spent, key: str, operation: str, actor: Actor) -> Applied:
        """The oldest online dossier of the officer's commune that nobody has taken; the subject is empty when none.

        A claim that found nothing is a write too: it is stored, so that the final read can tell it from a lost one.
        """
        kept = (actor.commune,)
        self._served(actor.commune)
        async with self._store.write(spent, key) as tx:
            if earlier := await self._store.earlier(tx, key, CLAIMS, kept, operation):
                return earlier
            found = await tx.rows(self._claim, actor.name, actor.commune)
            code = found[0][0] if found else ""
            more = (code, actor.name, self._store.now_ms())
            await self._store.keep(tx, CLAIMS, Row(key, operation, code, kept, more))
        return Applied(make_write(CLAIMS, key, operation, code, kept), True)

    async def rate(self, spent: Spent, key: str, operation: str, actor: Actor, kept: Columns) -> Applied:
        """The applicant's rating, from (dossier, stars, comment). One per dossier."""
        async with self._store.write(spent, key) as tx:
            if earlier := await self._store.earlier(tx, key, RATINGS, kept, operation):
                return earlier
            dossier = await _dossier(tx, kept[0])
            if dossier.cccd != actor.name:
                raise RefusedError(403, "other-applicant")
            if await tx.rows(sql.RATED, kept[0]):
                raise RefusedError(409, "already-rated")
            await self._store.keep(tx, RATINGS, Row(key, operation, kept[0], kept, (self._store.now_ms(),)))
        return Applied(make_write(RATINGS, key, operation, kept[0], kept), True)

    async def dossier(self, spent: Spent, code: str) -> DossierRow:
        """Raises RefusedError 404 when there is none."""
        async with self._store.read(spent) as tx:
            found = await _dossier(tx, code)
        self._served(found.commune)
        return found

    async def state(self, spent: Spent, code: str) -> int | None:
        """None when there is no such dossier."""
        async with self._store.read(spent) as tx:
            rows = await tx.rows(sql.DOSSIER, code)
        return rows[0][0] if rows else None

    def touch(self, communes: Mapping[str, Sequence[str]]) -> None:
        """Something happened there: to dossiers, among them new ones with these codes."""
        for commune, codes in communes.items():
            new = self._touched.setdefault(commune, [])
            new += codes
            del new[:-NEW_MAX]

    def take_touched(self) -> Mapping[str, Sequence[str]]:
        """Where something happened since this was last asked, once it is in the database; the latest codes last."""
        touched, self._touched = self._touched, {}
        return touched

    async def desk(self, spent: Spent, commune: str, state: int) -> list[str]:
        """Codes of the oldest dossiers of a commune in a state, at most DESK_MAX."""
        self._served(commune)
        async with self._store.read(spent) as tx:
            return [code for (code,) in await tx.rows(sql.DESK, commune, state, DESK_MAX)]

    async def mine(self, spent: Spent, cccd: str) -> list[str]:
        """Codes of an applicant's dossiers, newest first, at most MINE_MAX."""
        async with self._store.read(spent) as tx:
            return [code for (code,) in await tx.rows(sql.MINE, cccd, MINE_MAX)]

    def _served(self, commune: str) -> None:
        if self._faults.value("commune-missing") == int(commune):
            raise RefusedError(404, "commune-unknown")

    async def _next_code(self, tx: Tx, commune: str) -> tuple[str, str, int]:
        """Code, series and number: `<org>-<yymmdd>-<NNNN>`, per organisation and day in UTC+7."""
        behind_s = (self._faults.value("zone") or 0.0) * 3600
        day = dt.datetime.fromtimestamp(self._store.now() - behind_s, HANOI).strftime("%y%m%d")
        series = f"{organisation(commune)}-{day}"
        number = await self._store.next_number(tx, series)
        if self._faults.hit("code-skip"):
            number = await self._store.next_number(tx, series)
        if number > 1 and self._faults.hit("code-twice"):  # as when two replicas count by themselves
            number -= 1
        return f"{series}-{number:04d}", series, number


def organisation(commune: str) -> str:
    """The codes of the new organisations are not public: this form is made up for this testbed."""
    return f"000.00.{commune}.H56"


async def _dossier(tx: Tx, code: str) -> DossierRow:
    rows = await tx.rows(sql.DOSSIER, code)
    if not rows:
        raise RefusedError(404, "dossier-unknown")
    return DossierRow(*rows[0])
