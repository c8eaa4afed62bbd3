"""CPU per request of our complete user against Locust's FastHttpUser and HttpUser, in one run on one server.

The server is pinned to core 0 and the generator to core 1. Requests are counted by the server, CPU by the kernel, over
a window in the middle of each run. The users take turns; medians over the rounds are compared.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path

from bench._line import result

USERS = 50
WARM_S, WINDOW_S = 2.0, 3.0
ROUNDS = 3
FLOW_WAIT_S = 15.0
GOAL = 0.45
FILE = Path(__file__).with_name("client_users.py")
TICK = os.sysconf("SC_CLK_TCK")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--only", default="Ours,Fast,Http")
    options = parser.parse_args()
    names = options.only.split(",")
    cores = sorted(os.sched_getaffinity(0))
    server_core, generator_core = cores[0], cores[-1]
    server = subprocess.Popen(_pinned(server_core, "-m", "bench.fast_server"), stdout=subprocess.PIPE, text=True)
    try:
        assert server.stdout is not None
        url = f"http://127.0.0.1:{int(server.stdout.readline())}"
        found: dict[str, list[float]] = {name: [] for name in names}
        for number in range(options.rounds):
            for name in names:
                micros, rate = _measure(name, url, generator_core)
                found[name].append(micros)
                print(
                    f"round {number + 1}: {name:5s} {micros:7.1f} µs CPU per request, {rate:8.0f} requests/s",
                    flush=True,
                )
    finally:
        server.kill()
        server.communicate()
    median = {name: statistics.median(values) for name, values in found.items()}
    for name, value in median.items():
        print(f"median: {name:5s} {value:7.1f} µs CPU per request")
    if "Ours" in median and "Fast" in median:
        ratio = median["Ours"] / median["Fast"]
        more = {"peer_name": "Locust FastHttpUser", "unit": "µs CPU per request"}
        if "Http" in median:
            more |= {"http_user": f"{median['Http']:.1f}", "ratio_http_user": f"{median['Ours'] / median['Http']:.4f}"}
        result("client", median["Ours"], median["Fast"], GOAL, ratio <= GOAL, **more)


def _pinned(core: int, *arguments: str) -> list[str]:
    code = f"import os, runpy, sys; os.sched_setaffinity(0, {{{core}}}); sys.argv = sys.argv[1:]; "
    code += "runpy.run_module(sys.argv[0], run_name='__main__', alter_sys=True)"
    return [sys.executable, "-c", code, *arguments[1:]]


def _measure(name: str, url: str, core: int) -> tuple[float, float]:
    """µs of CPU per request, requests per second."""
    with tempfile.TemporaryDirectory() as folder:
        environ = dict(os.environ, BENCH_JOURNAL=folder, PYTHONPATH=str(FILE.parent.parent), PYTHONWARNINGS="ignore")
        length = f"{WARM_S + WINDOW_S + FLOW_WAIT_S:.0f}s"
        arguments = [
            "-m", "locust", "-f", str(FILE), "--headless", "--host", url, "-u", str(USERS), "-r", "1000",
            "-t", length, "--only-summary", "--loglevel", "ERROR", name,
        ]  # fmt: skip
        log = Path(folder) / "locust.log"
        with log.open("wb") as out:
            locust = subprocess.Popen(_pinned(core, *arguments), stdout=out, stderr=out, env=environ)
        try:
            _wait_for_flow(url, locust, log)
            time.sleep(WARM_S)
            seen, cpu, start = _count(url), _cpu_s(locust.pid), time.perf_counter()
            time.sleep(WINDOW_S)
            seen, cpu, spent = _count(url) - seen, _cpu_s(locust.pid) - cpu, time.perf_counter() - start
        finally:
            locust.kill()
            locust.wait()
    return cpu / seen * 1e6, seen / spent


def _wait_for_flow(url: str, locust: subprocess.Popen[bytes], log: Path) -> None:
    before, deadline = _count(url), time.monotonic() + FLOW_WAIT_S
    while _count(url) - before < USERS:
        if locust.poll() is not None or time.monotonic() > deadline:
            raise SystemExit(f"no traffic from locust:\n{log.read_text(errors='replace')[-2000:]}")
        time.sleep(0.1)


def _count(url: str) -> int:
    with urllib.request.urlopen(url + "/count", timeout=5) as reply:
        return int(reply.read())


def _cpu_s(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / TICK


if __name__ == "__main__":
    main()
