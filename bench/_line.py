"""The last line of every bench: one JSON object, for machines."""

from __future__ import annotations

import json
from typing import Any


def result(name: str, ours: float, peer: float, goal: float, ok: bool, **more: Any) -> None:
    """`ours` and `peer` were measured in this very run; `ratio` is ours / peer; `goal` is what `ok` was held to."""
    ratio = round(ours / peer, 4) if peer else None
    line = {"name": name, "ours": round(ours, 4), "peer": round(peer, 4), "ratio": ratio, "goal": goal, "ok": ok}
    print(json.dumps({**line, **more}), flush=True)
