"""The life of a dossier as this platform understands it. Its own table: the judge must not borrow from the judged."""

from __future__ import annotations

from typing import NamedTuple

NEW = 1  # Mới đăng ký: sent in online
RECEIVED = 2  # Được tiếp nhận: also where a dossier handed in at the counter begins


class Move(NamedTuple):
    """One permitted step, the operation that it is, and the roles that may take it."""

    operation: str
    roles: tuple[str, ...]


# (from, to). Steps that no operation of the contract asks for (refuse, fee, withdraw, stop) are not served.
MOVES: dict[tuple[int, int], Move] = {
    (1, 2): Move("tthc.accept", ("motcua",)),
    (2, 4): Move("tthc.start", ("chuyenvien",)),
    (4, 5): Move("tthc.ask", ("chuyenvien",)),
    (5, 4): Move("tthc.resume", ("chuyenvien", "motcua")),
    (4, 9): Move("tthc.approve", ("lanhdao",)),
    (9, 10): Move("tthc.hand_over", ("motcua",)),
}
