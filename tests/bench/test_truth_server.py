"""What the benches call the truth is the truth: laws of queueing, and the same numbers over real sockets."""

from __future__ import annotations

import http.client
import json
import math
import os
import signal
import threading

import numpy as np
import pytest

from bench.stations import Network, OperationSpec, Spec, StationSpec, Step
from bench.truth import Promise, latencies, true_capacity
from bench.truth_server import TruthServer


def one(servers: int, mean_ms: float, cv: float, **more: object) -> Spec:
    station = StationSpec("s", servers, mean_ms, cv)
    return Spec((station,), {"/": OperationSpec((Step("s"),))}, **more)  # type: ignore[arg-type]


def test_one_server_waits_as_pollaczek_and_khinchine_say() -> None:
    cv, mean_s, rate = 1.5, 0.005, 120.0
    load = rate * mean_s
    expected = mean_s + load * mean_s * (1 + cv**2) / (2 * (1 - load))
    assert float(latencies(one(1, 5, cv), rate, 1, 400_000)[0].mean()) == pytest.approx(expected, rel=0.05)


def test_one_exponential_server_has_the_capacity_that_a_formula_gives() -> None:
    limit_s, mean_s = 0.1, 0.02  # M/M/1: P(T > t) = exp(-(1/E[S] - rate)·t)
    expected = 1 / mean_s - math.log(20) / limit_s
    assert true_capacity(one(1, 20, 1), [Promise(100)]) == pytest.approx(expected, rel=0.02)


def test_a_network_of_one_station_is_the_queue_that_the_recursion_gives() -> None:
    plain, eventful = one(4, 20, 0), one(4, 20, 0, collapse_from=1_000_000)  # no chance in it: the same to the last bit
    by_recursion, by_events = (latencies(spec, 190, 3, 20_000)[0] for spec in (plain, eventful))
    assert by_recursion.max() > 0.05
    np.testing.assert_allclose(by_events, by_recursion, rtol=0, atol=1e-9)


def test_a_server_that_is_held_serves_nobody_else() -> None:
    spec = Spec(
        (StationSpec("pool", 1), StationSpec("work", 5, 100, 0)),
        {"/": OperationSpec((Step("pool", inner=(Step("work"),)),))},
    )
    network, ends = Network(spec), []
    for at in (0.0, 0.01):
        network.arrive(at, "/", lambda now, status, spent: ends.append((now, status)))
    network.run_until(math.inf)
    assert ends == [(pytest.approx(0.1), 200), (pytest.approx(0.2), 200)]
    assert network.stations["pool"].wait_s == pytest.approx(0.09)
    assert network.stations["pool"].busy_s == pytest.approx(0.2)


def test_the_server_answers_when_virtual_time_says_and_tells_its_meters() -> None:
    with TruthServer(one(1, 30, 0, timing=True)) as server:
        link = http.client.HTTPConnection("127.0.0.1", server.port)
        link.request("GET", "/")
        answer = link.getresponse()
        answer.read()
        assert answer.status == 200
        assert answer.headers["Server-Timing"].startswith("s;dur=30")
        link.request("POST", "/control", json.dumps({"station": "s", "servers": 3}))
        link.getresponse().read()
        link.request("GET", "/metrics")
        text = link.getresponse().read().decode()
        link.close()
    assert 'truth_servers{station="s"} 3' in text
    assert 'truth_completions_total{station="s"} 1' in text


def test_who_is_too_many_is_told_so() -> None:
    limited = Network(one(1, 1, 0, limit_per_s=10.0))
    statuses: list[int] = []
    for each in range(50):
        limited.arrive(each * 0.02, "/", lambda now, status, spent: statuses.append(status))
    limited.run_until(math.inf)
    assert 9 <= statuses.count(200) <= 12
    assert statuses.count(429) == 50 - statuses.count(200)


def test_the_server_counts_what_the_machine_made_late() -> None:
    with TruthServer(one(1, 200, 0)) as server:
        link, watch = (http.client.HTTPConnection("127.0.0.1", server.port) for _ in range(2))

        def busy() -> bool:
            watch.request("GET", "/metrics")
            return b'truth_busy{station="s"} 1\n' in watch.getresponse().read()

        for _ in range(3):
            link.request("GET", "/")
            while not busy():
                pass
            os.kill(server.pid, signal.SIGSTOP)
            threading.Timer(0.4, os.kill, (server.pid, signal.SIGCONT)).start()
            link.getresponse().read()
            assert server.late_share() == 1.0
        link.close()
        watch.close()


def test_answers_in_time_are_not_counted_as_late() -> None:
    with TruthServer(one(1, 5, 0)) as server:
        link = http.client.HTTPConnection("127.0.0.1", server.port)
        for _ in range(40):
            link.request("GET", "/")
            link.getresponse().read()
        assert server.late_share() < 0.5
        link.close()
