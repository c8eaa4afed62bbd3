"""The plan: every arrival of a run as a row in numpy columns, in order of time, fixed before the first request."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from scenarios import rng
from scenarios.curves import Curve, Floats, unit_points
from scenarios.traffic import Stream
from scenarios.types import Arrival, ConfigError

ARRIVALS_MAX = 50_000_000
DURATION_S_MAX = 7 * 86_400
WORKERS_MAX = 1_024
OWN = "own"  # the system of a target that is none of the platform's


@dataclass(frozen=True, eq=False)
class Plan:
    """All arrivals, ascending in time. Codes index the vocabularies, which are sorted; row number = Arrival.index."""

    at_ns: NDArray[np.int64]
    system: NDArray[np.int32]
    commune: NDArray[np.int32]
    journey: NDArray[np.int32]
    systems: tuple[str, ...]
    communes: tuple[str, ...]
    journeys: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.at_ns)

    def arrival(self, index: int) -> Arrival:
        return Arrival(
            index,
            int(self.at_ns[index]),
            self.systems[self.system[index]],
            self.communes[self.commune[index]],
            self.journeys[self.journey[index]],
        )

    @property
    def digest(self) -> str:
        """sha256 over the vocabularies and the columns in little-endian bytes: equal digests, equal plans."""
        total = hashlib.sha256(msgspec.json.encode(["plan-1", self.systems, self.communes, self.journeys, len(self)]))
        for column, kind in ((self.at_ns, "<i8"), (self.system, "<i4"), (self.commune, "<i4"), (self.journey, "<i4")):
            total.update(np.ascontiguousarray(column, dtype=kind).data)
        return total.hexdigest()


def make_plan(streams: Sequence[Stream]) -> Plan:
    """Merge streams into one plan. The order in which they are given does not matter.

    Arrivals of the same nanosecond are ordered by system, journey and commune.
    """
    ordered = sorted(streams, key=lambda stream: (stream.system, stream.journey, stream.commune))
    sizes = [len(stream.at_ns) for stream in ordered]
    _check_count(sum(sizes))
    systems = tuple(sorted({stream.system for stream in ordered}))
    communes = tuple(sorted({stream.commune for stream in ordered}))
    journeys = tuple(sorted({stream.journey for stream in ordered}))
    at_ns = np.concatenate([stream.at_ns for stream in ordered]) if ordered else np.empty(0, np.int64)
    order = np.argsort(at_ns, kind="stable")

    def column(words: tuple[str, ...], values: list[str]) -> NDArray[np.int32]:
        code = {name: number for number, name in enumerate(words)}
        return np.repeat(np.array([code[value] for value in values], np.int32), sizes)[order]

    return Plan(
        at_ns[order],
        column(systems, [stream.system for stream in ordered]),
        column(communes, [stream.commune for stream in ordered]),
        column(journeys, [stream.journey for stream in ordered]),
        systems,
        communes,
        journeys,
    )


def constant(
    rate: float,
    duration_s: float,
    weights: Mapping[str, float],
    seed: int,
    *,
    poisson: bool = True,
    factors: Sequence[tuple[float, float]] = (),
) -> Plan:
    """`rate` arrivals per second on operations drawn by weight, for any target: system "own", no commune.

    `factors` are (run second, factor) knots, straight between them, that multiply the rate. Not Poisson: evenly spaced,
    from 0.
    """
    knots = tuple((float(at), rate * factor) for at, factor in factors) or ((0.0, rate), (float(duration_s), rate))
    problems = _problems([height for _, height in knots], duration_s, weights)
    if problems:
        raise ConfigError(problems)
    curve = Curve(tuple(at for at, _ in knots), tuple(float(height) for _, height in knots))
    _check_count(curve.area)
    points = unit_points(rng.stream(seed, "own/times"), curve.area) if poisson else _even(curve.area)
    at_ns = np.rint(curve.inverse(points) * 1e9).astype(np.int64)
    journeys = tuple(sorted(name for name, weight in weights.items() if weight > 0))
    edges = np.cumsum(np.array([weights[name] for name in journeys], dtype=np.float64))
    drawn = rng.uniforms(rng.stream(seed, "own/operations"), np.arange(len(at_ns), dtype=np.uint64)) * edges[-1]
    journey = np.minimum(np.searchsorted(edges, drawn, side="right"), len(journeys) - 1).astype(np.int32)
    nothing = np.zeros(len(at_ns), np.int32)
    return Plan(at_ns, nothing, nothing, journey, (OWN,), ("",), journeys)


def share(plan: Plan, worker: int, of: int) -> NDArray[np.int64]:
    """The arrivals of one worker, ascending; the shares of workers 0..of-1 are an exact partition of the plan.

    A commune stays whole, so that its officers and their sessions live in one process: the largest commune goes first,
    each to the worker with the least so far. Arrivals without a commune are dealt out in turn.
    """
    if not (0 < of <= WORKERS_MAX and 0 <= worker < of):
        raise ConfigError([f"worker {worker} of {of}: workers count from 0, at most {WORKERS_MAX}"])
    owner = _owners(plan, of)[plan.commune]
    index = np.arange(len(plan), dtype=np.int64)
    mine: NDArray[np.int64] = index[np.where(owner < 0, index % of, owner) == worker]
    return mine


def to_arrow(plan: Plan) -> Any:
    """The plan as a pyarrow.Table of record.schema.ARRIVALS."""
    import pyarrow as pa

    from record import schema  # Arrow is not for load workers

    def words(codes: NDArray[np.int32], names: tuple[str, ...]) -> Any:
        return pa.DictionaryArray.from_arrays(pa.array(codes), pa.array(names, pa.string()))

    columns = [
        pa.array(np.arange(len(plan), dtype=np.uint32)),
        pa.array(plan.at_ns),
        words(plan.system, plan.systems),
        words(plan.commune, plan.communes),
        words(plan.journey, plan.journeys),
    ]
    return pa.table(columns, schema=schema.ARRIVALS)


def _owners(plan: Plan, of: int) -> NDArray[np.int64]:
    """Worker of each commune of the vocabulary; -1 for the arrivals without one."""
    counts = np.bincount(plan.commune, minlength=len(plan.communes))
    owners = np.full(len(plan.communes), -1, np.int64)
    loads = [0] * of
    named = [code for code, name in enumerate(plan.communes) if name]
    for code in sorted(named, key=lambda code: (-int(counts[code]), plan.communes[code])):
        least = loads.index(min(loads))
        owners[code] = least
        loads[least] += int(counts[code])
    return owners


def _even(total: float) -> Floats:
    return np.arange(math.ceil(total), dtype=np.float64)


def _check_count(count: float) -> None:
    if count > ARRIVALS_MAX:
        raise ConfigError([f"the plan has {count:,.0f} arrivals; at most {ARRIVALS_MAX:,} (arrivals_max)"])


def _problems(rates: Sequence[float], duration_s: float, weights: Mapping[str, float]) -> list[str]:
    problems = []
    for rate in sorted(set(rates)):
        if not (math.isfinite(rate) and rate >= 0):
            problems.append(f"rate: {rate} is not a number of arrivals per second")
    if not any(rates):
        problems.append("rate: 0 would be a run without arrivals")
    if not 0 < duration_s <= DURATION_S_MAX:
        problems.append(f"duration_s: {duration_s} is not within 0 (excluded)..{DURATION_S_MAX}")
    if any(not (math.isfinite(weight) and weight >= 0) for weight in weights.values()):
        problems.append("weights: each must be a number that is not negative")
    elif not sum(weights.values()):
        problems.append("weights: at least one operation must have a weight above 0")
    return problems
