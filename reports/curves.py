"""Curves over a whole run as SVG text: the percentile spectrum, and answer times over the load."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import matplotlib
import numpy as np
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator

from reports import phases, spectrum
from reports.assess import Assessment
from reports.capacity_file import CapacityAnswer
from reports.case import Case
from reports.charts import BLUE, GREY, ORANGE, RED, SETTINGS, said, svg, tick
from reports.numbers import show
from reports.units import P50, P95
from reports.verdict import NEVER_NS, Quantity

_STYLES: tuple[Any, ...] = ("-", (0, (5, 2)), (0, (1, 1)), (0, (6, 1, 1, 1)))  # beside the colour, for who sees none
_COLORS = ("#010203", BLUE, ORANGE, "#2e8b57", "#8e5ab5", RED, "#9a8200", GREY)
_LINES_MAX = len(_STYLES) * len(_COLORS)
_SHARES = (0.5, 0.9, 0.99, 0.999, 0.9999, 0.99999, 0.999999)
RATES_MIN = 3  # different loads, to be a curve


@dataclass(frozen=True)
class Load:
    """One judged phase: planned arrivals per second, and what the calls due in it took (None: not supported)."""

    phase: str
    per_s: float
    p50_ns: int | None
    p95_ns: int | None
    failed: float  # share of calls


def spectrum_svg(lines: Sequence[spectrum.Line], language: str | None = None) -> str:
    """Percentile to the right, so that each further nine has the same room; time upwards, both logarithmic."""
    with matplotlib.rc_context(SETTINGS):
        figure = Figure(figsize=(9.2, 4.0), layout="constrained")
        FigureCanvasSVG(figure)
        axes = figure.subplots()
        deepest = 0.9
        for place, line in enumerate(lines[:_LINES_MAX]):
            if not len(line.share):
                continue
            deepest = max(deepest, float(line.share[-1]))
            axes.plot(
                1 / (1 - line.share), line.time_s, color=_COLORS[place % len(_COLORS)],
                linestyle=_STYLES[place % len(_STYLES)], linewidth=1.5,
                label=line.system or said("chart.all_systems", language),
            )  # fmt: skip
        axes.set_xscale("log")
        axes.set_yscale("log")
        axes.set_xlim(1, 1 / (1 - deepest) * 1.05)
        shares = [share for share in _SHARES if share <= deepest]
        axes.set_xticks(
            [1 / (1 - share) for share in shares],
            [show(Quantity(100 * share, "percentile"), language or "vi") for share in shares],
        )
        axes.minorticks_off()
        axes.yaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
        axes.yaxis.set_major_formatter(
            lambda value, _: show(Quantity(round(value * 1e9), "ns"), language or "vi")  # 0,01 s as 10 ms
        )
        axes.set_ylabel(said("chart.latency", language, short=True))
        axes.set_xlabel(said("chart.percentile", language))
        axes.grid(visible=True, color=GREY, alpha=0.25, linewidth=0.6)
        axes.legend(loc="lower right", frameon=False, ncols=3)
        return svg(figure)


def loads(assessment: Assessment, case: Case) -> tuple[Load, ...]:
    """Judged phases in order of their load; none where fewer than RATES_MIN loads differ."""
    manifest = case.manifest
    rows = {row.phase: row for row in assessment.latency if row.dimension == "run"}
    found = []
    for index in phases.judged(manifest):
        phase, count = manifest.phases[index], int(case.calls.arrivals[index])
        row = rows.get(phase.name)
        if row is not None and count:
            seconds = (phase.end_ns - phase.start_ns) / 1e9
            due = row.due
            found.append(Load(phase.name, count / seconds, due[P50].value, due[P95].value, row.failed / row.calls))
    found.sort(key=lambda each: each.per_s)
    return tuple(found) if len({round(each.per_s, 3) for each in found}) >= RATES_MIN else ()


def load_svg(found: Sequence[Load], capacity: CapacityAnswer | None, language: str | None = None) -> str:
    """p50 and p95 over the planned arrivals per second; where the capacity is known, its line and its interval."""
    with matplotlib.rc_context(SETTINGS):
        figure = Figure(figsize=(9.2, 3.8), layout="constrained")
        FigureCanvasSVG(figure)
        axes = figure.subplots()
        for key, color, mark, times in (
            ("chart.p95", ORANGE, "s", [each.p95_ns for each in found]),
            ("chart.p50", BLUE, "o", [each.p50_ns for each in found]),
        ):
            known = [(each.per_s, ns / 1e9) for each, ns in zip(found, times, strict=True) if ns and ns < NEVER_NS]
            if known:
                x, y = np.array(known).T
                axes.plot(x, y, color=color, marker=mark, markersize=4, linewidth=1.2, label=said(key, language))
        if capacity is not None and capacity.measured:
            axes.axvspan(capacity.low, capacity.high, color=GREY, alpha=0.25, linewidth=0)
            axes.axvline(capacity.per_s, color="#010203", linewidth=1.2, label=said("chart.capacity", language))
        axes.set_yscale("log")
        axes.yaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
        axes.set_xlim(left=0)
        axes.xaxis.set_major_formatter(tick(language))
        axes.yaxis.set_major_formatter(lambda value, _: show(Quantity(round(value * 1e9), "ns"), language or "vi"))
        axes.yaxis.set_minor_formatter(lambda *_: "")
        axes.set_xlabel(said("chart.people", language))
        axes.set_ylabel(said("chart.latency", language, short=True))
        axes.grid(visible=True, color=GREY, alpha=0.25, linewidth=0.6)
        if axes.get_legend_handles_labels()[0]:
            axes.legend(loc="upper left", frameon=False)
        return svg(figure)
