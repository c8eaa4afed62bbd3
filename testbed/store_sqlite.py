"""SQLite by apsw, in the event loop: a statement costs microseconds, a hop to a thread costs more than the statement.

Subtleness ahead: nothing here ever suspends, so a transaction is never interrupted by another request and one
connection serves all. WAL with synchronous=NORMAL keeps every acknowledged write when the process is killed at any
moment (the kernel has the pages); only losing the machine's power can cost the last commits. `full` also covers that,
for an fsync per commit.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any

import apsw

from testbed import schema
from testbed.schema import Table
from testbed.store import Columns, DatabaseError
from testbed.visit import Spent

CACHE_KB_MAX = 64 * 1024
BUSY_MS_MAX = 5_000
WAL_PAGES_MAX = 4_000  # a checkpoint is tried when the log is this long
STATEMENTS_MAX = 128


class SqliteDatabase:
    """One file."""

    dialect = schema.SQLITE
    commit_late_s: Callable[[], float] = staticmethod(lambda: 0.0)

    def __init__(self, path: Path, durability: str, tables: Sequence[Table], others: Sequence[str]) -> None:
        try:
            self.connection = apsw.Connection(str(path), statementcachesize=STATEMENTS_MAX)
            self.connection.set_busy_timeout(BUSY_MS_MAX)
            for pragma in (
                "journal_mode = WAL",
                f"synchronous = {durability}",
                f"cache_size = -{CACHE_KB_MAX}",
                f"wal_autocheckpoint = {WAL_PAGES_MAX}",
                "temp_store = MEMORY",
            ):
                self.connection.execute(f"PRAGMA {pragma}")
            for statement in schema.create(self.dialect, tables, others):
                self.connection.execute(statement)
        except apsw.Error as error:
            raise DatabaseError(f"{path}: cannot be used as a database: {error}") from error

    def write(self, spent: Spent, key: str) -> _Transaction:
        return _Transaction(self, spent, writing=True)

    def read(self, spent: Spent) -> _Transaction:
        return _Transaction(self, spent, writing=False)

    async def close(self) -> None:
        if self.connection.in_transaction:
            self.connection.execute("COMMIT")
        self.connection.close()


class _Transaction:
    """Reading: single statements, each its own. Writing: one transaction, or a part of one that is committed late."""

    __slots__ = ("_begun", "_connection", "_database", "_since", "_spent", "_writing")

    def __init__(self, database: SqliteDatabase, spent: Spent, *, writing: bool) -> None:
        self._database = database
        self._connection = database.connection
        self._spent = spent
        self._writing = writing
        self._begun = False
        self._since = 0

    async def rows(self, sql: str, *values: Any) -> list[Columns]:
        return self._connection.execute(sql, values).fetchall()

    async def run(self, sql: str, *values: Any) -> None:
        self._connection.execute(sql, values)

    async def __aenter__(self) -> _Transaction:
        self._since = time.perf_counter_ns()
        if self._writing:
            self._begun = not self._connection.in_transaction
            self._connection.execute("BEGIN IMMEDIATE" if self._begun else "SAVEPOINT late")
            now = time.perf_counter_ns()
            self._spent.queue_ns += now - self._since
            self._since = now
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if self._writing:
                self._finish(kind is None)
        except apsw.Error:
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")
            raise
        finally:
            self._spent.db_ns += time.perf_counter_ns() - self._since

    def _finish(self, well: bool) -> None:
        late_s = self._database.commit_late_s() if well and self._begun else 0.0
        if late_s:
            asyncio.get_running_loop().call_later(late_s, self._connection.execute, "COMMIT")
        elif self._begun:
            self._connection.execute("COMMIT" if well else "ROLLBACK")
        elif not well:
            self._connection.execute("ROLLBACK TO late")
        if not self._begun:
            self._connection.execute("RELEASE late")
