"""The utilisation law: what one call costs of each resource, and at which rate the resource is used up.

U = U0 + D·X with U the share in use, X the calls carried out per second, D the demand per call; the resource is used up
at (1 − U0)/D. Source: Denning and Buzen, "The operational analysis of queueing network models" (1978). U and X are
counted between the same two readings, so that chance in the number of arrivals cancels.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import optimize, stats

from reports.steps import Step, Sweep

CONFIDENCE = 0.90
SPREAD_MIN = 0.01  # relative standard error that no fit goes below: readings and arrivals are never quite of one time
IDLE_CONFIDENCE = 0.975  # with which use without any load must be there to be believed
RATES_MIN = 1.25  # highest rate over lowest, below which the line has no slope that could be told
CONDITION_MAX = 25.0  # of the mixes, beyond which demands by operation cannot be told apart
PREFIX = "resource:"


@dataclass(frozen=True)
class Use:
    """One resource at one step. `busy` in units of `size`; `waiting` people on average; both over `carried` per s."""

    step: Step
    carried: float
    busy: float | None
    size: float | None
    waiting: float | None
    refused: float | None  # per second

    @property
    def share(self) -> float | None:
        return self.busy / self.size if self.busy is not None and self.size else None

    @property
    def demand(self) -> float | None:
        """Units × seconds per call, what is used without any load among it."""
        return self.busy / self.carried if self.busy is not None and self.carried else None


@dataclass(frozen=True)
class Ceiling:
    """A rate in calls per second, with its interval (CONFIDENCE)."""

    rate: float
    low: float
    high: float


@dataclass(frozen=True)
class Law:
    """The line of one resource. `demand` in units × seconds per call, `idle` the share in use without any load."""

    idle: float
    demand: float
    error: float  # relative standard error of the ceiling
    size: float
    steps: int

    @property
    def ceiling(self) -> Ceiling:
        rate = self.size * (1.0 - self.idle) / self.demand
        reach = float(stats.t.ppf((1 + CONFIDENCE) / 2, max(self.steps - 1, 1))) * self.error
        reach = min(reach, 2.0)
        return Ceiling(rate, rate * math.exp(-reach), rate * math.exp(reach))


def uses(sweep: Sweep, source: str) -> tuple[Use, ...]:
    """What the meters of a resource say at each step that they speak of."""
    found = []
    for step in sweep.steps:
        size = sweep.mean(step, source, "size")
        busy, carried = sweep.mean(step, source, "busy"), step.carried
        counter = sweep.meter(step, source, "busy_total")
        if counter is not None and (rate := counter.rate(step)) is not None:
            busy, begin, end = rate
            carried = sweep.calls[step.record].carried(begin, end) / ((end - begin) / 1e9)
        waiting = sweep.mean(step, source, "waiting")
        waited = sweep.meter(step, source, "waited_total")
        if waiting is None and waited is not None and (rate := waited.rate(step)) is not None:
            waiting = rate[0]  # seconds waited per second: by Little's law, so many wait on average
        refused = sweep.meter(step, source, "refused_total")
        rate = refused.rate(step) if refused is not None else None
        if busy is not None or waiting is not None:
            found.append(Use(step, carried, busy, size, waiting, rate[0] if rate else None))
    return tuple(found)


def law(of: Sequence[Use]) -> Law | None:
    """The line through steps at which the system kept up; None when there is no line to be drawn.

    Weighted by 1/X, since the number of calls in a step, and with it what they need, varies like a Poisson count. Use
    without load counts only where it is beyond chance, and is never below nothing.
    """
    points = [(one.carried, one.busy, one.size) for one in of if one.busy is not None and one.size and one.carried > 0]
    if not points:
        return None
    x, busy, sizes = (np.array(column, float) for column in zip(*points, strict=True))
    size, u = float(sizes[-1]), busy / sizes
    weights = 1.0 / x
    slope = float(math.fsum(u) / math.fsum(x))  # through nothing: the ratio estimator
    idle, error = 0.0, _spread(u - slope * x, x, slope, 1)
    if len(points) >= 3 and x.max() >= RATES_MIN * x.min():
        a, b, a_error, b_error = _line(x, u, weights)
        sure = float(stats.t.ppf(IDLE_CONFIDENCE, max(len(points) - 2, 1)))
        if a > sure * a_error and a > 0.01 and b > 0 and a < 1:
            idle, slope = a, b
            error = math.hypot(b_error / b, a_error / (1.0 - a))
    if not slope > 1e-12:
        return None
    return Law(idle, slope * size, max(error, SPREAD_MIN), size, len(points))


def _line(
    x: np.ndarray[tuple[int], np.dtype[np.float64]],
    u: np.ndarray[tuple[int], np.dtype[np.float64]],
    w: np.ndarray[tuple[int], np.dtype[np.float64]],
) -> tuple[float, float, float, float]:
    """Weighted least squares, written out so that it is the same on every machine: (a, b, error of a, error of b)."""
    s, sx, sy = math.fsum(w), math.fsum(w * x), math.fsum(w * u)
    sxx, sxy = math.fsum(w * x * x), math.fsum(w * x * u)
    bottom = s * sxx - sx * sx
    a, b = (sxx * sy - sx * sxy) / bottom, (s * sxy - sx * sy) / bottom
    variance = math.fsum(w * (u - a - b * x) ** 2) / max(len(x) - 2, 1)
    return a, b, math.sqrt(variance * sxx / bottom), math.sqrt(variance * s / bottom)


def _spread(
    rest: np.ndarray[tuple[int], np.dtype[np.float64]],
    x: np.ndarray[tuple[int], np.dtype[np.float64]],
    slope: float,
    parameters: int,
) -> float:
    """Relative standard error of a slope through nothing."""
    if len(x) <= parameters or slope <= 0:
        return 0.05
    variance = math.fsum(rest**2 / x) / (len(x) - parameters)
    return math.sqrt(variance / math.fsum(x)) / slope


def by_operation(sweep: Sweep, of: Sequence[Use]) -> dict[str, float] | None:
    """Units × seconds per call of each operation, by non-negative least squares over the steps.

    None when the mix was too much the same at all steps to tell them apart (Rolia and Vetland 1995 on collinearity).
    """
    names = sorted({name for calls in sweep.calls for name in calls.operations})
    known = [one for one in of if one.busy is not None]
    if len(known) < len(names) + 1 or len(names) < 2:
        return None
    rows = np.array([[*(_rate(sweep, one.step, name) for name in names), 1.0] for one in known])
    scale = rows.max(axis=0)
    if not np.all(scale > 0) or np.linalg.cond(rows / scale) > CONDITION_MAX:
        return None
    found, _ = optimize.nnls(rows, np.array([one.busy for one in known], float))
    return {name: float(value) for name, value in zip(names, found, strict=False)}


def _rate(sweep: Sweep, step: Step, operation: str) -> float:
    calls = sweep.calls[step.record]
    if operation not in calls.operations:
        return 0.0
    return int(np.count_nonzero(calls.operation[step.mine] == calls.operations.index(operation))) / step.seconds
