"""Create a record, move it through its states, and seal it: journals → Parquet with digests.

Nothing but the manifest is ever rewritten, and that through a rename, so a reader sees the old or the new one.
"""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from record import schema, sound, tables
from record.types import Event, FileDigest, Manifest, RecordError, State, Zero

FREE_BYTES_MIN = 256 * 1024 * 1024
ROWS_TOGETHER = 2**18  # in a row group: unpacked, a column of them fits into a processor's own memory


def create(folder: Path, manifest: Manifest, communes: pa.Table, arrivals: pa.Table) -> None:
    """Make the folder and write down world and plan, before the first request.

    Raises RecordError when the folder exists, cannot be written, or the disk has less than FREE_BYTES_MIN free.
    """
    try:
        folder.mkdir(parents=True)
        (folder / "journal").mkdir()
    except FileExistsError:
        raise RecordError(f"{folder}: exists already; a record is never written over") from None
    except OSError as error:
        raise RecordError(f"{folder}: cannot be made: {error.strerror}") from error
    free = shutil.disk_usage(folder).free
    if free < FREE_BYTES_MIN:
        shutil.rmtree(folder)
        raise RecordError(f"{folder}: {free // 2**20} MiB free on this disk; a run needs {FREE_BYTES_MIN // 2**20} MiB")
    store(communes.cast(schema.COMMUNES), folder / "communes.parquet")
    store(arrivals.cast(schema.ARRIVALS), folder / "arrivals.parquet")
    write_manifest(folder, manifest)


def start(folder: Path, manifest: Manifest, zero: Zero) -> Manifest:
    """planned → driving."""
    assert manifest.state is State.PLANNED, manifest.state
    driving = msgspec.structs.replace(manifest, state=State.DRIVING, zero=zero)
    write_manifest(folder, driving)
    return driving


def abort(folder: Path, manifest: Manifest, reason: str) -> Manifest:
    """→ aborted. The journals stay as they are and can be read with a flag; the verdict will be undecided."""
    aborted = msgspec.structs.replace(manifest, state=State.ABORTED, abort_reason=reason)
    write_manifest(folder, aborted)
    return aborted


def seal(folder: Path, manifest: Manifest) -> Manifest:
    """driving → sealed.

    Raises RecordError when an arrival has no end or two (planned = ok + refused + unknown + dropped), and when the disk
    does not take the tables; the journals are then still there. They go when all that replaces them is on the disk.
    """
    assert manifest.state is State.DRIVING, manifest.state
    try:
        sealed = _seal(folder, manifest)
    except (OSError, pa.ArrowException) as error:
        raise RecordError(f"{folder}: the record cannot be sealed: {sound.in_words(error)}") from error
    shutil.rmtree(folder / "journal", ignore_errors=True)
    return sealed


def _seal(folder: Path, manifest: Manifest) -> Manifest:
    journal = folder / "journal"
    arrivals = sound.table(folder / "arrivals.parquet", "arrivals")
    problem = sound.plan_problem(manifest, arrivals)
    if problem:
        raise RecordError(f"{folder / 'arrivals.parquet'}: not the plan of this run: {problem}")
    made = from_journals(journal, manifest, arrivals)
    missing = check_conservation(manifest.arrivals, made["journeys"])
    if missing:
        raise RecordError(f"{folder}: {missing}; the record cannot be sealed")
    for name, table in made.items():
        store(table, folder / f"{name}.parquet")
    files = {f"{name}.parquet": made[name].num_rows for name in made}
    files["communes.parquet"] = pq.read_metadata(folder / "communes.parquet").num_rows
    files["arrivals.parquet"] = arrivals.num_rows
    events = folder / "events.jsonl"
    events.touch()
    files["events.jsonl"] = sum(1 for _ in tables.json_lines(events, Event))
    for name in files:
        _sync(folder / name)
    digests = {name: FileDigest(sha256(folder / name), rows) for name, rows in sorted(files.items())}
    sealed = msgspec.structs.replace(manifest, state=State.SEALED, sealed_utc=utc_now(), files=digests)
    write_manifest(folder, sealed)
    _sync(folder)
    return sealed


def from_journals(journal: Path, manifest: Manifest, arrivals: pa.Table) -> dict[str, pa.Table]:
    """The tables that a drive fills, from whatever the workers have written so far."""
    commune = arrivals["commune"].combine_chunks()
    if isinstance(commune, pa.ChunkedArray):
        commune = commune.chunk(0) if commune.num_chunks else pa.array([], pa.string()).dictionary_encode()
    commune_of = np.zeros(manifest.arrivals, np.int32)
    commune_of[arrivals["arrival"].to_numpy()] = commune.indices.to_numpy()
    names: Sequence[str] = commune.dictionary.to_pylist()
    return {
        "samples": tables.samples(journal, manifest, commune_of, list(names)),
        "journeys": tables.journeys(journal),
        "ledger": tables.ledger(journal),
        "readings": tables.readings(journal),
        "observations": tables.observations(journal),
    }


def check_conservation(planned: int, journeys: pa.Table) -> str | None:
    """None when each of the `planned` arrivals ended exactly once, else what is wrong in words."""
    ended = journeys["arrival"].to_numpy()
    counts = np.bincount(ended, minlength=planned) if len(ended) else np.zeros(planned, np.int64)
    if len(counts) > planned:
        return f"arrival {int(ended.max())} ended but only {planned} were planned"
    never, twice = int((counts == 0).sum()), int((counts > 1).sum())
    if never or twice:
        return f"of {planned} planned arrivals {never} have no end and {twice} have more than one"
    return None


def store(table: pa.Table, path: Path) -> None:
    """As Parquet, so that it is read quickly (ADR 0012): whole numbers as differences, words as places in a list."""
    whole = [column.name for column in table.schema if pa.types.is_integer(column.type)]
    others = [name for name in table.schema.names if name not in whole]
    differences = dict.fromkeys(whole, "DELTA_BINARY_PACKED")
    pq.write_table(
        table, path, compression="lz4", use_dictionary=others, column_encoding=differences, row_group_size=ROWS_TOGETHER
    )


def write_manifest(folder: Path, manifest: Manifest) -> None:
    data = msgspec.json.format(msgspec.json.encode(manifest), indent=1) + b"\n"
    temporary = folder / "manifest.json.new"
    try:
        with temporary.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(folder / "manifest.json")
    except OSError as error:
        raise RecordError(f"{folder}/manifest.json: cannot be written: {error.strerror}") from error


def _sync(path: Path) -> None:
    """File or folder onto the disk."""
    fd = os.open(path, os.O_RDONLY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def utc_now() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
