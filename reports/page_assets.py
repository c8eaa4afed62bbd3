"""What a page carries inside itself so that it asks nobody: letters, uPlot, our own script and style."""

from __future__ import annotations

from base64 import b64encode
from functools import lru_cache
from pathlib import Path

from markupsafe import Markup

from reports.markup import TEMPLATES

_HERE = Path(__file__).parent
_FACES = (
    ("be-vietnam-pro/be-vietnam-pro-{subset}-400-normal.woff2", "400"),
    ("be-vietnam-pro/be-vietnam-pro-{subset}-600-normal.woff2", "600"),
)
_RANGES = {  # of the two subsets, as they were cut; a letter that is in both comes from the first
    "latin": "U+0000-00FF,U+2000-206F,U+20AC,U+2212",
    "vietnamese": "U+0102-0103,U+0110-0111,U+0128-0129,U+0168-0169,U+01A0-01A1,U+01AF-01B0,U+0300-0304,U+0309,U+0323,"
    "U+1EA0-1EF9,U+20AB",
}
_MARKS_RANGE = "U+2192,U+221E,U+2264-2265,U+2298,U+25B2,U+25CF,U+2713,U+2717"


@lru_cache(maxsize=1)
def fonts() -> Markup:
    """Be Vietnam Pro in two weights, and the marks that it lacks, as @font-face rules with the data inside."""
    rules = [
        _face(name.format(subset=subset), "Be Vietnam Pro", weight, span)
        for name, weight in _FACES
        for subset, span in _RANGES.items()
    ]
    return Markup("\n".join([*rules, _face("marks/marks.woff", "Marks", "400", _MARKS_RANGE)]))


@lru_cache(maxsize=1)
def style() -> Markup:
    """Ours and uPlot's."""
    return Markup(_text(_HERE / "vendor/uplot/uPlot.min.css") + "\n" + _text(TEMPLATES / "report.css"))


@lru_cache(maxsize=1)
def script() -> Markup:
    """uPlot under its licence, then ours."""
    licence = _text(_HERE / "vendor/uplot/LICENSE").replace("*/", "")
    return Markup(
        f"/*\nuPlot\n{licence}\n*/\n{_text(_HERE / 'vendor/uplot/uPlot.iife.min.js')}\n{_text(TEMPLATES / 'report.js')}"
    )


def _face(name: str, family: str, weight: str, span: str) -> str:
    kind = name.rsplit(".", 1)[1]
    data = b64encode((_HERE / "fonts" / name).read_bytes()).decode("ascii")
    return (
        f'@font-face{{font-family:"{family}";font-weight:{weight};font-display:swap;unicode-range:{span};'
        f'src:url(data:font/{kind};base64,{data}) format("{kind}")}}'
    )


def _text(path: Path) -> str:
    return path.read_text(encoding="utf-8").strip()
