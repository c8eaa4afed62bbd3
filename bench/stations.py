"""A network of stations with queues, in virtual time: what the truth server plays, and what its truth is computed with.

A request runs through the steps of its operation. A step uses a station (waits for one of its servers, holds it for a
service time) and may have inner steps: then the server is held until they are done too, as a pooled connection is.
Given one order of events the outcome is exact: no clock of a machine is in it.
"""

from __future__ import annotations

import heapq
import math
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

import msgspec
import numpy as np
from numpy.typing import NDArray

BLOCK = 4096  # service times drawn at a time
Then = Callable[[float], None]


class StationSpec(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`servers` work at once, each for `mean_ms` on average; gamma distributed up to cv 1, lognormal above."""

    name: str
    servers: int = 1
    mean_ms: float = 0.0
    cv: float = 1.0
    queue_max: int = 1_000_000  # who finds as many waiting is refused with 503
    metered: bool = True  # whether it shows in the meters


class Step(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One visit: the service time is the station's times `factor`, and the server is held during `inner` as well."""

    station: str
    factor: float = 1.0
    inner: tuple[Step, ...] = ()


class OperationSpec(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a request of this path does, and how large its answer is."""

    steps: tuple[Step, ...]
    weight: float = 1.0
    bytes: int = 64


class Spec(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A whole system. All that disturbs it is off by default."""

    stations: tuple[StationSpec, ...]
    operations: dict[str, OperationSpec]  # by path
    noise: float = 0.0  # standard deviation of ln(speed), drawn again every `noise_every_s`
    noise_every_s: float = 5.0
    collapse_from: int = 0  # backlog of a station from which its work grows; 0: never
    collapse_by: float = 0.02  # so much longer per request beyond it
    warmup_s: float = 0.0  # time constant; service takes up to twice as long at the start
    limit_per_s: float = 0.0  # more than so many are refused with 429; 0: no limiter
    connections_max: int = 0  # more than so many at once are closed; 0: no limit
    timing: bool = False  # say in Server-Timing how long each station took


@dataclass
class Station:
    """One station's state and its counters since the start; times in seconds."""

    spec: StationSpec
    draw: Callable[[], float]
    servers: int
    speed: float = 1.0
    busy: int = 0
    waiting: deque[tuple[float, Callable[[float], None]]] = field(default_factory=deque)
    busy_s: float = 0.0
    wait_s: float = 0.0
    done: int = 0
    refused: int = 0
    changed_at: float = 0.0

    def account(self, now: float) -> None:
        """Bring the integral of busy servers up to `now`."""
        self.busy_s += self.busy * max(0.0, now - self.changed_at)
        self.changed_at = max(now, self.changed_at)


class Network:
    """Events in order of virtual time. `arrive` and `run_until` are called with times that never go back."""

    def __init__(self, spec: Spec, seed: int = 1) -> None:
        self.spec = spec
        self._rng = np.random.default_rng(seed)
        self._noise_rng = np.random.default_rng(seed + 1)
        self.stations = {each.name: Station(each, self._draws(each), each.servers) for each in spec.stations}
        self._events: list[tuple[float, int, Then]] = []
        self._number = 0
        self._speed = 1.0
        self._speed_until = 0.0
        self._tokens, self._tokens_at = spec.limit_per_s, 0.0

    def arrive(self, at: float, path: str, then: Callable[[float, int, dict[str, float]], None]) -> None:
        """A request at `at`; `then(time, HTTP status, seconds by station)` is called when it is over."""
        if self.spec.limit_per_s and not self._token(at):
            then(at, 429, {})
            return
        spent: dict[str, float] = {}
        self._steps(self.spec.operations[path].steps, at, spent, lambda now, status: then(now, status, spent))

    def next_at(self) -> float | None:
        """When the next event is due."""
        return self._events[0][0] if self._events else None

    def run_until(self, now: float) -> None:
        """Everything that is due up to `now`, in order."""
        events = self._events
        while events and events[0][0] <= now:
            at, _, then = heapq.heappop(events)
            then(at)

    def resize(self, name: str, now: float, *, servers: int | None = None, speed: float | None = None) -> None:
        """Give a station another size or speed; those in service finish as they were."""
        station = self.stations[name]
        station.account(now)
        station.servers = station.servers if servers is None else servers
        station.speed = station.speed if speed is None else speed
        self._admit(station, now)

    def _steps(
        self, steps: tuple[Step, ...], at: float, spent: dict[str, float], then: Callable[[float, int], None]
    ) -> None:
        if not steps:
            then(at, 200)
            return
        step, rest = steps[0], steps[1:]
        station = self.stations[step.station]

        def served(begun: float) -> None:
            self._after(begun + self._service(station, step.factor, begun), lambda now: inner(now))

        def inner(now: float) -> None:
            self._steps(step.inner, now, spent, release)

        def release(now: float, status: int) -> None:
            station.account(now)
            station.busy -= 1
            station.done += 1
            spent[step.station] = spent.get(step.station, 0.0) + now - at
            self._admit(station, now)
            if status == 200:
                self._steps(rest, now, spent, then)
            else:
                then(now, status)

        if station.busy < station.servers and not station.waiting:
            station.account(at)
            station.busy += 1
            served(at)
        elif len(station.waiting) >= station.spec.queue_max:
            station.refused += 1
            then(at, 503)
        else:
            station.waiting.append((at, served))

    def _admit(self, station: Station, now: float) -> None:
        while station.waiting and station.busy < station.servers:
            since, served = station.waiting.popleft()
            station.wait_s += now - since
            station.account(now)
            station.busy += 1
            served(now)

    def _service(self, station: Station, factor: float, now: float) -> float:
        spec = self.spec
        seconds = station.draw() * factor / station.speed
        if spec.noise:
            while now >= self._speed_until:
                self._speed = float(np.exp(self._noise_rng.normal(0.0, spec.noise)))
                self._speed_until += spec.noise_every_s
            seconds /= self._speed
        if spec.warmup_s:
            seconds *= 1.0 + math.exp(-now / spec.warmup_s)
        if spec.collapse_from:
            seconds *= 1.0 + spec.collapse_by * max(0, len(station.waiting) - spec.collapse_from)
        return seconds

    def _after(self, at: float, then: Then) -> None:
        self._number += 1
        heapq.heappush(self._events, (at, self._number, then))

    def _token(self, at: float) -> bool:
        """A bucket of one tenth of a second's worth."""
        rate = self.spec.limit_per_s
        self._tokens = min(max(1.0, rate * 0.1), self._tokens + (at - self._tokens_at) * rate)
        self._tokens_at = at
        if self._tokens < 1.0:
            return False
        self._tokens -= 1.0
        return True

    def _draws(self, spec: StationSpec) -> Callable[[], float]:
        stock: list[float] = []

        def draw() -> float:
            if not stock:
                stock.extend(service_times(spec, self._rng, BLOCK).tolist())
            return stock.pop()

        return draw


def service_times(spec: StationSpec, rng: np.random.Generator, count: int) -> NDArray[np.float64]:
    """`count` service times of a station in seconds."""
    mean, cv = spec.mean_ms * 1e-3, spec.cv
    if mean == 0.0 or cv == 0.0:
        return np.full(count, mean)
    if cv <= 1.0:
        return rng.gamma(1.0 / cv**2, mean * cv**2, count)
    spread = math.log1p(cv**2)  # of a lognormal with that cv
    return rng.lognormal(math.log(mean) - spread / 2, math.sqrt(spread), count)
