"""Whether what was read of a record can be a record's: a manifest that contradicts itself, a table of another shape.

The digests of a sealed record say whether it was changed; this says it where there are none: in a manifest, in a record
that was never sealed, and for whoever opens one without comparing digests. Everything raised is a RecordError.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from math import isfinite
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from record import schema
from record.types import Event, LedgerEntry, Manifest, Reading, RecordError, State

ARRIVALS_MAX = 2**32 - 1
TIME_NS_MAX = 10**17  # three years after the zero of a run
WORDS_CHARS_MAX = 300
_UTC = "%Y-%m-%dT%H:%M:%SZ"
_IDENTITIES = ("realistic", "marked", "allow-list", "none")
_WHOLE = 2**63  # numbers below it go into tables


@contextmanager
def reading(path: Path) -> Iterator[None]:
    """Whatever goes wrong with a file inside the block is told with its path."""
    try:
        yield
    except (OSError, ValueError, KeyError, OverflowError, MemoryError, pa.ArrowException) as error:
        raise RecordError(f"{path}: cannot be read: {in_words(error)}") from error


def in_words(error: BaseException) -> str:
    """The first line of what a library says, not endlessly."""
    said = getattr(error, "strerror", None) or str(error).strip() or type(error).__name__
    line = str(said).splitlines()[0][:WORDS_CHARS_MAX]
    return "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in line)


def table(path: Path, name: str) -> pa.Table:
    """A whole table of the record, checked to the last value."""
    with reading(path):
        found = pq.read_table(path)
        _same_shape(found.schema, name)
        found.validate(full=True)
        return found


def check_shape(path: Path, name: str) -> None:
    """That the file of a table says it has the table's columns. Reads its end only."""
    with reading(path):
        _same_shape(pq.read_schema(path), name)


def plan_problem(manifest: Manifest, arrivals: pa.Table) -> str:
    """Empty when the table is the manifest's plan."""
    if arrivals.num_rows != manifest.arrivals:
        return f"{arrivals.num_rows} arrivals, and the manifest says {manifest.arrivals}"
    if any(arrivals[name].null_count for name in arrivals.column_names):
        return "an arrival with a gap"
    if set(arrivals["arrival"].to_pylist()) != set(range(manifest.arrivals)):
        return "arrivals that are not numbered from 0 on"
    return ""


def row_problem(row: LedgerEntry | Reading | Event) -> str:
    """Empty when a row of a journal can stand in a table."""
    if not within_time(row.at_ns):
        return f"at_ns {str(row.at_ns)[:30]} is no time of a run"
    if isinstance(row, LedgerEntry) and row.arrival is not None and not 0 <= row.arrival <= ARRIVALS_MAX:
        return f"arrival {str(row.arrival)[:30]} is none"
    if isinstance(row, Reading) and not isfinite(row.value):
        return "a value that is no number"
    return ""


def within_time(at_ns: int) -> bool:
    return -TIME_NS_MAX < at_ns < TIME_NS_MAX


def manifest_problem(manifest: Manifest) -> str:
    """The first contradiction in a manifest, empty when there is none."""
    return next(_contradictions(manifest), "")


def _contradictions(m: Manifest) -> Iterator[str]:
    if not 0 <= m.arrivals <= ARRIVALS_MAX:
        yield f"arrivals: not from 0 to {ARRIVALS_MAX}"
    if not 0 <= m.seed < _WHOLE:
        yield "seed: not a whole number of 63 bits"
    if m.identities not in _IDENTITIES:
        yield f"identities: none of {', '.join(_IDENTITIES)}"
    if not _is_moment(m.created_utc) or (m.sealed_utc is not None and not _is_moment(m.sealed_utc)):
        yield "created_utc, sealed_utc: should be like 2025-07-01T00:00:00Z"
    if not (0 < m.rate_factor <= 1e9 and 0 < m.compression <= 1e9):
        yield "rate_factor, compression: should be above 0"
    if not 1 <= m.workers <= 2**16:
        yield "workers: should be from 1"
    if m.state is State.SEALED and m.sealed_utc is None:
        yield "sealed_utc: missing, and the run is sealed"
    if m.zero is not None and not (0 <= m.zero.wall_ns < _WHOLE and 0 <= m.zero.mono_ns < _WHOLE):
        yield "zero: no time of any clock"
    at_ns = 0
    for phase in m.phases:
        if phase.start_ns != at_ns or not at_ns < phase.end_ns < TIME_NS_MAX:
            yield "phases: should follow each other from 0 on"
        at_ns = phase.end_ns
    names = [operation.name for operation in m.operations]
    for what, found in (
        ("phases", [phase.name for phase in m.phases]),
        ("operations", names),
        ("objectives", [objective.slug for objective in m.objectives]),
        ("links", [link.slug for link in m.links]),
    ):
        if len(set(found)) < len(found) or not all(found):
            yield f"{what}: each needs a name of its own"
    words = (*names, *(o.system for o in m.operations), *(phase.name for phase in m.phases))
    if any("\0" in word for word in words):
        yield "phases, operations: a name with a NUL"
    for objective in m.objectives:
        if not 0 <= objective.limit < 1e12 or not 0 < (objective.percentile or 50.0) < 100:
            yield "objectives: a limit from 0 and a percentile between 0 and 100"
        if objective.percentile is None and objective.metric != "errors":
            yield "objectives: a percentile is missing"
    if not all(0 <= getattr(m.limits, name) < 1e12 for name in m.limits.__struct_fields__):
        yield "limits: should be from 0"
    if not all(abs(state) < 2**31 for move in m.moves for state in move):
        yield "moves: no states"
    for name, digest in m.files.items():
        if not re.fullmatch(r"[a-z]+\.(parquet|jsonl)", name) or not 0 <= digest.rows < _WHOLE:
            yield "files: should be files of the record, with their rows"


def _is_moment(text: str) -> bool:
    try:
        return 2000 <= datetime.strptime(text, _UTC).year < 3000
    except ValueError:
        return False


def _same_shape(found: pa.Schema, name: str) -> None:
    wanted = schema.TABLES[name]
    if not found.equals(wanted):
        differing = [
            field.name for field in wanted if field.name not in found.names or found.field(field.name) != field
        ]
        raise ValueError(f"not the columns of {name}: {', '.join(differing) or 'more than those'}")


def first_beyond(rows: Any, column: str) -> int | None:
    """The first time in a column of a binary journal that is none of a run."""
    values = rows[column]
    beyond = values[(values < -1) | (values >= TIME_NS_MAX)]
    return int(beyond[0]) if len(beyond) else None
