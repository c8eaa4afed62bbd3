"""Walks one journey: asks it for the next call, waits until the call is due, sends it, writes down what happened.

A call is due when the person would act: think time counts from when the step before was due, and a late answer eats
into it. So the offered load inside a journey does not sag when the target slows down (ADR 0004).
"""

from __future__ import annotations

from loadtests.ports import Clock, Exchange, Send, Sink
from record.rows import ERROR_INDEX
from record.types import Fact, JourneyEnd, LedgerEntry, Outcome
from scenarios.contract import BY_NAME, digest
from scenarios.types import Arrival, Call, Journey, Reply

BROKEN = (TypeError, KeyError, ValueError, AttributeError, IndexError, RecursionError, OverflowError)
_FACT = {Outcome.OK: Fact.ACKED, Outcome.REFUSED: Fact.REFUSED, Outcome.UNKNOWN: Fact.UNKNOWN}
_DRAINED = Reply(Outcome.UNKNOWN, 0, "drained", {})
_BROKE = Reply(Outcome.UNKNOWN, 0, "journey-broke", {})


def drive(arrival: Arrival, journey: Journey, send: Send, clock: Clock, sink: Sink) -> Outcome:
    """The worst outcome of the journey's calls; always exactly one `sink.end`, also when the person is taken off.

    An answer that the journey cannot make sense of ends it as unknown with error "journey-broke".
    """
    started_ns, steps, worst, error = clock.now(), 0, Outcome.OK, ""
    due_ns = free_ns = arrival.at_ns
    waiting: Call | None = None
    finished = False
    try:
        try:
            call = next(journey)
            while True:
                due_ns = max(due_ns + call.think_ns, free_ns)
                clock.sleep_until(due_ns)
                if call.key is not None:
                    _note(arrival, call, Fact.INTENDED, clock.now(), sink)
                waiting = call
                exchange = send(call)
                waiting = None
                if call.key is not None:
                    fact = _FACT[exchange.reply.outcome]
                    _note(arrival, call, fact, exchange.done_ns, sink, exchange.subject)
                if not exchange.cached:
                    sink.sample(arrival, steps, call, due_ns, exchange)
                    steps += 1
                reply = exchange.reply
                if reply.outcome > worst:
                    worst, error = reply.outcome, reply.error
                free_ns = max(exchange.done_ns, exchange.free_ns)
                call = journey.send(reply)
        except StopIteration:
            pass
        except BROKEN:
            worst, error = Outcome.UNKNOWN, "journey-broke"
        finished = True
    finally:
        now = clock.now()
        if not finished:
            worst, error = Outcome.UNKNOWN, "drained"
        if waiting is not None:  # taken off while the answer was out, or it could not be made a request
            sink.sample(arrival, steps, waiting, due_ns, Exchange(_BROKE if finished else _DRAINED, -1, now))
            steps += 1
            if waiting.key is not None:
                _note(arrival, waiting, Fact.UNKNOWN, now, sink)
        journey.close()
        sink.end(JourneyEnd(arrival.index, steps, worst, ERROR_INDEX[error], started_ns, now))
    return worst


def _note(arrival: Arrival, call: Call, fact: Fact, at_ns: int, sink: Sink, subject: str | None = None) -> None:
    assert call.key is not None
    content = digest(call.operation, call.values) if fact is Fact.INTENDED and call.operation in BY_NAME else None
    sink.ledger(LedgerEntry(call.key, fact, at_ns, call.operation, arrival.commune, arrival.index, content, subject))
