"""`thongsuot duet`: is the candidate worse than the base? Both side by side, both restarted again and again."""

from __future__ import annotations

import json
import signal
import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import click
import msgspec

from loadtests.pair import Pair, pair
from loadtests.restarts import QUIET_S, Restarts, Services
from loadtests.run import run
from record import writer
from record.types import DuetRule, RecordError, State
from scenarios.types import ConfigError
from thongsuot import options
from thongsuot.progress import Show

if TYPE_CHECKING:
    from reports.duet import Duet

RULE_FILE, RESULT_FILE = "rule.json", "duet.json"
GAP_S_MIN, GAP_SPARE_S, GAP_FACTOR = 0.5, 0.3, 1.4  # of a start that was measured: what the later ones get
NOBODY = 1e-6  # the rate while both are started: nobody comes
RESTARTS_MIN, RESTARTS_MAX = 6, 200
BLOCKS = 2


class Timing(msgspec.Struct, frozen=True):
    """Seconds of one restart's stretches; the gap is for ending and starting both."""

    gap_s: float
    warm_s: float
    block_s: float

    def phases(self, restarts: int) -> str:
        """What `--set phase=` says for so many restarts."""
        rows = []
        for number in range(1, restarts + 1):
            steps = [
                (f"start-{number:02d}", self.gap_s, False, NOBODY),
                (f"warm-{number:02d}", self.warm_s, False, 1.0),
            ]
            steps += [(f"block-{number:02d}-{block}", self.block_s, True, 1.0) for block in range(1, BLOCKS + 1)]
            rows += [
                f'{{name = "{name}", for_s = {for_s:.3f}, judged = {str(judged).lower()}, rate = {rate}}}'
                for name, for_s, judged, rate in steps
            ]
        return f"[{', '.join(rows)}]"


def _looks(context: click.Context, parameter: click.Parameter, text: str) -> tuple[int, ...]:
    words = text.split(",")
    if not all(word.strip().isdigit() for word in words):
        raise click.BadParameter("should be numbers of restarts such as 11,13,17")
    looks = tuple(int(word) for word in words)
    if sorted(set(looks)) != list(looks) or looks[0] < 1 or not RESTARTS_MIN <= looks[-1] <= RESTARTS_MAX:
        raise click.BadParameter(f"should rise to at least {RESTARTS_MIN}, at most {RESTARTS_MAX}, such as 11,13,17")
    return looks


@click.command("duet")
@click.argument("profile", default="generic")
@click.option("--base", type=click.Path(path_type=Path), metavar="FILE", help="Target file of the version that is.")
@click.option("--candidate", type=click.Path(path_type=Path), metavar="FILE", help="… of the version that may come.")
@click.option("--rate", type=click.FloatRange(min=0, min_open=True), help="Arrivals per second, both together.")
@click.option("--looks", default="11,13,17", show_default=True, callback=_looks, help="Restarts after which one looks.")
@click.option("--floor", type=click.FloatRange(0, 1), default=0.05, show_default=True, help="Smaller is no reason.")
@click.option("--warm", type=click.FloatRange(0.1, 600), default=1.5, show_default=True, help="Seconds of warm-up.")
@click.option("--block", type=click.FloatRange(0.5, 600), default=2.5, show_default=True, help="Seconds of a block.")
@click.option("--seed", type=click.IntRange(0, 2**62), help="Another seed than the profile's.")
@click.option("--set", "sets", multiple=True, metavar="KEY=VALUE", help="Replace one value of the profile.")
@click.option("--runs", type=click.Path(path_type=Path), default=options.RUNS, show_default=True)
@click.option("--recompute", type=click.Path(path_type=Path), metavar="FOLDER", help="Judge a duet's records again.")
@click.option("--junit", type=click.Path(path_type=Path), metavar="FILE", help="Write JUnit XML too.")
@click.option("--markdown", type=click.Path(path_type=Path), metavar="FILE", help="Write a summary for a pull request.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object on standard output.")
def command(
    profile: str,
    base: Path | None,
    candidate: Path | None,
    recompute: Path | None,
    junit: Path | None,
    markdown: Path | None,
    as_json: bool,
    **wanted: object,
) -> None:
    """Run two versions side by side under one load and say whether the candidate is worse.

    Every arrival meets one of the two at random; both are restarted at each round, so that a start that went well or
    badly is not taken for the code. Both target files have a [service] table (docs/targets.md).

    Exit code: 0 not worse, 1 worse, 4 undecided, 3 void.

    \b
    thongsuot duet --base main.toml --candidate change.toml --rate 100
    thongsuot duet --recompute runs/20260701T080000Z-duet-1
    """
    if recompute is not None:
        folder = recompute
        duet = judge(folder)
    else:
        if base is None or candidate is None:
            raise click.UsageError("give --base FILE and --candidate FILE, or --recompute FOLDER")
        folder, duet = play(profile, pair(base, candidate), **wanted)  # type: ignore[arg-type]
    sys.exit(_tell(folder, duet, junit, markdown, as_json))


def play(
    profile: str,
    both: Pair,
    *,
    rate: float | None,
    looks: tuple[int, ...],
    floor: float,
    warm: float,
    block: float,
    seed: int | None,
    sets: tuple[str, ...],
    runs: Path,
) -> tuple[Path, Duet]:
    """Legs of restarts, each an ordinary sealed record, until one look decides. (folder, what it shows)."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # so that both services go with us
    rule = _rule(looks, floor)
    plain = options.profile_of(profile, sets, rate, None)
    if plain.kind != "flat":
        raise ConfigError([f"{plain.name}: a duet asks operations of your own; take a flat profile"])
    seed = plain.seed if seed is None else seed
    folder = _new_folder(runs, seed)
    target = folder / "duet.toml"
    _write(target, both.text)
    _write(folder / RULE_FILE, msgspec.json.encode(rule).decode() + "\n")
    with Services(both.sides, folder) as services, Show() as show:
        services.restart(0)
        gap_s = QUIET_S + max(GAP_S_MIN, GAP_FACTOR * max(services.restart(1), services.restart(0)) + GAP_SPARE_S)
        for number, restarts in enumerate(_steps(looks)):
            phases = Timing(round(gap_s, 3), warm, block).phases(restarts)
            loaded = options.profile_of(profile, (*sets, f"phase={phases}"), rate, None)
            leg = folder / f"leg-{number + 1}"
            settings = options.settings_of(loaded, str(target), runs=leg, seed=seed + number)
            beside = partial(Restarts, services, loaded.phases, settings.seed)
            record, manifest = run(settings, show.watch, show.stop, beside)
            if manifest.state is not State.SEALED:
                raise RecordError(f"{record}: the run was aborted: {manifest.abort_reason}")
            duet = judge(folder)
            if duet.decided or show.stopping:
                break
    return folder, duet


def _rule(looks: tuple[int, ...], floor: float) -> DuetRule:
    """The same doubt over all looks however many they are."""
    base = DuetRule()
    alphas = base.alphas if len(looks) == len(base.alphas) else (sum(base.alphas) / len(looks),) * len(looks)
    more = floor - base.floor
    return DuetRule(
        looks=looks,
        alphas=alphas,
        floor=floor,
        tail_floor=base.tail_floor + more,
        pass_below=base.pass_below + more,
        tail_below=base.tail_below + more,
    )


def judge(folder: Path) -> Duet:
    """What the records in the folder of a duet show; writes it beside them, the same bytes every time."""
    from record.reader import open_record
    from reports import duet, duet_pages, store

    try:
        rule = msgspec.json.decode((folder / RULE_FILE).read_bytes(), type=DuetRule)
    except (OSError, msgspec.DecodeError) as error:
        raise RecordError(f"{folder / RULE_FILE}: cannot be read: {error}; is this the folder of a duet?") from error
    records = [open_record(path.parent) for path in sorted(folder.glob("leg-*/*/manifest.json"), key=_leg)]
    if not records:
        raise RecordError(f"{folder}: no sealed record in it")
    found = duet.judge(records, rule)
    store.write_into(folder, {RESULT_FILE: duet_pages.encode(found)})
    return found


def _tell(folder: Path, duet: Duet, junit: Path | None, markdown: Path | None, as_json: bool) -> int:
    from reports import duet_pages

    if junit is not None:
        _write(junit, duet_pages.junit(duet))
    if markdown is not None:
        _write(markdown, duet_pages.markdown(duet))
    if as_json:
        click.echo(json.dumps(json.loads(duet_pages.encode(duet)) | {"folder": str(folder)}, ensure_ascii=False))
    else:
        click.echo("\n".join(duet_pages.lines(duet)))
        click.echo(str(folder))
    return duet.verdict.exit_code


def _steps(looks: tuple[int, ...]) -> Iterator[int]:
    """How many restarts from one look to the next."""
    for before, look in zip((0, *looks), looks, strict=False):
        yield look - before


def _leg(manifest: Path) -> int:
    return int(manifest.parents[1].name.removeprefix("leg-"))


def _new_folder(runs: Path, seed: int) -> Path:
    stem = f"{writer.utc_now().replace('-', '').replace(':', '')}-duet-{seed}"
    number = 1
    while True:
        folder = runs / (stem if number == 1 else f"{stem}_{number}")
        try:
            folder.mkdir(parents=True)
        except FileExistsError:
            number += 1
        except OSError as error:
            raise RecordError(f"{folder}: cannot be made: {error.strerror}") from error
        else:
            return folder.resolve()


def _write(path: Path, text: str) -> None:
    try:
        path.write_text(text, "utf-8", newline="\n")
    except OSError as error:
        raise RecordError(f"{path}: cannot be written: {error.strerror}") from error
