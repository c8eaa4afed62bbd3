"""Figures over many runs of one plan, and where they changed for good: a second net with days of delay, not a gate.

A change point is where a stretch of ln(value) falls apart into two parts whose means differ most by Welch's t; it
counts when fewer than ALPHA of the same values in random order fall apart so far anywhere, and the medians differ by
FLOOR. Stretches are the whole, its halves, their halves, each also shifted by half its length, so that what went up
and came down again is seen (seeded binary segmentation: Kovács, Bühlmann, Li, Munk, Biometrika 110, 2023). Each part is
then looked at in the same way. The shuffling is part of the test, so that looking everywhere is paid for; it is seeded,
so that the same runs give the same answer.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

import msgspec
import numpy as np
from numpy.typing import NDArray

from record.reader import RunRecord
from record.types import Manifest
from reports import regression

PART_MIN = 3  # runs on either side of a change
STRETCH_MIN = 10  # runs; within fewer a chance difference of a few looks large
ALPHA = 0.005
FLOOR = 0.05
SHUFFLES = 1999
RUNS_MAX = 2000

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class ChangePoint:
    """From `run` on the figure was another; medians of the stretches before and after."""

    run: str
    before: float
    after: float
    p: float

    @property
    def change(self) -> float:
        return self.after / self.before - 1


@dataclass(frozen=True)
class Line:
    """One figure over the runs that have it, oldest first."""

    what: str  # as in reports.regression; times in ns, cpu in seconds, both per request
    operation: str
    runs: tuple[str, ...]
    values: tuple[float, ...]
    changes: tuple[ChangePoint, ...]


@dataclass(frozen=True)
class History:
    """All lines of the runs of one profile against one target at one load."""

    profile: str
    target: str
    load: str
    runs: tuple[str, ...]
    lines: tuple[Line, ...]


def histories(records: Sequence[RunRecord]) -> tuple[History, ...]:
    """Records by what must be alike for a line to mean something; seeds may differ."""
    groups: dict[tuple[str, str, str], list[RunRecord]] = defaultdict(list)
    for record in sorted(records, key=lambda each: (each.manifest.created_utc, each.manifest.run_id)):
        manifest = record.manifest
        groups[manifest.profile, manifest.target.name, load_of(manifest)].append(record)
    return tuple(_history(key, groups[key]) for key in sorted(groups))


def load_of(manifest: Manifest) -> str:
    """In words, what makes the load of two runs comparable."""
    seconds = sum(phase.end_ns - phase.start_ns for phase in manifest.phases if phase.judged) / 1e9
    per_s = round(manifest.arrivals / (manifest.phases[-1].end_ns / 1e9)) if manifest.phases else 0
    return f"about {_two_digits(per_s)}/s, {seconds:g} s judged, x{manifest.compression:g}, {manifest.workers} workers"


def encode(found: Sequence[History]) -> bytes:
    """The same runs give the same bytes."""
    return msgspec.json.format(msgspec.json.encode(found, order="sorted"), indent=1)


def change_places(values: Sequence[float]) -> list[tuple[int, float]]:
    """Where the parts of a series begin (but the first), each with its p; values above 0."""
    series = np.log(np.asarray(values, np.float64))
    if not len(series):
        return []
    found = sorted(_places(series, 0, len(series)))
    edges = [0, *(place for place, _ in found), len(series)]
    medians = [float(np.median(series[start:end])) for start, end in pairwise(edges)]
    steps = pairwise(medians)
    return [one for one, (before, after) in zip(found, steps, strict=True) if abs(np.expm1(after - before)) >= FLOOR]


def _history(key: tuple[str, str, str], records: Sequence[RunRecord]) -> History:
    columns: dict[tuple[str, str], list[tuple[str, float]]] = defaultdict(list)
    for record in records:
        for figure, value in regression.figures(record).items():
            columns[figure].append((record.manifest.run_id, value))
    lines = tuple(_line(*figure, rows) for figure, rows in columns.items())
    return History(*key, tuple(record.manifest.run_id for record in records), lines)


def _line(what: str, operation: str, rows: Sequence[tuple[str, float]]) -> Line:
    runs, values = tuple(run for run, _ in rows), tuple(value for _, value in rows)
    places = change_places(values)
    edges = [0, *(place for place, _ in places), len(values)]
    medians = [float(np.median(values[start:end])) for start, end in pairwise(edges)]
    changes = [ChangePoint(runs[place], medians[turn], medians[turn + 1], p) for turn, (place, p) in enumerate(places)]
    return Line(what, operation, runs, values, tuple(changes))


def _places(series: Floats, start: int, end: int) -> Iterator[tuple[int, float]]:
    part = series[start:end]
    if len(part) < 2 * PART_MIN or np.ptp(part) == 0:
        return
    stretches = list(_stretches(len(part)))
    apart = [_welch(part[None, low:high])[0] for low, high in stretches]
    which = int(np.argmax([each.max() for each in apart]))
    furthest, place = float(apart[which].max()), int(apart[which].argmax())
    rng = np.random.default_rng(len(part))
    shuffled = rng.permuted(np.tile(part, (SHUFFLES, 1)), axis=1)
    most = np.max([_welch(shuffled[:, low:high]).max(axis=1) for low, high in stretches], axis=0)
    p = (1 + int((most >= furthest * (1 - 1e-12)).sum())) / (SHUFFLES + 1)
    if p < ALPHA:
        cut = start + stretches[which][0] + place + PART_MIN
        yield cut, p
        yield from _places(series, start, cut)
        yield from _places(series, cut, end)


def _stretches(n: int) -> Iterator[tuple[int, int]]:
    yield 0, n
    length = n // 2
    while length >= STRETCH_MIN:
        for start in range(0, n - length + 1, max(1, length // 2)):
            yield start, start + length
        length //= 2


def _welch(rows: Floats) -> Floats:
    """|t| of every place at which a row can be cut in two; a spread of nothing counts as a thousandth of a per cent."""
    n = rows.shape[1]
    left = np.arange(PART_MIN, n - PART_MIN + 1, dtype=np.float64)
    sums, squares = np.cumsum(rows, axis=1), np.cumsum(rows**2, axis=1)
    cuts = np.arange(PART_MIN, n - PART_MIN + 1) - 1
    one, one_squares = sums[:, cuts] / left, squares[:, cuts] / left
    right = n - left
    other = (sums[:, -1:] - sums[:, cuts]) / right
    other_squares = (squares[:, -1:] - squares[:, cuts]) / right
    spread = np.maximum(one_squares - one**2, 1e-10) / (left - 1) + np.maximum(other_squares - other**2, 1e-10) / (
        right - 1
    )
    return np.asarray(np.abs(one - other) / np.sqrt(spread))


def _two_digits(value: float) -> str:
    return f"{float(f'{value:.1e}'):g}"
