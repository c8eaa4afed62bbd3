"""Options that several commands share, and how they become settings."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from loadtests import targets
from loadtests.preflight import fewest_workers
from loadtests.run import Settings
from scenarios import profiles
from scenarios.strict_toml import is_there, read
from scenarios.types import ConfigError, Identities

Command = TypeVar("Command", bound=Callable[..., Any])
RUNS = Path("runs")
MODES = [mode.value for mode in Identities]
SHIPPED_TARGETS = Path(__file__).parent.parent / "targets"


def cache_dir() -> Path:
    """Where made things are kept between runs: scans of dossiers. Safe to delete."""
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "thongsuot"


def of_a_run(command: Command) -> Command:
    """PROFILE and what can be changed about it."""
    for option in reversed(
        (
            click.argument("profile"),
            click.option("--seed", type=click.IntRange(0, profiles.SEED_MAX), help="Another seed than the profile's."),
            click.option("--set", "sets", multiple=True, metavar="KEY=VALUE", help="Replace one value of the profile."),
            click.option(
                "--rate", type=click.FloatRange(min=0, min_open=True), help="Arrivals per second (flat profiles)."
            ),
            click.option("--duration", type=click.FloatRange(min=1), help="Seconds of the last phase."),
        )
    ):
        command = option(command)
    return command


def of_a_target(command: Command) -> Command:
    """TARGET, and who may be sent there."""
    for option in reversed(
        (
            click.option(
                "--target", required=True, metavar="FILE|NAME", help="Target file, or the name of a shipped one."
            ),
            click.option(
                "--identities",
                type=click.Choice([mode.value for mode in Identities]),
                help="Other than the target file says.",
            ),
            click.option(
                "--allow-list", type=click.Path(path_type=Path), help="Numbers issued for the trial, one a line."
            ),
        )
    ):
        command = option(command)
    return command


def profile_of(profile: str, sets: tuple[str, ...], rate: float | None, duration: float | None) -> profiles.Profile:
    """Raises ConfigError with every problem of profile and options."""
    overrides = {}
    for pair in sets:
        key, equals, value = pair.partition("=")
        if not equals:
            raise ConfigError([f"--set {pair}: should be KEY=VALUE, e.g. --set time.rate_factor=2"])
        overrides[key] = value
    if rate is not None:
        overrides["time.rate_per_s"] = str(rate)
    if duration is not None:
        overrides["phase.-1.for_s"] = str(duration)
    loaded = profiles.load(profile, overrides)
    if rate is not None and loaded.kind != "flat":
        raise ConfigError([f"--rate: {loaded.name} follows the day's curve; use --set time.rate_factor=…"])
    return loaded


def target_of(name: str) -> tuple[targets.Target, str, str]:
    """(target, absolute file name, text) of a path or of a shipped target's name."""
    path = Path(name)
    if not path.suffix and not is_there(path):  # `testbed` is a folder too, where the sources are
        path = SHIPPED_TARGETS / f"{name}.toml"
        if not is_there(path):
            known = ", ".join(sorted(item.stem for item in SHIPPED_TARGETS.glob("*.toml")))
            raise ConfigError([f"--target {name}: no such file; shipped targets: {known}"])
    text = read(path)
    return targets.parse(str(path), text), str(path.resolve()), text


def settings_of(
    profile: profiles.Profile,
    target: str,
    *,
    runs: Path = RUNS,
    seed: int | None = None,
    identities: str | None = None,
    allow_list: Path | None = None,
    workers: int | None = None,
    **more: Any,
) -> Settings:
    """Everything a run needs; `more` are further fields of Settings. Without `workers`: those that users need."""
    bound, file, text = target_of(target)
    return Settings(
        profile=profile,
        target=bound,
        target_file=file,
        target_text=text,
        runs=runs,
        cache=cache_dir(),
        seed=profile.seed if seed is None else seed,
        identities=_identities(profile, bound, identities),
        allow_list=_numbers(allow_list),
        workers=workers or max(1, fewest_workers(profile.users) - more.get("remote_workers", 0)),
        **more,
    )


def _identities(profile: profiles.Profile, target: targets.Target, wanted: str | None) -> Identities:
    """A target that takes no people (`identities = "none"`) can only be driven with operations of its own."""
    if wanted is None and target.identities == "none":
        if profile.kind == "day":
            raise ConfigError([f'{target.name}: identities = "none", but {profile.name} sends people; --identities …'])
        return Identities.MARKED
    return Identities(wanted or target.identities)


def _numbers(path: Path | None) -> tuple[str, ...]:
    if path is None:
        return ()
    try:
        lines = path.read_text("utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError([f"--allow-list {path}: cannot be read: {error}"]) from error
    return tuple(line.strip() for line in lines if line.strip())
