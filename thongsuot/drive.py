"""`thongsuot run`: drive a profile against a target and keep the record."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import click

from loadtests.adjusting import FAILED, Adjusting
from loadtests.run import Progress, Settings, run
from record.reader import events_of
from record.types import State
from thongsuot import judge, options
from thongsuot.live import Wanted, opened
from thongsuot.live import options as of_a_room
from thongsuot.progress import Show

EXIT_UNDECIDED = 4
EXIT_BROKE = 2
NOTED = ("stop", "fault-failed", "final-unsettled", "final-read-failed", FAILED)


@click.command("run")
@options.of_a_run
@options.of_a_target
@click.option(
    "--runs", type=click.Path(path_type=Path), default=options.RUNS, show_default=True, help="Folder of records."
)
@click.option("--workers", type=click.IntRange(1, 64), help="Worker processes here; else as many as connections need.")
@click.option("--remote-workers", type=click.IntRange(0, 64), default=0, help="Workers to wait for from other hosts.")
@click.option("--bind", default="127.0.0.1", show_default=True, help="Address other hosts' workers connect to.")
@click.option("--web-port", type=click.IntRange(1024, 65535), help="Serve Locust's own page on loopback.")
@click.option("--adjust", metavar="NAME=FACTOR", help="Another size of a [[resource]] that the target file can change.")
@click.option("--tag", help="Begins every idempotency key; default: new for every run.")
@click.option("--no-report", is_flag=True, help="Only drive and seal; judge later with `assess`.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object on standard output.")
@of_a_room
def command(
    profile: str,
    seed: int | None,
    sets: tuple[str, ...],
    rate: float | None,
    duration: float | None,
    target: str,
    identities: str | None,
    allow_list: Path | None,
    adjust: str | None,
    no_report: bool,
    as_json: bool,
    live: bool,
    live_host: str,
    live_port: int,
    **more: object,
) -> None:
    """Drive PROFILE (a name or a .toml file) against a target, seal the record, judge it.

    \b
    export THONGSUOT_OFFICER_PASSWORD=secret; thongsuot testbed &
    thongsuot run monday-peak --target testbed
    thongsuot run generic --target my.toml --rate 200 --duration 30
    """
    loaded = options.profile_of(profile, sets, rate, duration)
    settings = options.settings_of(loaded, target, seed=seed, identities=identities, allow_list=allow_list, **more)  # type: ignore[arg-type]
    room = Wanted(live, live_host, live_port)
    sys.exit(drive(settings, report=not no_report, as_json=as_json, adjust=adjust, room=room))


def drive(
    settings: Settings, *, report: bool, as_json: bool, adjust: str | None = None, room: Wanted | None = None
) -> int:
    """Run, print what came of it, return the exit code of the verdict (0 when nothing was to be judged).

    A run that was aborted is undecided; one in which nothing was ever sent is none, the harness broke.
    """
    tell = None
    for note in settings.target.notes():
        click.echo(f"note: {note}", err=True)
    beside = None if adjust is None else lambda _, events: Adjusting(settings.target, adjust, events)
    with opened(room or Wanted()) as live, Show() as show:

        def watch(step: Progress) -> None:
            show.watch(step)
            if live is not None and step.folder is not None:
                live.follow(step.folder)

        folder, manifest = run(settings, watch, show.stop, beside)
        if manifest.state is State.SEALED and report:
            show.watch(Progress("judging"))
            show.release_signals()
            tell = judge.judged(folder, as_json=as_json)
    for event in events_of(folder):
        if event.kind in NOTED:
            click.echo(f"note: at {event.at_ns * 1e-9:.0f} s: {event.text}", err=True)
    if tell is not None:
        return tell()
    if manifest.state is State.SEALED:
        click.echo(json.dumps({"run": str(folder)}) if as_json else f"run: {folder}")
        return 0
    code = EXIT_BROKE if manifest.zero is None else EXIT_UNDECIDED
    click.echo(f"error: the run was aborted: {manifest.abort_reason}", err=True)
    click.echo(f"the record can be read: thongsuot assess {folder} --unsealed", err=True)
    if as_json:
        click.echo(json.dumps({"run": str(folder), "aborted": manifest.abort_reason, "exit_code": code}))
    return code
