"""Page one, for the person who signs: as data, so that HTML, PDF and XLSX say the same. `of` makes it.

Words are keys of the text catalogues; numbers are exact until they are printed.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass

from reports.verdict import Quantity, Text, Verdict


class Standing(enum.StrEnum):
    """The four verdicts in words (catalogue: standing.<value>)."""

    READY = "ready"  # ĐỦ ĐIỀU KIỆN
    CONDITIONAL = "conditional"  # ĐỦ ĐIỀU KIỆN CÓ ĐIỀU KIỆN: passed, by limits or waivers that somebody must own
    NOT_READY = "not-ready"  # CHƯA ĐỦ ĐIỀU KIỆN
    INCONCLUSIVE = "inconclusive"  # KHÔNG KẾT LUẬN ĐƯỢC: undecided or void


@dataclass(frozen=True)
class UnitState:
    """One commune or ward. `verdict` is PASS, FAIL or UNDECIDED (too little was seen of it); VOID never.

    `p95_ns` is None where its calls do not support it. `why` names what failed or what is missing.
    """

    code: str
    name: str
    kind: str  # "commune" or "ward", as in the record
    population: int
    latitude: float
    longitude: float
    area_km2: float
    verdict: Verdict
    why: Text
    calls: int
    failed: int
    p50_ns: float | None
    p95_ns: float | None
    lost_writes: int
    arrivals: int


@dataclass(frozen=True)
class KeyFigure:
    """One of the four numbers. `value` None: not measured, and then never a pass."""

    slug: str  # slowest, errors, capacity, lost
    title: Text
    value: Quantity | None
    limit: Quantity | None
    verdict: Verdict
    note: Text | None  # which operation, of how many requests, why not measured


@dataclass(frozen=True)
class Action:
    """Something that must be done before the day, the greatest gain first.

    `unit` is a commune's name, a system or "" for the platform. `effect` is the estimated gain, None where nobody
    can say. Owner and deadline are columns for people to fill in.
    """

    key: str  # stable over runs: the check it comes from, and the unit
    what: Text
    unit: str
    evidence: Text
    effect: Text | None
    owner: str = ""
    deadline: str = ""
    state: str = "open"


@dataclass(frozen=True)
class PageOne:
    """Everything on page one."""

    standing: Standing
    why: Text  # the one sentence
    conditions: tuple[Text, ...]  # what makes it conditional, and what must stand beside the verdict
    units: tuple[UnitState, ...]  # by code; empty where the target has no communes
    figures: tuple[KeyFigure, ...]  # four
    actions: tuple[Action, ...]
    untested: tuple[Text, ...]
    roles: tuple[str, ...]  # catalogue keys role.<slug> of those who sign, in order
