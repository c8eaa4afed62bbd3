"""SQLite by apsw, in the event loop: a statement costs microseconds, a hop to a thread costs more than the statement.

Subtleness ahead: nothing here ever suspends, so a transaction is never interrupted by another request and one
connection serves all. WAL with synchronous=NORMAL keeps every acknowledged write when the process is killed at any
moment (the kernel has the pages); only losing the machine's power can cost the last commits. `full` also covers that,
for an fsync per commit.
"""

from __future__ import annotations

import time
from pathlib import Path
from types import TracebackType
from typing import Any

import apsw

from testbed import schema
from testbed.store import Columns, DatabaseError
from testbed.tables import OTHERS, TABLES
from testbed.visit import Spent

CACHE_KB_MAX = 64 * 1024
BUSY_MS_MAX = 5_000
WAL_PAGES_MAX = 4_000  # a checkpoint is tried when the log is this long
STATEMENTS_MAX = 128


class SqliteDatabase:
    """One file."""

    dialect = schema.SQLITE

    def __init__(self, path: Path, durability: str) -> None:
        try:
            self._connection = apsw.Connection(str(path), statementcachesize=STATEMENTS_MAX)
            self._connection.set_busy_timeout(BUSY_MS_MAX)
            for pragma in (
                "journal_mode = WAL",
                f"synchronous = {durability}",
                f"cache_size = -{CACHE_KB_MAX}",
                f"wal_autocheckpoint = {WAL_PAGES_MAX}",
                "temp_store = MEMORY",
            ):
                self._connection.execute(f"PRAGMA {pragma}")
            for statement in schema.create(self.dialect, TABLES, OTHERS):
                self._connection.execute(statement)
        except apsw.Error as error:
            raise DatabaseError(f"{path}: cannot be used as a database: {error}") from error

    def write(self, spent: Spent, key: str) -> _Transaction:
        return _Transaction(self._connection, spent, "BEGIN IMMEDIATE")

    def read(self, spent: Spent) -> _Transaction:
        return _Transaction(self._connection, spent, "")

    async def close(self) -> None:
        self._connection.close()


class _Transaction:
    """`begin` empty: single statements, each its own."""

    __slots__ = ("_begin", "_connection", "_since", "_spent")

    def __init__(self, connection: apsw.Connection, spent: Spent, begin: str) -> None:
        self._connection = connection
        self._spent = spent
        self._begin = begin
        self._since = 0

    async def rows(self, sql: str, *values: Any) -> list[Columns]:
        return self._connection.execute(sql, values).fetchall()

    async def run(self, sql: str, *values: Any) -> None:
        self._connection.execute(sql, values)

    async def __aenter__(self) -> _Transaction:
        self._since = time.perf_counter_ns()
        if self._begin:
            self._connection.execute(self._begin)
            now = time.perf_counter_ns()
            self._spent.queue_ns += now - self._since
            self._since = now
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if self._begin:
                self._connection.execute("COMMIT" if kind is None else "ROLLBACK")
        except apsw.Error:
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")
            raise
        finally:
            self._spent.db_ns += time.perf_counter_ns() - self._since
