"""What TTHC shows the audit: each dossier's state, its steps, when it reached them, and the numbers given."""

from __future__ import annotations

from scenarios.contract import Observation, mark
from testbed.observing import View

PLACE = "tthc"
_OF_RUN = "WHERE id > $1 AND key || '' >= $2 AND key || '' < $3 ORDER BY id LIMIT $4"

VIEWS = (
    View(
        PLACE,
        "SELECT id, code, state, coalesce((SELECT max(t.at_ms) FROM transitions AS t WHERE t.dossier = code), at_ms),"
        f" key, commune, procedure, applicant FROM dossiers {_OF_RUN}",
        lambda c: Observation(PLACE, "state", c[0], str(c[1]), c[2], c[3], mark(c[5], c[6]), c[4]),
    ),
    View(
        PLACE,
        f"SELECT id, code, CASE WHEN online = 1 THEN 1 ELSE 2 END, at_ms, key, commune FROM dossiers {_OF_RUN}",
        lambda c: Observation(PLACE, "move", c[0], f"0>{c[1]}", c[2], c[3], commune=c[4]),
    ),
    View(
        PLACE,
        f"SELECT id, dossier, from_state, to_state, at_ms, key FROM transitions {_OF_RUN}",
        lambda c: Observation(PLACE, "move", c[0], f"{c[1]}>{c[2]}", c[3], c[4]),
    ),
    View(
        PLACE,
        f"SELECT id, code, CASE WHEN online = 1 THEN 1 ELSE 2 END, at_ms, key, commune FROM dossiers {_OF_RUN}",
        lambda c: Observation(PLACE, "history", c[0], str(c[1]), c[2], c[3], commune=c[4]),
    ),
    View(
        PLACE,
        f"SELECT id, dossier, to_state, at_ms, key FROM transitions {_OF_RUN}",
        lambda c: Observation(PLACE, "history", c[0], str(c[1]), c[2], c[3]),
    ),
    View(  # of every series that the run touched, whoever made them
        PLACE,
        "SELECT id, series, number, at_ms, key, commune FROM dossiers WHERE id > $1 AND series IN"
        " (SELECT series FROM dossiers WHERE key >= $2 AND key < $3) ORDER BY id LIMIT $4",
        lambda c: Observation(PLACE, "number", c[0], str(c[1]), c[2], c[3], commune=c[4]),
    ),
    View(  # of every commune that the run touched, all dossiers of all time
        PLACE,
        "SELECT CAST(commune AS BIGINT) + 1, commune, count(*), max(at_ms) FROM dossiers"
        " WHERE CAST(commune AS BIGINT) + 1 > $1"
        " AND commune IN (SELECT commune FROM dossiers WHERE key >= $2 AND key < $3)"
        " GROUP BY commune ORDER BY 1 LIMIT $4",
        lambda c: Observation(PLACE, "count", c[0], str(c[1]), c[2], commune=c[0]),
    ),
)
