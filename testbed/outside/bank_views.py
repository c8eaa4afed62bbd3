"""What the bank shows the audit: each payment."""

from __future__ import annotations

from scenarios.contract import Observation
from testbed.observing import View

PLACE = "bank"

VIEWS = (
    View(
        PLACE,
        "SELECT id, order_code, amount, at_ms, key FROM payments"
        " WHERE id > $1 AND key || '' >= $2 AND key || '' < $3 ORDER BY id LIMIT $4",
        lambda c: Observation(PLACE, "payment", c[0], str(c[1]), c[2], c[3]),
    ),
)
