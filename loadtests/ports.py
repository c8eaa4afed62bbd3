"""The Protocols that a journey's driver needs from the world: Clock, Send, Sink."""

from __future__ import annotations

from typing import Protocol

import msgspec

from record.types import JourneyEnd, LedgerEntry
from scenarios.types import Arrival, Call, Reply


class Exchange(msgspec.Struct, gc=False):
    """One call as it went over the wire. Times are run time (ns since zero); None means not measured."""

    reply: Reply
    sent_ns: int
    done_ns: int
    bytes_sent: int = 0
    bytes_received: int = 0
    connect_us: int | None = None
    first_byte_us: int | None = None
    app_us: int | None = None
    db_us: int | None = None
    queue_us: int | None = None
    subject: str | None = None  # the number the target gave to a write
    free_ns: int = 0  # when the person could go on, where that is later: we had to look at the answer
    unsound: str = ""  # why a signed document does not verify
    cached: bool = False  # answered from a log-in that still holds or a page that is still fresh; nothing was sent


class Clock(Protocol):
    """Run time in whole nanoseconds; `sleep_until` returns at once when the time has passed."""

    def now(self) -> int: ...
    def sleep_until(self, at_ns: int) -> None: ...


class Send(Protocol):
    """Sends one call of one person and blocks that person until the answer. Never raises for the target's faults."""

    def __call__(self, call: Call) -> Exchange: ...


class Sink(Protocol):
    """Where facts go."""

    def sample(self, arrival: Arrival, step: int, call: Call, intended_ns: int, exchange: Exchange) -> None: ...
    def end(self, end: JourneyEnd) -> None: ...
    def ledger(self, entry: LedgerEntry) -> None: ...
