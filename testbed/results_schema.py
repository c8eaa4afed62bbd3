"""Signed results of dossiers: the table and statements of signing."""

from __future__ import annotations

from testbed.schema import Table

RESULTS = Table(
    "results",
    "dossier",
    (("dossier", "dossier"),),
    ("sha256", "size", "account", "at_ms"),
    0,
    "dossier {key} NOT NULL, sha256 TEXT NOT NULL, size BIGINT NOT NULL, account TEXT NOT NULL",
    ("CREATE INDEX IF NOT EXISTS results_dossier ON results (dossier, id)",),
)
TABLES = (RESULTS,)

RESULT = "SELECT sha256 FROM results WHERE dossier = $1 ORDER BY id LIMIT 1"
STATE = "SELECT state FROM dossiers WHERE code = $1"
MINE = (
    "SELECT DISTINCT d.code, d.id FROM dossiers d JOIN results r ON r.dossier = d.code WHERE d.cccd = $1"
    " ORDER BY d.id DESC LIMIT $2"
)
