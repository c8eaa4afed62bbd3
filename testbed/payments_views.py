"""What the platform shows the audit of payments: each booking."""

from __future__ import annotations

from scenarios.contract import Observation
from testbed.observing import View

PLACE = "tthc"

VIEWS = (
    View(
        PLACE,
        "SELECT id, order_code, amount, at_ms, key, commune FROM bookings"
        " WHERE id > $1 AND key || '' >= $2 AND key || '' < $3 ORDER BY id LIMIT $4",
        lambda c: Observation(PLACE, "payment", c[0], str(c[1]), c[2], c[3], commune=c[4]),
    ),
)
