"""Where units lie on the map: cells that share the ground among them, tiles that share the paper."""

from __future__ import annotations

import math
from collections.abc import Sequence

import pytest

from reports import geography, map_svg
from reports.units import UnitState
from reports.verdict import Text, Verdict
from scenarios import province


def units(places: Sequence[tuple[float, float]], verdict: Verdict = Verdict.PASS) -> list[UnitState]:
    return [
        UnitState(
            str(index), f"Xã {index}", "commune", 1000, latitude, longitude, 40.0, verdict, Text("unit.silent"), 0, 0,
            None, None, 0, 0,
        )
        for index, (latitude, longitude) in enumerate(places)
    ]  # fmt: skip


REAL = units([(each.latitude, each.longitude) for each in province.communes()])


def _area(corners: Sequence[tuple[float, float]]) -> float:
    pairs = zip(corners, [*corners[1:], corners[0]], strict=True)
    return abs(sum(x0 * y1 - x1 * y0 for (x0, y0), (x1, y1) in pairs)) / 2


def test_the_cells_cover_the_map_once() -> None:
    found = geography.voronoi(REAL)
    assert found is not None
    assert len(found.cells) == 166
    assert sum(_area(cell.corners) for cell in found.cells) == pytest.approx(found.width * found.height, rel=1e-6)


def test_whoever_is_nearest_has_the_place() -> None:
    found = geography.voronoi(REAL)
    assert found is not None
    for cell in found.cells[::7]:
        for x, y in cell.corners:
            own = math.dist((x, y), (cell.x, cell.y))
            assert min(math.dist((x, y), (other.x, other.y)) for other in found.cells) == pytest.approx(own, abs=1e-6)


@pytest.mark.parametrize(
    "places",
    [[(19.8, 105.7)], [(19.8, 105.7)] * 5, [(19.8, 105.7), (19.9, 105.7)], [(19.8, 105 + i) for i in range(4)]],
)
def test_units_in_one_place_or_on_one_line_have_cells_too(places: list[tuple[float, float]]) -> None:
    found, grid = geography.voronoi(units(places)), geography.grid(units(places))
    assert found is not None
    assert grid is not None
    assert all(_area(cell.corners) > 1 for cell in found.cells)
    assert len({(tile.column, tile.row) for tile in grid.tiles}) == len(places)


def test_units_without_a_place_are_left_out() -> None:
    nowhere = units([(math.nan, 105.7)])
    assert geography.voronoi(nowhere) is None
    assert geography.grid([]) is None
    found = geography.voronoi([*REAL, *nowhere])
    assert found is not None
    assert len(found.cells) == 166


def test_tiles_keep_west_in_the_west() -> None:
    grid = geography.grid(REAL)
    assert grid is not None
    assert len({(tile.column, tile.row) for tile in grid.tiles}) == 166
    west = min(grid.tiles, key=lambda tile: tile.unit.longitude)
    south = min(grid.tiles, key=lambda tile: tile.unit.latitude)
    assert west.column == 0
    assert south.row == max(tile.row for tile in grid.tiles)


@pytest.mark.parametrize(("verdict", "mark"), [(Verdict.FAIL, "✗"), (Verdict.UNDECIDED, "?")])
def test_a_state_shows_without_colour(verdict: Verdict, mark: str) -> None:
    found, grid = geography.voronoi(units([(19.8, 105.7)], verdict)), geography.grid(units([(19.8, 105.7)], verdict))
    assert found is not None
    assert grid is not None
    assert mark in map_svg.voronoi_svg(found, "x")
    assert mark in map_svg.tiles_svg(grid, "x")


def test_the_same_units_are_drawn_alike() -> None:
    pictures = {map_svg.voronoi_svg(found, "x") for _ in range(2) if (found := geography.voronoi(REAL))}
    assert len(pictures) == 1
