"""The province as SVG text: a map for the screen, a grid of named tiles for paper. State by mark, pattern and colour.

Colours are CSS variables with a fall-back, so that the same picture follows a page's light or dark style and still
stands alone.
"""

from __future__ import annotations

from html import escape
from itertools import pairwise

from reports.geography import Grid, Map
from reports.verdict import Verdict

MARKS = {Verdict.PASS: "", Verdict.UNDECIDED: "?", Verdict.FAIL: "✗"}
TILE_W, TILE_H = 62, 30
SCALE = 4  # drawing units per kilometre: whole numbers are shorter
NAME_MAX = 11  # letters in a tile's line
_SHADES = {
    Verdict.PASS: ("p", "var(--map-pass,#bfe3cb)", ""),
    Verdict.UNDECIDED: (
        "u",
        "var(--map-undecided,#f6e3b4)",
        '<circle cx="2" cy="2" r=".7" fill="var(--undecided,#7a4d00)"/>',
    ),
    Verdict.FAIL: (
        "f",
        "var(--map-fail,#f4b6b0)",
        '<path d="M0 4L4 0" stroke="var(--fail,#a8201a)" stroke-width=".9"/>',
    ),
}


def voronoi_svg(found: Map, label: str) -> str:
    """One path per unit with its name as a tooltip; `data-u` is its code."""
    discs = "".join(
        f'<circle cx="{c.x * SCALE:.0f}" cy="{c.y * SCALE:.0f}" r="{c.radius * SCALE:.0f}"/>' for c in found.cells
    )
    cells = "".join(
        f'<path class="{_SHADES[c.unit.verdict][0]}" data-u="{escape(c.unit.code)}" d="{_path(c.corners)}">'
        f"<title>{escape(c.unit.name)}</title></path>"
        for c in found.cells
    )
    marks = "".join(
        f'<text x="{c.x * SCALE:.0f}" y="{(c.y + 2) * SCALE:.0f}">{MARKS[c.unit.verdict]}</text>'
        for c in found.cells
        if MARKS[c.unit.verdict]
    )
    box = f"0 0 {found.width * SCALE:.0f} {found.height * SCALE:.0f}"
    return (
        f'<svg class="voronoi" viewBox="{box}" role="img" aria-label="{escape(label)}">{_patterns("m")}'
        f'<clipPath id="land">{discs}</clipPath><g clip-path="url(#land)">{cells}</g>'
        f'<g class="marks" font-size="{6 * SCALE}" text-anchor="middle">{marks}</g></svg>'
    )


def tiles_svg(found: Grid, label: str) -> str:
    """Every unit with its name on a tile of the same size."""
    names, places = [], []
    shapes: dict[Verdict, list[str]] = {verdict: [] for verdict in _SHADES}
    for tile in found.tiles:
        x, y = tile.column * TILE_W, tile.row * TILE_H
        shapes[tile.unit.verdict].append(f"M{x} {y}h{TILE_W - 2}v{TILE_H - 2}h-{TILE_W - 2}z")
        names += [
            f'<text x="{x + 4}" y="{y + 12 + 10 * place}">{escape(line)}</text>'
            for place, line in enumerate(_lines(_short(tile.unit.name)))
        ]
        places.append((x + TILE_W - 12, y + 24, MARKS[tile.unit.verdict] or "✓"))
    tiles = "".join(f'<path class="{_SHADES[verdict][0]}" d="{"".join(each)}"/>' for verdict, each in shapes.items())
    across, down = (" ".join(str(place[axis]) for place in places) for axis in (0, 1))
    marks = f'<text x="{across}" y="{down}">{"".join(mark for _, _, mark in places)}</text>'
    box = f"0 0 {found.columns * TILE_W} {found.rows * TILE_H}"
    return (
        f'<svg class="tiles" viewBox="{box}" role="img" aria-label="{escape(label)}">{_patterns("t")}'
        f'{tiles}<g font-size="8">{"".join(names)}{marks}</g></svg>'
    )


def _patterns(prefix: str) -> str:
    """Three fills. They carry their own style, so that a page's rules need not know the ids."""
    kind, width, scale = ("voronoi", 1.6, 3) if prefix == "m" else ("tiles", 0.6, 1)
    parts = [
        f'<pattern id="{prefix}{name}" width="4" height="4" patternUnits="userSpaceOnUse" '
        f'patternTransform="scale({scale})"><rect width="4" height="4" fill="{ground}"/>{mark}</pattern>'
        for name, ground, mark in _SHADES.values()
    ]
    rules = "".join(
        f".{kind} path.{name}{{fill:url(#{prefix}{name});stroke:var(--paper,#fff);stroke-width:{width}}}"
        for name, _, _ in _SHADES.values()
    )
    return f"<style>{rules}</style><defs>{''.join(parts)}</defs>"


def _path(corners: tuple[tuple[float, float], ...]) -> str:
    """Whole numbers from corner to corner: shorter than places on the map, and no gap between neighbours."""
    at = [(round(x * SCALE), round(y * SCALE)) for x, y in corners]
    steps = [f"{x - before_x} {y - before_y}" for (before_x, before_y), (x, y) in pairwise(at)]
    return f"M{at[0][0]} {at[0][1]}l{' '.join(steps)}z".replace(" -", "-")


def _short(name: str) -> str:
    """Without the kind of unit in front."""
    for kind in ("Xã ", "Phường ", "Thị trấn "):
        if name.startswith(kind):
            return name.removeprefix(kind)
    return name


def _lines(name: str) -> list[str]:
    """At most two lines of whole words."""
    words = name.split()
    first: list[str] = []
    while words and len(" ".join([*first, words[0]])) <= NAME_MAX:
        first.append(words.pop(0))
    if not first and words:
        first.append(words.pop(0)[:NAME_MAX])
    rest = " ".join(words)
    return [" ".join(first), *([rest if len(rest) <= NAME_MAX + 2 else rest[: NAME_MAX + 1] + "…"] if rest else [])]
