"""PostgreSQL by asyncpg: a small pool, statements prepared once per connection."""

from __future__ import annotations

import asyncio
import hashlib
import time
from collections.abc import Callable, Sequence
from types import TracebackType
from typing import Any

import asyncpg

from testbed import schema
from testbed.schema import Table
from testbed.store import Columns, DatabaseError
from testbed.visit import Spent

CONNECTIONS_MAX = 8
CONNECT_S_MAX = 10
STATEMENT_S_MAX = 30
# One message. Requests with the same key take turns; since the lock is a statement of its own, the next statement
# sees what the last owner stored. The number is a hash of the key: two keys that share one wait without need, no more.
_BEGIN = "BEGIN; SELECT pg_advisory_xact_lock({})"
_LATE: set[asyncio.Task[None]] = set()  # commits under way, so that nobody collects them
_LOCK_SCHEMA = "SELECT pg_advisory_xact_lock(8166)"


class PostgresDatabase:
    """One server, one database. Make it with `open_postgres`."""

    dialect = schema.POSTGRES
    commit_late_s: Callable[[], float] = staticmethod(lambda: 0.0)

    def __init__(self, pool: Any) -> None:
        self._pool = pool

    def write(self, spent: Spent, key: str) -> _Transaction:
        return _Transaction(self._pool, spent, key, self.commit_late_s)

    def read(self, spent: Spent) -> _Transaction:
        return _Transaction(self._pool, spent, "", self.commit_late_s)

    async def close(self) -> None:
        await self._pool.close()


async def open_postgres(url: str, tables: Sequence[Table], others: Sequence[str]) -> PostgresDatabase:
    """Connect and make the tables. Raises DatabaseError without the URL, which may hold a password."""
    try:
        pool = await asyncpg.create_pool(
            url,
            min_size=1,
            max_size=CONNECTIONS_MAX,
            timeout=CONNECT_S_MAX,
            command_timeout=STATEMENT_S_MAX,
            reset=_nothing_to_reset,
        )
    except (OSError, ValueError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
        raise DatabaseError(f"PostgreSQL cannot be reached: {error or type(error).__name__}") from error
    try:
        async with pool.acquire() as connection, connection.transaction():
            await connection.execute(_LOCK_SCHEMA)
            for statement in schema.create(schema.POSTGRES, tables, others):
                await connection.execute(statement)
    except asyncpg.PostgresError as error:
        await pool.close()
        raise DatabaseError(f"PostgreSQL refuses the tables: {error}") from error
    return PostgresDatabase(pool)


async def _nothing_to_reset(connection: Any) -> None:
    """Nothing here outlives a transaction, so asyncpg's usual round trip after each use is saved."""


class _Transaction:
    """With a key: a transaction that holds the lock of the key. Without: single statements on one connection."""

    __slots__ = ("_connection", "_key", "_late_s", "_pool", "_since", "_spent")

    def __init__(self, pool: Any, spent: Spent, key: str, late_s: Callable[[], float]) -> None:
        self._pool = pool
        self._spent = spent
        self._key = key
        self._late_s = late_s
        self._since = 0
        self._connection: Any = None

    async def rows(self, sql: str, *values: Any) -> list[Columns]:
        return [tuple(record) for record in await self._connection.fetch(sql, *values)]

    async def run(self, sql: str, *values: Any) -> None:
        await self._connection.fetch(sql, *values)  # prepared and cached, which `execute` with values is as well

    async def __aenter__(self) -> _Transaction:
        asked = time.perf_counter_ns()
        self._connection = await self._pool.acquire()
        if self._key:
            number = int.from_bytes(hashlib.blake2b(self._key.encode(), digest_size=8).digest(), signed=True)
            try:
                await self._connection.execute(_BEGIN.format(number))
            except BaseException:
                await self._pool.release(self._connection)
                raise
        self._spent.queue_ns += time.perf_counter_ns() - asked
        self._since = time.perf_counter_ns()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        late_s = self._late_s() if self._key and kind is None else 0.0
        if late_s:
            self._spent.db_ns += time.perf_counter_ns() - self._since
            task = asyncio.create_task(self._commit_late(late_s))
            _LATE.add(task)
            task.add_done_callback(_LATE.discard)
            return
        try:
            if self._key:
                await self._connection.execute("COMMIT" if kind is None else "ROLLBACK")
        finally:
            self._spent.db_ns += time.perf_counter_ns() - self._since
            await self._pool.release(self._connection)

    async def _commit_late(self, late_s: float) -> None:
        try:
            await asyncio.sleep(late_s)
            await self._connection.execute("COMMIT")
        finally:
            await self._pool.release(self._connection)
