"""The file of a capacity search (…-capacity.json, see capacity_text) read back, for what a report says of it."""

from __future__ import annotations

from pathlib import Path

import msgspec

from record.types import Manifest, RecordError

FORMAT = 1


class Step(msgspec.Struct, frozen=True):
    """One level of load that the search drove; rates per second."""

    arrivals_per_s: float
    completions_per_s: float
    steady: bool


class CapacityAnswer(msgspec.Struct, frozen=True):
    """Arrivals per second at which every promise holds, with the 90 % interval.

    `measured` is false where no promise was broken at any rate: the numbers are 0 then. `sure` is false where the
    interval is too wide or its trial did not hold. `generator` says why the generator was not fit to judge by near the
    limit; empty: it was.
    """

    measured: bool
    per_s: float = 0.0
    low: float = 0.0
    high: float = 0.0
    binding: str = ""
    generator: str = ""
    steps: tuple[Step, ...] = ()
    sure: bool = True


class _Capacity(msgspec.Struct):
    arrivals_per_s: float
    low: float
    high: float
    binding: str
    generator: str
    sure: bool


class _File(msgspec.Struct):
    format: int
    profile: str
    target: str
    capacity: _Capacity | None
    segments: tuple[Step, ...] = ()


def read(path: Path, run: Manifest) -> CapacityAnswer:
    """The answer, for a report on `run`. Raises RecordError naming the file and what is wrong with it.

    A capacity is that of one mix on one system: profile and target must be those of the run, by their names (the
    address of a system that is started for each run differs).
    """
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
    mine, theirs = (run.profile, run.target.name), (found.profile, found.target)
    if mine != theirs:
        raise RecordError(
            f"{path}: the capacity of profile {theirs[0]} on {theirs[1]}; the run is of {mine[0]} on {mine[1]}"
        )
    one = found.capacity
    if one is None:
        return CapacityAnswer(measured=False, steps=found.segments)
    if not 0 < one.low <= one.arrivals_per_s <= one.high:
        raise RecordError(
            f"{path}: capacity: low {one.low}, arrivals_per_s {one.arrivals_per_s}, high {one.high}; "
            "they must be above 0 and in that order"
        )
    return CapacityAnswer(
        True, one.arrivals_per_s, one.low, one.high, one.binding, one.generator, found.segments, one.sure
    )
