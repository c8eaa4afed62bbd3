"""The tables and every statement, written once for both databases.

Both read `$1` (SQLite numbers such names in order of first appearance, so they appear in order), RETURNING and
ON CONFLICT. The few differences are the fields of Dialect. Each table of writes holds the key and operation of the
write in its own rows: the final read comes from here, there is no log beside it.
"""

from __future__ import annotations

from typing import NamedTuple


class Dialect(NamedTuple):
    """What the two databases say differently."""

    identity: str  # type of a row number
    key: str  # type of a text that is compared by its bytes
    listed: str  # is one of the texts of the JSON array given as $1
    unclaimed: str  # use the index of that name; without statistics SQLite would walk past everything claimed
    skip_locked: str  # take a row that nobody else is taking


SQLITE = Dialect(
    "INTEGER PRIMARY KEY", "TEXT", "IN (SELECT value FROM json_each($1))", "INDEXED BY dossiers_unclaimed", ""
)
POSTGRES = Dialect(
    "BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY",
    'TEXT COLLATE "C"',
    "= ANY (ARRAY(SELECT jsonb_array_elements_text($1::text::jsonb)))",  # by index even without statistics
    "",
    "FOR UPDATE SKIP LOCKED",
)


class Table(NamedTuple):
    """One kind of write: `kept` maps the contract's value names to columns; a free text is at `text` in it."""

    name: str
    subject: str
    kept: tuple[tuple[str, str], ...]
    more: tuple[str, ...]
    text: int


DOSSIERS = Table(
    "dossiers",
    "code",
    tuple((name, name) for name in ("commune", "procedure", "cccd", "applicant", "form")),
    ("code", "state", "online", "claimed_by", "at_ms"),
    3,
)
ATTACHMENTS = Table(
    "attachments", "dossier", (("dossier", "dossier"), ("kind", "kind"), ("sha256", "sha256")), ("size", "at_ms"), 1
)
TRANSITIONS = Table(
    "transitions",
    "dossier",
    (("dossier", "dossier"), ("to", "to_state"), ("note", "note")),
    ("from_state", "officer", "at_ms"),
    2,
)
CLAIMS = Table("claims", "dossier", (("commune", "commune"),), ("dossier", "officer", "at_ms"), 0)
RATINGS = Table(
    "ratings", "dossier", (("dossier", "dossier"), ("stars", "stars"), ("comment", "comment")), ("at_ms",), 2
)
TABLES = (DOSSIERS, ATTACHMENTS, TRANSITIONS, CLAIMS, RATINGS)


def create(d: Dialect) -> tuple[str, ...]:
    """Statements that make what is not there yet."""
    write = f"id {d.identity}, key {d.key} NOT NULL, operation TEXT NOT NULL"
    columns = {
        "dossiers": f"code {d.key} NOT NULL UNIQUE, state INTEGER NOT NULL, online INTEGER NOT NULL,"
        " claimed_by TEXT NOT NULL, commune TEXT NOT NULL, procedure TEXT NOT NULL, cccd TEXT NOT NULL,"
        " applicant TEXT NOT NULL, form TEXT NOT NULL",
        "attachments": f"dossier {d.key} NOT NULL, kind TEXT NOT NULL, sha256 TEXT NOT NULL, size BIGINT NOT NULL",
        "transitions": f"dossier {d.key} NOT NULL, to_state INTEGER NOT NULL, note TEXT NOT NULL,"
        " from_state INTEGER NOT NULL, officer TEXT NOT NULL",
        "claims": "dossier TEXT NOT NULL, commune TEXT NOT NULL, officer TEXT NOT NULL",
        "ratings": f"dossier {d.key} NOT NULL, stars INTEGER NOT NULL, comment TEXT NOT NULL",
    }
    unclaimed = "WHERE state = 1 AND online = 1 AND claimed_by = ''"
    return (
        "CREATE TABLE IF NOT EXISTS settings (name TEXT PRIMARY KEY, value TEXT NOT NULL)",
        "CREATE TABLE IF NOT EXISTS counters (org TEXT, day TEXT, n BIGINT NOT NULL, PRIMARY KEY (org, day))",
        *(f"CREATE TABLE IF NOT EXISTS {t.name} ({write}, {columns[t.name]}, at_ms BIGINT NOT NULL)" for t in TABLES),
        *(f"CREATE INDEX IF NOT EXISTS {t.name}_key ON {t.name} (key, id)" for t in TABLES),
        "CREATE INDEX IF NOT EXISTS dossiers_desk ON dossiers (commune, state, id)",
        f"CREATE INDEX IF NOT EXISTS dossiers_unclaimed ON dossiers (commune, id) {unclaimed}",
        "CREATE INDEX IF NOT EXISTS dossiers_applicant ON dossiers (cccd, id)",
        "CREATE INDEX IF NOT EXISTS attachments_dossier ON attachments (dossier)",
        "CREATE INDEX IF NOT EXISTS ratings_dossier ON ratings (dossier)",
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


# `key || ''` keeps the index on keys out: these pages walk the table by row number.
PAGE = tuple(select(t, "WHERE id > $1 AND key || '' >= $2 AND key || '' < $3 ORDER BY id LIMIT $4") for t in TABLES)
FIRST = tuple(f"SELECT min(id) FROM {t.name} WHERE key >= $1 AND key < $2" for t in TABLES)
BY_ID = tuple(select(t, "WHERE id = $1") for t in TABLES)
INSERT = tuple(insert(t) for t in TABLES)
FIND_KEY = " UNION ALL ".join(f"SELECT {n} AS room, id FROM {t.name} WHERE key = $1" for n, t in enumerate(TABLES))
NEXT_NUMBER = (
    "INSERT INTO counters (org, day, n) VALUES ($1, $2, 1) ON CONFLICT (org, day) DO UPDATE SET n = counters.n + 1"
    " RETURNING n"
)
DOSSIER = "SELECT state, commune, procedure, cccd FROM dossiers WHERE code = $1"
DESK = "SELECT code FROM dossiers WHERE commune = $1 AND state = $2 ORDER BY id LIMIT $3"
MINE = "SELECT code FROM dossiers WHERE cccd = $1 ORDER BY id DESC LIMIT $2"
MOVE = "UPDATE dossiers SET state = $1 WHERE code = $2 AND state = $3 RETURNING id"
ATTACHED = "SELECT count(*) FROM attachments WHERE dossier = $1"
RATED = "SELECT 1 FROM ratings WHERE dossier = $1 LIMIT 1"
BY_STATE = "SELECT state, count(*) FROM dossiers GROUP BY state"
STORED_BYTES = "SELECT coalesce(sum(size), 0) FROM attachments"
SETTING = "SELECT value FROM settings WHERE name = $1"
SET_ONCE = "INSERT INTO settings (name, value) VALUES ($1, $2) ON CONFLICT (name) DO NOTHING"


def by_keys(d: Dialect) -> tuple[str, ...]:
    return tuple(select(t, f"WHERE key {d.listed} ORDER BY id") for t in TABLES)


def claim(d: Dialect) -> str:
    oldest = (
        f"SELECT id FROM dossiers {d.unclaimed} WHERE state = 1 AND online = 1 AND claimed_by = '' AND commune = $2"
        f" ORDER BY id LIMIT 1 {d.skip_locked}"
    )
    return f"UPDATE dossiers SET claimed_by = $1 WHERE id = ({oldest}) RETURNING code"
