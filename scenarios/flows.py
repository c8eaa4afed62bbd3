"""Which journeys a working day brings, as a table: how many of each, and along which curve of the day.

A new journey is one row of FLOWS. Where its rate is a figure, the figure's name is a key of [time] in a profile.
"""

from __future__ import annotations

import enum
from collections.abc import Callable, Sequence
from typing import NamedTuple

import msgspec

from scenarios.curves import Curve, straight


class Figure(msgspec.Struct, frozen=True):
    """A number that shapes the traffic, with where it comes from. Unverified ones are defaults, never regulation."""

    name: str
    value: float
    unit: str
    source: str
    verified: bool


class Per(enum.Enum):
    """What a flow's rate counts from: on a day that is no average one its factors come on top."""

    DOSSIER = "dossier of the commune"
    COMMUNE = "commune and day"  # large or small
    PROVINCE = "day"  # one stream, at the office of the province
    OFFICE = "commune and day, at the office of the province"


class Flow(NamedTuple):
    """The arrivals of one journey. `rate` is a figure, or a function of the share of dossiers that come online.

    With `follows` there is one arrival for each of that journey, a lag later, and the rate is that journey's.
    """

    journey: str
    curve: Curve
    rate: Figure | Callable[[float], float]
    per: Per = Per.DOSSIER
    follows: str = ""

    @property
    def system(self) -> str:
        return self.journey.split(".", 1)[0]


def _day_curve(knots: Sequence[tuple[float, float]]) -> Curve:
    curve = straight([(hour * 3600.0, rate) for hour, rate in knots])
    return curve.scaled(1.0 / curve.area)


# (hour, relative rate). Counter: queues from 07:00, lunch 11:30–13:30, who comes after 15:00 waits for tomorrow.
COUNTER_CURVE = _day_curve((
    (6.75, 0.0), (7.0, 0.4), (7.5, 0.9), (8.0, 1.5), (9.0, 1.8), (10.0, 1.7), (10.5, 1.3), (11.25, 0.4), (11.5, 0.0),
    (13.4, 0.0), (13.5, 0.7), (14.0, 1.3), (14.5, 1.5), (15.0, 1.5), (15.25, 0.8), (15.5, 0.5), (16.5, 0.2),
    (17.0, 0.0),
))  # fmt: skip
# What is open online never closes; the same humps, filled in at lunch, with an evening.
ONLINE_CURVE = _day_curve((
    (0.0, 0.04), (6.0, 0.05), (7.0, 0.3), (8.0, 1.2), (9.0, 1.5), (10.0, 1.6), (10.5, 1.5), (11.5, 1.0), (12.0, 0.7),
    (13.0, 0.7), (14.0, 1.4), (15.0, 1.4), (15.5, 1.0), (17.0, 0.7), (18.5, 0.35), (20.0, 0.5), (21.5, 0.4),
    (23.0, 0.1), (24.0, 0.04),
))  # fmt: skip

FLOWS: tuple[Flow, ...] = (
    Flow("portal.submit", ONLINE_CURVE, lambda online: online),
    Flow(
        "portal.visit", ONLINE_CURVE,
        Figure("visits_per_dossier", 2.0, "portal visits", "assumption", False),
    ),
    Flow(
        "portal.track", ONLINE_CURVE,
        Figure("tracks_per_dossier", 1.5, "look-ups of a dossier's state", "assumption", False),
    ),
    Flow("tthc.counter", COUNTER_CURVE, lambda online: 1.0 - online),
    Flow("tthc.online", ONLINE_CURVE, lambda online: online, follows="portal.submit"),
    Flow(
        "tthc.desk", COUNTER_CURVE,
        Figure("desk_per_dossier", 1.0, "looks through the queue", "assumption", False),
    ),
    Flow(
        "web.visit", ONLINE_CURVE,
        Figure("web_visits_per_dossier", 3.0, "visits of websites", "assumption", False),
    ),
    Flow(
        "docs.province", COUNTER_CURVE,
        Figure("docs_issued_by_province", 30.0, "documents that the province issues a day", "assumption", False),
        Per.PROVINCE,
    ),
    Flow(
        "docs.outgoing", COUNTER_CURVE,
        Figure("docs_issued_per_commune", 2.0, "documents that a commune issues a day", "assumption", False),
        Per.COMMUNE,
    ),
    Flow(
        "docs.incoming", COUNTER_CURVE,
        Figure("docs_looks_per_commune", 20.0, "looks into a commune's inbox a day", "assumption", False),
        Per.COMMUNE,
    ),
    Flow(
        "docs.reception", COUNTER_CURVE,
        Figure("docs_looks_at_province", 2.0, "looks into the province's inbox per commune a day", "assumption", False),
        Per.OFFICE,
    ),
)  # fmt: skip
ESSENTIAL = ("portal", "tthc")  # systems that a target must have; from others it may lack, people stay away
SIGNED = Figure("signed-share", 0.15, "of approved dossiers, whose result is signed", "assumption", False)
JOURNEYS: tuple[str, ...] = tuple(flow.journey for flow in FLOWS)
BY_JOURNEY: dict[str, Flow] = {flow.journey: flow for flow in FLOWS}
RATES: tuple[Figure, ...] = tuple(flow.rate for flow in FLOWS if isinstance(flow.rate, Figure))
