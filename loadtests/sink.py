"""Where a worker's facts go: into its journal, and to whoever watches (Locust's own statistics and web page)."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from loadtests.ports import Exchange
from record.journal import Journal
from record.rows import ERROR_INDEX, NONE_U32
from record.types import JourneyEnd, LedgerEntry, Observation, OperationInfo, Outcome
from scenarios.contract import BY_NAME, as_text
from scenarios.types import Arrival, Call

Watch = Callable[[str, Exchange, int], None]  # operation, exchange, latency from due in ns


class JournalSink:
    """ports.Sink of one worker process."""

    def __init__(self, journal: Journal, operations: Sequence[OperationInfo], watch: Watch) -> None:
        self._journal = journal
        self._number = {operation.name: number for number, operation in enumerate(operations)}
        self._watch = watch
        self._pack = journal.pack_sample
        self.ended = 0
        self.dropped = 0

    def sample(self, arrival: Arrival, step: int, call: Call, intended_ns: int, exchange: Exchange) -> None:
        reply = exchange.reply
        self._pack(
            arrival.index, step, self._number[call.operation], intended_ns, exchange.sent_ns, exchange.done_ns,
            reply.status, reply.outcome, ERROR_INDEX[reply.error],
            exchange.bytes_sent, exchange.bytes_received,
            NONE_U32 if exchange.connect_us is None else exchange.connect_us,
            NONE_U32 if exchange.first_byte_us is None else exchange.first_byte_us,
            NONE_U32 if exchange.app_us is None else exchange.app_us,
            NONE_U32 if exchange.db_us is None else exchange.db_us,
            NONE_U32 if exchange.queue_us is None else exchange.queue_us,
        )  # fmt: skip
        if exchange.unsound:
            self._journal.observation(_unsound(arrival, call, exchange.unsound))
        self._watch(call.operation, exchange, exchange.done_ns - intended_ns)

    def end(self, end: JourneyEnd) -> None:
        self._journal.end(end)
        self.ended += 1
        if end.outcome is Outcome.DROPPED:
            self.dropped += 1

    def ledger(self, entry: LedgerEntry) -> None:
        self._journal.ledger(entry)


def _unsound(arrival: Arrival, call: Call, why: str) -> Observation:
    """A signed document that does not verify, by the number that was asked for."""
    operation = BY_NAME[call.operation]
    subject = as_text(call.values[operation.takes[0]])
    return Observation(operation.system, "signature", subject, why, commune=arrival.commune)
