"""Incoming documents (văn bản đến): taken, confirmed to the sender, registered, assigned, finished.

The rules of the document system's receiving side over the store.
"""

from __future__ import annotations

import datetime as dt
from typing import Any, NamedTuple

from testbed import axis
from testbed import documents_schema as sql
from testbed.documents import CLERK, LEADER, SPECIALIST, Numbered, as_faults_have_it
from testbed.documents_schema import ASSIGNMENTS, COMPLETIONS, CONFIRMATIONS, REGISTRATIONS, TAKINGS
from testbed.faults import Faults
from testbed.schema import Table
from testbed.store import HANOI, Applied, Columns, Row, Store, Tx, make_write
from testbed.tokens import Actor
from testbed.uploads import Files
from testbed.visit import RefusedError, Spent

LISTED_MAX = 100  # documents in one look at the inbox


class Step(NamedTuple):
    """A code that a receiver confirms: after which others it may come, and whose it is to say."""

    after: tuple[str, ...]
    role: str


# 01 arrived, 02 refused, 03 accepted, 04 assigned, 05 in progress, 06 done. Nothing comes after 02 and 06.
STEPS: dict[str, Step] = {
    "01": Step(("sent",), CLERK),
    "02": Step(("sent", "01"), CLERK),
    "03": Step(("sent", "01"), CLERK),
    "04": Step(("03",), CLERK),
    "05": Step(("03", "04"), SPECIALIST),
    "06": Step(("05",), SPECIALIST),
}


class Received(NamedTuple):
    """What a receiver knows of a document."""

    status: str
    taken_by: str
    number: int
    assignee: str
    done: int
    edxml: str


class Inbox:
    """What all organisations have received."""

    def __init__(self, store: Store, files: Files, faults: Faults) -> None:
        self._store = store
        self._files = files
        self._faults = faults
        self._take = sql.take(store.database.dialect)

    async def untaken(self, spent: Spent, commune: str) -> list[str]:
        """The oldest documents that nobody has taken, at most LISTED_MAX."""
        async with self._store.read(spent) as tx:
            return [document for (document,) in await tx.rows(sql.UNTAKEN, commune, LISTED_MAX)]

    async def take(self, spent: Spent, key: str, operation: str, actor: Actor) -> Applied:
        """The oldest document that nobody has taken; the subject is empty when there is none, which is a write too."""
        _only(actor, CLERK)
        kept = (actor.commune,)
        async with self._store.write(spent, key) as tx:
            if earlier := await self._store.earlier(tx, key, TAKINGS, kept, operation):
                return earlier
            found = await tx.rows(self._take, actor.name, actor.commune)
            document = found[0][0] if found else ""
            more = (document, actor.name, self._store.now_ms())
            await self._store.keep(tx, TAKINGS, Row(key, operation, document, kept, more))
        return Applied(make_write(TAKINGS, key, operation, document, kept), True)

    async def fetch(self, spent: Spent, commune: str, document: str) -> bytes:
        """The edXML as it arrived."""
        async with self._store.read(spent) as tx:
            received = await _received(tx, commune, document)
        return self._files.read(received.edxml)

    async def confirm(self, spent: Spent, key: str, operation: str, actor: Actor, kept: Columns) -> Applied:
        """A code for the sender, from (commune, document, status). Codes come in order."""
        commune, document, status = kept
        step = STEPS[status]
        _only(actor, step.role)
        async with self._store.write(spent, key) as tx:
            if earlier := await self._store.earlier(tx, key, CONFIRMATIONS, kept, operation):
                return earlier
            received = await _received(tx, commune, document)
            if received.status not in step.after:
                raise RefusedError(409, "status-illegal")
            if (status == "05" and not received.assignee) or (status == "06" and not received.done):
                raise RefusedError(409, "status-too-early")
            row = Row(key, operation, document, kept, (actor.name, self._store.now_ms()))
            applied = await self._step(tx, CONFIRMATIONS, row, sql.SET_STATUS, status, received.status)
            if applied and not self._faults.hit("confirm-lost", operation):
                await tx.run(sql.CONFIRMED, status, document, commune)
        return _applied(CONFIRMATIONS, row)

    async def register(self, spent: Spent, key: str, operation: str, actor: Actor, kept: Columns) -> Applied:
        """The incoming number, from (commune, document): per organisation and year without gaps."""
        commune, document = kept
        _only(actor, CLERK)
        async with self._store.write(spent, key) as tx:
            if earlier := await self._store.earlier(tx, key, REGISTRATIONS, kept, operation):
                return earlier
            received = await _received(tx, commune, document)
            if received.number:
                raise RefusedError(409, "already-registered")
            if received.status not in ("03", "04"):
                raise RefusedError(409, "not-accepted")
            numbered = await self._numbered(tx, commune, operation)

            async def renewed() -> Columns:
                number = await self._store.next_number(tx, numbered.series)
                return numbered.series, number, actor.name, self._store.now_ms()

            more = (numbered.series, numbered.number, actor.name, self._store.now_ms())
            row = Row(key, operation, str(numbered.number), kept, more, renewed)
            if not await self._store.keep(tx, REGISTRATIONS, row):
                for _ in range(numbered.steps):
                    await tx.run(sql.GIVE_BACK, numbered.series)
            elif not await tx.rows(sql.SET_NUMBER, numbered.number, document, commune):
                raise RefusedError(409, "already-registered")
        return _applied(REGISTRATIONS, row)

    async def assign(self, spent: Spent, key: str, operation: str, actor: Actor, kept: Columns) -> Applied:
        """Somebody who will see to it, from (commune, document, to)."""
        _only(actor, CLERK, LEADER)
        commune, document, to = kept
        async with self._store.write(spent, key) as tx:
            if earlier := await self._store.earlier(tx, key, ASSIGNMENTS, kept, operation):
                return earlier
            received = await _received(tx, commune, document)
            if not received.number or received.assignee:
                raise RefusedError(409, "already-assigned" if received.assignee else "not-registered")
            row = Row(key, operation, document, kept, (actor.name, self._store.now_ms()))
            await self._step(tx, ASSIGNMENTS, row, sql.SET_ASSIGNEE, to)
        return _applied(ASSIGNMENTS, row)

    async def finish(self, spent: Spent, key: str, operation: str, actor: Actor, kept: Columns) -> Applied:
        """What was to be done is done, from (commune, document, note)."""
        _only(actor, SPECIALIST)
        commune, document, _note = kept
        async with self._store.write(spent, key) as tx:
            if earlier := await self._store.earlier(tx, key, COMPLETIONS, kept, operation):
                return earlier
            received = await _received(tx, commune, document)
            if received.status != "05" or received.done:
                raise RefusedError(409, "already-done" if received.done else "not-in-progress")
            row = Row(key, operation, document, kept, (actor.name, self._store.now_ms()))
            await self._step(tx, COMPLETIONS, row, sql.SET_DONE, 1)
        return _applied(COMPLETIONS, row)

    async def _step(self, tx: Tx, table: Table, row: Row, update: str, value: Any, *before: Any) -> bool:
        """Store the write and what it changes of the document; a lost write leaves no trace and False comes back."""
        if not await self._store.keep(tx, table, row):
            return False
        commune, document = row.kept[:2]
        if not await tx.rows(update, value, document, commune, *before):
            raise RefusedError(409, "document-moved")
        return True

    async def _numbered(self, tx: Tx, commune: str, operation: str) -> Numbered:
        """The next number, taken."""
        year = dt.datetime.fromtimestamp(self._store.now(), HANOI).year
        series = f"{axis.organ_id(commune)}/{year}/den"
        number = await self._store.next_number(tx, series)
        numbered = as_faults_have_it(self._faults, Numbered(series, number, 1), operation)
        if numbered.steps == 2:
            await self._store.next_number(tx, series)
        elif numbered.steps == 0:
            await tx.run(sql.GIVE_BACK, series)
        return numbered


def _applied(table: Table, row: Row) -> Applied:
    return Applied(make_write(table, row.key, row.operation, row.subject, row.kept), True)


async def _received(tx: Tx, commune: str, document: str) -> Received:
    rows = await tx.rows(sql.RECEIVED, document, commune)
    if not rows:
        raise RefusedError(404, "document-unknown")
    return Received(*rows[0])


def _only(actor: Actor, *roles: str) -> None:
    if actor.name not in roles:
        raise RefusedError(403, "role-wrong")
