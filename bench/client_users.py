"""Locust users for bench.client: ours complete (plan, inbox, journey, client, record, Locust's events), peers."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import gevent
from gevent.queue import SimpleQueue
from locust import FastHttpUser, HttpUser, User, constant, events, task

from loadtests import targets
from loadtests.curl_hub import CurlHub
from loadtests.driver import drive
from loadtests.http import Person
from loadtests.pacing import RunClock, Timer
from loadtests.ports import Exchange
from loadtests.sessions import Sessions
from loadtests.sink import JournalSink
from record.journal import Journal
from scenarios.schedule import constant as constant_rate
from scenarios.types import Arrival, Call, Journey

INBOX_MAX = 100
PLAN_RATE = 100_000.0  # more than any client here can do: the inbox never runs empty
PLAN_S = 20.0
FLUSH_S = 0.5


class Process:
    """What one of our worker processes has, with a saturating plan."""

    def __init__(self, environment: Any) -> None:
        url = environment.host
        text = f'name = "bench"\n[systems]\nbench = "{url}"\n[http]\nconnections = "shared"\n'
        self.target = targets.parse(
            "bench.toml", text + '[own."get"]\npath = "/"\nreply.number = { pointer = "/number" }'
        )
        self.plan = constant_rate(PLAN_RATE, PLAN_S, self.target.weights, 1)
        self.hub, self.sessions = CurlHub(), Sessions()
        self.clock = RunClock(Timer(), 0)
        self.journal = Journal(Path(os.environ["BENCH_JOURNAL"]), 0)
        self.fire = environment.events.request.fire
        self.sink = JournalSink(self.journal, self.target.operations(), self.watch)
        self.inbox: Any = SimpleQueue(maxsize=INBOX_MAX)
        gevent.spawn(self.feed)
        gevent.spawn(self.flush)

    def watch(self, operation: str, exchange: Exchange, latency_ns: int) -> None:
        self.fire(
            request_type="", name=operation, response_time=latency_ns * 1e-6,
            response_length=exchange.bytes_received, exception=None, context={},
        )  # fmt: skip

    def feed(self) -> None:
        for index in range(len(self.plan)):
            self.inbox.put(index)

    def flush(self) -> None:
        while True:
            gevent.sleep(FLUSH_S)
            self.journal.flush()


_process: Process | None = None


@events.test_start.add_listener
def on_start(environment: Any, **_: Any) -> None:
    global _process
    if any(user is Ours for user in environment.user_classes):
        _process = Process(environment)


def journey(arrival: Arrival) -> Journey:
    yield Call(arrival.journey, {"index": arrival.index})


class Ours(User):
    """Our complete user, as loadtests.worker serves it."""

    tasks = [lambda user: None]  # noqa: RUF012  # Locust wants one; it is never run

    def on_start(self) -> None:
        process = _process
        assert process is not None
        person = Person(process.target, process.hub, process.sessions, 0)
        while True:
            arrival = process.plan.arrival(process.inbox.get())
            person.begin(arrival)
            drive(arrival, journey(arrival), person.send, process.clock, process.sink)


class Fast(FastHttpUser):
    wait_time = constant(0)

    @task
    def get(self) -> None:
        self.client.get("/")


class Http(HttpUser):
    wait_time = constant(0)

    @task
    def get(self) -> None:
        self.client.get("/")
