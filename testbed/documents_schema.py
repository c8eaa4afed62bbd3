"""Official documents, outgoing and incoming: tables and statements of the document system.

Deliveries have no unique key on purpose: a document axis can lose, double or change them, and so must this one.
"""

from __future__ import annotations

from testbed.schema import SQLITE, Dialect, Table

DRAFTED, REVIEWED, SIGNED, ISSUED = 1, 2, 3, 4  # states of a draft

DRAFTS = Table(
    "docs_drafts",
    "code",
    tuple((name, name) for name in ("commune", "title", "content", "recipients")),
    ("code", "state", "at_ms"),
    1,
    "code {key} NOT NULL UNIQUE, state INTEGER NOT NULL, pdf TEXT NOT NULL DEFAULT '', commune TEXT NOT NULL,"
    " title TEXT NOT NULL, content TEXT NOT NULL, recipients TEXT NOT NULL",
)
REVIEWS = Table(
    "docs_reviews",
    "draft",
    (("draft", "draft"), ("opinion", "opinion")),
    ("officer", "at_ms"),
    1,
    "draft TEXT NOT NULL, opinion TEXT NOT NULL, officer TEXT NOT NULL",
)
SIGNATURES = Table(
    "docs_signatures",
    "draft",
    (("draft", "draft"),),
    ("officer", "pdf", "at_ms"),
    0,
    "draft TEXT NOT NULL, officer TEXT NOT NULL, pdf TEXT NOT NULL",
)
ISSUES = Table(
    "docs_issues",
    "document",
    (("draft", "draft"),),
    ("document", "commune", "series", "number", "pdf", "edxml", "at_ms"),
    0,
    "document {key} NOT NULL, draft TEXT NOT NULL, commune TEXT NOT NULL, series TEXT NOT NULL,"
    " number BIGINT NOT NULL, pdf TEXT NOT NULL, edxml TEXT NOT NULL",
    (
        "CREATE INDEX IF NOT EXISTS docs_issues_document ON docs_issues (document)",
        "CREATE INDEX IF NOT EXISTS docs_issues_series ON docs_issues (series)",
    ),
)
TAKINGS = Table(
    "docs_takings",
    "document",
    (("commune", "commune"),),
    ("document", "officer", "at_ms"),
    0,
    "document TEXT NOT NULL, commune TEXT NOT NULL, officer TEXT NOT NULL",
)
CONFIRMATIONS = Table(
    "docs_confirmations",
    "document",
    (("commune", "commune"), ("document", "document"), ("status", "status")),
    ("officer", "at_ms"),
    2,
    "document TEXT NOT NULL, commune TEXT NOT NULL, status TEXT NOT NULL, officer TEXT NOT NULL",
)
REGISTRATIONS = Table(
    "docs_registrations",
    "CAST(number AS TEXT)",
    (("commune", "commune"), ("document", "document")),
    ("series", "number", "officer", "at_ms"),
    0,
    "document TEXT NOT NULL, commune TEXT NOT NULL, series TEXT NOT NULL, number BIGINT NOT NULL,"
    " officer TEXT NOT NULL",
    ("CREATE INDEX IF NOT EXISTS docs_registrations_series ON docs_registrations (series)",),
)
ASSIGNMENTS = Table(
    "docs_assignments",
    "document",
    (("commune", "commune"), ("document", "document"), ("to", "assignee")),
    ("officer", "at_ms"),
    2,
    "document TEXT NOT NULL, commune TEXT NOT NULL, assignee TEXT NOT NULL, officer TEXT NOT NULL",
)
COMPLETIONS = Table(
    "docs_completions",
    "document",
    (("commune", "commune"), ("document", "document"), ("note", "note")),
    ("officer", "at_ms"),
    2,
    "document TEXT NOT NULL, commune TEXT NOT NULL, note TEXT NOT NULL, officer TEXT NOT NULL",
)
TABLES = (
    DRAFTS, REVIEWS, SIGNATURES, ISSUES, TAKINGS, CONFIRMATIONS, REGISTRATIONS, ASSIGNMENTS, COMPLETIONS,
)  # fmt: skip

# Both sides of a delivery. `key` is that of the issue, `edxml` the sha256 under which the file lies, `status` "sent" or
# the code confirmed last: at the receiver as it is, at the sender as they were told.
OTHERS = (
    (
        "CREATE TABLE IF NOT EXISTS docs_sent (id {identity}, key {key} NOT NULL, document {key} NOT NULL,"
        " recipient {key} NOT NULL, edxml TEXT NOT NULL, status TEXT NOT NULL DEFAULT 'sent', at_ms BIGINT NOT NULL)"
    ),
    "CREATE INDEX IF NOT EXISTS docs_sent_document ON docs_sent (document, recipient)",
    (
        "CREATE TABLE IF NOT EXISTS docs_inbox (id {identity}, key {key} NOT NULL, document {key} NOT NULL,"
        " recipient {key} NOT NULL, edxml TEXT NOT NULL, status TEXT NOT NULL DEFAULT 'sent',"
        " taken_by TEXT NOT NULL DEFAULT '', number BIGINT NOT NULL DEFAULT 0, assignee TEXT NOT NULL DEFAULT '',"
        " done INTEGER NOT NULL DEFAULT 0, at_ms BIGINT NOT NULL)"
    ),
    "CREATE INDEX IF NOT EXISTS docs_inbox_untaken ON docs_inbox (recipient, id) WHERE taken_by = ''",
    "CREATE INDEX IF NOT EXISTS docs_inbox_document ON docs_inbox (document, recipient)",
)

DRAFT = "SELECT state, commune, title, content, recipients, pdf FROM docs_drafts WHERE code = $1"
ADVANCE = "UPDATE docs_drafts SET state = $1 WHERE code = $2 AND state = $3 RETURNING id"
KEEP_PDF = "UPDATE docs_drafts SET pdf = $1 WHERE code = $2 AND state = $3"
LAST_NUMBER = "SELECT n FROM counters WHERE series = $1"
GIVE_BACK = "UPDATE counters SET n = n - 1 WHERE series = $1"
FILE = "SELECT commune, pdf FROM docs_issues WHERE document = $1 ORDER BY id LIMIT 1"
SENT_TO = "SELECT 1 FROM docs_sent WHERE document = $1 AND recipient = $2 LIMIT 1"

UNTAKEN = "SELECT document FROM docs_inbox WHERE recipient = $1 AND taken_by = '' ORDER BY id LIMIT $2"
RECEIVED = (
    "SELECT status, taken_by, number, assignee, done, edxml FROM docs_inbox"
    " WHERE document = $1 AND recipient = $2 ORDER BY id LIMIT 1"
)
_OF = "WHERE document = $2 AND recipient = $3"
SET_STATUS = f"UPDATE docs_inbox SET status = $1 {_OF} AND status = $4 RETURNING id"
SET_NUMBER = f"UPDATE docs_inbox SET number = $1 {_OF} AND number = 0 RETURNING id"
SET_ASSIGNEE = f"UPDATE docs_inbox SET assignee = $1 {_OF} AND assignee = '' RETURNING id"
SET_DONE = f"UPDATE docs_inbox SET done = $1 {_OF} AND done = 0 RETURNING id"
CONFIRMED = f"UPDATE docs_sent SET status = $1 {_OF}"


def take(d: Dialect) -> str:
    index = "INDEXED BY docs_inbox_untaken" if d is SQLITE else ""
    oldest = (
        f"SELECT id FROM docs_inbox {index} WHERE taken_by = '' AND recipient = $2 ORDER BY id LIMIT 1 {d.skip_locked}"
    )
    return f"UPDATE docs_inbox SET taken_by = $1 WHERE id = ({oldest}) RETURNING document"


def deliver(d: Dialect, table: str) -> str:
    """One row for each of the recipients in the JSON array $5."""
    each = "json_each($5)" if d is SQLITE else "jsonb_array_elements_text($5::text::jsonb) AS each (value)"
    values = "CAST($1 AS TEXT), CAST($2 AS TEXT), CAST($3 AS TEXT), CAST($4 AS BIGINT), value"
    return f"INSERT INTO {table} (key, document, edxml, at_ms, recipient) SELECT {values} FROM {each}"
