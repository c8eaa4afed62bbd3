"""The driver: one journey, step by step, over hand-written fakes of clock, target and sink."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loadtests.driver import BROKEN, drive
from loadtests.ports import Exchange
from record.rows import ERRORS
from record.types import Fact, JourneyEnd, LedgerEntry, Outcome
from scenarios.contract import digest
from scenarios.types import Arrival, Call, Journey, Reply

MS = 1_000_000
ARRIVAL = Arrival(7, 100 * MS, "tthc", "14797", "tthc.counter")
CLAIM = Call("tthc.claim", {"commune": "14797"}, key="t-7.claim")


class World:
    """Clock, target and sink in one: time moves only when somebody sleeps or a request takes its time."""

    def __init__(self, took_ns: int = 0, answers: dict[str, Reply] | None = None) -> None:
        self.time = 0
        self.took_ns = took_ns
        self.answers = answers or {}
        self.samples: list[tuple[int, str, int, int, int, Outcome]] = []
        self.errors: list[str] = []
        self.ends: list[JourneyEnd] = []
        self.entries: list[LedgerEntry] = []
        self.before_send: Callable[[Call], None] = lambda call: None
        self.cached: set[str] = set()

    def now(self) -> int:
        return self.time

    def sleep_until(self, at_ns: int) -> None:
        self.time = max(self.time, at_ns)

    def send(self, call: Call) -> Exchange:
        self.before_send(call)
        sent = self.time
        if call.operation in self.cached:
            return Exchange(Reply(Outcome.OK, 200, "", {}), sent, sent, cached=True)
        self.time += self.took_ns
        reply = self.answers.get(call.operation, Reply(Outcome.OK, 200, "", {}))
        return Exchange(reply, sent, self.time, subject="H56-1" if call.key else None)

    def sample(self, arrival: Arrival, step: int, call: Call, intended_ns: int, exchange: Exchange) -> None:
        outcome = exchange.reply.outcome
        self.errors.append(exchange.reply.error)
        self.samples.append((step, call.operation, intended_ns, exchange.sent_ns, exchange.done_ns, outcome))

    def end(self, end: JourneyEnd) -> None:
        self.ends.append(end)

    def ledger(self, entry: LedgerEntry) -> None:
        self.entries.append(entry)

    def drive(self, journey: Journey) -> Outcome:
        return drive(ARRIVAL, journey, self.send, self, self)


def calls(*wanted: Call) -> Journey:
    for number in range(len(wanted)):
        yield wanted[number]


def test_a_journey_that_goes_well_ends_once_and_ok() -> None:
    world = World(took_ns=3 * MS)
    assert world.drive(calls(Call("tthc.queue", {}), Call("tthc.dossier", {}, think_ns=50 * MS))) is Outcome.OK
    assert world.samples == [
        (0, "tthc.queue", 100 * MS, 100 * MS, 103 * MS, Outcome.OK),
        (1, "tthc.dossier", 150 * MS, 150 * MS, 153 * MS, Outcome.OK),
    ]
    assert world.ends == [JourneyEnd(7, 2, Outcome.OK, 0, 0, 153 * MS)]


def test_a_late_answer_eats_into_the_think_time_but_never_sends_before_it() -> None:
    world = World(took_ns=80 * MS)
    world.drive(calls(Call("tthc.queue", {}), Call("tthc.dossier", {}, think_ns=50 * MS)))
    assert [sample[2] for sample in world.samples] == [100 * MS, 180 * MS]


@given(st.lists(st.integers(0, 10**9), min_size=1, max_size=8), st.integers(0, 10**6))
def test_a_quick_target_leaves_the_due_times_to_the_plan(thinks: list[int], took_ns: int) -> None:
    thinks = [think + took_ns for think in thinks]
    world = World(took_ns=took_ns)
    world.drive(calls(*(Call("tthc.queue", {}, think_ns=think) for think in thinks)))
    due = [sample[2] for sample in world.samples]
    assert due == [ARRIVAL.at_ns + sum(thinks[: n + 1]) for n in range(len(thinks))]


def test_a_late_start_counts_against_the_answer_time() -> None:
    world = World(took_ns=1 * MS)
    world.time = 140 * MS
    world.drive(calls(Call("tthc.queue", {})))
    _, _, intended, sent, done, _ = world.samples[0]
    assert (intended, sent, done) == (100 * MS, 140 * MS, 141 * MS)


def test_the_intent_is_written_before_the_request_leaves() -> None:
    world = World()
    world.before_send = lambda call: facts.append([entry.fact for entry in world.entries])
    facts: list[list[Fact]] = []
    world.drive(calls(CLAIM))
    assert facts == [[Fact.INTENDED]]
    intended, acked = world.entries
    assert (intended.key, intended.digest) == ("t-7.claim", digest("tthc.claim", CLAIM.values))
    assert (acked.fact, acked.subject, acked.commune, acked.arrival) == (Fact.ACKED, "H56-1", "14797", 7)


@pytest.mark.parametrize(
    ("outcome", "fact"),
    [(Outcome.OK, Fact.ACKED), (Outcome.REFUSED, Fact.REFUSED), (Outcome.UNKNOWN, Fact.UNKNOWN)],
)
def test_each_outcome_of_a_write_is_its_own_fact(outcome: Outcome, fact: Fact) -> None:
    error = "" if outcome is Outcome.OK else "status-5xx"
    world = World(answers={"tthc.claim": Reply(outcome, 500, error, {})})
    assert world.drive(calls(CLAIM)) is outcome
    assert [entry.fact for entry in world.entries] == [Fact.INTENDED, fact]
    assert ERRORS[world.ends[0].error] == error


def test_the_worst_call_decides_about_the_arrival() -> None:
    world = World(answers={"tthc.queue": Reply(Outcome.REFUSED, 404, "status-4xx", {})})
    assert world.drive(calls(Call("tthc.queue", {}), Call("tthc.dossier", {}))) is Outcome.REFUSED
    assert len(world.samples) == 2


def test_an_answer_that_makes_no_sense_ends_the_journey_as_unknown() -> None:
    def journey() -> Journey:
        reply = yield Call("tthc.queue", {})
        yield Call("tthc.dossier", {"dossier": reply.values["dossiers"][0]})

    world = World()
    assert world.drive(journey()) is Outcome.UNKNOWN
    assert ERRORS[world.ends[0].error] == "journey-broke"
    assert len(world.samples) == 1


@pytest.mark.parametrize("breaks", BROKEN)
def test_whatever_breaks_over_an_answer_ends_the_journey_and_not_the_worker(breaks: type[Exception]) -> None:
    def journey() -> Journey:
        yield Call("tthc.queue", {})
        raise breaks

    world = World()
    assert world.drive(journey()) is Outcome.UNKNOWN
    assert ERRORS[world.ends[0].error] == "journey-broke"


def test_a_call_of_which_no_request_can_be_made_is_one_that_broke_and_not_one_taken_off() -> None:
    def no_request(call: Call) -> None:
        raise TypeError

    world = World()
    world.before_send = no_request
    assert world.drive(calls(CLAIM)) is Outcome.UNKNOWN
    assert [entry.fact for entry in world.entries] == [Fact.INTENDED, Fact.UNKNOWN]
    assert world.samples == [(0, "tthc.claim", 100 * MS, -1, 100 * MS, Outcome.UNKNOWN)]
    assert world.errors == ["journey-broke"]


def test_whoever_is_taken_off_while_waiting_leaves_an_unknown_call_and_one_end() -> None:
    def taken_off(call: Call) -> None:
        world.time += 5 * MS
        raise GeneratorExit

    world = World()
    world.before_send = taken_off
    with pytest.raises(GeneratorExit):
        world.drive(calls(CLAIM))
    assert [entry.fact for entry in world.entries] == [Fact.INTENDED, Fact.UNKNOWN]
    assert world.samples == [(0, "tthc.claim", 100 * MS, -1, 105 * MS, Outcome.UNKNOWN)]
    assert [(ERRORS[end.error], end.outcome) for end in world.ends] == [("drained", Outcome.UNKNOWN)]


def test_an_answer_from_a_log_in_that_still_holds_is_no_call() -> None:
    world = World()
    world.cached = {"tthc.login"}
    world.drive(calls(Call("tthc.login", {}, actor="officer:a", once=True), Call("tthc.queue", {})))
    assert [sample[:2] for sample in world.samples] == [(0, "tthc.queue")]
    assert world.ends[0].steps == 1


def test_a_journey_with_nothing_to_do_still_ends() -> None:
    world = World()
    assert world.drive(calls()) is Outcome.OK
    assert world.ends == [JourneyEnd(7, 0, Outcome.OK, 0, 0, 0)]
