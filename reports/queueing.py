"""A target as one queue with several servers, learned from what its callers saw, and asked what it would do at a rate.

First come, first served: a call begins when it arrives or, if later, when all but servers − 1 of the calls before it
are done. With every departure observed, the service time of every call follows from that (the recursion of Kiefer and
Wolfowitz, Trans. AMS 78, 1955, read backwards). So all calls at all rates tell of the service, not only the few busy
periods near a limit. Whether a real system resembles such a queue is for reports.capacity to find out: the late calls
that it predicts are held against those that were seen.
"""

from __future__ import annotations

import heapq
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from reports import service_times

SERVERS_MAX = 128
WAITED_MIN = 200  # calls that waited, for the number of servers to show
IMPOSSIBLE_SHARE_MAX = 0.01  # of calls that end before they can have begun; more: there are more servers
IMPOSSIBLE_S = 0.003  # answers are seen a little late, so that a little is no contradiction
FILLED = 2.0  # calls per server at the worst; where there never were as many, nothing shows how many there are
UNLIKE_MAX = 0.15  # waiting calls and others may differ so much in service
OVERHEAD_S_MAX = 0.003  # of network and clients, which no server is busy with
OVERHEAD_AT = (0.2, 0.3, 0.4, 0.5)
BLOCK_CALLS_MIN = 100
HELD = 0.95  # quantile to which service times are held when speeds are compared
BLOCK_S = 5.0  # speed is taken to be constant for so long
LANE_CALLS = 6_000
AT_ONCE = 100  # calls drawn for all histories in one go
WARM_SHARE = 0.1  # of a lane, left out
LANES = 48  # independent histories behind the point estimate
RESAMPLED, RESAMPLED_LANES = 20, 6
STEPS = np.array([-0.12, -0.05, 0.0, 0.05, 0.12])  # ln(rate) around the crossing
WEIGHT_MIN = 0.05  # of a segment that has a say
SLOPE_MIN = 0.5  # of the logit against ln(rate); a flatter curve says nothing about where it crosses anything
COARSE = np.array([0.3, 0.45, 0.6, 0.7, 0.8, 0.88, 0.94, 0.98])  # of the ceiling

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Service:
    """What the calls tell of the servers. Times in seconds, one element per call, in order of arrival."""

    servers: int
    took: Floats
    begun: Floats
    waited: NDArray[np.bool_]
    overhead_s: float  # part of each latency in which no server was busy

    @property
    def ceiling(self) -> float:
        """Calls per second with every server always busy."""
        return self.servers / float(self.took.mean())

    @property
    def speed_spread(self) -> float:
        """Standard deviation of ln(speed) from block to block, beyond what chance gives."""
        held = np.minimum(self.took, np.quantile(self.took, HELD))  # a far tail would pass for speed
        full = [block for block in _blocks(held, self.begun) if block.size >= BLOCK_CALLS_MIN]
        if len(full) < 6:
            return 0.0
        variation = float(held.var() / held.mean() ** 2)
        logs = np.array([np.log(block.mean()) for block in full])
        chance = np.array([variation / block.size for block in full])
        weights = 1 / chance
        middle = float((weights * logs).sum() / weights.sum())
        excess = float((weights * (logs - middle) ** 2).sum()) - (len(full) - 1)  # of Cochran's Q
        scale = float(weights.sum() - (weights**2).sum() / weights.sum())  # DerSimonian and Laird, 1986
        return float(np.sqrt(max(0.0, excess) / scale))


@dataclass(frozen=True)
class Curve:
    """Share of late calls against the rate, as the queue would have it: logit share, straight between the knots."""

    log_rates: Floats
    logits: Floats
    spread: float  # standard deviation of ln(rate) at the crossing, from what is unsure about the service
    phi: float  # how much more the late calls of a long window vary than independent ones would

    def logit(self, log_rate: Floats) -> Floats:
        """Beyond the knots the outer pieces go on."""
        x, y = self.log_rates, self.logits
        piece = np.clip(np.searchsorted(x, log_rate) - 1, 0, x.size - 2)
        value: Floats = y[piece] + (log_rate - x[piece]) * (y[piece + 1] - y[piece]) / (x[piece + 1] - x[piece])
        return value

    def crossing(self, logit: float) -> float:
        """ln(rate) at which the curve reaches a logit."""
        return _crossing(self.log_rates, self.logits, logit)

    @property
    def slope(self) -> float:
        """Of the logit against ln(rate) in the middle."""
        x, y = self.log_rates, self.logits
        return float((y[3] - y[1]) / (x[3] - x[1]))


def learn(sent_s: Floats, done_s: Floats) -> Service | None:
    """The servers behind calls, given when each was sent (ascending) and answered; None when no queue explains them.

    Too few servers make calls end before they can have begun; too many make the calls that waited look as if they had
    been served longer than the others. The right number is that with the least difference between the two.
    """
    best: tuple[float, int] | None = None
    for servers in range(1, SERVERS_MAX + 1):
        took, _, waited = _reconstruct(sent_s, done_s, servers)
        if waited.sum() < WAITED_MIN:
            break
        if (took < -IMPOSSIBLE_S).mean() > IMPOSSIBLE_SHARE_MAX:
            continue
        unlike = _unlike(took, waited)
        if best is None or unlike < best[0]:
            best = unlike, servers
        elif unlike > best[0] + 2 * UNLIKE_MAX:
            break
    if best is None or best[0] > UNLIKE_MAX or _deepest(sent_s, done_s) < FILLED * best[1]:
        return None
    took, begun, waited = _alone(sent_s, done_s) if best[1] == 1 else _reconstruct(sent_s, done_s, best[1])
    overhead = _overhead(took, waited)
    took = np.maximum(np.where(waited, took, took - overhead), 1e-6)
    return Service(best[1], took, begun, waited, overhead)


def curve(service: Service, limit_s: float, share: float, seed: int = 1) -> Curve | None:
    """How many calls would take longer than `limit_s`, around the rate at which `share` of them do.

    By simulation with common random numbers, so that the same calls give the same curve to the last bit. `spread` comes
    from doing it again with other choices among the blocks of time. None when the crossing is not below the ceiling.
    """
    rng = np.random.default_rng(seed)
    limit, target = limit_s - service.overhead_s, _logit(share)
    blocks = _blocks(service.took, service.begun)
    choices = [np.arange(len(blocks)), *(rng.integers(0, len(blocks), len(blocks)) for _ in range(RESAMPLED))]
    family = service_times.family_of(service.took)
    tables = np.array(
        [service_times.table(np.concatenate([blocks[place] for place in chosen]), family) for chosen in choices]
    )
    noise = service.speed_spread
    rough = np.log(service.ceiling * COARSE)
    shares = _late(service.servers, tables[:1], np.exp(rough)[None, :], limit, noise, rng, RESAMPLED_LANES)
    middle = min(_crossing(rough, _logits(shares[0].mean(axis=-1)), target), np.log(service.ceiling))
    for _ in range(2):  # a straight line between knots is only true near them
        rates = np.exp(middle + STEPS)[None, :]
        shares = _late(service.servers, tables[:1], rates, limit, noise, rng, RESAMPLED_LANES)
        middle = min(_crossing(middle + STEPS, _logits(shares[0].mean(axis=-1)), target), np.log(service.ceiling))
    near = middle + STEPS
    rates = np.tile(np.exp(near), (len(tables), 1))
    some = _late(service.servers, tables, rates, limit, noise, rng, RESAMPLED_LANES)
    many = _late(service.servers, tables[:1], rates[:1], limit, noise, rng, LANES)[0]
    found = [_crossing(near, _logits(each.mean(axis=-1)), target) for each in some]
    centre, lanes = many.mean(axis=-1), many[2]
    calls = LANE_CALLS * (1 - WARM_SHARE)
    p = float(np.clip(centre[2], 1e-4, 1 - 1e-4))
    phi = max(1.0, float(lanes.var(ddof=1)) * calls / (p * (1 - p)))
    simulated = float(np.sqrt(phi / (calls * LANES * p * (1 - p))))  # error of the logit from simulating only so long
    logits = _logits(centre)
    slope = float((logits[3] - logits[1]) / (near[3] - near[1]))
    if slope < SLOPE_MIN:
        return None
    spread = float(np.hypot(np.std(np.array(found[1:]) - found[0]), simulated / slope))
    return Curve(near, logits, spread, phi)


def shift(expected: Floats, weight: Floats, late: NDArray[np.int64], of: NDArray[np.int64]) -> tuple[float, float]:
    """(logits by which the expected ones must be moved to agree with the late calls, Fisher's information on that)."""
    moved, information = 0.0, 0.0
    for _ in range(50):  # Newton, for one number
        p = 1 / (1 + np.exp(-np.clip(expected + moved, -30, 30)))
        information = float((weight * of * p * (1 - p)).sum())
        if information < 1e-9:
            break
        change = float((weight * (late - of * p)).sum()) / information
        moved = float(np.clip(moved + np.clip(change, -1, 1), -8, 8))
        if abs(change) < 1e-9:
            break
    return moved, information


def jackknife(expected: Floats, weight: Floats, late: NDArray[np.int64], of: NDArray[np.int64]) -> float:
    """Variance of the shift from leaving out one segment at a time (Tukey, 1958): one slow minute makes no curve."""
    near = np.flatnonzero(weight > WEIGHT_MIN)
    others = [np.arange(weight.size) != place for place in near]
    without = [shift(expected[some], weight[some], late[some], of[some])[0] for some in others]
    return float((near.size - 1) * np.var(without)) if near.size > 1 else 0.0


def _reconstruct(sent_s: Floats, done_s: Floats, servers: int) -> tuple[Floats, Floats, NDArray[np.bool_]]:
    """(service time, begin, whether it waited) of each call; the heap holds the latest departures, one per server."""
    free = [-np.inf] * servers
    begun = []
    for sent, done in zip(sent_s.tolist(), done_s.tolist(), strict=True):
        earliest = free[0]
        begun.append(earliest if earliest > sent else sent)
        if done > earliest:
            heapq.heapreplace(free, done)
    started = np.array(begun)
    return done_s - started, started, started > sent_s


def _alone(sent_s: Floats, done_s: Floats) -> tuple[Floats, Floats, NDArray[np.bool_]]:
    """The same of one server, whose departures tell in which order it served: not always that of sending."""
    order = np.argsort(done_s, kind="stable")
    begun = np.empty_like(done_s)
    begun[order] = np.maximum(sent_s[order], np.concatenate([[-np.inf], done_s[order][:-1]]))
    return done_s - begun, begun, begun > sent_s


def _overhead(took: Floats, waited: NDArray[np.bool_]) -> float:
    """What calls that did not wait took longer, seen at the quantiles that a far tail does not reach."""
    if (~waited).sum() < WAITED_MIN:
        return 0.0
    alone, served = (np.quantile(took[which], OVERHEAD_AT) for which in (~waited, waited))
    return min(max(float((alone - served).mean()), 0.0), OVERHEAD_S_MAX)


def _deepest(sent_s: Floats, done_s: Floats) -> float:
    """Calls under way at the worst moments (one call in 200 was sent at such a one)."""
    under_way = np.arange(sent_s.size) - np.searchsorted(np.sort(done_s), sent_s)
    return float(np.quantile(under_way, 0.995))


def _unlike(took: Floats, waited: NDArray[np.bool_]) -> float:
    """How far the mean service of calls that waited is from that of the others, which carry the overhead as well.

    0 without others to compare.
    """
    others = took[~waited]
    if others.size < WAITED_MIN:
        return 0.0
    served, alone = float(took[waited].mean()), float(others.mean())
    if served > alone:
        return served / alone - 1.0
    return max(0.0, alone - OVERHEAD_S_MAX - served) / served


def _blocks(took: Floats, begun: Floats) -> list[Floats]:
    """The service times of each stretch of BLOCK_S in which there were any."""
    number = np.floor(begun / BLOCK_S).astype(np.int64)
    order = np.argsort(number, kind="stable")
    edges = np.flatnonzero(np.diff(number[order])) + 1
    return np.split(took[order], edges)


def _late(
    servers: int, tables: Floats, rates: Floats, limit_s: float, noise: float, rng: np.random.Generator, lanes: int
) -> Floats:
    """Share of calls beyond the limit for each table (K, Q) at its rates (K, R), in each of `lanes` histories.

    The histories are the same for every table and rate: gaps and service times are drawn once, as uniforms.
    """
    kinds, steps = rates.shape
    gaps = rng.exponential(1.0, (LANE_CALLS, lanes))
    places = (rng.uniform(size=(LANE_CALLS, lanes)) * tables.shape[1]).astype(np.int64)
    length = max(1, round(float(rates.mean()) * BLOCK_S))
    speeds = np.exp(noise * rng.standard_normal((LANE_CALLS // length + 1, lanes)) - noise**2 / 2)
    every, apart = np.arange(kinds * steps * lanes), 1.0 / rates[:, :, None]
    free = np.zeros((every.size, servers))
    late = np.zeros(every.size)
    for since in range(0, LANE_CALLS, AT_ONCE):
        some = np.arange(since, min(since + AT_ONCE, LANE_CALLS))
        took = np.moveaxis(tables[:, places[some]], 0, 1) * speeds[some // length][:, None, :]
        services = np.repeat(took[:, :, None, :], steps, axis=2).reshape(some.size, -1)
        apiece = (gaps[some][:, None, None, :] * apart).reshape(some.size, -1)
        for index, gap, service in zip(some.tolist(), apiece, services, strict=True):
            free -= gap[:, None]
            first = free.argmin(axis=1) if servers > 1 else 0
            end = np.maximum(free[every, first], 0.0) + service
            free[every, first] = end
            if index >= LANE_CALLS * WARM_SHARE:
                late += end > limit_s
    share: Floats = late.reshape(kinds, steps, lanes) / (LANE_CALLS * (1 - WARM_SHARE))
    return share


def _logits(shares: Floats) -> Floats:
    """Logits that never fall as the rate rises."""
    held = np.clip(shares, 1e-5, 1 - 1e-5)
    rising: Floats = np.maximum.accumulate(np.log(held / (1 - held))) + np.arange(held.size) * 1e-9
    return rising


def _logit(share: float) -> float:
    return float(np.log(share / (1 - share)))


def _crossing(log_rates: Floats, logits: Floats, target: float) -> float:
    piece = int(np.clip(np.searchsorted(logits, target) - 1, 0, logits.size - 2))
    slope = max((logits[piece + 1] - logits[piece]) / (log_rates[piece + 1] - log_rates[piece]), SLOPE_MIN)
    return float(log_rates[piece] + (target - logits[piece]) / slope)
