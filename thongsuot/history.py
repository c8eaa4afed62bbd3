"""`thongsuot history`: figures over past runs, and where they changed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

from scenarios.types import ConfigError

if TYPE_CHECKING:
    from record.reader import RunRecord
    from reports.history import History, Line

SHOWN_MAX = 8  # of the newest values
_UNITS = {"p50": (1e-6, "ms"), "p95": (1e-6, "ms"), "cpu": (1e3, "ms"), "bytes": (1.0, "bytes")}


@click.command("history")
@click.argument("runs", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="One JSON object on standard output.")
def command(runs: tuple[Path, ...], as_json: bool) -> None:
    """Show how the figures of past runs went and since which run they are others.

    RUNS are records or folders of records; runs of one profile, target and load are put together. A change shows a few
    runs after it happened: this is no gate. Exit code 0.

    Example: thongsuot history runs
    """
    from reports import history

    found = history.histories(_records(runs))
    if as_json:
        click.echo(json.dumps({"histories": json.loads(history.encode(found))}, ensure_ascii=False))
        return
    for each in found:
        click.echo(f"{each.profile} → {each.target}: {each.load}; {_runs(each)}")
        for line in each.lines:
            _show(line)


def _records(places: tuple[Path, ...]) -> list[RunRecord]:
    """Every sealed record at those places; what was never sealed or cannot be read is told and left out."""
    from record.reader import open_record
    from record.types import RecordError
    from reports.history import RUNS_MAX

    folders = []
    for place in places:
        inside = sorted(path.parent for path in place.glob("*/manifest.json"))
        folders += [place] if (place / "manifest.json").exists() else inside
    records, problems = [], []
    for folder in folders[-RUNS_MAX:]:
        try:
            records.append(open_record(folder))
        except RecordError as error:
            problems.append(str(error))
    for problem in problems:
        click.echo(f"note: left out: {problem}", err=True)
    if not records:
        raise ConfigError([f"RUNS: no sealed record at {', '.join(map(str, places))}"])
    return records


def _runs(history: History) -> str:
    count = len(history.runs)
    return f"{count} lần chạy / {count} run{'' if count == 1 else 's'}"


def _show(line: Line) -> None:
    factor, unit = _UNITS[line.what]
    newest = " ".join(f"{value * factor:.4g}" for value in line.values[-SHOWN_MAX:])
    name = f"{line.what} {line.operation}".strip()
    click.echo(f"  {name} ({unit}): {'… ' if len(line.values) > SHOWN_MAX else ''}{newest}")
    for change in line.changes:
        click.echo(
            f"    thay đổi từ / changed from {change.run} on: {change.before * factor:.4g} → "
            f"{change.after * factor:.4g} ({change.change:+.1%})"
        )
