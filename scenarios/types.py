"""Nouns that exist before a run. Frozen; times are whole nanoseconds since the run's zero."""

from __future__ import annotations

import datetime as dt
import enum
from collections.abc import Callable, Generator, Mapping
from typing import Any

import msgspec

from record.types import Outcome


class ConfigError(Exception):
    """Wrong input: every problem of a file at once, each naming key, line where known, and what would be right."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems


class Identities(enum.StrEnum):
    """How close synthetic identities may come to real ones (glossary: danh tính tổng hợp)."""

    REALISTIC = "realistic"  # well-formed; for an isolated testbed only
    MARKED = "marked"  # province codes that nobody has; default for any other target
    ALLOW_LIST = "allow-list"  # numbers issued for the trial


class Commune(msgspec.Struct, frozen=True):
    """One of the 166 units (xã, phường)."""

    code: str  # 5 digits, text
    name: str
    kind: str  # "commune" or "ward"
    area_km2: float
    population: int
    latitude: float
    longitude: float
    former_district: str
    zone: str  # "mountain", "plain" or "coast"


class Citizen(msgspec.Struct, frozen=True):
    """One synthetic resident. `number` counts from 0 through the whole province, commune by commune."""

    number: int
    cccd: str  # 12 digits
    name: str  # family, middle, given; NFC
    male: bool
    born: dt.date
    phone: str  # 0 + 9 digits
    email: str  # always under .test
    commune: str  # code
    address: str  # thôn/bản/khu phố, commune, province
    household: int
    role: str  # head, spouse, child, parent, other
    ethnicity: str
    e_id: bool


class Procedure(msgspec.Struct, frozen=True):
    """One administrative procedure (thủ tục hành chính)."""

    code: str
    name: str
    field: str  # certification, civil-status, land, business, welfare, construction, other
    legal_days: int  # working days; 0: the same day
    fee_vnd: int
    source: str
    verified: bool


class Attachment(msgspec.Struct, frozen=True):
    """One scanned page or PDF to upload. `parts` joined are the bytes; `sha256` is of the whole."""

    name: str
    content_type: str
    parts: tuple[bytes | memoryview, ...]
    size: int
    sha256: str


class Dossier(msgspec.Struct, frozen=True):
    """What an applicant hands in (hồ sơ)."""

    procedure: str
    commune: str
    applicant: Citizen
    form: dict[str, str]
    attachments: int  # how many files belong to it


class Arrival(msgspec.Struct, frozen=True):
    """One person who turns up. A row of the plan."""

    index: int
    at_ns: int
    system: str
    commune: str  # code, "" where the target has no communes
    journey: str


class Call(msgspec.Struct, frozen=True):
    """What a journey asks of a system. Every write carries a key.

    `think_ns` is counted from when the step before was due; a late answer eats into it (ADR 0004).
    `actor` names whose session is used; with `once`, a person still logged in is not asked again.
    """

    operation: str
    values: Mapping[str, Any]
    key: str | None = None
    think_ns: int = 0
    actor: str = ""
    once: bool = False


class Reply(msgspec.Struct, frozen=True):
    """What the journey sees of the answer. `values` are the names that the contract says the operation gives."""

    outcome: Outcome
    status: int
    error: str  # slug of record.schema.ERRORS, "" when none
    values: Mapping[str, Any]

    @property
    def ok(self) -> bool:
        return self.outcome is Outcome.OK


Journey = Generator[Call, Reply, None]
JourneyMaker = Callable[[Arrival, Any], Journey]
