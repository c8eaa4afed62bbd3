"""Who people are, as the national identity provider knows: log-in codes that work once, and the population data.

Stands for the log-in with an electronic identity. A person is whoever says so: there is nothing to protect here, what
is rehearsed is the way that a log-in takes, and what happens when it is slow, full or closed.
"""

from __future__ import annotations

import secrets
from typing import NamedTuple

from testbed.store import Store
from testbed.visit import Spent

CODE_S_MAX = 120  # from the person's consent to the portal's question
PROVINCES_NOBODY_HAS = frozenset((0, 3, 5, 7, 9, 13, 16, 18, 21, 23, *range(97, 1000)))
OTHERS = (
    "CREATE TABLE IF NOT EXISTS codes (code {key} PRIMARY KEY, cccd TEXT, applicant TEXT, at_ms BIGINT)",
    "CREATE INDEX IF NOT EXISTS codes_at ON codes (at_ms)",
)
_FORGET = "DELETE FROM codes WHERE at_ms < $1"
_GIVE = "INSERT INTO codes (code, cccd, applicant, at_ms) VALUES ($1, $2, $3, $4)"
_TAKE = "DELETE FROM codes WHERE code = $1 AND at_ms >= $2 RETURNING cccd, applicant"


class Person(NamedTuple):
    """Who logs in."""

    cccd: str
    applicant: str


class Identity:
    """The codes that are out, and how many questions this second has seen."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._second = 0
        self._seen = 0

    async def authorize(self, spent: Spent, person: Person) -> str:
        """A code for this person; those that nobody came for in time are forgotten."""
        code, now_ms = secrets.token_hex(16), self._store.now_ms()
        async with self._store.write(spent, code) as tx:
            await tx.run(_FORGET, now_ms - CODE_S_MAX * 1000)
            await tx.run(_GIVE, code, *person, now_ms)
        return code

    async def redeem(self, spent: Spent, code: str) -> Person | None:
        """Who that was; None for a code that was never given, is too old, or was redeemed before."""
        async with self._store.write(spent, code) as tx:
            found = await tx.rows(_TAKE, code, self._store.now_ms() - CODE_S_MAX * 1000)
        return Person(*found[0]) if found else None

    def within(self, per_s_max: int) -> bool:
        """Counts one question and says whether this second had room for it."""
        second = int(self._store.now())
        if second != self._second:
            self._second, self._seen = second, 0
        self._seen += 1
        return self._seen <= per_s_max


def known(cccd: str) -> bool:
    """Whether the population data have this number: all do that could be somebody's."""
    return int(cccd[:3]) not in PROVINCES_NOBODY_HAS and cccd[3] in "0123"
