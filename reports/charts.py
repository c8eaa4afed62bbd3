"""Pictures as SVG text, drawn by matplotlib without a display. The same input gives the same bytes.

Neutral colours are written as `currentColor`, so that a picture inside a page follows its light or dark style; letters
stay text in the page's font.
"""

from __future__ import annotations

import io
import re
from typing import Any

import matplotlib
import numpy as np
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure

from record.types import Phase
from reports.catalogue import phase as phase_name
from reports.catalogue import word
from reports.numbers import show
from reports.timeline import Timeline
from reports.verdict import Quantity

_INK = "#010203"  # stands for currentColor until the text is final
_BLUE, _ORANGE, _RED, _GREY = "#3b76c4", "#c2660a", "#c8323c", "#8a8f98"
_SETTINGS: Any = {
    "svg.hashsalt": "thongsuot",
    "svg.fonttype": "none",
    "font.family": "DejaVu Sans",
    "font.size": 9.5,
    "text.color": _INK,
    "axes.edgecolor": _GREY,
    "axes.labelcolor": _INK,
    "xtick.color": _INK,
    "ytick.color": _INK,
    "axes.spines.top": False,
    "axes.spines.right": False,
}


def timeline_svg(line: Timeline, phases: tuple[Phase, ...]) -> str:
    """Answer times above, rates below, on one time axis; stretches that are not judged are grey."""
    with matplotlib.rc_context(_SETTINGS):
        figure = Figure(figsize=(9.2, 5.0), layout="constrained")
        FigureCanvasSVG(figure)
        times, rates = figure.subplots(2, 1, sharex=True, height_ratios=(3, 2))
        edges = np.append(line.at_s, line.at_s[-1] + line.step_s)
        highest = max(float(np.nanmax(line.p95_s)) if np.isfinite(line.p95_s).any() else 0, 1e-3)
        scale, unit = (1e3, "ms") if highest < 1 else (1.0, "s")  # as reports.numbers prints a duration
        times.stairs(line.p95_s * scale, edges, baseline=None, color=_ORANGE, linewidth=1.4, label=_both("chart.p95"))
        times.stairs(line.p50_s * scale, edges, baseline=None, color=_BLUE, linewidth=1.4, label=_both("chart.p50"))
        times.set_ylabel(f"{word('chart.latency', 'vi')} ({unit})")
        rates.stairs(line.due_per_s, edges, baseline=None, color=_GREY, linewidth=1.6, label=_both("chart.offered"))
        rates.stairs(line.done_per_s, edges, baseline=None, color=_BLUE, linewidth=1.2, label=_both("chart.completed"))
        if line.failed_per_s.any():
            rates.stairs(
                line.failed_per_s, edges, baseline=None, color=_RED, linewidth=1.4, label=_both("chart.failed")
            )
        rates.set_ylabel(word("chart.rate", "vi"))
        rates.set_xlabel(_both("chart.time"))
        times.set_ylim(0, 1.15 * highest * scale)
        rates.set_ylim(bottom=0)
        for axis in (times.yaxis, rates.yaxis, rates.xaxis):
            axis.set_major_formatter(_tick)
        for axes in (times, rates):
            axes.grid(visible=True, color=_GREY, alpha=0.25, linewidth=0.6)
            axes.legend(loc="upper left", frameon=False, ncols=3, bbox_to_anchor=(0, 1.16), borderaxespad=0)
        rates.set_xlim(0, edges[-1])
        _shade(times, rates, phases, float(edges[-1]))
        return _svg(figure)


def _shade(times: Any, rates: Any, phases: tuple[Phase, ...], end_s: float) -> None:
    """Grey where a phase is not judged, a thin line where it ends, its name inside the upper panel."""
    for phase in phases:
        start, end = phase.start_ns / 1e9, phase.end_ns / 1e9
        if not phase.judged:
            for axes in (times, rates):
                axes.axvspan(start, end, color=_GREY, alpha=0.18, linewidth=0)
        place = (start + min(end, end_s)) / 2
        name = phase_name(phase.name, "vi")
        times.text(place, 0.98, name, transform=times.get_xaxis_transform(), ha="center", va="top", fontsize=8)
        for axes in (times, rates):
            axes.axvline(end, color=_GREY, linewidth=0.8)


def _tick(value: float, _: int | None) -> str:
    return show(Quantity(float(value), "factor"), "vi")


def _both(key: str) -> str:
    vi, en = word(key, "vi"), word(key, "en")
    return vi if vi == en else f"{vi} / {en}"


def _svg(figure: Figure) -> str:
    """The <svg> element alone: no prologue, no metadata, nothing that names another host."""
    buffer = io.StringIO()
    figure.savefig(buffer, format="svg", metadata={"Date": None, "Creator": None}, transparent=True)
    text = buffer.getvalue()
    text = text[text.index("<svg") :]
    text = re.sub(r"<metadata>.*?</metadata>", "", text, flags=re.DOTALL)
    for size in ("width", "height"):  # the page decides; viewBox keeps the shape
        text = re.sub(rf'(<svg[^>]*?) {size}="[^"]*"', r"\1", text, count=1)
    text = text.replace("'DejaVu Sans'", "inherit").replace("DejaVu Sans", "inherit")
    return text.replace(_INK, "currentColor").strip()
