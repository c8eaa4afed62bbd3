"""`thongsuot bottlenecks`: what limits the system, and what to buy. Wiring only."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import click

EXITS = {
    "healthy": 0, "named": 1, "together": 1, "expected": 1, "generator": 3, "beyond": 4, "unconfirmed": 4,
    "undecided": 4,
}  # fmt: skip


@click.command("bottlenecks")
@click.argument("runs", type=click.Path(path_type=Path), nargs=-1, required=True)
@click.option(
    "--forecast", type=click.FloatRange(min=0, min_open=True), help="Requests per second that must be carried."
)
@click.option("--safety", type=click.FloatRange(min=1), default=1.5, show_default=True, help="Factor on the forecast.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object on standard output.")
def command(runs: tuple[Path, ...], forecast: float | None, safety: float, as_json: bool) -> None:
    """Say from the records RUN… of one target, driven at several rates, what limits it; with --forecast, what to buy.

    Exit code: 0 nothing limits it below the forecast with its safety (or, without one, below the rates tried), 1
    something does, 3 the generator did, 4 it cannot be told, 2 when a record cannot be read.

    \b
    thongsuot run sweep --target my.toml --rate 200
    thongsuot bottlenecks runs/20250701T000000Z-sweep-1 --forecast 300
    """
    from record.reader import open_record
    from reports import bottleneck_page, bottlenecks, extrapolate

    goal = None if forecast is None else forecast * safety
    found = bottlenecks.judge([open_record(run) for run in runs], goal)
    plan = None if forecast is None else extrapolate.plan(found, forecast, safety)
    if as_json:
        click.echo(json.dumps(bottleneck_page.summary(found, plan), ensure_ascii=False))
    else:
        click.echo(bottleneck_page.text(found, plan), nl=False)
    sys.exit(0 if goal is not None and bottlenecks.carries(found, goal) else EXITS[found.status])
