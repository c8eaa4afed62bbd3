"""Who is logged in for longer than one arrival."""

from __future__ import annotations

from loadtests.bindings import Session

SESSIONS_MAX = 200_000


class Sessions:
    """Log-ins that outlive an arrival (Call.once), shared by all persons of a process: (auth, actor) → session."""

    def __init__(self) -> None:
        self._held: dict[tuple[str, str], Session] = {}

    def get(self, auth: str, actor: str) -> Session | None:
        return self._held.get((auth, actor))

    def put(self, auth: str, actor: str, session: Session) -> None:
        """Keep it; of SESSIONS_MAX the oldest goes."""
        if len(self._held) >= SESSIONS_MAX:
            del self._held[next(iter(self._held))]
        self._held[auth, actor] = session

    def drop(self, auth: str, actor: str, session: Session) -> None:
        """Forget it, unless somebody has logged in anew meanwhile."""
        if self._held.get((auth, actor)) is session:
            del self._held[auth, actor]
