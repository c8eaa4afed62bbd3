"""The life of a dossier as a table: ten states (contract.STATES) and which may follow which.

"Quá hạn" is not a state: it is the due date against the clock (working_time).
"""

from __future__ import annotations

import enum
from collections.abc import Iterable
from itertools import pairwise


class State(enum.IntEnum):
    """Code numbers of TrangThaiHoSo."""

    NEW = 1
    RECEIVED = 2
    TURNED_AWAY = 3
    PROCESSING = 4
    SUPPLEMENT = 5
    PAYMENT = 6
    WITHDRAWAL = 7
    STOPPED = 8
    DONE = 9
    RETURNED = 10


TRANSITIONS: dict[State, tuple[State, ...]] = {
    State.NEW: (State.RECEIVED, State.TURNED_AWAY),
    State.RECEIVED: (State.PROCESSING, State.WITHDRAWAL),
    State.TURNED_AWAY: (),
    State.PROCESSING: (State.SUPPLEMENT, State.PAYMENT, State.WITHDRAWAL, State.STOPPED, State.DONE),
    State.SUPPLEMENT: (State.PROCESSING, State.WITHDRAWAL, State.STOPPED),
    State.PAYMENT: (State.PROCESSING, State.WITHDRAWAL, State.STOPPED),
    State.WITHDRAWAL: (State.STOPPED,),
    State.STOPPED: (),
    State.DONE: (State.RETURNED,),
    State.RETURNED: (),
}
BIRTHS: tuple[State, ...] = (State.NEW, State.RECEIVED)  # handed in online, handed in at the counter
FINAL: tuple[State, ...] = tuple(state for state, after in TRANSITIONS.items() if not after)

# What each act of an officer (operation tthc.<act>) does to a dossier.
ACTS: dict[str, tuple[State, State]] = {
    "accept": (State.NEW, State.RECEIVED),
    "start": (State.RECEIVED, State.PROCESSING),
    "ask": (State.PROCESSING, State.SUPPLEMENT),
    "resume": (State.SUPPLEMENT, State.PROCESSING),
    "approve": (State.PROCESSING, State.DONE),
    "hand_over": (State.DONE, State.RETURNED),
}


def allowed(before: int, after: int) -> bool:
    """Whether a dossier may go from one state to the other in one step. Unknown numbers: no."""
    return before in TRANSITIONS and after in TRANSITIONS[State(before)]


def moves() -> tuple[tuple[int, int], ...]:
    """Every step that a dossier may take; from 0: it was not there before."""
    born = [(0, int(state)) for state in BIRTHS]
    return (*born, *((int(before), int(after)) for before, to in TRANSITIONS.items() for after in to))


def reachable(start: int) -> frozenset[State]:
    """Every state that a dossier in `start` can still come to, itself included."""
    found: set[State] = set()
    ahead = [State(start)]
    while ahead:
        state = ahead.pop()
        if state not in found:
            found.add(state)
            ahead.extend(TRANSITIONS[state])
    return frozenset(found)


def valid_history(states: Iterable[int]) -> bool:
    """Whether the states, in order, can be the history of one dossier from its first day on."""
    history = list(states)
    return bool(history) and history[0] == State.NEW and all(allowed(a, b) for a, b in pairwise(history))
