"""Who turns up when: arrival curves calibrated on published volumes, one Poisson process per commune and journey.

Day times are seconds since midnight in Viet Nam. Each process is drawn for the whole day and then cut to the window, so
that a narrower window sees the same people at the same minutes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import msgspec
import numpy as np
from numpy.typing import NDArray

from scenarios import rng
from scenarios.contract import PROVINCE_OFFICE
from scenarios.curves import Floats, keep, straight, unit_points
from scenarios.flows import BY_JOURNEY, COUNTER_CURVE, JOURNEYS, ONLINE_CURVE, RATES, SIGNED, Figure, Flow, Per
from scenarios.types import Commune, ConfigError

DAY_S = 86_400
POPULATION = 4_324_783
RECEIVED = 149_470  # dossiers received in the communes of Thanh Hóa, 1 July to 15 August 2025
MONDAYS, OTHER_DAYS = 6, 28  # among the 34 working days of that time

MONDAY_FACTOR = 1.25
OTHER_FACTOR = (5 - MONDAY_FACTOR) / 4  # so that an average week is an average week
WEEKDAYS = {"average": 1.0, "monday": MONDAY_FACTOR, "other": OTHER_FACTOR}
PER_THOUSAND = RECEIVED / (MONDAYS * MONDAY_FACTOR + OTHER_DAYS * OTHER_FACTOR) / (POPULATION / 1000)

FACTOR_MAX = 10_000.0
COMPRESSION_MAX = 86_400.0
LAG_S_MAX = 86_400.0

FIGURES: tuple[Figure, ...] = (
    Figure("dossiers", RECEIVED, "34 working days", "Thanh Hóa communes, 1 Jul–15 Aug 2025, published", True),
    Figure("base", PER_THOUSAND, "dossiers per 1,000 inhabitants and working day", "computed from the above", True),
    Figure("monday", MONDAY_FACTOR, "× an average working day", "from memory: +20–30 %", False),
    Figure("online-share", 0.747, "of dossiers", "whole country, 1 Jul–19 Aug 2025, published", True),
    Figure("surge-cao-lanh", 5.5, "× an average working day", "computed: Cao Lãnh, 3,082 in the first 4 days", True),
    Figure("online-lag", 900.0, "s from a citizen's arrival online to the officer's", "assumption", False),
    Figure("day-shape", 0.0, "", "humps 08:00–10:30 and 14:00–15:30 reported; heights assumed", False),
    SIGNED,
    *RATES,
)


class Window(msgspec.Struct, frozen=True):
    """The part of the day that is driven, in seconds since midnight."""

    start_s: float
    end_s: float


class Traffic(msgspec.Struct, frozen=True):
    """How busy the driven day is.

    `rate_factor` multiplies the number of people (20: the whole country); `compression` lets the same people pass in
    less time (60: an hour of the day in a minute of the run). `factors` are (run second, factor) knots, straight
    between them, that multiply the rate: a stress ramp. `online_lag_s` is day time, like think times: from the arrival
    of a citizen who submits online to that of the officer who takes the dossier; half of it must cover the submitting.
    """

    weekday: str = "average"  # or "monday", "other"
    surge: float = 1.0
    online_share: float = 0.747
    rate_factor: float = 1.0
    compression: float = 1.0
    rates: dict[str, float] = {}  # by the name of a flow's figure, where it is not the figure's own
    online_lag_s: float = 900.0
    factors: tuple[tuple[float, float], ...] = ()


@dataclass(frozen=True, eq=False)
class Stream:
    """The arrivals of one journey in one commune: run times in ns, ascending."""

    system: str
    journey: str
    commune: str
    at_ns: NDArray[np.int64]


def day_rate(commune: Commune, traffic: Traffic | None = None) -> float:
    """Dossiers expected in one commune on that day, counter and online together."""
    return commune.population / 1000 * PER_THOUSAND * _busy(traffic or Traffic())


def intensity(seconds_of_day: Floats, *, online: bool = False) -> Floats:
    """Share of a day's dossiers per second at each time of the day; its area over the day is 1."""
    return (ONLINE_CURVE if online else COUNTER_CURVE).at(seconds_of_day)


def streams(
    communes: Sequence[Commune], window: Window, traffic: Traffic, seed: int, journeys: Sequence[str] = JOURNEYS
) -> tuple[Stream, ...]:
    """One stream per journey and place, in that order. Run zero is the start of the window.

    A flow that follows another (`tthc.online` after `portal.submit`: one officer per dossier submitted) arrives
    `online_lag_s` ± half of it later, unless that is past the end of the window. Raises ConfigError with every problem
    of the arguments.
    """
    problems = _problems(window, traffic, journeys)
    if problems:
        raise ConfigError(problems)
    made = []
    for flow in (BY_JOURNEY[journey] for journey in journeys):
        for commune, people in _people(flow, communes, traffic):
            run_s = _run_seconds(commune, people, flow, window, traffic, seed)
            if flow.follows:
                run_s = _delayed(run_s, commune, window, traffic, seed)
            at_ns = np.rint(run_s * 1e9).astype(np.int64)
            made.append(Stream(flow.system, flow.journey, commune, at_ns))
    return tuple(made)


def expected(communes: Sequence[Commune], window: Window, traffic: Traffic, journey: str) -> float:
    """Arrivals that a window sees on average, before `factors`."""
    flow = BY_JOURNEY[journey]
    share = flow.curve.below(np.array([window.start_s, window.end_s]))
    people = sum(people for _, people in _people(flow, communes, traffic))
    return people * float(share[1] - share[0])


def _people(flow: Flow, communes: Sequence[Commune], traffic: Traffic) -> list[tuple[str, float]]:
    """Where a flow arrives, with the arrivals expected there on that day."""
    if isinstance(flow.rate, Figure):
        rate = traffic.rates.get(flow.rate.name, flow.rate.value)
    else:
        rate = flow.rate(traffic.online_share)
    if flow.per is Per.PROVINCE:
        return [(PROVINCE_OFFICE, rate * _busy(traffic))]
    if flow.per is Per.OFFICE:
        return [(PROVINCE_OFFICE, rate * len(communes) * _busy(traffic))]
    if flow.per is Per.COMMUNE:
        return [(commune.code, rate * _busy(traffic)) for commune in communes]
    return [(commune.code, day_rate(commune, traffic) * rate) for commune in communes]


def _busy(traffic: Traffic) -> float:
    return WEEKDAYS[traffic.weekday] * traffic.surge * traffic.rate_factor


def _run_seconds(commune: str, people: float, flow: Flow, window: Window, traffic: Traffic, seed: int) -> Floats:
    name = f"{flow.follows or flow.journey}/{commune}"
    peak = max((factor for _, factor in traffic.factors), default=1.0)
    total = people * peak
    points = unit_points(rng.stream(seed, f"traffic/{name}"), total)
    day_s = flow.curve.inverse(points * (flow.curve.area / total)) if total else points
    day_s = day_s[np.searchsorted(day_s, window.start_s) : np.searchsorted(day_s, window.end_s)]
    run_s: Floats = (day_s - window.start_s) / traffic.compression
    if traffic.factors and peak:
        ramp = traffic.factors
        knots = straight([(-1.0, ramp[0][1]), *ramp] if ramp[0][0] >= 0 else ramp)
        clipped = np.minimum(run_s, ramp[-1][0])
        run_s = run_s[keep(rng.stream(seed, f"traffic-factor/{name}"), knots.at(clipped) / peak)]
    return run_s


def _delayed(run_s: Floats, commune: str, window: Window, traffic: Traffic, seed: int) -> Floats:
    key = rng.stream(seed, f"traffic-lag/{commune}")
    spread = rng.uniforms(key, np.arange(len(run_s), dtype=np.uint64))
    later = np.sort(run_s + traffic.online_lag_s / traffic.compression * (0.5 + spread), kind="stable")
    return later[: np.searchsorted(later, (window.end_s - window.start_s) / traffic.compression)]


def _problems(window: Window, traffic: Traffic, journeys: Sequence[str]) -> list[str]:
    problems = []
    if not 0 <= window.start_s < window.end_s <= DAY_S:
        problems.append(f"window: {window.start_s}..{window.end_s} s is not a part of a day (0..{DAY_S}, start < end)")
    if traffic.weekday not in WEEKDAYS:
        problems.append(f"weekday: {traffic.weekday!r} is not one of {', '.join(WEEKDAYS)}")
    ranges = {
        "surge": FACTOR_MAX,
        "online_share": 1.0,
        "rate_factor": FACTOR_MAX,
        "online_lag_s": LAG_S_MAX,
    }
    for name, top in ranges.items():
        value = getattr(traffic, name)
        if not 0 <= value <= top:
            problems.append(f"{name}: {value} is not within 0..{top:g}")
    for name, value in traffic.rates.items():
        if not 0 <= value <= FACTOR_MAX:
            problems.append(f"{name}: {value} is not within 0..{FACTOR_MAX:g}")
    if not 0 < traffic.compression <= COMPRESSION_MAX:
        problems.append(f"compression: {traffic.compression} is not within 0 (excluded)..{COMPRESSION_MAX:g}")
    times = [time for time, _ in traffic.factors]
    if any(time < 0 for time in times) or any(a >= b for a, b in pairwise(times)):
        problems.append("factors: the run seconds must increase from 0 or later")
    if any(not 0 <= factor <= FACTOR_MAX for _, factor in traffic.factors):
        problems.append(f"factors: each factor must be within 0..{FACTOR_MAX:g}")
    problems += [f"journeys: {name!r} is not one of {', '.join(JOURNEYS)}" for name in journeys if name not in JOURNEYS]
    return problems
