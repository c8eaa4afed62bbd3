"""How often the interval holds the truth, on simulated queues whose answer is known.

M/M/1 with FIFO: the time in the system is exponential with rate mu - lambda, and neighbours are strongly alike.
A percentile that is refused for want of data is no error; one that is printed and wrong is.
"""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from reports.latency import PERCENTILES, Estimate, by_group

RUNS = 250
Array = NDArray[np.float64]


def times_in_system(generator: np.random.Generator, rate: float, served: float, seconds: float) -> tuple[Array, Array]:
    """Arrival times and times in the system (s) of a queue that was running long before."""
    n = generator.poisson(rate * seconds)
    at = np.sort(generator.random(n) * seconds)
    service = generator.exponential(1 / served, n)
    backlog = generator.exponential(1 / (served - rate)) if generator.random() < rate / served else 0.0
    walk = np.concatenate([[0.0], np.cumsum(service)[:-1]]) - at + backlog
    waiting = walk - np.minimum.accumulate(np.concatenate([[0.0], walk]))[1:]
    return at, waiting + service


def estimates(at: Array, took_s: Array) -> tuple[Estimate, ...]:
    block = at.astype(np.int32)
    group = np.zeros(len(at), np.int64)
    return by_group((took_s * 1e9).astype(np.int64), group, block, 1, int(block.max()) + 1, PERCENTILES)[0]


@pytest.mark.parametrize(
    ("rate", "served", "seconds", "printed_p95"),
    [
        (20, 100, 60, 1.0),  # quiet
        (100, 200, 60, 1.0),  # half used
        (40, 60, 60, 0.7),  # two thirds used, a short run
        (100, 125, 300, 1.0),  # 80 % used
        (40, 50, 120, 0.4),  # 80 % used, few busy periods
    ],
)
def test_a_printed_interval_holds_the_truth(rate: float, served: float, seconds: float, printed_p95: float) -> None:
    generator = np.random.default_rng(7)
    truth = [-np.log(1 - percentile / 100) / (served - rate) * 1e9 for percentile in PERCENTILES]
    printed, right = np.zeros(len(PERCENTILES)), np.zeros(len(PERCENTILES))
    for _ in range(RUNS):
        for place, found in enumerate(estimates(*times_in_system(generator, rate, served, seconds))):
            if found.low is not None and found.high is not None:
                printed[place] += 1
                right[place] += found.low <= truth[place] <= found.high
    wrong = (printed - right) / RUNS
    assert (wrong <= 0.10).all(), f"printed and wrong: {wrong}"
    mostly_printed = printed >= 0.9 * RUNS
    assert (right[mostly_printed] >= 0.9 * printed[mostly_printed]).all(), f"coverage {right / np.maximum(printed, 1)}"
    assert printed[2] >= printed_p95 * RUNS, "so careful that it says nothing"


def test_counting_calls_as_independent_would_be_wrong_far_too_often() -> None:
    """The drill of the test above: without phi the same intervals miss the truth in most runs."""
    generator = np.random.default_rng(7)
    truth = -np.log(0.05) / 10
    missed = 0
    for _ in range(RUNS):
        _, took = times_in_system(generator, 40, 50, 120)
        ordered = np.sort(took)
        half = 1.96 * np.sqrt(len(took) * 0.95 * 0.05)
        low, high = ordered[int(len(took) * 0.95 - half)], ordered[int(len(took) * 0.95 + half)]
        missed += not low <= truth <= high
    assert missed > RUNS / 2
