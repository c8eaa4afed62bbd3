"""How tables and statements are written, once for both databases.

Both read `$1` (SQLite numbers such names in order of first appearance, so they appear in order), RETURNING and
ON CONFLICT. The few differences are the fields of Dialect. Each table of writes holds the key and operation of the
write in its own rows: the final read comes from here, there is no log beside it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple


class Dialect(NamedTuple):
    """What the two databases say differently."""

    name: str
    identity: str  # type of a row number
    key: str  # type of a text that is compared by its bytes
    listed: str  # is one of the texts of the JSON array given as $1
    skip_locked: str  # take a row that nobody else is taking


SQLITE = Dialect("sqlite", "INTEGER PRIMARY KEY", "TEXT", "IN (SELECT value FROM json_each($1))", "")
POSTGRES = Dialect(
    "postgres",
    "BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY",
    'TEXT COLLATE "C"',
    "= ANY (ARRAY(SELECT jsonb_array_elements_text($1::text::jsonb)))",  # by index even without statistics
    "FOR UPDATE SKIP LOCKED",
)


class Table(NamedTuple):
    """One kind of write: `kept` maps the contract's value names to columns; a free text is at `text` in it.

    `columns` is the DDL of everything besides id, key, operation and at_ms, with {key} for Dialect.key; `more` are the
    columns to fill besides the kept ones; `indexes` are whole statements.
    """

    name: str
    subject: str
    kept: tuple[tuple[str, str], ...]
    more: tuple[str, ...]
    text: int
    columns: str
    indexes: tuple[str, ...] = ()


def create(d: Dialect, tables: Sequence[Table], others: Sequence[str]) -> tuple[str, ...]:
    """Statements that make what is not there yet; `others` are tables without writes, with {identity} and {key}."""
    write = f"id {d.identity}, key {d.key} NOT NULL, operation TEXT NOT NULL"
    return (
        "CREATE TABLE IF NOT EXISTS settings (name TEXT PRIMARY KEY, value TEXT NOT NULL)",
        "CREATE TABLE IF NOT EXISTS counters (series TEXT PRIMARY KEY, n BIGINT NOT NULL)",
        *(
            f"CREATE TABLE IF NOT EXISTS {t.name} ({write}, {t.columns.format(key=d.key)}, at_ms BIGINT NOT NULL)"
            for t in tables
        ),
        *(f"CREATE INDEX IF NOT EXISTS {t.name}_key ON {t.name} (key, id)" for t in tables),
        *(index for t in tables for index in t.indexes),
        *(statement.format(identity=d.identity, key=d.key) for statement in others),
    )


def insert(table: Table) -> str:
    """One row: key, operation, the kept values, the further columns."""
    columns = ("key", "operation", *(column for _, column in table.kept), *table.more)
    marks = ", ".join(f"${n}" for n in range(1, len(columns) + 1))
    return f"INSERT INTO {table.name} ({', '.join(columns)}) VALUES ({marks})"


def select(table: Table, rest: str) -> str:
    """Rows as the final read wants them: row number, key, operation, subject, the kept values."""
    columns = ", ".join(column for _, column in table.kept)
    return f"SELECT id, key, operation, {table.subject}, {columns} FROM {table.name} {rest}"


class Statements(NamedTuple):
    """What the store says about any table, by the table's place among `tables`."""

    page: tuple[str, ...]
    first: tuple[str, ...]
    by_id: tuple[str, ...]
    by_keys: tuple[str, ...]
    insert: tuple[str, ...]
    find_key: str


def statements(d: Dialect, tables: Sequence[Table]) -> Statements:
    # `key || ''` keeps the index on keys out: these pages walk the table by row number.
    page = "WHERE id > $1 AND key || '' >= $2 AND key || '' < $3 ORDER BY id LIMIT $4"
    return Statements(
        page=tuple(select(t, page) for t in tables),
        first=tuple(f"SELECT min(id) FROM {t.name} WHERE key >= $1 AND key < $2" for t in tables),
        by_id=tuple(select(t, "WHERE id = $1") for t in tables),
        by_keys=tuple(select(t, f"WHERE key {d.listed} ORDER BY id") for t in tables),
        insert=tuple(insert(t) for t in tables),
        find_key=" UNION ALL ".join(
            f"SELECT {n} AS room, id FROM {t.name} WHERE key = $1" for n, t in enumerate(tables)
        ),
    )


NEXT_NUMBER = (
    "INSERT INTO counters (series, n) VALUES ($1, 1) ON CONFLICT (series) DO UPDATE SET n = counters.n + 1 RETURNING n"
)
SETTING = "SELECT value FROM settings WHERE name = $1"
SET_ONCE = "INSERT INTO settings (name, value) VALUES ($1, $2) ON CONFLICT (name) DO NOTHING"
