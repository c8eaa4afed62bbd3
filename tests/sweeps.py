"""Makes records of a system that is driven at one rate after the other, with a known answer."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec
import numpy as np
import pyarrow as pa

from record import schema
from record.types import Event, OperationInfo, Outcome, Phase, Reading, Sample
from tests.records import COMMUNES, MS, S, call, make_record, manifest, readings

RATES = (20.0, 40.0, 60.0, 80.0, 110.0, 130.0)
STEP_S = 5
OPERATIONS = (
    OperationInfo("a.look", "a", False),
    OperationInfo("a.find", "a", False),
    OperationInfo("b.sign", "b", False),
    OperationInfo("b.ask", "b", False),
)


@dataclass(frozen=True)
class Due:
    """A call that is to be made: its number, when it is due, and which step that is."""

    index: int
    at_ns: int
    step: int

    @property
    def operation(self) -> int:
        return self.index % len(OPERATIONS)

    @property
    def commune(self) -> str:
        return COMMUNES[self.index % len(COMMUNES)]


def dues(rates: Sequence[float] = RATES) -> list[Due]:
    """Evenly spaced calls, STEP_S of each rate."""
    at = [
        round((step * STEP_S + place / rate) * S)
        for step, rate in enumerate(rates)
        for place in range(int(rate * STEP_S))
    ]
    return [Due(index, when, when // (STEP_S * S)) for index, when in enumerate(at)]


def quick(due: Iterable[Due], took_ms: float = 20.0, **changes: object) -> list[Sample]:
    """Every call answered after the same time."""
    return [call(d.index, d.at_ns, round(took_ms * MS), d.operation, **changes) for d in due]


def queued(due: Sequence[Due], per_s: float, took_ms: float = 20.0) -> list[Sample]:
    """One queue in front of something that carries out so many a second."""
    free, samples = 0.0, []
    for d in due:
        free = max(free + S / per_s, d.at_ns + took_ms * MS)
        samples.append(call(d.index, d.at_ns, round(free - d.at_ns), d.operation))
    return samples


def changed(samples: Iterable[Sample], change: Callable[[Sample], dict[str, object]]) -> list[Sample]:
    return [msgspec.structs.replace(sample, **change(sample)) for sample in samples]


def at(sample: Sample) -> int:
    """The step in which a call was due."""
    return sample.intended_ns // (STEP_S * S)


def station(
    name: str, samples: Sequence[Sample], *, demand_ms: float, size: float = 1.0, kind: str = "other"
) -> list[Reading]:
    """A resource of which every call that is carried out needs as much; read once a second."""
    done = np.sort([sample.done_ns for sample in samples if sample.outcome is Outcome.OK])
    return _counter(name, kind, size, lambda at_ns: demand_ms * 1e-3 * float(np.searchsorted(done, at_ns)), samples)


def held(name: str, samples: Sequence[Sample], size: float, kind: str = "pool") -> list[Reading]:
    """A pool of which a connection is held from when a call is due to when it is done, as far as there are any."""
    due = np.sort([sample.intended_ns for sample in samples])
    done = np.sort([sample.done_ns for sample in samples])
    grid = np.arange(0, int(done[-1]), 10 * MS)
    inside = np.minimum(np.searchsorted(due, grid) - np.searchsorted(done, grid), size)
    total = np.cumsum(inside) * 0.01
    return _counter(name, kind, size, lambda at_ns: float(total[min(at_ns // (10 * MS), len(total) - 1)]), samples)


def _counter(
    name: str, kind: str, size: float, value: Callable[[int], float], samples: Sequence[Sample]
) -> list[Reading]:
    source = f"resource:{kind}:{name}"
    found = []
    for second in range(1, samples[-1].intended_ns // S + 2):
        found.append(Reading(source, "busy_total", "unit-s", second * S, value(second * S)))
        found.append(Reading(source, "size", "units", second * S, size))
    return found


def swept(
    folder: Path,
    samples: Sequence[Sample],
    meters: Iterable[Reading] = (),
    rates: Sequence[float] = RATES,
    cpu: float = 0.3,
    events: Sequence[Event] = (),
) -> Path:
    """A sealed record of those calls, and of a generator that was well unless `cpu` says otherwise."""
    phases = tuple(
        Phase(f"r{rate:g}", n * STEP_S * S, (n + 1) * STEP_S * S, True, rate) for n, rate in enumerate(rates)
    )
    head = manifest(len(samples), phases=phases, operations=OPERATIONS)
    arrivals = pa.table(
        {
            "arrival": pa.array([sample.arrival for sample in samples], pa.uint32()),
            "at_ns": pa.array([sample.intended_ns for sample in samples], pa.int64()),
            "system": pa.array([OPERATIONS[sample.operation].system for sample in samples], pa.string()),
            "commune": pa.array([COMMUNES[sample.arrival % len(COMMUNES)] for sample in samples], pa.string()),
            "journey": pa.array(["test"] * len(samples), pa.string()),
        }
    ).cast(schema.ARRIVALS)
    generator = readings(seconds=len(rates) * STEP_S + 1, cpu=cpu)
    return make_record(folder, head, arrivals=arrivals, samples=samples, meters=[*generator, *meters], events=events)
