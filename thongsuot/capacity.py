"""`thongsuot capacity`: the highest rate of a profile's whole mix at which every promise holds."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click
import msgspec

from loadtests.run import Progress, Settings, age, run, seconds
from record.reader import open_record
from record.types import State
from reports import capacity, capacity_text, search, segments
from reports.capacity import Capacity
from reports.search import Stretch
from reports.segments import Segment
from scenarios import profiles
from scenarios.profiles import Profile
from scenarios.types import ConfigError
from scenarios.world import plan_of
from thongsuot import options
from thongsuot.progress import Show

FLAT_STEP_S, DAY_STEP_S = 2.0, 8.0
FLAT_USERS_MIN = 3000  # who wait with their requests while a target is overloaded
IMPORTS_S_MAX = 30.0  # an older process did something else before; where all must be compiled first it may take ten
TELL_S = 6.0  # of the budget: for what a record takes beyond the last, and to tell the answer
DRAIN_S_MAX = 30.0  # what an overloaded target still has to do must not meet the next record
EXIT_UNDECIDED, EXIT_VOID = 4, 3


@click.command("capacity")
@options.of_a_run
@options.of_a_target
@click.option(
    "--runs", type=click.Path(path_type=Path), default=options.RUNS, show_default=True, help="Folder of records."
)
@click.option("--budget", default="150s", show_default=True, help="How long the search may take, starts included.")
@click.option("--workers", type=click.IntRange(1, 64), help="Worker processes; else as many as connections need.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object on standard output.")
def command(
    profile: str,
    seed: int | None,
    sets: tuple[str, ...],
    rate: float | None,
    duration: float | None,
    target: str,
    budget: str,
    as_json: bool,
    runs: Path,
    **more: Any,
) -> None:
    """Find the highest rate of PROFILE's whole mix at which every promise of it holds.

    To find it, the target is overloaded on purpose, for some seconds: not for a system that people are using.
    Each step of the search is an ordinary record; the answer is computed from them alone, and `thongsuot recompute`
    computes it again. The profile's phases are not used.

    \b
    thongsuot capacity generic --target my.toml
    thongsuot capacity generic --target my.toml --set objective.0.limit_ms=300 --budget 300s

    Exit codes: 0 found, 2 wrong usage, 3 void (the generator was the limit), 4 no promise was broken at any
    rate, or the answer is not sure (wider than ±20 %, its trial did not hold, or promises were broken at every rate).
    """
    budget_s = _budget(budget)
    loaded = options.profile_of(profile, sets, rate, duration)
    hunt = _Hunt(loaded, target, seed, runs, budget_s, more)
    with Show() as show:
        found = hunt.find(show)
    sys.exit(_tell(hunt.folders, found, runs, as_json))


@click.command("recompute")
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="One JSON object on standard output.")
def recompute_command(file: Path, as_json: bool) -> None:
    """Compute the answer of a search again, from its records beside FILE (…-capacity.json). The same bytes.

    Example: thongsuot recompute runs/20250701T080000Z-generic-1-capacity.json
    """
    try:
        named = [(str(one["run"]), str(one["sha256"])) for one in json.loads(file.read_text("utf-8"))["records"]]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ConfigError([f"{file}: not the file of a search: {type(error).__name__}: {error}"]) from error
    if not named or any(Path(name).name != name for name, _ in named):
        raise ConfigError([f"{file}: records: should name the folders of a search, which lie beside it"])
    records = [open_record(file.parent / name) for name, _ in named]
    others = [name for (name, digest), record in zip(named, records, strict=True) if record.digest != digest]
    if others:
        raise ConfigError([f"{file}: {name} is not the record that the search made: sha256 differs" for name in others])
    folders = [record.folder for record in records]
    sys.exit(_tell(folders, capacity.estimate(records), None, as_json))


class _Hunt:
    """One search: its records so far and the time that is left."""

    def __init__(
        self, profile: Profile, target: str, seed: int | None, runs: Path, budget_s: float, more: dict[str, Any]
    ) -> None:
        self._profile, self._target, self._runs, self._more = profile, target, runs, more
        self._seed = profile.seed if seed is None else seed
        imports_s = age() if age() < IMPORTS_S_MAX else 0.0
        self._end = seconds() - imports_s + budget_s - TELL_S
        self._think_s = 0.0  # the longest time that an estimate took
        self._start_s = 5.0  # of a record beside its load; measured with the first
        self.folders: list[Path] = []

    def find(self, show: Show) -> Capacity | None:
        """The answer, or None. Every record of the search is in `folders`. Raises ConfigError before any traffic."""
        if not any(one.metric in ("latency", "errors") for one in self._profile.objectives):
            raise ConfigError([f"{self._profile.name}: a capacity needs an [[objective]] on latency or errors"])
        step_s = FLAT_STEP_S if self._profile.kind == "flat" else DAY_STEP_S
        base = self._base()
        stairs = search.staircase(base, step_s)
        limits = [one.limit * 1e-3 for one in self._profile.objectives if one.metric == "latency"]
        watch = search.Watch(stairs, base, max(limits, default=1.0))
        self._drive(stairs, show, watch)
        found = self._estimate()
        if found is None and self._stopped():
            reached = max(step.ended / step.seconds for step in self._segments()) / base
            self._drive(search.overload(reached, step_s), show, None)
            found = self._estimate()
        rounds = 0
        while found is not None and not show.stop():
            stretches = search.following(found, rounds, self._left(), self._start_s)
            if stretches is None:
                tried_s = search.trial_s(found, self._left() - self._start_s - search.SETTLE_S)
                if tried_s:
                    self._drive(search.trial(found, tried_s), show, None)
                    found = self._estimate()
                break
            self._drive(stretches, show, None)
            rounds, found = rounds + 1, self._estimate()
        return found

    def _left(self) -> float:
        """Seconds for load and what goes with it, the estimate after it aside."""
        return self._end - seconds() - self._think_s

    def _base(self) -> float:
        """Arrivals per second at factor 1."""
        plain = self._with((Stretch("all", max(1.0, self._profile.duration_s), 1.0),))
        settings = self._settings(plain)
        if plain.kind == "flat":
            return plain.rate_per_s
        plan = plan_of(plain, self._seed, settings.target.weights, settings.target.info().bases)
        if not len(plan):
            raise ConfigError([f"{plain.name}: nobody arrives in it, so it has no rate to be multiplied"])
        return len(plan) / plain.duration_s

    def _with(self, stretches: Sequence[Stretch]) -> Profile:
        phases = ", ".join(
            f'{{name="{one.name}", for_s={one.seconds:.3f}, judged={"false" if one.name == "settle" else "true"}, '
            f"rate={one.factor:.9g}}}"
            for one in stretches
        )
        sets = dict(self._profile.overrides) | {"phase": f"[{phases}]", "drain_s": str(DRAIN_S_MAX), "fault": "[]"}
        sets = {key: value for key, value in sets.items() if key == "phase" or not key.startswith("phase.")}
        if self._profile.kind == "flat" and sum(self._profile.users.values()) < FLAT_USERS_MIN:
            sets |= {"users.own": str(FLAT_USERS_MIN)}
        name = self._profile.name
        return profiles.parse(name, self._profile.text, sets)

    def _settings(self, profile: Profile) -> Settings:
        seed = self._seed + len(self.folders)
        return options.settings_of(profile, self._target, runs=self._runs, seed=seed, **self._more)

    def _drive(self, stretches: Sequence[Stretch], show: Show, watch: search.Watch | None) -> None:
        settings = self._settings(self._with(stretches))
        began, latest = seconds(), Progress("")
        times = [began, began]  # of the first and the last look at traffic

        def look(step: Progress) -> None:
            nonlocal latest
            latest = step
            if step.at_s > 0 and step.planned:
                times[0] = seconds() if times[0] == began else times[0]
                times[1] = seconds()
            show.watch(step)

        def enough() -> bool:
            if show.stop():
                return True
            running = watch is not None and latest.at_s > 0 and latest.stage.startswith("stair")
            return watch is not None and running and watch.overloaded(latest.at_s, latest.ended)

        folder, manifest = run(settings, look, enough)
        if manifest.state is not State.SEALED:
            raise ConfigError([f"{folder}: the run was aborted: {manifest.abort_reason}; the search cannot go on"])
        self.folders.append(folder)
        self._start_s = max(2.0, times[0] - began + seconds() - times[1])

    def _segments(self) -> Sequence[Segment]:
        return segments.load([open_record(folder, check_digests=False) for folder in self.folders]).segments

    def _stopped(self) -> bool:
        return any(event.kind == "stop" for event in open_record(self.folders[-1], check_digests=False).events())

    def _estimate(self) -> Capacity | None:
        began = seconds()
        found = capacity.estimate([open_record(folder, check_digests=False) for folder in self.folders])
        self._think_s = max(self._think_s, seconds() - began)
        return found


def _tell(folders: Sequence[Path], found: Capacity | None, runs: Path | None, as_json: bool) -> int:
    """Print and keep the answer; the exit code. `runs` None: nothing is kept."""
    answer = capacity_text.as_data(found, [open_record(folder) for folder in folders])
    text = msgspec.json.format(msgspec.json.encode(answer), indent=2).decode() + "\n"
    if runs is not None and folders:
        file = runs / f"{folders[0].name}-capacity.json"
        file.write_text(text, "utf-8")
    if as_json:
        click.echo(text, nl=False)
    else:
        for line in capacity_text.as_lines(found):
            click.echo(line)
        if runs is not None and folders:
            click.echo(str(file))
    if found is None:
        return EXIT_UNDECIDED
    if found.generator:
        return EXIT_VOID
    return 0 if found.sure else EXIT_UNDECIDED


def _budget(text: str) -> float:
    number = text.removesuffix("s")
    try:
        value = float(number)
    except ValueError:
        value = -1.0
    if not 20 <= value <= 3600:
        raise ConfigError([f"--budget {text}: seconds from 20 to 3600, e.g. 150s"])
    return value
