"""Dossiers and what happens to them: tables and statements of TTHC and portal."""

from __future__ import annotations

from testbed.schema import SQLITE, Dialect, Table

_UNCLAIMED = "WHERE state = 1 AND online = 1 AND claimed_by = ''"
DOSSIERS = Table(
    "dossiers",
    "code",
    tuple((name, name) for name in ("commune", "procedure", "cccd", "applicant", "form")),
    ("code", "series", "number", "state", "online", "claimed_by", "at_ms"),
    3,
    "code {key} NOT NULL, series TEXT NOT NULL, number BIGINT NOT NULL, state INTEGER NOT NULL,"
    " online INTEGER NOT NULL, claimed_by TEXT NOT NULL, commune TEXT NOT NULL, procedure TEXT NOT NULL,"
    " cccd TEXT NOT NULL, applicant TEXT NOT NULL, form TEXT NOT NULL",
    (
        "CREATE INDEX IF NOT EXISTS dossiers_code ON dossiers (code)",  # not unique: a fault gives codes twice
        "CREATE INDEX IF NOT EXISTS dossiers_desk ON dossiers (commune, state, id)",
        f"CREATE INDEX IF NOT EXISTS dossiers_unclaimed ON dossiers (commune, id) {_UNCLAIMED}",
        "CREATE INDEX IF NOT EXISTS dossiers_applicant ON dossiers (cccd, id)",
    ),
)
ATTACHMENTS = Table(
    "attachments",
    "dossier",
    (("dossier", "dossier"), ("kind", "kind"), ("sha256", "sha256")),
    ("size", "at_ms"),
    1,
    "dossier {key} NOT NULL, kind TEXT NOT NULL, sha256 TEXT NOT NULL, size BIGINT NOT NULL",
    ("CREATE INDEX IF NOT EXISTS attachments_dossier ON attachments (dossier)",),
)
TRANSITIONS = Table(
    "transitions",
    "dossier",
    (("dossier", "dossier"), ("to", "to_state"), ("note", "note")),
    ("from_state", "officer", "at_ms"),
    2,
    "dossier {key} NOT NULL, to_state INTEGER NOT NULL, note TEXT NOT NULL, from_state INTEGER NOT NULL,"
    " officer TEXT NOT NULL",
    ("CREATE INDEX IF NOT EXISTS transitions_dossier ON transitions (dossier)",),
)
CLAIMS = Table(
    "claims",
    "dossier",
    (("commune", "commune"),),
    ("dossier", "officer", "at_ms"),
    0,
    "dossier TEXT NOT NULL, commune TEXT NOT NULL, officer TEXT NOT NULL",
)
RATINGS = Table(
    "ratings",
    "dossier",
    (("dossier", "dossier"), ("stars", "stars"), ("comment", "comment")),
    ("at_ms",),
    2,
    "dossier {key} NOT NULL, stars INTEGER NOT NULL, comment TEXT NOT NULL",
    ("CREATE INDEX IF NOT EXISTS ratings_dossier ON ratings (dossier)",),
)
TABLES = (DOSSIERS, ATTACHMENTS, TRANSITIONS, CLAIMS, RATINGS)

DOSSIER = "SELECT state, commune, procedure, cccd FROM dossiers WHERE code = $1"
DESK = "SELECT code FROM dossiers WHERE commune = $1 AND state = $2 ORDER BY id LIMIT $3"
MINE = "SELECT code FROM dossiers WHERE cccd = $1 ORDER BY id DESC LIMIT $2"
MOVE = "UPDATE dossiers SET state = $1 WHERE code = $2 AND state = $3 RETURNING id"
ATTACHED = "SELECT count(*) FROM attachments WHERE dossier = $1"
RATED = "SELECT 1 FROM ratings WHERE dossier = $1 LIMIT 1"
BY_STATE = "SELECT state, count(*) FROM dossiers GROUP BY state"
STORED_BYTES = "SELECT coalesce(sum(size), 0) FROM attachments"


def claim(d: Dialect) -> str:
    # Named, since SQLite without statistics would walk past everything claimed.
    index = "INDEXED BY dossiers_unclaimed" if d is SQLITE else ""
    oldest = f"SELECT id FROM dossiers {index} {_UNCLAIMED} AND commune = $2 ORDER BY id LIMIT 1 {d.skip_locked}"
    return f"UPDATE dossiers SET claimed_by = $1 WHERE id = ({oldest}) RETURNING code"
