"""What the document system shows the audit: both sides of each delivery, and the numbers given."""

from __future__ import annotations

from scenarios.contract import Observation
from testbed.observing import View

SENT, RECEIVED, PLACE = "docs.sent", "docs.received", "docs"


def _deliveries(place: str, table: str) -> View:
    return View(
        place,
        f"SELECT id, document, recipient, status, at_ms, key, edxml FROM {table}"
        " WHERE id > $1 AND key || '' >= $2 AND key || '' < $3 ORDER BY id LIMIT $4",
        lambda c: Observation(place, "delivery", f"{c[0]}→{c[1]}", c[2], c[3], c[4], c[5][:32], c[1]),
    )


def _numbers(table: str) -> View:
    """Of every series that the run touched, whoever made them."""
    return View(
        PLACE,
        f"SELECT id, series, number, at_ms, key, commune FROM {table} WHERE id > $1 AND series IN"
        f" (SELECT series FROM {table} WHERE key >= $2 AND key < $3) ORDER BY id LIMIT $4",
        lambda c: Observation(PLACE, "number", c[0], str(c[1]), c[2], c[3], commune=c[4]),
    )


VIEWS = (
    _deliveries(SENT, "docs_sent"),
    _deliveries(RECEIVED, "docs_inbox"),
    _numbers("docs_issues"),
    _numbers("docs_registrations"),
)
