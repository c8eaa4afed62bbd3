"""How many accounts of one commune are at work at once, for a platform that allows only so many."""

from __future__ import annotations

from testbed.tokens import Actor

SEAT_S = 900  # a log-in holds its seat for so long


class Seats:
    """Who sits where. Bounded: a commune has one account per role."""

    def __init__(self) -> None:
        self._until: dict[str, dict[str, float]] = {}

    def take(self, actor: Actor, now: float, most: int) -> bool:
        """Whether there was a seat; who logs in again keeps the one they have."""
        taken = {name: until for name, until in self._until.get(actor.commune, {}).items() if until > now}
        free = actor.name in taken or len(taken) < most
        if free:
            taken[actor.name] = now + SEAT_S
        self._until[actor.commune] = taken
        return free
