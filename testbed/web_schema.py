"""What the sites keep: their own copy of how many dossiers each commune received and finished."""

from __future__ import annotations

from scenarios.contract import PROVINCE_OFFICE

_COLUMNS = "received BIGINT NOT NULL, processed BIGINT NOT NULL, newest TEXT NOT NULL, at_ms BIGINT NOT NULL"
OTHERS = (f"CREATE TABLE IF NOT EXISTS web_counts (commune TEXT PRIMARY KEY, {_COLUMNS})",)

# Of TTHC's tables, which is where the copy comes from.
COMMUNES = "SELECT DISTINCT commune FROM dossiers"
COUNT = (
    "SELECT count(*), coalesce(sum(CASE WHEN state IN (9, 10) THEN 1 ELSE 0 END), 0) FROM dossiers WHERE commune = $1"
)

KEPT = "SELECT received, processed, newest, at_ms FROM web_counts WHERE commune = $1"
ALL_NEWEST = f"SELECT commune, newest FROM web_counts WHERE commune <> '{PROVINCE_OFFICE}'"
# `at_ms` is since when the copy says so, not when it was last looked at.
_UPSERT = (
    " ON CONFLICT (commune) DO UPDATE SET at_ms = CASE WHEN web_counts.received = excluded.received"
    " THEN web_counts.at_ms ELSE excluded.at_ms END, received = excluded.received, processed = excluded.processed,"
    " newest = excluded.newest"
)
KEEP = f"INSERT INTO web_counts (commune, received, processed, newest, at_ms) VALUES ($1, $2, $3, $4, $5){_UPSERT}"
KEEP_PROVINCE = (
    "INSERT INTO web_counts (commune, received, processed, newest, at_ms)"
    f" SELECT '{PROVINCE_OFFICE}', CAST(coalesce(sum(received), 0) AS BIGINT),"
    " CAST(coalesce(sum(processed), 0) AS BIGINT), CAST($1 AS TEXT), CAST($2 AS BIGINT)"
    f" FROM web_counts WHERE commune <> '{PROVINCE_OFFICE}'{_UPSERT}"
)
FORGET = "DELETE FROM web_counts WHERE commune = $1"
