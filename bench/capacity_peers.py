"""Two peers' ways to a capacity, on the same server: a ramp that is aborted when its p95 breaks, and MLRsearch.

Each prints {"per_s", "seconds"} as its last line: `python -m bench.capacity_peers ramp|mlrsearch PORT CEILING LIMIT_S`.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time

import numpy as np
from MLRsearch import AbstractMeasurer, Config, MeasurementResult, MultipleLossRatioSearch, SearchGoal

from bench.open_loop import Client, poisson, ramp

RAMP_S = 180.0
EVALUATED_S = 10.0  # not before; k6's delayAbortEval
SHARE = 0.05
MLR_S_MAX = 150.0


def k6_ramp(port: int, ceiling: float, limit_s: float, seed: int) -> float:
    """`ramping-arrival-rate` to twice the ceiling, with a threshold p(95) over all so far and abortOnFail."""

    async def drive() -> float:
        client, began = Client(port), time.monotonic()
        looked, late, seen = 0.0, 0, 0

        def broken() -> bool:
            nonlocal looked, late, seen
            if time.monotonic() - looked < 1.0 or time.monotonic() - began < EVALUATED_S:
                return False
            looked = time.monotonic()
            late += sum(one.took_s > limit_s for one in client.answers[seen:])
            seen = len(client.answers)
            return seen > 0 and late > SHARE * seen

        await client.drive(ramp(2 * ceiling, RAMP_S, seed), broken)
        await client.close()
        return 2 * ceiling * min(1.0, (looked - began) / RAMP_S)

    return asyncio.run(drive())


class Measurer(AbstractMeasurer):  # type: ignore[misc]
    """A trial at a load; what was late counts as lost."""

    def __init__(self, port: int, limit_s: float, seed: int) -> None:
        self._port, self._limit_s, self._seed = port, limit_s, seed

    def measure(self, intended_duration: float, intended_load: float) -> MeasurementResult:
        self._seed += 1
        due = poisson(intended_load, intended_duration, self._seed)
        client = Client(self._port)

        async def drive() -> None:
            await client.drive(due)
            await client.close()

        began = time.monotonic()
        asyncio.run(drive())
        late = len(due) - sum(one.took_s <= self._limit_s for one in client.answers)
        return MeasurementResult(
            intended_duration=intended_duration,
            intended_load=intended_load,
            offered_count=max(1, len(due)),
            loss_count=late,
            duration_with_overheads=time.monotonic() - began,
        )


def mlrsearch(port: int, ceiling: float, limit_s: float, seed: int) -> float | None:
    """Trials of 2 to 10 s, 20 s in sum, width 3 %: the setting that did best in simulation."""
    config = Config()
    config.goals = [
        SearchGoal(
            loss_ratio=SHARE,
            exceed_ratio=0.5,
            relative_width=0.03,
            initial_trial_duration=2.0,
            final_trial_duration=10.0,
            duration_sum=20.0,
        )
    ]
    config.min_load, config.max_load = ceiling / 20, 2 * ceiling
    config.search_duration_max, config.warmup_duration = MLR_S_MAX, None
    goal = next(iter(config.goals))
    try:
        found = MultipleLossRatioSearch(config).search(Measurer(port, limit_s, seed))[goal]
        return float(found.conditional_throughput)
    except (RuntimeError, TypeError, AttributeError):  # no lower bound, or out of time: it has no answer then
        return None


def main() -> None:
    method, port, ceiling, limit_s, seed = sys.argv[1], int(sys.argv[2]), *map(float, sys.argv[3:5]), int(sys.argv[5])
    began = time.monotonic()
    find = {"ramp": k6_ramp, "mlrsearch": mlrsearch}[method]
    per_s = find(port, ceiling, limit_s, seed)
    print(
        json.dumps(
            {"per_s": per_s and round(float(np.float64(per_s)), 2), "seconds": round(time.monotonic() - began, 1)}
        )
    )


if __name__ == "__main__":
    main()
