"""`thongsuot rehearse`: the whole line once, against the testbed: start it, drive the morning peak, judge, report."""

from __future__ import annotations

import json
import re
import signal
import sys
import tempfile
from pathlib import Path
from typing import Any

import click

from thongsuot import live, options
from thongsuot.drive import drive
from thongsuot.testbed import Testbed, at


@click.command("rehearse")
@click.argument("profile", default="monday-peak")
@click.option("--seed", type=click.IntRange(0), help="Another seed than the profile's.")
@click.option("--set", "sets", multiple=True, metavar="KEY=VALUE", help="Replace one value of the profile.")
@click.option("--workers", type=click.IntRange(1, 64), help="Worker processes; else as many as connections need.")
@click.option(
    "--fault", "faults", multiple=True, help="A fault of the testbed, e.g. lose=100 (`thongsuot testbed --help`)."
)
@click.option(
    "--fault-at",
    "timed",
    multiple=True,
    metavar="AT+FOR:FAULT",
    help="A fault within the run, instead of the profile's own, e.g. 30s+10s:delay=900.",
)
@click.option("--runs", type=click.Path(path_type=Path), default=options.RUNS, show_default=True)
@click.option("--json", "as_json", is_flag=True)
@live.options
def command(
    profile: str,
    seed: int | None,
    sets: tuple[str, ...],
    workers: int | None,
    faults: tuple[str, ...],
    timed: tuple[str, ...],
    runs: Path,
    as_json: bool,
    **room: Any,
) -> None:
    """Drive PROFILE (default: monday-peak) against the testbed, all in about three minutes.

    \b
    thongsuot rehearse
    thongsuot rehearse smoke --fault delay=3000
    thongsuot rehearse --live                        with a page to watch it, to stop it and to take notes
    """
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # so that testbed and folder go with us in every stage
    loaded = options.profile_of(profile, (*sets, *_timed(timed)), None, None)
    switches = [word for fault in faults for word in ("--fault", fault)]
    if loaded.faults:
        switches += ["--control", "--restart"]
    with (
        tempfile.TemporaryDirectory(prefix="thongsuot-") as folder,
        Testbed("--data", folder, *switches) as testbed,
    ):
        target = Path(folder) / "testbed.toml"
        text = (options.SHIPPED_TARGETS / "testbed.toml").read_text("utf-8")
        target.write_text(at(text, testbed.url, testbed.outside_url), "utf-8")
        settings = options.settings_of(loaded, str(target), runs=runs, seed=seed, workers=workers)
        code = drive(settings, report=True, as_json=as_json, room=live.Wanted(**room))
    sys.exit(code)


def _timed(texts: tuple[str, ...]) -> tuple[str, ...]:
    """What `--set` would say; whatever is wrong inside is told by the profile's own check."""
    faults = []
    for text in texts:
        parts = re.fullmatch(r"([^+:\s]+)\+([^+:\s]+):(\S+)", text)
        if parts is None:
            raise click.UsageError(f"--fault-at {text}: should be AT+FOR:FAULT, e.g. 30s+10s:delay=900")
        at, length, fault = (json.dumps(part) for part in parts.groups())
        faults.append(f"{{at = {at}, for = {length}, kind = {fault}}}")
    return (f"fault=[{', '.join(faults)}]",) if faults else ()
