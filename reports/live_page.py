"""The page of the operations room. What changes every second is filled in by its script; the rest is made here once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from record.rows import ERRORS
from record.types import Manifest
from reports import catalogue

TEMPLATES = Path(__file__).parent / "templates"
STATES = {"q": "–", "w": "✓", "s": "!", "b": "✗"}  # mark of a unit by its state


@dataclass(frozen=True)
class Place:
    """One commune or ward, in the order in which the frames list them."""

    code: str
    name: str


def render(manifest: Manifest | None, places: Sequence[Place], last: Any, *, writable: bool) -> str:
    """One file without a request to anywhere but its own events. `last`: the newest frame as plain data, or None."""
    pairs = {key: [catalogue.word(key, language) for language in catalogue.LANGUAGES] for key in _keys()}
    words = {key.removeprefix("live."): pair for key, pair in pairs.items()}
    phases = [] if manifest is None else [phase.name for phase in manifest.phases]
    given = {
        "run": "" if manifest is None else manifest.run_id,
        "words": words,
        "phases": {name: [catalogue.phase(name, language) for language in catalogue.LANGUAGES] for name in phases},
        "marks": STATES,
        "names": [place.name for place in places],
        "spans": [] if manifest is None else [[p.name, p.start_ns / 1e9, p.end_ns / 1e9] for p in manifest.phases],
        "last": last,
        "writable": writable,
    }
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES), autoescape=True, undefined=StrictUndefined, trim_blocks=True,
        lstrip_blocks=True, keep_trailing_newline=True,
    )  # fmt: skip
    environment.globals.update(t=_both)
    template = environment.get_template("live.html.j2")
    return template.render(
        manifest=manifest, places=places, states=STATES, writable=writable, given=_script_json(given)
    )


def _keys() -> list[str]:
    errors = [f"error.{slug}" for slug in ERRORS if slug]
    return [key for key in catalogue.words("vi") if key.startswith("live.")] + errors


def _script_json(value: Any) -> Markup:
    """JSON that may stand in a script: nothing in it can end that script."""
    text = msgspec.json.encode(value).decode()
    return Markup(text.replace("<", "\\u003c").replace("\u2028", "\\u2028").replace("\u2029", "\\u2029"))


def _both(key: str) -> Markup:
    vi, en = (catalogue.word(key, language) for language in catalogue.LANGUAGES)
    return Markup('<span lang="vi">{}</span> <span lang="en" class="en">{}</span>').format(vi, en)
