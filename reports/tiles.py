"""The units as tiles of equal size, each roughly where it lies: for print, and for whoever is too small for a map."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.optimize import linear_sum_assignment

from reports.units import UnitState

ROOM = 1.25  # tiles in the grid for each unit, so that the outline is more than a box
KM_A_DEGREE = 111.32


@dataclass(frozen=True)
class Tiles:
    """`at` has one (x, y) per unit, counted from the upper left corner."""

    columns: int
    rows: int
    at: tuple[tuple[int, int], ...]


def of(units: Sequence[UnitState]) -> Tiles | None:
    """The grid whose tiles are nearest to the units in sum of squares; None without units."""
    if not units:
        return None
    latitude = np.array([unit.latitude for unit in units])
    longitude = np.array([unit.longitude for unit in units])
    east = (longitude - longitude.min()) * math.cos(math.radians(float(latitude.mean()))) * KM_A_DEGREE
    south = (latitude.max() - latitude) * KM_A_DEGREE
    wide, high = max(float(east.max()), 1.0), max(float(south.max()), 1.0)
    columns = max(1, math.ceil(math.sqrt(len(units) * ROOM * wide / high)))
    rows = math.ceil(len(units) * ROOM / columns)
    x = east / wide * (columns - 1)
    y = south / high * (rows - 1)
    across, down = (axis.ravel() for axis in np.meshgrid(np.arange(columns), np.arange(rows)))
    away = (x[:, None] - across) ** 2 + (y[:, None] - down) ** 2
    _, chosen = linear_sum_assignment(np.round(away * 1e6).astype(np.int64))
    return Tiles(columns, rows, tuple((int(across[place]), int(down[place])) for place in chosen))
