"""The file of a capacity search (…-capacity.json, see capacity_text) read back, for what a report says of it."""

from __future__ import annotations

from pathlib import Path

import msgspec

from record.types import RecordError

FORMAT = 1


class Step(msgspec.Struct, frozen=True):
    """One level of load that the search drove; rates per second."""

    arrivals_per_s: float
    completions_per_s: float
    steady: bool


class CapacityAnswer(msgspec.Struct, frozen=True):
    """Arrivals per second at which every promise holds, with the 90 % interval.

    `measured` is false where no promise was broken at any rate: the numbers are 0 then. `generator` says why the
    generator was not fit to judge by near the limit; empty: it was.
    """

    measured: bool
    per_s: float = 0.0
    low: float = 0.0
    high: float = 0.0
    binding: str = ""
    generator: str = ""
    steps: tuple[Step, ...] = ()


class _Capacity(msgspec.Struct):
    arrivals_per_s: float
    low: float
    high: float
    binding: str
    generator: str


class _File(msgspec.Struct):
    format: int
    capacity: _Capacity | None
    segments: tuple[Step, ...] = ()


def read(path: Path) -> CapacityAnswer:
    """Raises RecordError naming the file and what is wrong with it."""
    try:
        found = msgspec.json.decode(path.read_bytes(), type=_File)
    except OSError as error:
        raise RecordError(
            f"{path}: cannot be read: {error.strerror}; expected the file of a capacity search"
        ) from error
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise RecordError(f"{path}: not the file of a capacity search (…-capacity.json): {error}") from error
    if found.format != FORMAT:
        raise RecordError(f"{path}: format {found.format}; this version reads format {FORMAT}")
    one = found.capacity
    if one is None:
        return CapacityAnswer(measured=False, steps=found.segments)
    if not 0 < one.low <= one.arrivals_per_s <= one.high:
        raise RecordError(
            f"{path}: capacity: low {one.low}, arrivals_per_s {one.arrivals_per_s}, high {one.high}; "
            "they must be above 0 and in that order"
        )
    return CapacityAnswer(True, one.arrivals_per_s, one.low, one.high, one.binding, one.generator, found.segments)
