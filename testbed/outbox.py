"""What the national portal must be told, written down in the transaction that made it true."""

from __future__ import annotations

import asyncio
from typing import NamedTuple

import msgspec

from testbed import catalogue
from testbed.lifecycle import NEW
from testbed.store import Store, Tx
from testbed.sync_messages import CREATION, PROGRESS, Creation, Progress, time_text
from testbed.visit import Spent

_TABLE = (
    "CREATE TABLE IF NOT EXISTS outbox (id {identity}, key {key} NOT NULL, dossier {key} NOT NULL,"
    " service TEXT NOT NULL, item TEXT NOT NULL, at_ms BIGINT NOT NULL, sent_ms BIGINT)"
)
OTHERS = (_TABLE, "CREATE INDEX IF NOT EXISTS outbox_unsent ON outbox (id) WHERE sent_ms IS NULL")
_NOTE = "INSERT INTO outbox (key, dossier, service, item, at_ms) VALUES ($1, $2, $3, $4, $5)"
# As they were stored, whatever a fault made of them: twice, or once more under another key.
_CREATED = (
    "SELECT key, code, commune, procedure, applicant, state, at_ms FROM dossiers WHERE key = $1 OR key = $2 ORDER BY id"
)
_UNSENT = "SELECT id, key, service, item FROM outbox WHERE sent_ms IS NULL ORDER BY id LIMIT $1"
_SENT = "UPDATE outbox SET sent_ms = $1 WHERE id = $2"
_DAY_MS = 86_400_000

_encode = msgspec.json.Encoder().encode


class Noted(NamedTuple):
    """An item that waits to be sent. Its number is its turn: of one dossier's items the later one has the higher."""

    number: int
    key: str
    service: str
    item: str


class Outbox:
    """Items that wait. `noted` is set whenever there may be new ones."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self.noted = asyncio.Event()

    async def created(self, tx: Tx, key: str) -> None:
        """The dossier that this key has just made."""
        for own, code, commune, procedure, applicant, state, at_ms in await tx.rows(_CREATED, key, f"{key}.phantom"):
            entry = catalogue.BY_CODE[procedure]
            item = Creation(
                dossier=code,
                procedure=procedure,
                procedure_name=entry.name,
                channel="2" if state == NEW else "1",
                applicant=applicant,
                submitted=time_text(at_ms),
                received="" if state == NEW else time_text(at_ms),
                due=time_text(at_ms + entry.legal_days * _DAY_MS),
                state=str(state),
                unit=code.rsplit("-", 2)[0],
                submitted_at=commune,
            )
            await tx.run(_NOTE, f"{own}.sync", code, CREATION, _encode(item).decode(), at_ms)

    async def moved(self, tx: Tx, key: str, code: str, to: int, officer: str, note: str) -> None:
        """The step that this key has just made."""
        at_ms = self._store.now_ms()
        at, unit = time_text(at_ms), code.rsplit("-", 2)[0]
        item = Progress(code, f"{unit}.{officer}", officer, at, unit, note, str(to), at)
        await tx.run(_NOTE, f"{key}.sync", code, PROGRESS, _encode(item).decode(), at_ms)

    async def unsent(self, at_most: int) -> list[Noted]:
        """The oldest first."""
        async with self._store.read(Spent(operation="sync")) as tx:
            return [Noted(*columns) for columns in await tx.rows(_UNSENT, at_most)]

    async def sent(self, items: list[Noted]) -> None:
        async with self._store.write(Spent(operation="sync"), "sync") as tx:
            for item in items:
                await tx.run(_SENT, self._store.now_ms(), item.number)
