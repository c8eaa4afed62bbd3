"""Many people on one hub: everybody gets their own answer, nothing leaks, somebody taken off harms nobody."""

from __future__ import annotations

import os
import resource
from collections.abc import Iterator

import gevent
import pytest

from loadtests.http import Person
from scenarios.types import Call
from tests.loadtests.clients import crowd, server, target_text

PEOPLE = 500
OWN = """
[own.get]
system = "sys"
path = "/echo/{index}"
reply = { path = { pointer = "/path" } }
[own.cookie]
system = "sys"
path = "/cookie"
[own.slow]
system = "sys"
path = "/slow?s={index}"
[own.gone]
system = "tthc"
path = "/"
"""


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    with server("polite_server") as number:
        yield number


def descriptors() -> int:
    return len(os.listdir("/proc/self/fd"))


def test_500_people_at_once_each_get_their_own_answer_and_nothing_is_left_open(port: int) -> None:
    before = descriptors()
    wrong: list[object] = []

    def use(number: int, one: Person) -> None:
        for round_ in range(2):
            one.begin()
            one.send(Call("cookie", {}))
            index = f"{number}-{round_}"
            reply = one.send(Call("get", {"index": index})).reply
            if reply.values != {"path": f"/echo/{index}"}:
                wrong.append(reply)

    with crowd(target_text(port, OWN), PEOPLE) as people:
        gevent.joinall([gevent.spawn(use, number, one) for number, one in enumerate(people)], raise_error=True)
        hub = people[0]._hub
        assert hub.active == 0
        assert hub.sockets == PEOPLE
    assert wrong == []
    assert descriptors() <= before + 5  # what gevent itself keeps


def test_memory_and_descriptors_stay_bounded_over_many_arrivals(port: int) -> None:
    with crowd(target_text(port, OWN), 4) as people:

        def use(one: Person, arrivals: int) -> None:
            for index in range(arrivals):
                one.begin()
                one.send(Call("get", {"index": index}))
                one.send(Call("get", {"index": index}))

        def everybody(arrivals: int) -> None:
            gevent.joinall([gevent.spawn(use, one, arrivals) for one in people], raise_error=True)

        everybody(50)
        open_before, memory_before = descriptors(), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        everybody(250)
        assert descriptors() <= open_before + 2
        assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - memory_before < 4096  # KiB


def test_somebody_who_is_taken_off_takes_their_request_with_them_and_harms_nobody(port: int) -> None:
    with crowd(target_text(port, OWN), 3) as people:
        slow = [gevent.spawn(one.send, Call("slow", {"index": 30})) for one in people[:2]]
        gevent.sleep(0.05)
        assert people[0]._hub.active == 2
        gevent.killall(slow)
        assert people[0]._hub.active == 0
        assert people[2].send(Call("get", {"index": 1})).reply.ok
        assert people[0].send(Call("get", {"index": 2})).reply.values == {"path": "/echo/2"}


def test_a_call_that_fails_at_once_does_not_hold_up_the_others(port: int) -> None:
    text = target_text(port, OWN).replace(f'tthc = "http://127.0.0.1:{port}"', 'tthc = "http://127.0.0.1:1"')
    with crowd(text, 20) as people:
        calls = [Call("gone" if number % 2 else "get", {"index": number}) for number in range(20)]
        done = [gevent.spawn(one.send, call) for one, call in zip(people, calls, strict=True)]
        gevent.joinall(done, raise_error=True)
        outcomes = [greenlet.value.reply.error for greenlet in done]
    assert outcomes == ["", "connect-refused"] * 10


def test_waits_of_different_length_end_in_their_own_time(port: int) -> None:
    with crowd(target_text(port, OWN, http="total_timeout_ms = 2000"), 3) as people:
        waits = [0.05, 0.6, 30]
        done = [gevent.spawn(one.send, Call("slow", {"index": s})) for one, s in zip(people, waits, strict=True)]
        gevent.joinall(done, raise_error=True)
        exchanges = [greenlet.value for greenlet in done]
    assert [exchange.reply.error for exchange in exchanges] == ["", "", "total-timeout"]
    spent = [(exchange.done_ns - exchange.sent_ns) / 1e9 for exchange in exchanges]
    assert 0.04 < spent[0] < spent[1] < spent[2]
    assert 1.9 < spent[2] < 20


def test_somebody_who_leaves_closes_their_connections_and_can_come_back(port: int) -> None:
    with crowd(target_text(port, OWN), 3) as people:
        for one in people:
            assert one.send(Call("get", {"index": 1})).reply.ok
        assert people[0]._hub.sockets == 3
        for one in people:
            one.end()
        assert people[0]._hub.sockets == 0
        people[1].begin()
        assert people[1].send(Call("get", {"index": 2})).connect_us is not None
