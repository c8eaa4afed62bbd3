"""The true capacity of a system whose stations are known: by long simulation, without any machine in it."""

from __future__ import annotations

import heapq
from collections.abc import Sequence
from dataclasses import dataclass

import msgspec
import numpy as np
from numpy.typing import NDArray

from bench.stations import Network, Spec, service_times

ARRIVALS = 400_000
CLOSE = 0.0005  # relative; what the bisection leaves open


@dataclass(frozen=True)
class Promise:
    """At most `late_share` of the requests of `paths` (empty: all) may take longer than `limit_ms` or fail."""

    limit_ms: float
    late_share: float = 0.05
    paths: tuple[str, ...] = ()


def ceiling(spec: Spec) -> float:
    """Requests per second of the whole mix at which the first station is busy all the time; no waiting, inner or not.

    Only for steps without inner ones: a server that is held while its request waits elsewhere has no fixed demand.
    """
    weights = {path: each.weight for path, each in spec.operations.items()}
    total = sum(weights.values())
    highest = []
    for station in spec.stations:
        visits = sum(
            weights[path] / total * step.factor
            for path, each in spec.operations.items()
            for step in each.steps
            if step.station == station.name
        )
        if visits and station.mean_ms:
            highest.append(station.servers / (visits * station.mean_ms * 1e-3))
    return min(highest)


def true_capacity(
    spec: Spec,
    promises: Sequence[Promise],
    seed: int = 7,
    arrivals: int = ARRIVALS,
    between: tuple[float, float] | None = None,
) -> float:
    """Highest rate of Poisson arrivals per second, of the whole mix, at which every promise holds in the long run.

    By bisection over common random numbers, in `between` if that is known; the standard error is about 0.5 % where the
    limit is near saturation. Start-up effects are left out of the spec: the truth is that of the steady state.
    """
    steady = msgspec.structs.replace(spec, warmup_s=0.0)
    low, high = between or (0.0, ceiling(spec) * 1.02)
    while high - low > CLOSE * high:
        rate = (low + high) / 2
        if _holds(steady, promises, rate, seed, arrivals):
            low = rate
        else:
            high = rate
    return (low + high) / 2


def _holds(spec: Spec, promises: Sequence[Promise], rate: float, seed: int, arrivals: int) -> bool:
    latency, path = latencies(spec, rate, seed, arrivals)
    names = list(spec.operations)
    for promise in promises:
        chosen = latency if not promise.paths else latency[np.isin(path, [names.index(name) for name in promise.paths])]
        if np.mean(chosen > promise.limit_ms * 1e-3) > promise.late_share:
            return False
    return True


def latencies(spec: Spec, rate: float, seed: int, arrivals: int) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """(seconds per request, infinite when refused; index of its path) in order of arrival, the first tenth left out."""
    rng = np.random.default_rng(seed)
    at = np.cumsum(rng.exponential(1.0, arrivals)) / rate
    weights = np.array([each.weight for each in spec.operations.values()])
    path = rng.choice(len(weights), arrivals, p=weights / weights.sum())
    plain = len(spec.stations) == 1 and len(weights) == 1 and not spec.collapse_from and not spec.limit_per_s
    took = _one_queue(spec, at, seed) if plain else _network(spec, at, path, seed)
    settled = arrivals // 10
    return took[settled:], path[settled:]


def _one_queue(spec: Spec, at: NDArray[np.float64], seed: int) -> NDArray[np.float64]:
    """Many servers, one queue, first come first served: the recursion of Kiefer and Wolfowitz (1955)."""
    station = spec.stations[0]
    factor = next(iter(spec.operations.values())).steps[0].factor
    service = (service_times(station, np.random.default_rng(seed + 1), at.size) * factor).tolist()
    if spec.noise:
        blocks = int(at[-1] * 2 / spec.noise_every_s) + 2
        speeds = np.exp(np.random.default_rng(seed + 2).normal(0.0, spec.noise, blocks)).tolist()
    free = [0.0] * station.servers
    took = []
    for now, length in zip(at.tolist(), service, strict=True):
        begun = max(now, free[0])
        if spec.noise:
            length /= speeds[min(int(begun / spec.noise_every_s), blocks - 1)]
        heapq.heapreplace(free, begun + length)
        took.append(begun + length - now)
    return np.array(took)


def _network(spec: Spec, at: NDArray[np.float64], path: NDArray[np.int64], seed: int) -> NDArray[np.float64]:
    network, names = Network(spec, seed + 1), list(spec.operations)
    took = np.full(at.size, np.inf)

    def then(index: int, since: float) -> None:
        def over(now: float, status: int, _: dict[str, float]) -> None:
            if status == 200:
                took[index] = now - since

        network.arrive(since, names[path[index]], over)

    for index, now in enumerate(at.tolist()):
        network.run_until(now)
        then(index, now)
    network.run_until(float("inf"))
    return took
