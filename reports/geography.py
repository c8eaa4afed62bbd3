"""Where the units lie, from the table of communes alone: Voronoi cells of their centres, and a grid of equal tiles.

A cell reaches as far as its unit is the nearest; a picture cuts all of them by the union of the units' discs, which
gives the outline of the province. Lengths are kilometres east and south of the north-western corner.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil, cos, isfinite, pi, radians, sqrt

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment
from scipy.spatial import Voronoi

from reports.units import UnitState

KM_PER_DEGREE = 111.32
DISC = 1.36  # radius, over that of a disc of the unit's area: so that the union of all has no holes
ROOM = 1.35  # tiles per unit, so that the province keeps its shape
GOLDEN_ANGLE = pi * (3 - sqrt(5))

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Cell:
    """One unit on the map: a convex polygon, its centre, and the radius of its disc."""

    unit: UnitState
    corners: tuple[tuple[float, float], ...]
    x: float
    y: float
    radius: float


@dataclass(frozen=True)
class Map:
    """`width` × `height` km; the cells cover all of it, the discs the province."""

    width: float
    height: float
    cells: tuple[Cell, ...]


@dataclass(frozen=True)
class Tile:
    """One unit in the grid."""

    unit: UnitState
    column: int
    row: int


@dataclass(frozen=True)
class Grid:
    """`columns` × `rows` places, of which some are empty."""

    columns: int
    rows: int
    tiles: tuple[Tile, ...]


def voronoi(units: Sequence[UnitState]) -> Map | None:
    """None without a unit that has a place."""
    placed = _placed(units)
    if not placed:
        return None
    at, radius = _kilometres(placed), np.array([DISC * sqrt(max(unit.area_km2, 1.0) / pi) for unit in placed])
    at = _apart(at, radius)
    low, high = (at - radius[:, None]).min(axis=0), (at + radius[:, None]).max(axis=0)
    at, size = at - low, high - low
    far = 4 * float(size.max())
    turns = np.arange(16) * pi / 8
    frame = size / 2 + far * np.column_stack([np.cos(turns), np.sin(turns)])
    found = Voronoi(np.vstack([at, frame]))
    cells = tuple(
        Cell(unit, _corners(found, place, size), float(at[place, 0]), float(at[place, 1]), float(radius[place]))
        for place, unit in enumerate(placed)
    )
    return Map(float(size[0]), float(size[1]), cells)


def grid(units: Sequence[UnitState]) -> Grid | None:
    """Every unit on a tile of its own, all of them moved as little as possible (squares of the ways, summed up)."""
    placed = _placed(units)
    if not placed:
        return None
    at = _kilometres(placed)
    span = np.maximum(np.ptp(at, axis=0), 1.0)
    places = ceil(ROOM * len(placed))
    columns = max(1, min(places, round(sqrt(places * float(span[0] / span[1])))))
    rows = ceil(places / columns)
    wanted = (at - at.min(axis=0)) / span * np.array([max(columns - 1, 1), max(rows - 1, 1)])
    column, row = (axis.ravel() for axis in np.meshgrid(np.arange(columns), np.arange(rows)))
    ways = (wanted[:, :1] - column) ** 2 + (wanted[:, 1:] - row) ** 2
    chosen = linear_sum_assignment(np.round(ways, 9))[1]
    tiles = tuple(Tile(unit, int(column[place]), int(row[place])) for unit, place in zip(placed, chosen, strict=True))
    return Grid(columns, rows, tiles)


def _placed(units: Sequence[UnitState]) -> list[UnitState]:
    return [unit for unit in units if all(map(isfinite, (unit.latitude, unit.longitude, unit.area_km2)))]


def _kilometres(units: Sequence[UnitState]) -> Floats:
    """East and south of some corner; over a province the error of a flat map is below its line width."""
    latitude = np.array([unit.latitude for unit in units])
    longitude = np.array([unit.longitude for unit in units])
    middle = cos(radians(float(latitude.mean())))
    return np.column_stack([longitude * KM_PER_DEGREE * middle, -latitude * KM_PER_DEGREE])


def _apart(at: Floats, radius: Floats) -> Floats:
    """Units that share a centre are laid out around it; those that do not stay where they are."""
    moved = at.copy()
    seen: dict[tuple[float, float], int] = {}
    for place, (x, y) in enumerate(np.round(at, 3).tolist()):
        turn = seen.get((x, y), 0)
        seen[x, y] = turn + 1
        if turn:
            step = radius[place] * sqrt(turn)
            moved[place] += step * np.array([np.cos(turn * GOLDEN_ANGLE), np.sin(turn * GOLDEN_ANGLE)])
    return moved


def _corners(found: Voronoi, place: int, size: Floats) -> tuple[tuple[float, float], ...]:
    """The region of one centre in order, cut by the map's rectangle."""
    region = found.regions[found.point_region[place]]
    corners = [(float(x), float(y)) for x, y in found.vertices[region]]
    for axis, bound, sign in ((0, 0.0, 1), (0, float(size[0]), -1), (1, 0.0, 1), (1, float(size[1]), -1)):
        corners = _cut(corners, axis, bound, sign)
    return tuple(corners)


def _cut(corners: list[tuple[float, float]], axis: int, bound: float, sign: int) -> list[tuple[float, float]]:
    """What of a convex polygon is on one side of a line parallel to an axis."""
    kept: list[tuple[float, float]] = []
    for before, here in zip([*corners[-1:], *corners[:-1]], corners, strict=True):
        inside = [sign * (point[axis] - bound) >= 0 for point in (before, here)]
        if inside[0] != inside[1]:
            share = (bound - before[axis]) / (here[axis] - before[axis])
            kept.append((before[0] + share * (here[0] - before[0]), before[1] + share * (here[1] - before[1])))
        if inside[1]:
            kept.append(here)
    return kept
