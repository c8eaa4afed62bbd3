"""A bank: takes money once per order, writes it down, and owes the platform a notice of each payment.

The notice is written in the same transaction as the payment, so that neither is there without the other.
"""

from __future__ import annotations

import asyncio

import msgspec

from testbed.faults import Faults
from testbed.outside import bank_schema as sql
from testbed.outside.bank_schema import PAYMENTS
from testbed.payment_wire import Notice
from testbed.store import Applied, Columns, Row, Store, make_write
from testbed.visit import RefusedError, Spent


class Bank:
    """The bank's books. `owing` is set whenever there may be a notice to send."""

    def __init__(self, store: Store, faults: Faults) -> None:
        self._store = store
        self._faults = faults
        self.owing = asyncio.Event()

    async def pay(self, spent: Spent, key: str, operation: str, kept: Columns) -> Applied:
        """A payment from (order, amount)."""
        async with self._store.write(spent, key) as tx:
            if earlier := await self._store.earlier(tx, key, PAYMENTS, kept, operation):
                return earlier
            if await tx.rows(sql.PAID, kept[0]):
                raise RefusedError(409, "already-paid")
            now_ms = self._store.now_ms()
            transaction = f"GD-{await self._store.next_number(tx, 'transactions'):09d}"
            rows = await self._store.keep(tx, PAYMENTS, Row(key, operation, kept[0], kept, (transaction, now_ms)))
            if rows and not self._faults.hit("callback-lost"):  # what is not written down is not told either
                await tx.run(sql.TELL, kept[0], transaction, kept[1], now_ms)
                self.owing.set()
        return Applied(make_write(PAYMENTS, key, operation, kept[0], kept), True)

    async def statement(self, spent: Spent, orders: list[str]) -> list[Notice]:
        """Every payment on these orders."""
        async with self._store.read(spent) as tx:
            rows = await tx.rows(sql.STATEMENT, msgspec.json.encode(orders).decode())
        return [Notice(*row) for row in rows]
