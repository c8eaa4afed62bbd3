"""The catalogue of procedures and how often each is asked for in a ward or a commune.

The mix by field is a default from one ward's published work (certified copies 73 %) and memory; the split within a
field is assumed. `source` and `verified` of a row are about its code and legal time.
"""

from __future__ import annotations

import csv
import io
import unicodedata
from collections.abc import Mapping
from functools import lru_cache
from importlib import resources
from itertools import accumulate

import msgspec

from scenarios import rng
from scenarios.types import Commune, ConfigError, Procedure

FIELDS = ("certification", "civil-status", "land", "business", "welfare", "construction", "other")
LEGAL_DAYS_MAX = 250
PROCEDURES_MAX = 10_000

_FILE = "procedures.csv"
_COLUMNS = (
    "code", "name", "field", "legal_days", "fee_vnd", "share_commune", "share_ward", "source", "verified",
)  # fmt: skip


class Entry(msgspec.Struct, frozen=True):
    """A procedure and its weight in the mix of communes (xã) and of wards (phường), in per cent of all dossiers."""

    procedure: Procedure
    share_commune: float
    share_ward: float


def catalogue() -> tuple[Procedure, ...]:
    """Every procedure, in the order of the file. The order is what `mix` refers to."""
    return tuple(entry.procedure for entry in entries())


def mix(commune: Commune) -> tuple[float, ...]:
    """Cumulative weights over `catalogue()` for a ward or a commune; the last is the total (about 100)."""
    return _mix(commune.kind)


def choose(key: int, index: int, commune: Commune) -> Procedure:
    """The procedure that person `index` of stream `key` comes for."""
    return entries()[rng.weighted(key, index, _mix(commune.kind))].procedure


def by_code(code: str) -> Procedure:
    """Raises KeyError when the catalogue has no such code."""
    return _codes()[code]


@lru_cache(maxsize=1)
def entries() -> tuple[Entry, ...]:
    """The catalogue with its mix, as shipped."""
    return parse(resources.files("scenarios").joinpath("data", _FILE).read_text("utf-8"), _FILE)


def parse(text: str, name: str) -> tuple[Entry, ...]:
    """Read a catalogue. Raises ConfigError with every problem, each with file and line."""
    reader = csv.DictReader(io.StringIO(text))
    if tuple(reader.fieldnames or ()) != _COLUMNS:
        raise ConfigError([f"{name}:1: the columns must be {','.join(_COLUMNS)}"])
    problems: list[str] = []
    made: list[Entry] = []
    for line, row in enumerate(reader, 2):
        wrong = _row_problems(row)
        if row["code"] in {entry.procedure.code for entry in made}:
            wrong.append(f"code {row['code']} occurs twice")
        problems += [f"{name}:{line}: {what}" for what in wrong]
        if not wrong:
            made.append(_entry(row))
    for kind in ("share_commune", "share_ward"):
        if not problems and not sum(getattr(entry, kind) for entry in made):
            problems.append(f"{name}: {kind} is 0 for every procedure")
    if len(made) > PROCEDURES_MAX:
        problems.append(f"{name}: {len(made)} procedures; at most {PROCEDURES_MAX}")
    if problems:
        raise ConfigError(problems)
    return tuple(made)


def _entry(row: Mapping[str, str]) -> Entry:
    procedure = Procedure(
        row["code"],
        row["name"],
        row["field"],
        int(row["legal_days"]),
        int(row["fee_vnd"]),
        row["source"],
        row["verified"] == "1",
    )
    return Entry(procedure, float(row["share_commune"]), float(row["share_ward"]))


def _row_problems(row: Mapping[str, str]) -> list[str]:
    if None in row or None in row.values():
        return [f"the line must have {len(_COLUMNS)} values"]
    problems = [f"{column} is empty" for column in ("code", "name", "source") if not row[column].strip()]
    if row["name"] != unicodedata.normalize("NFC", row["name"]):
        problems.append("name is not NFC")
    if row["field"] not in FIELDS:
        problems.append(f"field {row['field']!r} is not one of {', '.join(FIELDS)}")
    for column, top in (("legal_days", LEGAL_DAYS_MAX), ("fee_vnd", 1_000_000_000)):
        if not (row[column].isdecimal() and int(row[column]) <= top):
            problems.append(f"{column} {row[column]!r} is not a whole number within 0..{top}")
    for column in ("share_commune", "share_ward"):
        if not (row[column].replace(".", "", 1).isdecimal() and float(row[column]) <= 100):
            problems.append(f"{column} {row[column]!r} is not a number within 0..100")
    if row["verified"] not in ("0", "1"):
        problems.append(f"verified {row['verified']!r} is not 0 or 1")
    return problems


@lru_cache(maxsize=2)
def _mix(kind: str) -> tuple[float, ...]:
    shares = (entry.share_ward if kind == "ward" else entry.share_commune for entry in entries())
    return tuple(accumulate(shares))


@lru_cache(maxsize=1)
def _codes() -> dict[str, Procedure]:
    return {entry.procedure.code: entry.procedure for entry in entries()}
