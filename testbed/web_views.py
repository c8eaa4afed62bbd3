"""What the sites show the audit: how many dossiers each commune received, as their own copy has it."""

from __future__ import annotations

from scenarios.contract import Observation
from testbed.observing import View

PLACE = "web"

VIEWS = (
    View(  # of the communes that the run touched
        PLACE,
        "SELECT CAST(commune AS BIGINT) + 1, commune, received, at_ms FROM web_counts"
        " WHERE CAST(commune AS BIGINT) + 1 > $1"
        " AND commune IN (SELECT commune FROM dossiers WHERE key >= $2 AND key < $3)"
        " ORDER BY 1 LIMIT $4",
        lambda c: Observation(PLACE, "count", c[0], str(c[1]), c[2], commune=c[0]),
    ),
)
