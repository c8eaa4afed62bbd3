"""A server that freezes for one second in ten: what do we print, what is true, what does stock Locust print?

200 requests/s, evenly planned, for ten seconds; the server answers in 11 ms and is stopped (SIGSTOP) for one second,
5.004 s after the begin. Who comes meanwhile is answered 11 ms after it goes on, who was being served at once; so the
truth is arithmetic: p95 525 ms, p99 925 ms. It is computed from the instants at which the server was in fact stopped
and continued, which a busy machine shifts by milliseconds; between two arrivals, so that it is clear who was served.
The warm-up has a stall of its own: accepting 200 connections at once would be the server's time, not the stall's.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import msgspec

from bench._line import result
from record.reader import open_record
from record.types import Zero

RATE, SECONDS, BASE_S, STALL_S, AT_S = 200, 10, 0.011, 1.0, 5.004
WARM_S, WARM_AT_S, WARM_STALL_S = 4.0, 0.5, 1.2
GOAL = 0.02
WAIT_S_MAX = 60.0

SERVER = """
import asyncio, uvloop
HEAD = b"HTTP/1.1 200 OK\\r\\nContent-Type: application/json\\r\\nContent-Length: 11\\r\\n\\r\\n"
class Answer(asyncio.Protocol):
    def connection_made(self, transport): self.transport, self.rest = transport, b""
    def data_received(self, data):
        *requests, self.rest = (self.rest + data).split(b"\\r\\n\\r\\n")
        for _ in requests: asyncio.get_running_loop().call_later(%f, self.answer)
    def answer(self):
        if not self.transport.is_closing(): self.transport.write(HEAD + b'{"ok":true}')
async def main():
    server = await asyncio.get_running_loop().create_server(Answer, "127.0.0.1", 0, backlog=4096)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()
uvloop.run(main())
"""
TARGET = """
name = "freezing"
[systems]
own = "{url}"
[http]
connections = "shared"
[own.get]
weight = 1.0
method = "GET"
path = "/"
"""
LOCUST = """
from locust import FastHttpUser, constant_throughput, task
class Paced(FastHttpUser):
    wait_time = constant_throughput(10)
    @task
    def get(self): self.client.get("/")
"""


def truth(begin_s: float = AT_S, end_s: float = AT_S + STALL_S) -> dict[float, float]:
    """Milliseconds by percentile, from the plan and the instants of the freeze (seconds of the ten) alone."""

    def took(due: float) -> float:
        if begin_s <= due < end_s:  # read when the server goes on
            return end_s - due + BASE_S
        return end_s - due if due < begin_s < due + BASE_S else BASE_S  # the answer was ready in the freeze

    return percentiles([took(number / RATE) * 1e3 for number in range(RATE * SECONDS)])


def percentiles(times_ms: list[float]) -> dict[float, float]:
    """The same rank for truth and measurement; 0: how many."""
    ordered = sorted(times_ms)
    found = {p: ordered[int(len(ordered) * p / 100)] for p in (50.0, 95.0, 99.0)}
    return {0.0: float(len(ordered)), **found}


def main() -> None:
    plan = truth()
    print(f"truth:        p50 {plan[50]:7.1f}  p95 {plan[95]:7.1f}  p99 {plan[99]:7.1f} ms, {RATE * SECONDS} requests")
    with tempfile.TemporaryDirectory() as folder:
        ours, true = measure_ours(Path(folder))
        print(f"  as frozen:  p50 {true[50]:7.1f}  p95 {true[95]:7.1f}  p99 {true[99]:7.1f} ms")
        print(f"Thông Suốt:   p50 {ours[50]:7.1f}  p95 {ours[95]:7.1f}  p99 {ours[99]:7.1f} ms, {ours[0]:.0f} requests")
        stock = measure_locust(Path(folder))
        print(f"stock Locust: p50 {stock[50]:7.1f}  p95 {stock[95]:7.1f}  p99 {stock[99]:7.1f} ms, {stock[0]:.0f}")
    errors = {p: abs(ours[p] / true[p] - 1) for p in (95.0, 99.0)}
    result(
        "stall", ours[95], stock[95], GOAL, max(errors.values()) <= GOAL, unit="ms at p95",
        peer_name="Locust FastHttpUser, constant_throughput(10) x 20", truth_p95=true[95], truth_p99=true[99],
        ours_p99=round(ours[99], 1), peer_p99=stock[99], error_p95=round(errors[95], 4), error_p99=round(errors[99], 4),
    )  # fmt: skip


def measure_ours(folder: Path) -> tuple[dict[float, float], dict[float, float]]:
    """Percentiles from the sealed record, and the truth for the freeze as it was."""
    server, url = start_server()
    try:
        (folder / "target.toml").write_text(TARGET.format(url=url))
        flags = ["--set", "time.poisson=false", "--set", f"phase.0.for_s={WARM_S}", "--rate", str(RATE)]
        command = [sys.executable, "-m", "thongsuot", "run", "generic", "--target", str(folder / "target.toml"), *flags]
        command += ["--duration", str(SECONDS), "--runs", str(folder / "runs"), "--no-report", "--json"]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        zero = wait_for_zero(folder / "runs", process)
        start_s = zero.mono_ns * 1e-9 + WARM_S
        freeze(server, start_s - WARM_S + WARM_AT_S, WARM_STALL_S)
        begin_s, end_s = freeze(server, start_s + AT_S)
        out, _ = process.communicate(timeout=WAIT_S_MAX)
    finally:
        server.kill()
        server.communicate()
    return quantiles(Path(json.loads(out)["run"])), truth(begin_s - start_s, end_s - start_s)


def quantiles(folder: Path) -> dict[float, float]:
    """Exact percentiles of the judged phase from due time. (The report itself adds an interval, and prints neither
    where one second out of ten is all there is to know: that is one event, not two hundred.)"""
    rows = open_record(folder).query("SELECT (done_ns - intended_ns) / 1e6 AS ms FROM samples WHERE phase = 'steady'")
    return percentiles(rows["ms"].tolist())


def measure_locust(folder: Path) -> dict[float, float]:
    """What stock Locust counts for the same rate: 20 users at 10/s each."""
    server, url = start_server()
    try:
        (folder / "paced.py").write_text(LOCUST)
        command = [sys.executable, "-m", "locust", "-f", str(folder / "paced.py"), "--headless", "--host", url]
        command += ["-u", "20", "-r", "2000", "-t", f"{SECONDS}s", "--loglevel", "ERROR", "--json"]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        freeze(server, first_traffic(server) + AT_S)
        out, _ = process.communicate(timeout=WAIT_S_MAX)
    finally:
        server.kill()
        server.communicate()
    entry = json.loads(out[out.index("[") :])[0]
    counts = {float(key): value for key, value in entry["response_times"].items()}
    total = sum(counts.values())
    found = {0.0: float(total)}
    for p in (50.0, 95.0, 99.0):
        seen = 0
        for value in sorted(counts):
            seen += counts[value]
            if seen >= total * p / 100:
                found[p] = value
                break
    return found


def start_server() -> tuple[subprocess.Popen[str], str]:
    server = subprocess.Popen([sys.executable, "-c", SERVER % BASE_S], stdout=subprocess.PIPE, text=True)
    assert server.stdout is not None
    return server, f"http://127.0.0.1:{int(server.stdout.readline())}"


def freeze(server: subprocess.Popen[str], at_mono_s: float, for_s: float = STALL_S) -> tuple[float, float]:
    """When it was stopped and continued, on the monotonic clock."""
    time.sleep(max(0.0, at_mono_s - time.monotonic()))
    os.kill(server.pid, signal.SIGSTOP)
    begin_s = time.monotonic()
    time.sleep(for_s)
    os.kill(server.pid, signal.SIGCONT)
    return begin_s, time.monotonic()


def wait_for_zero(runs: Path, process: subprocess.Popen[str]) -> Zero:
    """The run's zero, as soon as the master has set it."""
    deadline = time.monotonic() + WAIT_S_MAX
    while time.monotonic() < deadline and process.poll() is None:
        for path in runs.glob("*/journal/zero.json"):
            if data := path.read_bytes():
                return msgspec.json.decode(data, type=Zero)
        time.sleep(0.02)
    raise SystemExit("the run did not start")


def first_traffic(server: subprocess.Popen[str]) -> float:
    """When the server's CPU clock began to move."""
    deadline = time.monotonic() + WAIT_S_MAX

    def spent() -> int:
        fields = Path(f"/proc/{server.pid}/stat").read_text().rsplit(")", 1)[1].split()
        return int(fields[11]) + int(fields[12])

    base = spent()
    while spent() - base < 2 and time.monotonic() < deadline:
        time.sleep(0.02)
    return time.monotonic()


if __name__ == "__main__":
    main()
