"""Commands that look and send nothing: plan, preflight, targets, profiles."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import click
import numpy as np

from loadtests import preflight
from scenarios import profiles
from scenarios.types import ConfigError
from scenarios.world import plan_of
from thongsuot import options


@click.command("plan")
@options.of_a_run
@click.option("--target", help="Needed by flat profiles: its own operations and their weights.")
@click.option("--json", "as_json", is_flag=True)
def plan_command(
    profile: str,
    seed: int | None,
    sets: tuple[str, ...],
    rate: float | None,
    duration: float | None,
    target: str | None,
    as_json: bool,
) -> None:
    """Show what PROFILE would do, without doing it.

    \b
    thongsuot plan go-live-peak --set scale=20
    """
    loaded = options.profile_of(profile, sets, rate, duration)
    there = options.target_of(target)[0] if target else None
    seed = loaded.seed if seed is None else seed
    plan = plan_of(loaded, seed, there.weights, there.info().bases) if there else plan_of(loaded, seed, {})
    counts = Counter(plan.journeys[code] for code in plan.journey.tolist())
    busiest = int(np.bincount(plan.at_ns // 1_000_000_000).max()) if len(plan) else 0
    if as_json:
        facts = {"profile": loaded.name, "seed": seed, "arrivals": len(plan), "digest": plan.digest}
        facts |= {"duration_s": loaded.duration_s, "busiest_s": busiest, "users": loaded.users}
        click.echo(json.dumps({**facts, "journeys": dict(sorted(counts.items()))}))
        return
    click.echo(f"{loaded.name}: {loaded.title_en}\n{loaded.title_vi}")
    click.echo(f"{len(plan):,} arrivals in {loaded.duration_s:g} s, seed {seed}, plan {plan.digest[:16]}")
    if loaded.kind == "day":
        traffic = loaded.traffic
        click.echo(
            f"compression {traffic.compression:g}: one second carries {traffic.compression:g} s of the day; "
            f"rate factor {traffic.rate_factor:g}, surge {traffic.surge:g}"
        )
    mean = len(plan) / loaded.duration_s
    click.echo(f"{mean:,.1f} arrivals a second on average, {busiest:,} in the busiest second")
    users = ", ".join(f"{system} {count:,}" for system, count in loaded.users.items())
    click.echo(
        f"users: {users}; their connections need --workers {preflight.fewest_workers(loaded.users)} or more here"
    )
    for journey, count in sorted(counts.items()):
        click.echo(f"  {journey:16} {count:9,}  {count / loaded.duration_s:8.2f}/s")


@click.command("preflight")
@options.of_a_run
@options.of_a_target
@click.option("--runs", type=click.Path(path_type=Path), default=options.RUNS, show_default=True)
def preflight_command(
    profile: str,
    seed: int | None,
    sets: tuple[str, ...],
    rate: float | None,
    duration: float | None,
    target: str,
    identities: str | None,
    allow_list: Path | None,
    runs: Path,
) -> None:
    """May PROFILE be driven against this target? Sends nothing but one connection attempt per address.

    \b
    thongsuot preflight monday-peak --target my.toml
    """
    loaded = options.profile_of(profile, sets, rate, duration)
    settings = options.settings_of(loaded, target, runs=runs, seed=seed, identities=identities, allow_list=allow_list)
    plan = plan_of(loaded, settings.seed, settings.target.weights, settings.target.info().bases)
    preflight.check(loaded, settings.target, plan, settings.identities, runs, settings.allow_list)
    click.echo(f"{loaded.name} may be driven against {settings.target.name}: {len(plan):,} arrivals")


@click.command("targets")
@click.argument("files", nargs=-1)
def targets_command(files: tuple[str, ...]) -> None:
    """Check target files; without one, list those that ship.

    \b
    thongsuot targets my.toml
    """
    if not files:
        for path in sorted(options.SHIPPED_TARGETS.glob("*.toml")):
            click.echo(f"{path.stem:12} {path}")
        return
    problems: list[str] = []
    for name in files:
        try:
            target, file, _ = options.target_of(name)
            click.echo(f"{file}: {target.name}, operations: {len(target.operations())}")
            for note in target.notes():
                click.echo(f"note: {note}", err=True)
        except ConfigError as error:
            problems += error.problems
    if problems:
        raise ConfigError(problems)


@click.command("profiles")
def profiles_command() -> None:
    """List the profiles that ship."""
    for name in profiles.shipped():
        profile = profiles.load(name)
        click.echo(f"{name:14} {profile.duration_s:6g} s  {profile.title_vi} / {profile.title_en}")
