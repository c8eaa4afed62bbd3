"""Fees: the order to pay one, what the bank says was paid, and asking the bank about what it has not said.

A payment is booked once, however often it is told: by its transaction, while nobody else books on the same order.
"""

from __future__ import annotations

import datetime as dt

import msgspec

from testbed import payments_schema as sql
from testbed.faults import Faults
from testbed.neighbours import NeighbourError, Neighbours
from testbed.payment_wire import ORDERS_MAX, STATEMENT, STATEMENT_PATH, Notice, Question
from testbed.payments_schema import ORDERS
from testbed.store import HANOI, Applied, Columns, Row, Store, make_write
from testbed.visit import RefusedError, Spent

RECONCILE_S = 2.0  # from one look at what is waiting to the next
WAITING_S_MIN = 4  # an order is not asked about before it is so old
WAITING_S_MAX = 24 * 3600  # nor any more when it is older
_WRONG_VND = 1_000  # how much too much the fault `amount-changed` books


class Payments:
    """All orders and bookings of the platform."""

    def __init__(self, store: Store, bank: Neighbours, faults: Faults) -> None:
        self._store = store
        self._bank = bank
        self._faults = faults

    async def order(self, spent: Spent, key: str, operation: str, commune: str, kept: Columns) -> Applied:
        """An order from (dossier, amount); its code is the subject. One per dossier."""
        async with self._store.write(spent, f"order {kept[0]}") as tx:  # whoever wants one for it takes turns
            if earlier := await self._store.earlier(tx, key, ORDERS, kept, operation):
                return earlier
            if await tx.rows(sql.OF_DOSSIER, kept[0]):
                raise RefusedError(409, "order-exists")

            async def numbered() -> Columns:
                series = f"TT{dt.datetime.fromtimestamp(self._store.now(), HANOI):%y%m%d}"
                code = f"{series}-{await self._store.next_number(tx, series):06d}"
                return (code, commune, 0, self._store.now_ms())

            more = await numbered()
            await self._store.keep(tx, ORDERS, Row(key, operation, more[0], kept, more, numbered))
        return Applied(make_write(ORDERS, key, operation, more[0], kept), True)

    async def status(self, spent: Spent, dossier: str) -> str:
        async with self._store.read(spent) as tx:
            found = await tx.rows(sql.OF_DOSSIER, dossier)
        return "none" if not found else "paid" if found[0][1] else "waiting"

    async def book(self, spent: Spent, notice: Notice) -> None:
        """Raises RefusedError 404 when there is no such order."""
        async with self._store.write(spent, f"book {notice.order}") as tx:
            found = await tx.rows(sql.OF_CODE, notice.order)
            if not found:
                raise RefusedError(404, "order-unknown")
            if await tx.rows(sql.BOOKED, notice.order, notice.transaction):
                return
            key, commune = found[0]
            amount = notice.amount + (_WRONG_VND if self._faults.hit("amount-changed") else 0)
            booking = (key, notice.order, notice.transaction, amount, commune, self._store.now_ms())
            for _ in range(2 if self._faults.hit("booked-twice") else 1):
                await tx.run(sql.BOOK, *booking)
            await tx.run(sql.PAID, notice.order)

    async def reconcile(self) -> int:
        """Book what was paid and never told. Returns how many orders were asked about; raises NeighbourError."""
        if self._faults.hit("reconcile-off"):
            return 0
        asked, last = 0, 0
        while True:
            now_ms = self._store.now_ms()
            from_ms, to_ms = now_ms - WAITING_S_MAX * 1000, now_ms - WAITING_S_MIN * 1000
            async with self._store.read(Spent()) as tx:
                waiting = await tx.rows(sql.WAITING, last, from_ms, to_ms, ORDERS_MAX)
            if not waiting:
                return asked
            for notice in await self._statement([code for _, code in waiting]):
                await self.book(Spent(), notice)
            asked, last = asked + len(waiting), waiting[-1][0]

    async def _statement(self, orders: list[str]) -> list[Notice]:
        answer = await self._bank.post(STATEMENT_PATH, msgspec.json.encode(Question(orders)))
        if answer.status != 200:
            raise NeighbourError(f"{STATEMENT_PATH}: status {answer.status}")
        try:
            return STATEMENT.decode(answer.body).payments
        except msgspec.DecodeError as error:
            raise NeighbourError(f"{STATEMENT_PATH}: {error}") from error
