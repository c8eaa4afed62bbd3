"""A real HTTP server whose capacity is known: it plays a network of stations and answers when virtual time says so.

`python -m bench.truth_server --spec JSON|FILE` prints {"port": …}. Requests of the spec's paths are served by the
stations; GET /metrics tells the stations' counters in Prometheus' text form; POST /control {"station", "servers",
"speed"} changes one while it runs. A busy machine makes answers late by a millisecond or two, never the queues.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import ctypes
import gc
import json
import os
import re
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import psutil

from bench.stations import Network, Spec

URGENT = -10
LATE_S = 0.003  # an answer later than that by its own clock is counted: the machine kept the server from its law
REASONS = {200: "OK", 404: "Not Found", 429: "Too Many Requests", 503: "Service Unavailable"}
_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.I)


class Timer:
    """Calls `then` at a moment of the monotonic clock, by a timer of the kernel (timerfd_create(2)).

    The loop's own timers are up to 1 ms late. os.timerfd_create came with Python 3.13.
    """

    ABSOLUTE, NONBLOCK = 1, os.O_NONBLOCK

    def __init__(self, then: Callable[[], None]) -> None:
        self._libc, self._then = ctypes.CDLL(None, use_errno=True), then
        self._file = self._libc.timerfd_create(time.CLOCK_MONOTONIC, self.NONBLOCK)
        if self._file < 0:
            raise OSError(ctypes.get_errno(), "timerfd_create")
        asyncio.get_running_loop().add_reader(self._file, self._over)

    def set(self, at: float | None) -> None:
        """Forget the moment that was set, for another or for none; one that has passed is due at once."""
        nanoseconds = 0 if at is None else max(1, round(at * 1e9))
        wanted = (ctypes.c_long * 4)(0, 0, *divmod(nanoseconds, 1_000_000_000))  # interval, moment
        if self._libc.timerfd_settime(self._file, self.ABSOLUTE, wanted, None) < 0:
            raise OSError(ctypes.get_errno(), "timerfd_settime")

    def _over(self) -> None:
        with contextlib.suppress(BlockingIOError):  # set anew since
            os.read(self._file, 8)
            self._then()


class Playing:
    """The network on a real clock: one timer, set for the next event."""

    def __init__(self, spec: Spec, seed: int) -> None:
        self.network = Network(spec, seed)
        self.spec = spec
        self.open = 0
        self.answers, self.late = 0, 0
        self._began = time.monotonic()
        self._timer = Timer(self.turn)

    def now(self) -> float:
        return time.monotonic() - self._began

    def turn(self) -> None:
        """Bring the network up to date and set the timer for what comes next."""
        self.network.run_until(self.now())
        due = self.network.next_at()
        self._timer.set(None if due is None else self._began + due)

    def metrics(self) -> bytes:
        lines, now = [], self.now()
        for name, station in self.network.stations.items():
            if not station.spec.metered:
                continue
            station.account(now)
            of = f'{{station="{name}"}}'
            lines += [
                f"truth_busy_seconds_total{of} {station.busy_s:.6f}",
                f"truth_servers{of} {station.servers}",
                f"truth_busy{of} {station.busy}",
                f"truth_waiting{of} {len(station.waiting)}",
                f"truth_wait_seconds_total{of} {station.wait_s:.6f}",
                f"truth_completions_total{of} {station.done}",
                f"truth_refused_total{of} {station.refused}",
            ]
        lines += [f"truth_connections {self.open}", f"truth_answers_total {self.answers}"]
        return ("\n".join([*lines, f"truth_late_answers_total {self.late}"]) + "\n").encode()


class Talk(asyncio.Protocol):
    """One connection; answers in the order of the requests' ends, as clients without pipelining expect."""

    def __init__(self, playing: Playing) -> None:
        self._playing = playing
        self._rest = b""

    def connection_made(self, transport: Any) -> None:
        self._transport = transport
        self._playing.open += 1
        most = self._playing.spec.connections_max
        if most and self._playing.open > most:
            transport.close()

    def connection_lost(self, error: Exception | None) -> None:
        self._playing.open -= 1

    def data_received(self, data: bytes) -> None:
        self._rest += data
        while True:
            head, found, rest = self._rest.partition(b"\r\n\r\n")
            if not found:
                return
            length = _LENGTH.search(head)
            size = int(length[1]) if length else 0
            if len(rest) < size:
                return
            self._rest = rest[size:]
            path = head.split(b" ", 2)[1].partition(b"?")[0].decode("ascii", "replace")
            self._request(path, rest[:size])

    def _request(self, path: str, body: bytes) -> None:
        playing = self._playing
        if path == "/metrics":
            self._answer(200, playing.metrics(), kind="text/plain")
        elif path == "/control":
            wanted = json.loads(body)
            station = wanted.pop("station")
            playing.network.run_until(playing.now())
            playing.network.resize(station, playing.now(), **wanted)
            playing.turn()
            self._answer(200, b"{}")
        elif path in playing.spec.operations:
            now = playing.now()
            playing.network.run_until(now)
            playing.network.arrive(now, path, lambda at, status, spent: self._over(at, path, status, spent))
            playing.turn()
        else:
            self._answer(404, b"{}")

    def _over(self, at: float, path: str, status: int, spent: dict[str, float]) -> None:
        self._playing.answers += 1
        self._playing.late += self._playing.now() - at > LATE_S
        size = self._playing.spec.operations[path].bytes if status == 200 else 2
        timing = ", ".join(f"{name};dur={seconds * 1e3:.3f}" for name, seconds in spent.items())
        self._answer(status, b"x" * size, timing=timing if self._playing.spec.timing else "")

    def _answer(self, status: int, body: bytes, *, kind: str = "application/octet-stream", timing: str = "") -> None:
        head = f"HTTP/1.1 {status} {REASONS[status]}\r\nContent-Type: {kind}\r\nContent-Length: {len(body)}\r\n"
        more = f"Server-Timing: {timing}\r\n" if timing else ""
        if not self._transport.is_closing():
            self._transport.write(f"{head}{more}\r\n".encode() + body)


class TruthServer:
    """Context manager: the server as a process of its own. `url` leads to it."""

    def __init__(self, spec: Spec, seed: int = 1) -> None:
        self._command = [sys.executable, "-m", "bench.truth_server", "--seed", str(seed)]
        self._command += ["--spec", msgspec.json.encode(spec).decode()]

    def __enter__(self) -> TruthServer:
        self._process = subprocess.Popen(
            self._command, stdout=subprocess.PIPE, text=True, cwd=Path(__file__).parents[1]
        )
        with contextlib.suppress(psutil.AccessDenied):
            psutil.Process(self._process.pid).nice(URGENT)  # who else runs on the machine must not slow the truth
        assert self._process.stdout is not None
        self.port = int(json.loads(self._process.stdout.readline())["port"])
        self.url = f"http://127.0.0.1:{self.port}"
        self.pid = self._process.pid
        return self

    def late_share(self) -> float:
        """Of its answers so far, those that the machine made late."""
        with urllib.request.urlopen(f"{self.url}/metrics") as answer:
            counted = dict(line.rsplit(" ", 1) for line in answer.read().decode().splitlines())
        return float(counted["truth_late_answers_total"]) / max(1.0, float(counted["truth_answers_total"]))

    def __exit__(self, *error: object) -> None:
        self._process.terminate()
        self._process.wait()
        assert self._process.stdout is not None
        self._process.stdout.close()


async def serve(spec: Spec, seed: int, port: int) -> None:
    playing = Playing(spec, seed)
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: Talk(playing), "127.0.0.1", port, backlog=4096)
    print(json.dumps({"port": server.sockets[0].getsockname()[1]}), flush=True)
    gc.freeze()
    await server.serve_forever()


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.truth_server", description=__doc__)
    parser.add_argument("--spec", required=True, help="JSON of a bench.stations.Spec, or a file with it")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--port", type=int, default=0)
    wanted = parser.parse_args()
    text = wanted.spec if wanted.spec.startswith("{") else Path(wanted.spec).read_text("utf-8")
    try:
        asyncio.run(serve(msgspec.json.decode(text, type=Spec), wanted.seed, wanted.port))
    except KeyboardInterrupt:
        pass


if __name__ == "__main__":
    main()
