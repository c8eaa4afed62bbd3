"""Journals → Arrow tables. Used when sealing, and by the reader for a record that was never sealed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, TypeVar

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.json as pj

from record import rows as binary
from record import schema, sound
from record.types import Event, Fact, LedgerEntry, Manifest, Observation, Outcome, Reading, RecordError

Row = TypeVar("Row", LedgerEntry, Reading, Observation, Event)

LINE_BYTES_MAX = 8 * 1024 * 1024  # of an observation
_OBSERVATIONS_BY = ("place", "kind", "subject", "at_ms", "value", "key", "digest", "commune")
_OUTCOMES = [outcome.name.lower() for outcome in Outcome]
_CODES = {"outcome": len(_OUTCOMES), "error": len(binary.ERRORS)}


def samples(journal: Path, manifest: Manifest, commune_of: np.ndarray, communes: list[str]) -> pa.Table:
    """All workers' samples ordered by (arrival, step). `commune_of[arrival]` indexes `communes`."""
    rows, workers = _binary(journal, "samples", binary.SAMPLE_DTYPE)
    bounds = {"arrival": len(commune_of), "operation": len(manifest.operations), **_CODES}
    _within(rows, bounds, ("intended_ns", "sent_ns", "done_ns"), f"{journal}: the journal of samples")
    order = np.lexsort((rows["step"], rows["arrival"]))
    rows, workers = rows[order], workers[order]
    names = [operation.name for operation in manifest.operations]
    systems = sorted({operation.system for operation in manifest.operations})
    system_of = np.array([systems.index(operation.system) for operation in manifest.operations], dtype=np.int32)
    operation = rows["operation"].astype(np.int32)
    columns: dict[str, Any] = {
        "arrival": rows["arrival"],
        "step": rows["step"],
        "operation": _words(operation, names),
        "system": _words(system_of[operation] if len(operation) else operation, systems),
        "commune": _words(commune_of[rows["arrival"]].astype(np.int32), communes),
        "intended_ns": rows["intended_ns"],
        "sent_ns": _nullable(rows["sent_ns"], rows["sent_ns"] < 0),
        "done_ns": rows["done_ns"],
        "outcome": _words(rows["outcome"].astype(np.int32), _OUTCOMES),
        "status": _nullable(rows["status"], rows["status"] == 0),
        "error": _words(rows["error"].astype(np.int32), list(binary.ERRORS), rows["error"] == 0),
        "bytes_sent": rows["bytes_sent"],
        "bytes_received": rows["bytes_received"],
    }
    for name in ("connect_us", "first_byte_us", "app_us", "db_us", "queue_us"):
        columns[name] = _nullable(rows[name], rows[name] == binary.NONE_U32)
    columns["worker"] = workers
    return _table(columns, schema.SAMPLES)


def journeys(journal: Path) -> pa.Table:
    """The end of every arrival, ordered by arrival."""
    rows, workers = _binary(journal, "journeys", binary.END_DTYPE)
    _within(rows, _CODES, ("started_ns", "done_ns"), f"{journal}: the journal of journeys")
    order = np.argsort(rows["arrival"], kind="stable")
    rows, workers = rows[order], workers[order]
    columns = {
        "arrival": rows["arrival"],
        "steps": rows["steps"],
        "outcome": _words(rows["outcome"].astype(np.int32), _OUTCOMES),
        "error": _words(rows["error"].astype(np.int32), list(binary.ERRORS), rows["error"] == 0),
        "started_ns": _nullable(rows["started_ns"], rows["started_ns"] < 0),
        "done_ns": rows["done_ns"],
        "worker": workers,
    }
    return _table(columns, schema.JOURNEYS)


def ledger(journal: Path) -> pa.Table:
    entries = _lines(journal, "ledger", LedgerEntry)
    order = {fact: index for index, fact in enumerate(Fact)}
    entries.sort(key=lambda e: (e.key, order[e.fact]))
    return _structs(entries, schema.LEDGER)


def readings(journal: Path) -> pa.Table:
    rows = _lines(journal, "readings", Reading)
    rows.sort(key=lambda r: (r.source, r.metric, r.at_ns))
    return _structs(rows, schema.READINGS)


def observations(journal: Path) -> pa.Table:
    """Arrow from the first byte on: there may be millions."""
    text = pa.schema([(f.name, pa.string() if f.type == schema.WORD else f.type) for f in schema.OBSERVATIONS])
    parts = [_arrow_lines(path, text) for path in sorted(journal.glob("observations-*.jsonl"))]
    table = pa.concat_tables([text.empty_table(), *parts])
    order = [(name, "ascending", "at_start") for name in _OBSERVATIONS_BY]
    table = table.take(pc.sort_indices(table, sort_keys=order)).combine_chunks()
    columns = [
        table[field.name].dictionary_encode() if field.type == schema.WORD else table[field.name]
        for field in schema.OBSERVATIONS
    ]
    return pa.table(columns, schema=schema.OBSERVATIONS)


def _arrow_lines(path: Path, shape: pa.Schema) -> pa.Table:
    """As json_lines, in columns."""
    with sound.reading(path), pa.memory_map(str(path)) if path.stat().st_size else pa.BufferReader(b"") as file:
        data = file.read_buffer()
        whole = _last_line_end(data)
        if not whole:
            return shape.empty_table()
        try:
            return pj.read_json(
                pa.BufferReader(data.slice(0, whole)),
                pj.ReadOptions(block_size=LINE_BYTES_MAX),
                pj.ParseOptions(explicit_schema=shape, unexpected_field_behavior="error"),
            )
        except pa.ArrowInvalid as error:
            raise RecordError(f"{path}: not rows of this journal: {sound.in_words(error)}") from error


def _last_line_end(data: pa.Buffer) -> int:
    """How many bytes are whole lines."""
    step, end = 65536, int(data.size)
    while end:
        begin = max(0, end - step)
        found: int = data.slice(begin, end - begin).to_pybytes().rfind(b"\n")
        if found >= 0:
            return begin + found + 1
        end = begin
    return 0


def _binary(journal: Path, name: str, dtype: np.dtype[Any]) -> tuple[np.ndarray, np.ndarray]:
    """Rows of all workers and the worker of each; a last row torn by a crash is left out."""
    parts, workers = [np.empty(0, dtype)], [np.empty(0, np.uint16)]
    for path in sorted(journal.glob(f"{name}-*.bin")):
        with sound.reading(path):
            count = path.stat().st_size // dtype.itemsize
            parts.append(np.fromfile(path, dtype, count=count))
            workers.append(np.full(count, int(path.stem.rsplit("-", 1)[1]), np.uint16))
    return np.concatenate(parts), np.concatenate(workers)


def _within(rows: np.ndarray, bounds: dict[str, int], times: Sequence[str], name: str) -> None:
    """A number that names nothing: the disk lost a block, or the journal is of another run."""
    for column in times:
        if (at_ns := sound.first_beyond(rows, column)) is not None:
            raise RecordError(f"{name} is damaged: {column} {at_ns} is no time of a run")
    for column, bound in bounds.items():
        if len(rows) and int(rows[column].max()) >= bound:
            found = int(rows[column].max())
            raise RecordError(f"{name} is damaged: {column} {found}, of which there are only {bound}")


def _lines(journal: Path, name: str, kind: type[Row]) -> list[Row]:
    found: list[Row] = []
    for path in sorted(journal.glob(f"{name}-*.jsonl")):
        with sound.reading(path):
            found += json_lines(path, kind)
    return found


def json_lines(path: Path, kind: type[Row]) -> Iterator[Row]:
    """Rows of a JSON-lines file; a last line torn by a crash is left out."""
    decode = msgspec.json.Decoder(kind).decode
    with path.open("rb") as file:
        for number, line in enumerate(file, 1):
            if not line.endswith(b"\n"):
                return
            try:
                row = decode(line)
                problem = "" if isinstance(row, Observation) else sound.row_problem(row)
            except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
                problem = sound.in_words(error)
            if problem:
                raise RecordError(f"{path}, line {number}: not a row of this journal: {problem}")
            yield row


def _words(codes: np.ndarray, names: list[str], null: np.ndarray | None = None) -> pa.Array:
    return pa.DictionaryArray.from_arrays(pa.array(codes, pa.int32(), mask=null), pa.array(names, pa.string()))


def _nullable(values: np.ndarray, null: np.ndarray) -> pa.Array:
    return pa.array(values, mask=null)


def _structs(rows: Sequence[LedgerEntry | Reading], shape: pa.Schema) -> pa.Table:
    columns: dict[str, Any] = {name: [getattr(row, name) for row in rows] for name in shape.names}
    return _table(columns, shape)


def _table(columns: dict[str, Any], shape: pa.Schema) -> pa.Table:
    return pa.table(
        [_column(columns[field.name], field.type) for field in shape],
        schema=shape,
    )


def _column(values: Any, kind: pa.DataType) -> pa.Array:
    if isinstance(values, pa.DictionaryArray):
        return values
    if pa.types.is_dictionary(kind):
        return pa.array(values, pa.string()).dictionary_encode()
    return pa.array(values, kind)
