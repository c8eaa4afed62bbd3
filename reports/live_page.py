"""The page of the operations room. What changes every second is filled in by its script; the rest is made here once."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from record.rows import ERRORS
from record.types import Manifest, Unit
from reports import catalogue, geography, map_svg, page_assets
from reports.markup import TEMPLATES, Pen
from reports.units import UnitState
from reports.verdict import Text, Verdict

STATES = {"q": "–", "w": "✓", "s": "!", "b": "✗"}  # mark of a unit by its state

_SAID = tuple(f"live.{part}" for part in ("stage.", "state.", "unwell.", "mark.", "link.", "told.", "drain"))


def render(manifest: Manifest | None, places: Sequence[Unit], last: Any, *, writable: bool) -> str:
    """One file without a request to anywhere but its own events. `last`: the newest frame as plain data, or None."""
    pairs = {key: [catalogue.word(key, language) for language in catalogue.LANGUAGES] for key in _keys()}
    words = {key.removeprefix("live."): pair for key, pair in pairs.items()}
    phases = [] if manifest is None else [phase.name for phase in manifest.phases]
    found = geography.voronoi([_well(place) for place in places])
    given = {
        "run": "" if manifest is None else manifest.run_id,
        "words": words,
        "phases": {name: [catalogue.phase(name, language) for language in catalogue.LANGUAGES] for name in phases},
        "marks": STATES,
        "codes": [place.code for place in places],
        "at": _centres(found),
        "last": last,
        "writable": writable,
    }
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES), autoescape=True, undefined=StrictUndefined, trim_blocks=True,
        lstrip_blocks=True, keep_trailing_newline=True,
    )  # fmt: skip
    environment.globals.update(t=Pen(None).word, fonts=page_assets.fonts)
    return environment.get_template("live.html.j2").render(
        manifest=manifest, places=places, states=STATES, writable=writable, map=_map(found), given=_script_json(given)
    )


def _well(place: Unit) -> UnitState:
    """As if it were well; the script says how it is."""
    at = (place.latitude, place.longitude, place.area_km2)
    return UnitState(
        place.code, place.name, place.kind, 0, *at, Verdict.PASS, Text("live.state.w"), 0, 0, None, None, 0, 0
    )


def _map(found: geography.Map | None) -> Markup:
    if found is None:
        return Markup("")
    return Markup(map_svg.voronoi_svg(found, Pen(None).plain(Text("live.units"))))


def _centres(found: geography.Map | None) -> dict[str, tuple[int, int]]:
    """Where the mark of each unit stands on the map, by code."""
    scale = map_svg.SCALE
    cells = () if found is None else found.cells
    return {cell.unit.code: (round(cell.x * scale), round((cell.y + 2) * scale)) for cell in cells}


def _keys() -> list[str]:
    """What the script says."""
    errors = [f"error.{slug}" for slug in ERRORS if slug]
    return [key for key in catalogue.words("vi") if key.startswith(_SAID)] + errors


def _script_json(value: Any) -> Markup:
    """JSON that may stand in a script: nothing in it can end that script."""
    text = msgspec.json.encode(value).decode()
    return Markup(text.replace("<", "\\u003c").replace("\u2028", "\\u2028").replace("\u2029", "\\u2029"))
