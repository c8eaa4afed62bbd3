"""Faults switched while the testbed runs: only with --control, here or outside, and gone when they are switched off."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

import httpx
import psutil

from tests.servers import RunningTestbed, start_testbed
from tests.testbed.people import CCCD, NAME, Office, refused

SWITCH = "/testbed/faults"
PERSON = {"cccd": CCCD, "applicant": NAME}
WAIT_S_MAX = 20


@contextmanager
def _office(*options: str) -> Iterator[tuple[Office, RunningTestbed]]:
    with start_testbed(*options) as testbed, httpx.Client(base_url=testbed.url, timeout=20) as client:
        yield Office(client), testbed


def _switch(office: Office, on: tuple[str, ...] = (), off: tuple[str, ...] = ()) -> list[str]:
    """What is active then."""
    reply = office.client.post(SWITCH, json={"on": on, "off": off})
    assert reply.status_code == 200, reply.text
    active: list[str] = reply.json()["active"]
    return active


def _stored(office: Office, number: int) -> list[bool]:
    """Which of so many submissions are there afterwards."""
    keys = [office.key() for _ in range(number)]
    assert {office.submit(key).status_code for key in keys} == {201}
    found = {write.key for write in office.by_keys(*keys)}
    return [key in found for key in keys]


def test_without_the_option_there_is_no_switch(client: httpx.Client) -> None:
    assert refused(client.post(SWITCH, json={"on": ["delay=900"]})) == (404, "path-unknown")


def test_a_fault_is_there_from_on_to_off() -> None:
    fault = "lose=2:portal.submit"
    with _office("--control") as (office, _):
        assert _switch(office) == []
        assert _switch(office, on=(fault,)) == [fault]
        assert _stored(office, 3) == [True, False, True]
        assert _switch(office, on=(fault,), off=(fault,)) == [fault]
        assert _stored(office, 2) == [True, False], "begun anew, it counts anew"
        assert _switch(office, off=(fault, "delay=5")) == []
        assert _stored(office, 3) == [True, True, True]


def test_what_lives_outside_is_switched_outside() -> None:
    there = ("identity-down=1", "delay=1:identity.authorize")
    here = "status=1:portal.search"
    with _office("--control", "--fault", "bank-down=1") as (office, testbed):
        way = f"{testbed.outside_url}/identity/authorize"
        assert httpx.post(way, json=PERSON, trust_env=False).status_code == 200
        assert _switch(office, on=(*there, here)) == [here, "bank-down=1", *there]
        assert refused(httpx.post(way, json=PERSON, trust_env=False)) == (503, "identity-down")
        assert refused(office.client.get("/portal/procedures")) == (500, "fault")
        assert _switch(office, off=(*there, here, "bank-down=1")) == []
        assert httpx.post(way, json=PERSON, trust_env=False).status_code == 200
        assert office.client.get("/portal/procedures").status_code == 200


def test_only_the_platform_switches_what_is_outside() -> None:
    with _office("--control") as (office, testbed):
        reply = httpx.post(f"{testbed.outside_url}{SWITCH}", json={"on": ["identity-down=1"]}, trust_env=False)
        assert refused(reply) == (401, "signature-wrong")
        assert _switch(office) == []


def test_a_fault_that_does_not_exist_is_told_in_words_and_nothing_is_switched() -> None:
    with _office("--control") as (office, _):
        reply = office.client.post(SWITCH, json={"on": ["delay=900", "loose=3", "lose=0"]})
        assert refused(reply) == (422, "fault-invalid")
        first, second = reply.json()["problems"]
        assert "unknown kind 'loose'; known are: lose, double" in first
        assert "--fault lose=0: expected a whole number from 1" in second
        assert refused(office.client.post(SWITCH, json={"on": "delay=900"})) == (422, "body-invalid")
        assert _switch(office) == []


def test_a_stall_that_is_switched_off_in_time_does_not_come() -> None:
    with _office("--control") as (office, _):
        _switch(office, on=("stall=1.5,4",))
        _switch(office, off=("stall=1.5,4",))
        until = time.monotonic() + 2.5
        while time.monotonic() < until:
            asked = time.monotonic()
            office.client.get("/healthz")
            assert time.monotonic() - asked < 2


def test_a_crash_kills_the_platform_once_and_clients_go_on() -> None:
    with _office("--control", "--restart", "--fault", "crash=0.5") as (office, testbed):
        psutil.wait_procs([psutil.Process(testbed.pid)], timeout=WAIT_S_MAX)
        assert _stored(office, 2) == [True, True]
        second = _pid(office)
        assert second != testbed.pid
        assert _switch(office, on=("crash=0.3",)) == ["crash=0.3"]
        psutil.wait_procs([psutil.Process(second)], timeout=WAIT_S_MAX)
        assert _switch(office) == [], "who is started again does not inherit it"
        assert _pid(office) not in (testbed.pid, second)
        assert len(office.writes()) == 2


def _pid(office: Office) -> int:
    lines = office.client.get("/metrics").text.splitlines()
    return int(next(line for line in lines if line.startswith("testbed_pid ")).split()[1])
