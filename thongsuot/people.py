"""`thongsuot people`: write the synthetic citizens to a file, commune by commune."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

import click
import msgspec
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from scenarios.households import CENSUS_SOURCE, CENSUS_VERIFIED
from scenarios.population import Population
from scenarios.province import communes, find, load
from scenarios.types import Citizen, Commune, ConfigError, Identities

MODES = tuple(mode.value for mode in Identities)
FORMATS = ("arrow", "parquet", "csv", "json")
allow_list_bytes_max = 200_000_000


@click.command("people")
@click.option("--commune", "wanted", multiple=True, metavar="CODE|NAME", help="Only this one; may be repeated.")
@click.option("--communes", "file", type=click.Path(path_type=Path), help="Another province's communes (CSV).")
@click.option("--seed", type=click.IntRange(0), default=1, show_default=True)
@click.option(
    "--mode", type=click.Choice(MODES), default=Identities.MARKED.value, show_default=True,
    help="Card and telephone numbers: like real ones, nobody's, or from --allow-list.",
)  # fmt: skip
@click.option("--allow-list", type=click.Path(path_type=Path), help="Numbers issued for the trial, one a line.")
@click.option("--format", "form", type=click.Choice(FORMATS), default="arrow", show_default=True)
@click.option("--out", type=click.Path(path_type=Path), required=True, help="File to write; - for standard output.")
@click.option("--json", "as_json", is_flag=True, help="Say what was written as one JSON object.")
def command(
    wanted: tuple[str, ...],
    file: Path | None,
    seed: int,
    mode: str,
    allow_list: Path | None,
    form: str,
    out: Path,
    as_json: bool,
) -> None:
    """Write the synthetic citizens of the province, or of some communes. A citizen is the same in both.

    \b
    thongsuot people --commune "Hạc Thành" --format csv --out hac-thanh.csv
    thongsuot people --format parquet --out province.parquet

    json writes one object a line.
    """
    to_stdout = str(out) == "-"
    if to_stdout and as_json:
        raise ConfigError(["--json: the summary would mix with the citizens on standard output; give --out a file"])
    known = load(file) if file else communes()
    population = Population(known, seed, Identities(mode), _allowed(Identities(mode), allow_list))
    chosen = _chosen(known, wanted)
    people = sum(len(population.in_commune(known[at].code)) for at in chosen)
    with _opened(out) as stream:
        _write(population, chosen, form, stream)
    if as_json:
        facts = {"out": str(out), "format": form, "mode": mode, "seed": seed}
        census = {"ages": CENSUS_SOURCE, "ages_verified": CENSUS_VERIFIED}
        click.echo(json.dumps({**facts, "communes": len(chosen), "citizens": people, **census}, ensure_ascii=False))
    elif not to_stdout:
        click.echo(f"{people:,} citizens of {len(chosen)} communes, identities {mode}, seed {seed}: {out}")


def _chosen(known: tuple[Commune, ...], wanted: tuple[str, ...]) -> list[int]:
    """Positions of the wanted communes in the order of the file; all problems at once."""
    found: set[str] = set()
    problems: list[str] = []
    for text in wanted:
        try:
            found.add(find(text, known).code)
        except ConfigError as error:
            problems += error.problems
    if problems:
        raise ConfigError(problems)
    return [at for at, commune in enumerate(known) if not wanted or commune.code in found]


def _allowed(mode: Identities, path: Path | None) -> list[str] | None:
    if (path is None) == (mode is Identities.ALLOW_LIST):
        raise ConfigError([f"--mode {Identities.ALLOW_LIST} needs --allow-list FILE, and no other mode takes one"])
    if path is None:
        return None
    try:
        if path.stat().st_size > allow_list_bytes_max:
            raise ConfigError([f"--allow-list {path}: larger than {allow_list_bytes_max} bytes"])
        lines = path.read_text("utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError([f"--allow-list {path}: cannot be read: {error}"]) from error
    return [line.strip() for line in lines if line.strip()]


@contextmanager
def _opened(out: Path) -> Iterator[IO[bytes]]:
    """The stream to write to. A file appears under its name only when it is complete."""
    if str(out) == "-":
        yield sys.stdout.buffer
        return
    part = out.with_name(f".{out.name}.part")
    try:
        with part.open("wb") as stream:
            yield stream
        os.replace(part, out)
    except OSError as error:
        raise ConfigError([f"--out {out}: cannot be written: {error.strerror or error}"]) from error
    finally:
        part.unlink(missing_ok=True)


def _write(population: Population, chosen: list[int], form: str, stream: IO[bytes]) -> None:
    """One commune after the other, so that memory stays that of the largest."""
    console = Console(stderr=True)
    with Progress(
        TextColumn("{task.description:>20}"),
        BarColumn(bar_width=40),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        console=console,
        transient=True,
        disable=not console.is_terminal,
    ) as bar:
        task = bar.add_task("", total=len(chosen))
        with _writer(form, stream) as write:
            for at in chosen:
                bar.update(task, description=population.communes[at].name)
                write(population.arrow(at))
                bar.advance(task)


@contextmanager
def _writer(form: str, stream: IO[bytes]) -> Iterator[Callable[[Any], None]]:
    """What appends one commune's table in this format."""
    import pyarrow as pa
    from pyarrow import csv, parquet

    if form == "json":
        encoder = msgspec.json.Encoder()
        yield lambda table: _put(stream, encoder.encode_lines(_citizens(table)))
        return
    opened: list[Any] = []

    def write(table: Any) -> None:
        table = table if form == "arrow" else _plain(table)
        if not opened:
            makers = {
                "arrow": lambda: pa.ipc.new_file(stream, table.schema),
                "parquet": lambda: parquet.ParquetWriter(stream, table.schema, compression="zstd", compression_level=1),
                "csv": lambda: csv.CSVWriter(stream, table.schema),
            }
            opened.append(makers[form]())
        opened[0].write_table(table)

    try:
        yield write
    finally:
        for writer in opened:
            writer.close()


def _plain(table: Any) -> Any:
    """Dictionary columns as text."""
    import pyarrow as pa

    fields = [pa.field(f.name, pa.string() if pa.types.is_dictionary(f.type) else f.type) for f in table.schema]
    return table.cast(pa.schema(fields))


def _citizens(table: Any) -> Iterator[Citizen]:
    columns = [table[name].to_pylist() for name in Citizen.__struct_fields__]
    return (Citizen(*values) for values in zip(*columns, strict=True))


def _put(stream: IO[bytes], content: bytes) -> None:
    stream.write(content)
