"""The dispatcher: everybody at their time, nobody twice, and a wish to stop is heard long before the next arrival."""

from __future__ import annotations

import gevent
import numpy as np
from gevent.queue import SimpleQueue

from loadtests.dispatcher import BATCH_MAX, LOOK_NS, Dispatcher
from record.rows import ERRORS
from record.types import JourneyEnd, Outcome
from scenarios.schedule import Plan

HOUR_NS = 3600 * 1_000_000_000


class Hours:
    """A clock that moves when somebody sleeps; at `stop_ns` the dispatcher is told to stop."""

    def __init__(self, stop_ns: int) -> None:
        self.time = 0
        self.stop_ns = stop_ns
        self.dispatcher: Dispatcher | None = None

    def now(self) -> int:
        return self.time

    def sleep_until(self, at_ns: int) -> None:
        self.time = max(self.time, at_ns)
        if self.dispatcher is not None and self.time >= self.stop_ns:
            self.dispatcher.stopped = True


class Turns(Hours):
    """As `Hours`; whoever sleeps lets the others have their turn, as in a real process."""

    def sleep_until(self, at_ns: int) -> None:
        gevent.sleep(0)
        super().sleep_until(at_ns)


def dispatch(*at_ns: int, stop_ns: int = 10**18, room: int = 9) -> tuple[list[int], list[JourneyEnd], int]:
    """Arrivals handed out, ends, and the time when it was over."""
    nothing = np.zeros(len(at_ns), np.int32)
    plan = Plan(np.array(at_ns, np.int64), nothing, nothing, nothing, ("own",), ("",), ("get",))
    clock = Hours(stop_ns)
    ends: list[JourneyEnd] = []
    handed: list[int] = []
    inbox = SimpleQueue(maxsize=room)
    one = clock.dispatcher = Dispatcher(plan, range(len(at_ns)), {"own": inbox}, clock, ends.append)
    one.run()
    while not inbox.empty():
        handed.append(inbox.get())
    return handed, ends, clock.time


def test_a_wish_to_stop_is_heard_hours_before_the_next_arrival() -> None:
    handed, ends, over_ns = dispatch(0, HOUR_NS, 2 * HOUR_NS, stop_ns=1_000_000_000)
    assert handed == [0]
    assert [(end.arrival, end.outcome, ERRORS[end.error]) for end in ends] == [
        (1, Outcome.DROPPED, "stopped"),
        (2, Outcome.DROPPED, "stopped"),
    ]
    assert over_ns <= 1_000_000_000 + LOOK_NS


def test_what_is_under_way_gets_its_turns_while_a_long_rest_of_the_plan_is_dropped() -> None:
    count = 20 * BATCH_MAX
    nothing = np.zeros(count, np.int32)
    plan = Plan(np.zeros(count, np.int64), nothing, nothing, nothing, ("own",), ("",), ("get",))
    ends, seen = list[JourneyEnd](), list[int]()
    dispatcher = Dispatcher(plan, range(count), {"own": SimpleQueue(maxsize=1)}, Hours(10**18), ends.append)
    dispatcher.stopped = True

    def under_way() -> None:
        while True:
            seen.append(len(ends))
            gevent.sleep(0)

    other = gevent.spawn(under_way)
    dispatcher.run()
    other.kill()
    assert (len(ends), dispatcher.dropped) == (count, count)
    assert np.diff([*seen, count]).max() <= 2 * BATCH_MAX


def test_without_a_wish_to_stop_nobody_is_early_or_left_out() -> None:
    handed, ends, over_ns = dispatch(0, 5, HOUR_NS)
    assert handed == [0, 1, 2]
    assert ends == []
    assert over_ns == HOUR_NS


def test_who_finds_the_inbox_full_is_dropped_and_counted() -> None:
    handed, ends, _ = dispatch(0, 0, 0, room=2)
    assert handed == [0, 1]
    assert [(end.arrival, ERRORS[end.error]) for end in ends] == [(2, "inbox-full")]


def test_slow_turns_of_the_hub_do_not_set_the_pace() -> None:
    """A starved process: each turn takes half a second, and a thousand arrivals a second are due."""
    count, slow_ns = 10_000, 500_000_000
    nothing = np.zeros(count, np.int32)
    plan = Plan(np.arange(count, dtype=np.int64) * 1_000_000, nothing, nothing, nothing, ("own",), ("",), ("get",))
    clock, late_ns, ends = Turns(10**18), list[int](), list[JourneyEnd]()
    inbox = SimpleQueue(maxsize=600)

    def users() -> None:
        while True:
            index = inbox.get()
            late_ns.append(clock.time - index * 1_000_000)
            if inbox.empty():
                clock.time += slow_ns

    user = gevent.spawn(users)
    clock.dispatcher = Dispatcher(plan, range(count), {"own": inbox}, clock, ends.append)
    clock.dispatcher.run()
    gevent.sleep(0)
    user.kill()
    assert (len(late_ns), ends) == (count, [])
    assert max(late_ns) <= 2 * slow_ns, "late by the turn that it waited for, and not by all before"


def test_whoever_is_parked_takes_what_is_due_at_the_same_moment_before_anybody_is_dropped() -> None:
    nothing = np.zeros(5, np.int32)
    plan = Plan(np.zeros(5, np.int64), nothing, nothing, nothing, ("own",), ("",), ("get",))
    inbox, taken, ends = SimpleQueue(maxsize=1), list[int](), list[JourneyEnd]()
    users = [gevent.spawn(lambda: taken.append(inbox.get())) for _ in range(4)]
    gevent.sleep(0)
    Dispatcher(plan, range(5), {"own": inbox}, Hours(10**18), ends.append).run()
    gevent.joinall(users, timeout=5)
    assert sorted([*taken, inbox.get()]) == [0, 1, 2, 3, 4]
    assert ends == []
