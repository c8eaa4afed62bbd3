"""Is capacity after a purchase what was predicted? One sweep, half as much again of the culprit, and a second sweep.

Prediction from the first record alone. The change is made through /control while the server runs. Peers, on the same
record: "half as much again of the culprit carries half as much again", which forgets who comes next, and the universal
scalability law fitted to throughput against load. `QUICK=1`: one case of each kind.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
import tempfile
import time
import urllib.request
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from scipy import optimize

from bench._line import result
from bench.bottleneck_kinds import Case, Making, held, start
from bench.bottleneck_play import drive, profile, target_of
from bench.truth_server import TruthServer
from record.reader import open_record
from reports import bottlenecks, extrapolate, steps

SEEDS, QUICK_SEEDS, AT_ONCE = 8, 1, 5
ERROR_MAX, SHARE_MIN = 0.10, 0.90
MORE = 1.5


@dataclass(frozen=True)
class Trial:
    """Capacity in calls per second: predicted by us and by the peers, and measured after the change."""

    kind: str
    seed: int
    before: float
    ours: float
    scaled: float
    usl: float
    measured: float

    def error(self, of: float) -> float:
        return abs(of / self.measured - 1)


def main() -> None:
    seeds = int(sys.argv[1]) if len(sys.argv) > 1 else QUICK_SEEDS if os.environ.get("QUICK") else SEEDS
    makers = {"free": free, "next": next_in_line, "pool": pool}
    cases = [(kind, make(seed)) for seed in range(1, seeds + 1) for kind, make in makers.items()]
    keep = os.environ.get("KEEP")
    folder = Path(keep or tempfile.mkdtemp(prefix="thongsuot-bench-"))
    began = time.monotonic()
    try:
        with ThreadPoolExecutor(AT_ONCE) as workers:
            trials = list(workers.map(lambda each: _trial(*each, folder), cases))
    finally:
        if not keep:
            shutil.rmtree(folder, ignore_errors=True)
    _report(trials, time.monotonic() - began)


def free(seed: int) -> Case:
    """The next resource is far away: all of the purchase counts."""
    made = start(seed, 41, (50.0, 80.0))
    made.decoys(3, 0.35, 0.55)
    return _of("free", made, made.station(1.0, 2 * int(made.rng.integers(1, 4)), 0.6), seed)


def next_in_line(seed: int) -> Case:
    """The next resource ends before the purchase is used."""
    made = start(seed, 42, (50.0, 80.0))
    made.decoys(2, 0.4, 0.6)
    made.station(float(made.rng.uniform(0.75, 0.88)), 3, 0.6)
    return _of("next", made, made.station(1.0, 2 * int(made.rng.integers(1, 4)), 0.6), seed)


def pool(seed: int) -> Case:
    """Connections that are held while work is done elsewhere."""
    return replace(held("pool", 43, pool_is_true=True)(seed), kind="pool")


def _of(kind: str, made: Making, name: str, seed: int) -> Case:
    return Case(kind, seed, made.rate, (name,), made.spec())


def _trial(kind: str, case: Case, folder: Path) -> Trial:
    assert case.spec is not None
    where = folder / f"{kind}-{case.seed}"
    where.mkdir(parents=True, exist_ok=True)
    name = case.truth[0]
    size = next(one.servers for one in case.spec.stations if one.name == name)
    more = round(size * MORE)
    with TruthServer(case.spec, case.seed) as server:
        (where / "target.toml").write_text(target_of(case.spec, server.url, ()), "utf-8")
        (where / "sweep.toml").write_text(profile(case), "utf-8")
        first = open_record(drive(where))
        found = bottlenecks.judge([first])
        _control(server.url, {"station": name, "servers": more})
        after = replace(case, steps=(0.4, 0.8, 1.1, 1.35, 1.65, 1.8))
        (where / "sweep.toml").write_text(profile(after), "utf-8")
        second = bottlenecks.judge([open_record(drive(where))])
    factor = more / size
    made = extrapolate.predict(found, {f"station {name}": factor})
    ours = made.rate if made is not None else 0.0
    usl = _usl(steps.load([first]), factor)
    trial = Trial(kind, case.seed, found.limit, ours, found.limit * factor, usl, second.limit)
    print(
        f"{kind:6} seed {case.seed}: {found.status} {found.limit:.0f}/s; ×{factor:.2f}: predicted {ours:.0f}, measured "
        f"{second.limit:.0f} ({trial.error(ours):+.1%}); scaled {trial.scaled:.0f}, USL {usl:.0f}",
        flush=True,
    )
    return trial


def _control(url: str, content: dict[str, object]) -> None:
    request = urllib.request.Request(f"{url}/control", json.dumps(content).encode(), method="POST")
    urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request, timeout=5).close()


def _usl(sweep: steps.Sweep, factor: float) -> float:
    """Peak of X(N) = γN / (1 + α(N − 1) + βN(N − 1)), N calls at once, times the resources' factor."""
    n = np.array([max(step.carried * step.latency, 1e-3) for step in sweep.steps])
    x = np.array([step.carried for step in sweep.steps])

    def curve(n: np.ndarray, gamma: float, alpha: float, beta: float) -> np.ndarray:
        return np.asarray(gamma * n / (1 + alpha * (n - 1) + beta * n * (n - 1)))

    try:
        (gamma, alpha, beta), _ = optimize.curve_fit(
            curve, n, x, (x[0] / n[0], 0.05, 1e-5), bounds=((0, 0, 0), (np.inf, 1, 1)), maxfev=20_000
        )
    except (RuntimeError, ValueError):
        return float(x.max() * factor)
    top = np.sqrt(max(0.0, 1 - alpha) / beta) if beta > 1e-9 else 1e5
    return float(curve(np.array([min(top, 1e5)]), gamma, alpha, beta)[0] * factor)


def _report(trials: Sequence[Trial], seconds: float) -> None:
    names = ("ours", "scaled", "usl")
    for kind in dict.fromkeys(trial.kind for trial in trials):
        mine = [trial for trial in trials if trial.kind == kind]
        shares = {name: _within([trial.error(getattr(trial, name)) for trial in mine]) for name in names}
        print(f"{kind:6} n {len(mine)}: within 10 %: " + ", ".join(f"{n} {s:.2f}" for n, s in shares.items()))
    errors = {name: [trial.error(getattr(trial, name)) for trial in trials] for name in names}
    ours, peers = _within(errors["ours"]), {name: _within(errors[name]) for name in names[1:]}
    result(
        "extrapolate", ours, max(peers.values()), SHARE_MIN, ours >= SHARE_MIN,
        peer_name="the better of: scaling the measured capacity, USL", cases=len(trials),
        median_error=round(float(np.median(errors["ours"])), 4), worst_error=round(max(errors["ours"]), 4),
        peer_median_error=round(float(min(np.median(errors[name]) for name in names[1:])), 4),
        minutes=round(seconds / 60, 1),
    )  # fmt: skip


def _within(errors: Sequence[float]) -> float:
    return sum(error <= ERROR_MAX for error in errors) / len(errors)


if __name__ == "__main__":
    main()
