"""A database under strain: a slow query, a hot row, a pool of few connections. Only while such a fault is enabled."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any

from testbed.faults import Fault, Faults
from testbed.schema import SQLITE, Dialect
from testbed.store import Database, Tx
from testbed.visit import Spent

_BURN = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 20000) SELECT count(*) FROM n"
_SLEEP = "SELECT pg_sleep($1)"


class Strained:
    """A store.Database that is one, with what the faults make of it."""

    def __init__(self, database: Database, faults: Faults) -> None:
        self.dialect: Dialect = database.dialect
        self._database = database
        self._faults = faults
        self.commit_late_s: Callable[[], float] = lambda: (faults.value("commit-late") or 0.0) / 1000
        database.commit_late_s = self.commit_late_s
        self._row = asyncio.Lock()
        self._pools: dict[Fault, asyncio.Semaphore] = {}

    def write(self, spent: Spent, key: str) -> AbstractAsyncContextManager[Tx]:
        inner = self._database.write(spent, key)
        return self._strained(inner, spent, writing=True) if self._faults.active else inner

    def read(self, spent: Spent) -> AbstractAsyncContextManager[Tx]:
        inner = self._database.read(spent)
        return self._strained(inner, spent, writing=False) if self._faults.active else inner

    async def close(self) -> None:
        await self._database.close()

    @asynccontextmanager
    async def _strained(
        self, inner: AbstractAsyncContextManager[Tx], spent: Spent, *, writing: bool
    ) -> AsyncIterator[Tx]:
        asked = time.perf_counter_ns()
        pool = self._faults.hit("pool", spent.operation)
        if pool is not None:
            await self._hold(self._pools.setdefault(pool, asyncio.Semaphore(int(pool.numbers[0]))), pool.numbers[1])
        if writing and (hot := self._faults.hit("hot-row", spent.operation)) is not None:
            await self._hold(self._row, hot.numbers[0])
        spent.queue_ns += time.perf_counter_ns() - asked
        async with inner as tx:
            if slow := self._faults.hit("slow-query", spent.operation):
                await self._slow(tx, float(slow.numbers[0]) / 1000)
            yield tx

    async def _hold(self, turn: Any, ms: Any) -> None:
        """Wait for one's turn and keep it for so long. What is done in that time happens right after it."""
        async with turn:
            await asyncio.sleep(float(ms) / 1000)

    async def _slow(self, tx: Tx, seconds: float) -> None:
        """SQLite counts in the event loop, as a slow query there does; PostgreSQL holds the connection."""
        if self.dialect is not SQLITE:
            await tx.rows(_SLEEP, seconds)
            return
        until = time.perf_counter() + seconds
        while time.perf_counter() < until:
            await tx.rows(_BURN)
