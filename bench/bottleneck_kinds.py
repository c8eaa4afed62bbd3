"""The labelled set: systems of which it is known what limits them, beside decoys that are nearly as busy.

Stations are named by letters drawn anew for every seed, so that nothing can be read from a name. Sizes, rates, decoys
(0.60 to 0.85 of the culprit's load) and the mix differ with the seed. Parts of a `Case` say how it is played
(bench.bottleneck_play) and what must be named.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import msgspec
import numpy as np

from bench.stations import OperationSpec, Spec, StationSpec, Step

LETTERS = (
    "kappa", "lima", "mike", "nova", "oscar", "papa", "quebec", "romeo", "sierra", "tango", "ultra", "victor", "whisky",
    "xray", "yankee", "zulu",
)  # fmt: skip
DELAY_SERVERS = 5000


@dataclass(frozen=True)
class Case:
    """`rate`: calls per second at which the culprit is used up. `truth`: words one of which the first suspect's name
    must hold; () for healthy. `status`: what else may be said of it."""

    kind: str
    seed: int
    rate: float
    truth: tuple[str, ...]
    spec: Spec | None = None
    outside: Spec | None = None  # a second system, with meters hidden
    hidden: tuple[str, ...] = ()  # stations that the target does not meter
    link_bytes_s: float = 0.0  # a link in front of it (of the second system, where there is one)
    faults: tuple[str, ...] = ()  # of the testbed, when there is no spec
    starve: bool = False  # the generator is stopped half of the time from the fifth step on
    status: tuple[str, ...] = ("named",)
    steps: tuple[float, ...] = (0.3, 0.5, 0.65, 0.8, 1.1, 1.3)


@dataclass
class Making:
    """A system under construction: the rate it shall end at, its decoys, and one step list per operation."""

    rng: np.random.Generator
    rate: float
    stations: list[StationSpec] = field(default_factory=list)
    names: list[str] = field(default_factory=list)
    weights: dict[str, float] = field(default_factory=dict)
    steps: dict[str, list[Step]] = field(default_factory=dict)

    def name(self) -> str:
        return self.names.pop()

    def station(self, load: float, servers: int, cv: float, paths: dict[str, float] | None = None, **more: int) -> str:
        """A station that is busy to `load` at the rate; `paths` with their factors use it, all by default."""
        paths = paths or dict.fromkeys(self.weights, 1.0)
        total = sum(self.weights.values())
        visits = sum(self.weights[path] * factor for path, factor in paths.items()) / total
        name = self.name()
        self.stations.append(StationSpec(name, servers, load * servers / (self.rate * visits) * 1e3, cv, **more))
        for path, factor in paths.items():
            self.steps[path].append(Step(name, factor))
        return name

    def decoys(self, count: int, low: float = 0.60, high: float = 0.85) -> None:
        for load in self.rng.uniform(low, high, count).tolist():
            self.station(load, int(self.rng.integers(1, 7)), float(self.rng.choice([0.3, 0.7, 1.0])))

    def spec(self, **more: object) -> Spec:
        operations = {
            path: OperationSpec(tuple(self.steps[path]), self.weights[path], **more.pop(path, {}))  # type: ignore[arg-type]
            for path in self.weights
        }
        return Spec(tuple(self.stations), operations, **more)  # type: ignore[arg-type]


def start(seed: int, salt: int, rates: tuple[float, float] = (70.0, 130.0), paths: str = "abcd") -> Making:
    rng = np.random.default_rng([seed, salt])
    made = Making(rng, float(rng.uniform(*rates)))
    made.names = [str(name) for name in rng.permutation(LETTERS)]
    made.weights = {f"/{letter}": float(rng.uniform(0.6, 1.6)) for letter in paths}
    made.steps = {path: [] for path in made.weights}
    return made


def plain(kind: str, salt: int, servers: tuple[int, int], cv: float, some: bool = False) -> Callable[[int], Case]:
    """One station that is used up, by all operations or by one of them only."""

    def make(seed: int) -> Case:
        made = start(seed, salt)
        made.decoys(2)
        count = int(made.rng.integers(servers[0], servers[1] + 1))
        name = made.station(1.0, count, cv, {"/b": 1.0} if some else None)
        made.decoys(1)
        return Case(kind, seed, made.rate, (name,), made.spec())

    return make


def slow_operation(seed: int) -> Case:
    """One operation costs eight times the others at a station that all use: the station is what ends."""
    made = start(seed, 6)
    made.decoys(2)
    name = made.station(1.0, 4, 0.7, {"/a": 1.0, "/b": 8.0, "/c": 1.0, "/d": 1.0})
    return Case("slow-query", seed, made.rate, (name,), made.spec())


def held(kind: str, salt: int, *, pool_is_true: bool) -> Callable[[int], Case]:
    """Servers that are held while work is done elsewhere: either they are too few, or what they wait for is."""

    def make(seed: int) -> Case:
        made = start(seed, salt)
        made.decoys(1)
        hold, inner, delay = made.name(), made.name(), made.name()
        inside = float(made.rng.uniform(0.55, 0.70)) if pool_is_true else 1.0
        servers = int(made.rng.integers(2, 5))
        inner_ms = inside * servers / made.rate * 1e3
        delay_ms = float(made.rng.uniform(30.0, 60.0))
        quiet_s = (inner_ms * (1.25 if pool_is_true else 1.0) + delay_ms) * 1e-3
        size = max(2, round(made.rate * quiet_s * (1.0 if pool_is_true else 2.0)))
        made.stations += [
            StationSpec(hold, size, 0.0, 0.0),
            StationSpec(inner, servers, inner_ms, 0.7),
            StationSpec(delay, DELAY_SERVERS, delay_ms, 0.3),
        ]
        for path in made.weights:
            made.steps[path].append(Step(hold, 1.0, (Step(inner), Step(delay))))
        return Case(kind, seed, made.rate, (hold if pool_is_true else inner,), made.spec())

    return make


def limiter(seed: int) -> Case:
    made = start(seed, 9)
    made.decoys(4, 0.55, 0.75)
    return Case("rate-limiter", seed, made.rate, ("rate limiter",), made.spec(limit_per_s=made.rate))


def connections(seed: int) -> Case:
    made = start(seed, 10)
    made.decoys(3, 0.4, 0.6)
    delay = made.name()
    made.stations.append(StationSpec(delay, DELAY_SERVERS, 200.0, 0.2))
    for path in made.weights:
        made.steps[path].append(Step(delay))
    others_s = sum(one.mean_ms * 1e-3 * 1.3 for one in made.stations[:-1])
    return Case("connection-limit", seed, made.rate, ("connections",),
                made.spec(connections_max=round(made.rate * (0.2 + others_s))))  # fmt: skip


def collapse(seed: int) -> Case:
    """Work grows with the backlog, as when a cache is lost and every request goes to the store."""
    made = start(seed, 11)
    made.decoys(3, 0.45, 0.65)
    name = made.station(1.0, 3, 0.7)
    return Case("cache-miss-storm", seed, made.rate, (name,), made.spec(collapse_from=8, collapse_by=0.03))


def short_queue(seed: int) -> Case:
    made = start(seed, 12)
    made.decoys(3)
    name = made.station(1.0, int(made.rng.integers(2, 5)), 0.7, queue_max=6)
    return Case("full-queue", seed, made.rate, (name,), made.spec())


def hidden_lock(seed: int) -> Case:
    made = start(seed, 13)
    made.decoys(3, 0.5, 0.75)
    name = made.station(1.0, 1, 0.5, {"/b": 1.0})
    return Case("hot-row-unmetered", seed, made.rate, ("operation b",), made.spec(), hidden=(name,))


def hidden_span(seed: int) -> Case:
    made = start(seed, 14)
    made.decoys(2, 0.5, 0.75)
    made.names.append("db")
    made.station(1.0, 3, 0.7)
    return Case("database-by-timing", seed, made.rate, ("span db",), made.spec(timing=True), hidden=("db",))


def outside(seed: int) -> Case:
    """Two of the operations go to another system, which nobody meters."""
    made, other = start(seed, 15, paths="abc"), start(seed, 16, paths="xy")
    made.decoys(3, 0.4, 0.65)
    share = sum(other.weights.values()) / (sum(other.weights.values()) + sum(made.weights.values()))
    other.rate = made.rate * share
    hidden = other.station(1.0, 4, 0.7)
    return Case("outside-system", seed, made.rate, ("system outside",), made.spec(), other.spec(), (hidden,))


def link(seed: int) -> Case:
    """Answers of 24 kB through a line that carries so many of them a second."""
    made = start(seed, 17)
    made.decoys(3, 0.5, 0.7)
    size = 24_000
    spec = made.spec(**{path: {"bytes": size} for path in made.weights})
    return Case("bandwidth", seed, made.rate, ("network link",), spec, link_bytes_s=made.rate * (size + 150))


def link_of_one(seed: int) -> Case:
    """The line of one place only: the other system is reached by another."""
    made, other = start(seed, 18, paths="abc"), start(seed, 19, paths="xy")
    made.decoys(3, 0.4, 0.65)
    other.rate = made.rate * sum(other.weights.values()) / (sum(other.weights.values()) + sum(made.weights.values()))
    other.decoys(1, 0.4, 0.5)
    size = 24_000
    spec = other.spec(**{path: {"bytes": size} for path in other.weights})
    return Case("link-of-one-place", seed, made.rate, ("system outside", "network link"), made.spec(), spec,
                tuple(one.name for one in other.stations), link_bytes_s=other.rate * (size + 150))  # fmt: skip


def both(seed: int) -> Case:
    made = start(seed, 20)
    made.decoys(2)
    first, second = made.station(1.0, 3, 0.5), made.station(0.97, 4, 0.5)
    return Case("two-together", seed, made.rate, (first, second), made.spec(), status=("together", "named"))


def healthy(kind: str, salt: int, low: float, high: float) -> Callable[[int], Case]:
    def make(seed: int) -> Case:
        made = start(seed, salt)
        made.decoys(5, low, high)
        return Case(kind, seed, made.rate, (), made.spec(), status=("healthy",), steps=(0.3, 0.5, 0.65, 0.8, 0.9, 1.0))

    return make


def starved(seed: int) -> Case:
    made = start(seed, 23)
    made.decoys(3, 0.2, 0.4)
    return Case("generator", seed, made.rate, ("generator",), made.spec(), starve=True, status=("generator",))


def played_by_testbed(
    kind: str, rate: float, truth: tuple[str, ...], *faults: str, status: str = "named"
) -> Callable[[int], Case]:
    def make(seed: int) -> Case:
        factor = float(np.random.default_rng([seed, len(kind)]).uniform(0.9, 1.1))
        return Case(kind, seed, rate * factor, truth, faults=faults, status=(status,))

    return make


KINDS: dict[str, Callable[[int], Case]] = {
    "cpu": plain("cpu", 1, (2, 4), 0.5),
    "cpu-quota": plain("cpu-quota", 2, (1, 1), 0.2),
    "disk": plain("disk", 3, (1, 1), 1.5),
    "lock": plain("lock", 4, (1, 1), 0.7, some=True),
    "signing-device": plain("signing-device", 5, (2, 2), 0.3, some=True),
    "slow-query": slow_operation,
    "connection-pool": held("connection-pool", 7, pool_is_true=True),
    "dependency-behind-threads": held("dependency-behind-threads", 8, pool_is_true=False),
    "rate-limiter": limiter,
    "connection-limit": connections,
    "cache-miss-storm": collapse,
    "full-queue": short_queue,
    "hot-row-unmetered": hidden_lock,
    "database-by-timing": hidden_span,
    "outside-system": outside,
    "bandwidth": link,
    "link-of-one-place": link_of_one,
    "two-together": both,
    "generator": starved,
    "testbed-slow-query": played_by_testbed(
        "testbed-slow-query", 120.0, ("portal: thread", "portal: main"), "slow-query=25:web.dossier"
    ),
    "testbed-pool": played_by_testbed("testbed-pool", 150.0, ("turns in the store", "span queue"), "pool=2,40"),
    "testbed-identity-quota": played_by_testbed(
        "testbed-identity-quota", 100.0, ("rate limiter",), "identity-quota=30"
    ),
    "testbed-leak": played_by_testbed("testbed-leak", 60.0, ("memory of",), "leak=60"),
    "testbed-healthy": played_by_testbed("testbed-healthy", 60.0, (), status="healthy"),
    "healthy": healthy("healthy", 21, 0.3, 0.7),
    "healthy-near": healthy("healthy-near", 22, 0.5, 0.85),
}


def changed(case: Case, station: str, factor: float) -> Spec:
    """The case's system with one station of another size; for whole servers only."""
    assert case.spec is not None
    stations = tuple(
        msgspec.structs.replace(one, mean_ms=one.mean_ms / factor) if one.name == station else one
        for one in case.spec.stations
    )
    return msgspec.structs.replace(case.spec, stations=stations)
