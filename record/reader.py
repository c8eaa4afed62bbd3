"""Open a record and answer questions about it. The only way from a run's folder into the judgement."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import duckdb
import msgspec
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from record import schema, sound, writer
from record.tables import json_lines
from record.types import Event, Manifest, RecordError, State

MEMORY_MAX = "600MB"  # of DuckDB; what does not fit goes through a temporary file
BATCH_ROWS = 2**18


class RunRecord:
    """A run on disk, checked, with one DuckDB view per table (`samples` also carries `phase`)."""

    def __init__(
        self,
        folder: Path,
        manifest: Manifest,
        connection: duckdb.DuckDBPyConnection,
        journals: Mapping[str, pa.Table],
        digests: Future[None] | None = None,
    ) -> None:
        self.folder = folder
        self.manifest = manifest
        self._connection = connection
        self._journals = journals  # tables of a record that was never sealed
        self._digests = digests  # being compared

    @property
    def sealed(self) -> bool:
        return self.manifest.state is State.SEALED

    @property
    def digest(self) -> str:
        """sha256 of manifest.json, which holds the digest of every other file of the set."""
        return writer.sha256(self.folder / "manifest.json")

    @contextmanager
    def checked(self) -> Iterator[None]:
        """What was read inside is as it was sealed when this is left, or RecordError is raised: waits for digests that
        are compared `beside`."""
        with _in_doubt(self._digests):
            yield
        if self._digests is not None:
            self._digests.result()

    def query(self, sql: str, parameters: list[Any] | dict[str, Any] | None = None) -> pd.DataFrame:
        """The answer of DuckDB over the views communes, arrivals, samples, journeys, ledger, readings, observations."""
        with _asking(self.folder):
            frame: pd.DataFrame = self._connection.execute(sql, parameters).df()
            return frame

    def arrow(self, sql: str, parameters: list[Any] | dict[str, Any] | None = None) -> Any:
        """As `query`, as a pyarrow table without conversion to pandas."""
        with _asking(self.folder):
            return self._connection.sql(sql, params=parameters).to_arrow_table()

    def batches(self, name: str, columns: list[str]) -> Iterator[pa.RecordBatch]:
        """Columns of a table as they are stored, in order and none of them empty, without ever holding all of them."""
        path = self.folder / f"{name}.parquet"
        with sound.reading(path):
            kept = self._journals.get(name)
            if kept is not None:
                found = iter(kept.select(columns).to_batches(max_chunksize=BATCH_ROWS))
            elif name in schema.tables_of(self.manifest.format):
                found = _stored(path, columns)
            else:
                found = iter(())
            try:
                for batch in found:
                    for column in batch.columns:
                        if pa.types.is_dictionary(column.type):
                            column.dictionary.validate(full=True)  # words that are none
                    if batch.num_rows:
                        yield batch
                    del batch
            finally:
                pa.default_memory_pool().release_unused()  # else it keeps what a record's columns have taken

    def keep(self, name: str, sql: str, parameters: list[Any] | dict[str, Any] | None = None) -> None:
        """Keep the answer as a table `name` beside the views, for as long as this object lives; made only once."""
        self._connection.execute(f"CREATE TEMP TABLE IF NOT EXISTS {name} AS {sql}", parameters)

    def events(self) -> list[Event]:
        return events_of(self.folder)


def open_record(folder: Path, *, unsealed: bool = False, check_digests: bool = True, beside: bool = False) -> RunRecord:
    """Read a record. Refuses other formats, changed files, and (without `unsealed`) a run that never was sealed.

    `beside`: digests are compared while the record is read, which must happen inside `checked` then.
    """
    manifest = read_manifest(folder)
    if manifest.state is not State.SEALED and not unsealed:
        raise RecordError(
            f"{folder}: the run is {manifest.state}, not sealed"
            + (f" ({manifest.abort_reason})" if manifest.abort_reason else "")
            + "; `assess` and `report` read it with --unsealed, the verdict will be undecided"
        )
    digests = None
    if manifest.state is State.SEALED and check_digests:
        thread = ThreadPoolExecutor(1)
        digests = thread.submit(verify_digests, folder, manifest)
        thread.shutdown(wait=not beside)
        if not beside:
            digests.result()
    with _in_doubt(digests):
        connection, journals = _connect(folder, manifest)
    return RunRecord(folder, manifest, connection, journals, digests)


def _connect(folder: Path, manifest: Manifest) -> tuple[duckdb.DuckDBPyConnection, dict[str, pa.Table]]:
    """A database with the views, and the tables of a record that was never sealed."""
    spill = str(Path(tempfile.gettempdir()) / f"thongsuot-duckdb-{os.getpid()}")
    settings: dict[str, str | bool | int | float | list[str]] = {
        "memory_limit": MEMORY_MAX,
        "threads": 2,
        "temp_directory": spill,
        "enable_external_file_cache": False,
    }
    connection = duckdb.connect(":memory:", config=settings)
    journals: dict[str, pa.Table] = {}
    if manifest.state is State.SEALED:
        for name in schema.tables_of(manifest.format):
            sound.check_shape(folder / f"{name}.parquet", name)
            path = str(folder / f"{name}.parquet").replace("'", "''")
            with _asking(folder):
                connection.execute(f"CREATE VIEW {_raw(name)} AS SELECT * FROM read_parquet('{path}')")
        for name in set(schema.TABLES) - set(schema.tables_of(manifest.format)):
            connection.register(_raw(name), schema.TABLES[name].empty_table())
    else:
        journals = _from_journals(folder, manifest)
        for name, table in journals.items():
            connection.register(_raw(name), table)
    connection.execute(_READINGS)
    connection.execute(
        f"CREATE VIEW samples AS SELECT *, {_phase_case(manifest, 'intended_ns')} AS phase FROM samples_raw"
    )
    return connection, journals


def events_of(folder: Path) -> list[Event]:
    path = folder / "events.jsonl"
    with sound.reading(path):
        return list(json_lines(path, Event)) if path.exists() else []


def read_manifest(folder: Path) -> Manifest:
    path = folder / "manifest.json"
    try:
        data = path.read_bytes()
    except OSError as error:
        raise RecordError(f"{path}: cannot be read: {error.strerror}; is this the folder of a run?") from error
    try:
        version = msgspec.json.decode(data, type=_FormatOnly).format
        if version not in schema.FORMATS_READ:
            known = " and ".join(map(str, schema.FORMATS_READ))
            raise RecordError(f"{path}: format {version}; this version reads formats {known}")
        manifest = msgspec.json.decode(data, type=Manifest)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise RecordError(f"{path}: not a manifest: {sound.in_words(error)}") from error
    problem = sound.manifest_problem(manifest)
    if problem:
        raise RecordError(f"{path}: not a manifest: {problem}")
    return manifest


def verify_digests(folder: Path, manifest: Manifest) -> None:
    """Raises RecordError naming every file of the sealed set that is missing or is not as it was sealed."""
    wrong = []
    for name, digest in manifest.files.items():
        path = folder / name
        if not path.is_file():
            wrong.append(f"{name} is missing")
        else:
            with sound.reading(path):
                changed = writer.sha256(path) != digest.sha256
            wrong += [f"{name} was changed after sealing"] if changed else []
    expected = [f"{name}.parquet" for name in schema.tables_of(manifest.format)]
    wrong += [f"{name} is not in the sealed set" for name in expected if name not in manifest.files]
    if wrong:
        raise RecordError(f"{folder}: " + "; ".join(wrong))


def _stored(path: Path, columns: list[str]) -> Iterator[pa.RecordBatch]:
    """Row group by row group: asked for all at once, the library reads ahead of whom it serves."""
    file = pq.ParquetFile(path)
    for group in range(file.num_row_groups):
        yield from file.read_row_group(group, columns=columns).to_batches(max_chunksize=BATCH_ROWS)


@contextmanager
def _in_doubt(digests: Future[None] | None) -> Iterator[None]:
    """What breaks inside gives way to the word that a file was changed, which it may come from."""
    try:
        yield
    except Exception:
        if digests is not None:
            digests.result()
        raise


@contextmanager
def _asking(folder: Path) -> Iterator[None]:
    """DuckDB reads a table when it is asked for it, so that is when damage shows. A wrong question is ours, not the
    record's."""
    try:
        yield
    except (duckdb.ParserException, duckdb.BinderException, duckdb.CatalogException):
        raise
    except (duckdb.Error, pa.ArrowException, UnicodeDecodeError, OverflowError) as error:
        raise RecordError(f"{folder}: cannot be read: {sound.in_words(error)}") from error


class _FormatOnly(msgspec.Struct):
    format: int


def _raw(name: str) -> str:
    return f"{name}_raw" if name in ("samples", "readings") else name


# What is not a number was not measured: compared with a limit it would pass, whichever way round.
_READINGS = "CREATE VIEW readings AS SELECT * REPLACE (if(isfinite(value), value, NULL) AS value) FROM readings_raw"


def _from_journals(folder: Path, manifest: Manifest) -> dict[str, pa.Table]:
    arrivals = sound.table(folder / "arrivals.parquet", "arrivals")
    communes = sound.table(folder / "communes.parquet", "communes")
    problem = sound.plan_problem(manifest, arrivals)
    if problem:
        raise RecordError(f"{folder / 'arrivals.parquet'}: not the plan of this run: {problem}")
    tables = writer.from_journals(folder / "journal", manifest, arrivals)
    return {"arrivals": arrivals, "communes": communes, **tables}


def _phase_case(manifest: Manifest, column: str) -> str:
    """A call belongs to the phase in which it was due; after the last phase it is drained and judged with it."""
    if not manifest.phases:
        return "''"
    cases = " ".join(f"WHEN {column} < {phase.end_ns} THEN {_quote(phase.name)}" for phase in manifest.phases[:-1])
    last = _quote(manifest.phases[-1].name)
    return f"CASE {cases} ELSE {last} END" if cases else last


def _quote(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
