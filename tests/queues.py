"""Records of a target that is a queue with known servers, driven at several rates; without any clock in it."""

from __future__ import annotations

import heapq
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa

from record import schema
from record.reader import RunRecord, open_record
from record.types import Objective, OperationInfo, Outcome, Phase, Sample
from tests.records import S, make_record, manifest, readings

OWN = (OperationInfo("own.get", "own", False),)
FIRST_RATE = 100.0  # arrivals per second at factor 1


def within(limit_ms: float, percentile: float = 95.0) -> Objective:
    return Objective("fast", "latency", ("*",), limit_ms, "ms", "Nhanh", "Fast", "a test", False, percentile)


def few_errors(share: float) -> Objective:
    return Objective("errors", "errors", ("*",), share, "share", "Lỗi", "Errors", "a test", False)


def queue_record(
    folder: Path,
    steps: Sequence[tuple[float, float]],
    *,
    servers: int = 4,
    mean_ms: float = 20.0,
    cv: float = 1.0,
    seed: int = 1,
    objectives: Sequence[Objective] = (within(100.0),),
    names: Sequence[str] = (),
    warm_s: float = 0.0,
    refused_above: float = np.inf,
    slow_above: int | None = None,
    lateness_ms: float = 0.1,
) -> RunRecord:
    """`steps` are (factor, seconds). Gamma service times; twice as long at first with time constant `warm_s`.

    Beyond `refused_above` arrivals per second the rest is refused at once. From a backlog of `slow_above` on every
    request takes three times as long.
    """
    rng = np.random.default_rng(seed)
    due: list[float] = []
    refused: list[bool] = []
    phases, at = [], 0.0
    for number, (factor, seconds) in enumerate(steps):
        rate = FIRST_RATE * factor
        here = np.sort(rng.uniform(at, at + seconds, rng.poisson(rate * seconds)))
        due += here.tolist()
        refused += (rng.uniform(size=here.size) < 1 - refused_above / rate).tolist()
        name = names[number] if names else f"step-{number}"
        phases.append(Phase(name, round(at * S), round((at + seconds) * S), True, factor))
        at += seconds
    service = rng.gamma(1 / cv**2, mean_ms * 1e-3 * cv**2, len(due))
    free, samples = [0.0] * servers, []
    ends: list[float] = []
    for index, (now, took, no) in enumerate(zip(due, service.tolist(), refused, strict=True)):
        sent = now + lateness_ms * 1e-3
        if no:
            samples.append(_sample(index, now, sent, sent + 0.001, Outcome.REFUSED, 429))
            continue
        begun = max(sent, free[0])
        took *= 1 + np.exp(-begun / warm_s) if warm_s else 1.0
        if slow_above is not None and sum(1 for end in ends[-500:] if end > sent) > slow_above:
            took *= 3.0
        heapq.heapreplace(free, begun + took)
        ends.append(begun + took)
        samples.append(_sample(index, now, sent, begun + took, Outcome.OK, 200))
    n = len(due)
    arrivals = pa.table(
        {
            "arrival": pa.array(range(n), pa.uint32()),
            "at_ns": pa.array([round(now * S) for now in due], pa.int64()),
            "system": pa.array(["own"] * n, pa.string()),
            "commune": pa.array([""] * n, pa.string()),
            "journey": pa.array(["own.get"] * n, pa.string()),
        }
    ).cast(schema.ARRIVALS)
    head = manifest(n, phases=tuple(phases), objectives=tuple(objectives), operations=OWN, run_id=folder.name)
    make_record(folder, head, arrivals=arrivals, samples=samples, meters=readings(int(at) + 1), communes=())
    return open_record(folder)


def _sample(index: int, due: float, sent: float, done: float, outcome: Outcome, status: int) -> Sample:
    return Sample(index, 0, 0, round(due * S), round(sent * S), round(done * S), outcome, status)
