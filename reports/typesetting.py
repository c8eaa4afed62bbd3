"""Pages by typst: a template of reports/typst and the data for it in, PDF/A-2b out. The same data give the same bytes.

Fonts are the ones that ship with the package and no other, sizes those of `typst/decree30.toml`; no clock, no network.
"""

from __future__ import annotations

import json
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any, Literal

import msgspec
import typst
from fontTools.ttLib import TTFont

FOLDER = Path(__file__).parent / "typst"
FONTS = Path(__file__).parent / "fonts" / "tinos"
STANDARD: Literal["a-2b"] = "a-2b"
UNKNOWN = "■"
Sizes = Mapping[str, Any]


class Box(msgspec.Struct, frozen=True):
    """Where somebody is to sign; points from the upper left corner, pages from 1."""

    role: str
    page: int
    x: float
    y: float
    width: float
    height: float


@dataclass(frozen=True)
class Paper:
    """A PDF and the boxes on it that wait for signatures, in the order of signing."""

    pdf: bytes
    boxes: tuple[Box, ...]


@cache
def sizes() -> Sizes:
    """The table of the decree: margins and parts with `used`, `min` and `max`."""
    return tomllib.loads((FOLDER / "decree30.toml").read_text(encoding="utf-8"))


class Typesetter:
    """Compiles one template again and again; what stays the same between two papers is not set anew."""

    def __init__(self, template: str, layout: Sizes | None = None) -> None:
        self._layout = json.dumps(sizes() if layout is None else layout)
        self._compiler = typst.Compiler(FOLDER / f"{template}.typ", root=FOLDER, font_paths=_fonts())

    def set(self, data: Mapping[str, Any], at: datetime, *, tagged: bool = True) -> Paper:
        """The paper; `at` is the time it bears. `tagged` for whoever has it read aloud.

        Raises typst.TypstError where data and template do not fit: a mistake of ours.
        """
        inputs = {"data": json.dumps(_legible(data), ensure_ascii=False), "layout": self._layout}
        pdf = self._compiler.compile(
            format="pdf", sys_inputs=inputs, pdf_standards=STANDARD, timestamp=at, pdf_tags=tagged
        )
        assert isinstance(pdf, bytes)
        found = self._compiler.query("<field>", field="value")
        return Paper(pdf, tuple(msgspec.json.decode(found, type=list[Box])))


def _legible(value: Any) -> Any:
    """The same with a ■ for each letter that the font has not: PDF/A refuses what cannot be shown."""
    if isinstance(value, str):
        strange = set(value) - _letters()
        return value.translate({ord(letter): UNKNOWN for letter in strange}) if strange else value
    if isinstance(value, Mapping):
        return {key: _legible(each) for key, each in value.items()}
    return [_legible(each) for each in value] if isinstance(value, list | tuple) else value


@cache
def _letters() -> frozenset[str]:
    with TTFont(FONTS / "Tinos-Regular.ttf") as font:
        return frozenset(map(chr, font.getBestCmap())) | {"\n"}


@cache
def _fonts() -> typst.Fonts:
    return typst.Fonts(include_system_fonts=False, include_embedded_fonts=False, font_paths=[FONTS])
