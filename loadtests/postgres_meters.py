"""What PostgreSQL's own statistics views say while the target is driven, over one read-only connection.

Connections against how many there may be, who waits for a lock, who waits for the disk (pg_stat_activity, as explained
in PostgreSQL's manual, "The Statistics Collector" and "Wait Event Types"). A role with pg_monitor sees all of it. The
address is a secret: the target file names the variable of the environment that holds it.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Iterator

import asyncpg

from record.types import Reading

TIMEOUT_S = 2.0
_SQL = """
SELECT count(*), count(*) FILTER (WHERE wait_event_type = 'Lock'), count(*) FILTER (WHERE wait_event_type = 'IO'),
       current_setting('max_connections')::int - current_setting('superuser_reserved_connections')::int
FROM pg_stat_activity WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()"""
_SETTINGS = {
    "default_transaction_read_only": "on",
    "statement_timeout": str(round(TIMEOUT_S * 1000)),
    "application_name": "thongsuot",
}


class PostgresMeters:
    """To be used by one thread and closed by it. Without an address nothing is asked."""

    def __init__(self, variable: str) -> None:
        self._url = os.environ.get(variable, "") if variable else ""
        self._loop: asyncio.AbstractEventLoop | None = None
        self._connection: asyncpg.Connection | None = None

    def readings(self, now: Callable[[], int]) -> Iterator[Reading]:
        """None when the database does not answer: not measured. The next time it is asked anew."""
        if not self._url:
            return
        if self._loop is None:
            self._loop = asyncio.new_event_loop()
        try:
            row = self._loop.run_until_complete(asyncio.wait_for(self._ask(), TIMEOUT_S))
        except (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError):
            self._drop()
            return
        at_ns = now()
        values = (
            ("pool:database's connections", "busy", "units", row[0]),
            ("pool:database's connections", "size", "units", row[3]),
            ("lock:database's locks", "waiting", "count", row[1]),
            ("disk:database's files", "waiting", "count", row[2]),
        )
        for source, metric, unit, value in values:
            yield Reading(f"resource:{source}", metric, unit, at_ns, float(value))

    def close(self) -> None:
        self._drop()
        if self._loop is not None:
            self._loop.run_until_complete(self._loop.shutdown_asyncgens())
            self._loop.close()

    async def _ask(self) -> tuple[int, ...]:
        if self._connection is None:
            self._connection = await asyncpg.connect(self._url, timeout=TIMEOUT_S, server_settings=_SETTINGS)
        return tuple(await self._connection.fetchrow(_SQL))

    def _drop(self) -> None:
        if self._connection is not None:
            self._connection.terminate()
            self._connection = None
