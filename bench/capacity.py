"""Capacity searches on servers whose capacity is known, over real sockets; two peers' methods on the same servers.

Held to: within ±5 % in at least 95 % of the runs, at most 150 s each, intervals that cover the truth in at least 88 %.
Every search meets draws of its own, new ones each time; SEED=N repeats them. The peers have one run on each server.
A search whose server was kept from its law by the machine (it counts the answers that it gave late) is shown and made
again: its truth is not known. Too many of them, and the bench fails. RECORDS=folder keeps the records.
QUICK=1: one run of three servers, and of the peers on the first. The last line is JSON; `ours` and `peer` are the 90th
percentile of the error.
"""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import secrets
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from itertools import repeat
from pathlib import Path

import numpy as np

from bench._line import result
from bench.stations import OperationSpec, Spec, StationSpec, Step
from bench.truth import Promise, ceiling, true_capacity
from bench.truth_server import TruthServer

RUNS, RUNS_MAX = 7, 40  # of each server, and in all
TOGETHER = 3  # they mostly wait, but starts are busy, and who waits for a processor reads answers late
BUDGET_S = 150.0
SEED_MAX = 1_000_000
HISTORIES, HISTORIES_QUICK = 10, 2  # that a truth is the mean of
WAY_CALLS, WAY_MS = 400, 5.0
LATE_SHARE_MAX = 0.02  # of a server's answers; on a quiet machine, three searches at once, it is 0.003 to 0.008
AGAIN_MAX, AGAIN_EACH_MAX = 0.1, 2  # of the searches; of each
LATEST_S = 150.0  # the start and the end of the process and of its server within it
CLOSE, CLOSE_SHARE, COVERED_SHARE = 0.05, 0.95, 0.88
ROOT = Path(__file__).parents[1]


@dataclass(frozen=True)
class Server:
    """A server by name, with the limit that 95 % of its answers must keep."""

    name: str
    spec: Spec
    limit_ms: float


@dataclass(frozen=True)
class Found:
    """One search on one server; None where the method had no answer. `spoilt`: so many searches by the machine."""

    server: str
    method: str
    per_s: float | None
    low: float
    high: float
    seconds: float
    spoilt: int


def one(
    servers: int, mean_ms: float, cv: float, *, noise: float = 0.0, collapse: int = 0, warmup_s: float = 0.0
) -> Spec:
    station = StationSpec("work", servers, mean_ms, cv)
    operations = {"/": OperationSpec((Step("work"),))}
    return Spec((station,), operations, noise=noise, collapse_from=collapse, warmup_s=warmup_s)


SERVERS = (
    Server("web", one(4, 20, 1), 100),
    Server("lock", one(1, 5, 1.5), 60),
    Server("collapse", one(4, 20, 1, collapse=60), 100),
    Server("warm-up", one(4, 20, 1, warmup_s=5), 100),
    Server("app", one(16, 50, 0.5), 250),
    Server("web+noise", one(4, 20, 1, noise=0.05), 100),
)


def main() -> None:
    quick = os.environ.get("QUICK") == "1"
    servers, runs = (SERVERS[:3], 1) if quick else (SERVERS, int(os.environ.get("RUNS", RUNS)))
    way_ms = _way_ms()
    print(f"the way to a server and back: {way_ms:.2f} ms", flush=True)
    histories = HISTORIES_QUICK if quick else HISTORIES
    with ProcessPoolExecutor() as processes:
        known = processes.map(_truth, servers, repeat(way_ms), repeat(histories))
        truths = {each.name: truth for each, truth in zip(servers, known, strict=True)}
    seed = int(os.environ.get("SEED", secrets.randbelow(SEED_MAX)))
    print(f"SEED={seed}", flush=True)
    jobs = [(each, "ours") for _ in range(runs) for each in servers][:RUNS_MAX]
    jobs += [(each, method) for method in ("ramp", "mlrsearch") for each in (servers[:1] if quick else servers)]
    with ThreadPoolExecutor(len(jobs) if quick else TOGETHER) as pool:
        searches = [
            pool.submit(_search, server, method, seed + number, truths[server.name])
            for number, (server, method) in enumerate(jobs)
        ]
        found = [search.result() for search in searches]
    errors = {
        method: _report(servers, truths, [f for f in found if f.method == method])
        for method in ("ours", "ramp", "mlrsearch")
    }
    ours = [f for f in found if f.method == "ours"]
    close = float(np.mean([abs(error) <= CLOSE for error in errors["ours"]]))
    covered = float(np.mean([f.low <= truths[f.server] <= f.high for f in ours]))
    longest = max(f.seconds for f in ours)
    p90 = {method: float(np.percentile(np.abs(each), 90)) for method, each in errors.items()}
    spoilt = sum(f.spoilt for f in ours)
    sound = spoilt <= max(1.0, AGAIN_MAX * len(ours))
    ok = close >= CLOSE_SHARE and covered >= COVERED_SHARE and longest <= LATEST_S and sound
    result(
        "capacity", p90["ours"], min(p90["ramp"], p90["mlrsearch"]), CLOSE, ok, unit="p90 of the relative error",
        runs=len(ours), close_share=round(close, 3), covered_share=round(covered, 3), longest_s=round(longest),
        spoilt=spoilt, p90_ramp=round(p90["ramp"], 3), p90_mlrsearch=round(p90["mlrsearch"], 3),
    )  # fmt: skip


def _way_ms() -> float:
    """What sockets and timers add to an answer here, for any caller: the middle of calls to a server of fixed pace."""
    took = []
    with TruthServer(one(1, WAY_MS, 0)) as target:
        way = http.client.HTTPConnection("127.0.0.1", target.port)
        for _ in range(WAY_CALLS):
            began = time.monotonic()
            way.request("GET", "/")
            way.getresponse().read()
            took.append((time.monotonic() - began) * 1e3 - WAY_MS)
        way.close()
    return float(np.median(took))


def _truth(server: Server, way_ms: float, histories: int) -> float:
    promise = Promise(server.limit_ms - way_ms)
    first = true_capacity(server.spec, [promise])
    near = first * 0.97, first * 1.03
    value = float(
        np.mean([true_capacity(server.spec, [promise], 8 + number, between=near) for number in range(histories)])
    )
    print(f"{server.name}: truth {value:.1f}/s, ceiling {ceiling(server.spec):.0f}/s", flush=True)
    return value


def _search(server: Server, method: str, seed: int, truth: float) -> Found:
    """The first search in which the machine let the server keep its law, or the last of as many as may be."""
    lost = 0
    while True:
        began = time.monotonic()
        with TruthServer(server.spec, SEED_MAX + seed) as target, _folder(f"{server.name}-{method}-{seed}") as folder:
            ask = _ours if method == "ours" else partial(_peer, method)
            per_s, low, high = ask(server, target, folder, seed)
            late = target.late_share()
        seconds = time.monotonic() - began
        shown = "no answer" if per_s is None else f"{per_s:6.1f}/s ({per_s / truth - 1:+.1%})"
        interval = f" [{low:.1f}; {high:.1f}]" if method == "ours" and per_s else ""
        spoilt = late > LATE_SHARE_MAX
        lost += spoilt
        why = f", SPOILT: {late:.1%} of the server's answers were late" if spoilt else ""
        print(f"{server.name:10} {method:9} seed {seed}: {shown}{interval}, {seconds:.0f} s{why}", flush=True)
        if not spoilt or lost > AGAIN_EACH_MAX:
            return Found(server.name, method, per_s, low, high, seconds, lost)


@contextlib.contextmanager
def _folder(name: str) -> Iterator[Path]:
    """For the records of a search: kept in RECORDS, else gone afterwards."""
    if "RECORDS" in os.environ:
        Path(os.environ["RECORDS"]).mkdir(parents=True, exist_ok=True)
        yield Path(tempfile.mkdtemp(prefix=f"{name}-", dir=os.environ["RECORDS"]))
        return
    with tempfile.TemporaryDirectory(prefix="thongsuot-bench-") as folder:
        yield Path(folder)


def _peer(method: str, server: Server, target: TruthServer, _: Path, seed: int) -> tuple[float | None, float, float]:
    command = [sys.executable, "-m", "bench.capacity_peers", method, str(target.port)]
    command += [str(ceiling(server.spec)), str(server.limit_ms / 1e3), str(seed)]
    text = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, text=True, check=True).stdout
    return json.loads(text.splitlines()[-1])["per_s"], np.nan, np.nan


def _ours(server: Server, target: TruthServer, folder: Path, seed: int) -> tuple[float | None, float, float]:
    file = folder / "target.toml"
    file.write_text(
        f'name = "truth"\n[systems]\nown = "{target.url}"\n[http]\nconnections = "shared"\n[own.get]\npath = "/"\n',
        "utf-8",
    )
    command = [sys.executable, "-m", "thongsuot", "capacity", "generic", "--target", str(file), "--json"]
    command += ["--runs", str(folder / "runs"), "--seed", str(seed), "--budget", f"{BUDGET_S:g}s"]
    command += ["--set", f"objective.0.limit_ms={server.limit_ms}"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    if done.returncode not in (0, 4):
        print(
            f"{server.name} seed {seed}: exit code {done.returncode}\n{done.stdout[:300]}\n{done.stderr[-600:]}",
            flush=True,
        )
    answer = json.loads(done.stdout).get("capacity") if done.stdout.startswith("{") else None
    return (None, 0.0, 0.0) if answer is None else (answer["arrivals_per_s"], answer["low"], answer["high"])


def _report(servers: tuple[Server, ...], truths: dict[str, float], found: list[Found]) -> list[float]:
    """A line per server; returns the relative errors, 1 where there was no answer."""
    errors = []
    for server in servers:
        mine = [f for f in found if f.server == server.name]
        off = [1.0 if f.per_s is None else f.per_s / truths[server.name] - 1 for f in mine]
        errors += off
        if mine:
            close = np.mean([abs(each) <= CLOSE for each in off])
            print(
                f"{mine[0].method:9} {server.name:10} {len(mine)} runs: mean error {np.mean(off):+.1%}, "
                f"largest {np.max(np.abs(off)):.1%}, within ±5 % {close:.0%}, "
                f"{np.mean([f.seconds for f in mine]):.0f} s on average"
            )
    return errors


if __name__ == "__main__":
    main()
