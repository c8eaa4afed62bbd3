"""How the bank tells the platform what was paid: at once, and again with growing patience until it was heard."""

from __future__ import annotations

import asyncio
from typing import NamedTuple

import msgspec

from testbed.neighbours import NeighbourError, Neighbours
from testbed.outside import bank_schema as sql
from testbed.outside.bank import Bank
from testbed.payment_wire import NOTICE_PATH, Notice
from testbed.store import Store
from testbed.visit import Spent

AT_ONCE_MAX = 16
AGAIN_MS = 250  # before the second try; doubles with each
AGAIN_MS_MAX = 30_000
TRIES_MAX = 12  # about three minutes; then the platform has to ask


class Due(NamedTuple):
    """A notice whose time has come."""

    id: int
    tries: int
    notice: Notice


class Notices:
    """Sends what the bank owes."""

    def __init__(self, store: Store, bank: Bank, platform: Neighbours) -> None:
        self._store = store
        self._bank = bank
        self._platform = platform

    async def run(self) -> None:
        """For ever."""
        while True:
            self._bank.owing.clear()
            due = await self._due()
            if due:
                await asyncio.gather(*(self._tell(one) for one in due))
                continue
            try:
                async with asyncio.timeout(await self._wait_s()):
                    await self._bank.owing.wait()
            except TimeoutError:
                pass  # somebody's next try is due

    async def _tell(self, due: Due) -> None:
        try:
            heard = (await self._platform.post(NOTICE_PATH, msgspec.json.encode(due.notice))).status == 200
        except NeighbourError:
            heard = False
        tries = due.tries + 1
        async with self._store.write(Spent(), f"notice {due.id}") as tx:
            if heard or tries >= TRIES_MAX:
                await tx.run(sql.TOLD, due.id)
            else:
                await tx.run(sql.LATER, tries, self._store.now_ms() + again_ms(tries), due.id)

    async def _due(self) -> list[Due]:
        async with self._store.read(Spent()) as tx:
            rows = await tx.rows(sql.DUE, self._store.now_ms(), AT_ONCE_MAX)
        return [Due(row[0], row[1], Notice(*row[2:])) for row in rows]

    async def _wait_s(self) -> float | None:
        """Until the next try; None when nothing is owed."""
        async with self._store.read(Spent()) as tx:
            next_ms = (await tx.rows(sql.NEXT))[0][0]
        return None if next_ms is None else max(0.0, (next_ms - self._store.now_ms()) / 1000) + 0.001


def again_ms(tries: int) -> int:
    """How long to wait after so many tries."""
    return min(AGAIN_MS << (tries - 1), AGAIN_MS_MAX)
