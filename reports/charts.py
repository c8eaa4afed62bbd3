"""Pictures as SVG text, drawn by matplotlib without a display. The same input gives the same bytes.

Neutral colours are written as `currentColor`, so that a picture inside a page follows its light or dark style; letters
stay text in the page's font.
"""

from __future__ import annotations

import io
import re
from collections.abc import Sequence
from typing import Any, TypeAlias

import matplotlib
import numpy as np
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter

from record.types import Phase
from reports.catalogue import phase as phase_name
from reports.catalogue import word
from reports.numbers import show
from reports.timeline import Floats, Timeline
from reports.verdict import Quantity

Stretch: TypeAlias = tuple[float, float]

_INK = "#010203"  # stands for currentColor until the text is final
BLUE, ORANGE, RED, GREY = "#3b76c4", "#c2660a", "#c8323c", "#8a8f98"
_PLACES = re.compile(r'\b(d|x|y|transform|width|height)="([^"]*)"')
_STRAIGHT = re.compile(r"""d="(M[ML0-9 .z-]{200,})\"""")
_POINT = re.compile(r"([MLz])(?: ?(-?[0-9.]+) (-?[0-9.]+))?")
_LONG = re.compile(r"-?\d+\.\d+")  # a tenth of a point is finer than the eye
STAIRS_MAX = 240  # points; more of them are joined by lines, which is half the size
SETTINGS: Any = {
    "svg.hashsalt": "thongsuot",
    "svg.fonttype": "none",
    "text.parse_math": False,  # a name with $ in it is a name, not a formula
    "font.family": "DejaVu Sans",
    "font.size": 9.5,
    "text.color": _INK,
    "axes.edgecolor": GREY,
    "axes.labelcolor": _INK,
    "xtick.color": _INK,
    "ytick.color": _INK,
    "axes.spines.top": False,
    "axes.spines.right": False,
}


def timeline_svg(
    line: Timeline, phases: tuple[Phase, ...], faults: Sequence[Stretch] = (), language: str | None = None
) -> str:
    """Answer times, requests and arrivals on one time axis. Grey: not judged; red: between `faults`' begin and end, s.

    Words are Vietnamese and English beside each other, or in the one `language`.
    """
    with matplotlib.rc_context(SETTINGS):
        figure = Figure(figsize=(9.2, 6.4), layout="constrained")
        FigureCanvasSVG(figure)
        times, rates, people = figure.subplots(3, 1, sharex=True, height_ratios=(3, 2, 2))
        edges = np.append(line.at_s, line.at_s[-1] + line.step_s)
        highest = max(float(np.nanmax(line.p95_s)) if np.isfinite(line.p95_s).any() else 0, 1e-3)
        scale, unit = (1e3, "ms") if highest < 1 else (1.0, "s")  # as reports.numbers prints a duration

        def draw(axes: Any, values: Floats, key: str, color: str, width: float = 1.4) -> None:
            label = said(key, language)
            if len(values) <= STAIRS_MAX:
                axes.stairs(values, edges, baseline=None, color=color, linewidth=width, label=label)
            else:
                axes.plot(line.at_s + line.step_s / 2, values, color=color, linewidth=width, label=label)

        draw(times, line.p95_s * scale, "chart.p95", ORANGE)
        draw(times, line.p50_s * scale, "chart.p50", BLUE)
        draw(rates, line.due_per_s, "chart.offered", GREY, 1.6)
        draw(rates, line.done_per_s, "chart.completed", BLUE, 1.2)
        if line.failed_per_s.any():
            draw(rates, line.failed_per_s, "chart.failed", RED)
        draw(people, line.planned_per_s, "chart.planned", GREY, 1.8)
        draw(people, line.begun_per_s, "chart.begun", ORANGE, 1.2)
        draw(people, line.ended_per_s, "chart.ended", BLUE, 1.2)
        times.set_ylabel(f"{said('chart.latency', language, short=True)} ({unit})")
        rates.set_ylabel(said("chart.rate", language, short=True))
        people.set_ylabel(said("chart.people", language, short=True))
        people.set_xlabel(said("chart.time", language))
        times.set_ylim(0, 1.15 * highest * scale)
        all_axes = (times, rates, people)
        for axes in all_axes:
            axes.set_ylim(bottom=0)
            axes.grid(visible=True, color=GREY, alpha=0.25, linewidth=0.6)
            axes.legend(loc="lower left", frameon=False, ncols=3, bbox_to_anchor=(0, 1), borderaxespad=0.1)
            for axis in (axes.yaxis, axes.xaxis):
                axis.set_major_formatter(tick(language))
        people.set_xlim(0, edges[-1])
        _shade(all_axes, phases, faults, float(edges[-1]), language)
        return svg(figure)


def _shade(
    panels: Sequence[Any], phases: tuple[Phase, ...], faults: Sequence[Stretch], end_s: float, language: str | None
) -> None:
    """Grey where a phase is not judged, a thin line where it ends, its name inside the upper panel; faults red."""
    for phase in phases:
        start, end = phase.start_ns / 1e9, phase.end_ns / 1e9
        if not phase.judged:
            for axes in panels:
                axes.axvspan(start, end, color=GREY, alpha=0.18, linewidth=0)
        place = (start + min(end, end_s)) / 2
        name = phase_name(phase.name, language or "vi")
        panels[0].text(place, 0.98, name, transform=panels[0].get_xaxis_transform(), ha="center", va="top", fontsize=8)
        for axes in panels:
            axes.axvline(end, color=GREY, linewidth=0.8)
    for begin, end in faults:
        for axes in panels:
            axes.axvspan(begin, end, facecolor="none", edgecolor=RED, alpha=0.5, hatch="//", linewidth=0)


def tick(language: str | None) -> FuncFormatter:
    """Numbers of an axis in the style of the language."""
    return FuncFormatter(lambda value, _: show(Quantity(float(value), "factor"), language or "vi"))


def said(key: str, language: str | None, *, short: bool = False) -> str:
    """A word in one language, or in both; `short`: in Vietnamese alone where there is no room for both."""
    vi, en = word(key, "vi"), word(key, "en")
    if language is not None:
        return word(key, language)
    return vi if vi == en or short else f"{vi} / {en}"


def svg(figure: Figure) -> str:
    """The <svg> element alone: no prologue, no metadata, nothing that names another host."""
    buffer = io.StringIO()
    figure.savefig(buffer, format="svg", metadata={"Date": None, "Creator": None}, transparent=True)
    text = buffer.getvalue()
    text = text[text.index("<svg") :]
    text = re.sub(r"<metadata>.*?</metadata>", "", text, flags=re.DOTALL)
    for size in ("width", "height"):  # the page decides; viewBox keeps the shape
        text = re.sub(rf'(<svg[^>]*?) {size}="[^"]*"', r"\1", text, count=1)
    text = text.replace("'DejaVu Sans'", "inherit").replace("DejaVu Sans", "inherit")
    text = _PLACES.sub(lambda found: f'{found[1]}="{_LONG.sub(_shorter, found[2])}"', text)
    text = re.sub(r">\s+<", "><", re.sub(r"\s*\n\s*", " ", text))
    text = _STRAIGHT.sub(_stepwise, text)
    return text.replace(_INK, "currentColor").strip()


def _stepwise(path: re.Match[str]) -> str:
    """Straight lines from point to point, each written as the way from the one before: half as long, as exact."""
    steps, at, fresh = [], (0, 0), True
    for kind, x_text, y_text in _POINT.findall(path[1]):
        if kind == "z":
            steps.append("z")
            continue
        x, y = round(float(x_text) * 10), round(float(y_text) * 10)
        if kind == "M":
            steps.append(f"M{_tenths(x)} {_tenths(y)}")
        else:
            steps.append(f"{'l' if fresh else ' '}{_tenths(x - at[0])} {_tenths(y - at[1])}")
        at, fresh = (x, y), kind == "M"
    return f'd="{"".join(steps)}"'


def _tenths(value: int) -> str:
    text = f"{value / 10:g}"
    return text.replace("0.", ".", 1) if 0 < abs(value) < 10 else text


def _shorter(number: re.Match[str]) -> str:
    return f"{float(number[0]):.1f}".removesuffix(".0")
