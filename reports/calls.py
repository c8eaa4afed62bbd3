"""All calls of a record as numpy columns, fetched once and shared by the checks.

Words arrive as small integers (their place in a list), so that five million calls are 100 MB and every question is
array arithmetic. Dropped arrivals are no calls; they are counted where they matter.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from record.reader import RunRecord
from record.types import Outcome, RecordError
from reports import offered, order
from reports.verdict import NEVER_NS

BLOCKS_MAX = 3600  # longer runs get longer blocks
NO_WORD = 2**16 - 1
UNSENT = -(2**31)
OUTCOMES = tuple(outcome.name.lower() for outcome in Outcome)
_COLUMNS = ["operation", "commune", "outcome", "status", "intended_ns", "sent_ns", "done_ns"]

Codes = NDArray[np.int64]


@dataclass(frozen=True)
class Calls:
    """One element per call in every array.

    `took_ns` goes from when the call was due until its answer, or until nobody waited any more; `late_ns` from when it
    was due until it was sent, UNSENT where nothing was. `second` is the one in which it was due, counted from the zero
    of the run, `block` the same counted from the first call (longer beyond an hour).
    """

    operations: tuple[str, ...]
    systems: tuple[str, ...]
    communes: tuple[str, ...]
    system_of: NDArray[np.int64]  # operation → system
    operation: NDArray[np.uint8] | NDArray[np.uint16]
    commune: NDArray[np.uint8] | NDArray[np.uint16]
    phase: NDArray[np.uint8]
    outcome: NDArray[np.uint8]
    unanswered: NDArray[np.bool_]
    took_ns: NDArray[np.int64]
    late_ns: NDArray[np.int32] | NDArray[np.int64]
    second: NDArray[np.uint16] | NDArray[np.uint32]
    block: NDArray[np.uint16]
    block_s: float
    planned: NDArray[np.float64]  # (blocks, k): what the plan did to each block (reports.offered)
    impossible: int = 0  # rows of the record that cannot be

    def __len__(self) -> int:
        return len(self.operation)

    def due_ns(self, at: Any = slice(None)) -> NDArray[np.int64]:
        """Of some calls: from when they were due until their answer, NEVER_NS where none came."""
        return np.where(self.unanswered[at], NEVER_NS, self.took_ns[at])

    def service_ns(self, at: Any = slice(None)) -> NDArray[np.int64]:
        """Of some calls: from their sending until their answer, NEVER_NS where none came, -1 where nothing was sent."""
        late = self.late_ns[at]
        found = np.clip(self.took_ns[at] - late, 0, NEVER_NS)
        found[self.unanswered[at]] = NEVER_NS
        found[late == UNSENT] = -1
        return np.asarray(found)

    @cached_property
    def timed(self) -> NDArray[np.bool_]:
        """Calls whose time counts: those carried out, and those without any answer, slower than all that have one.

        An answer that is no success does not count: a fast "no" or a fast HTTP 500 must not improve a percentile. A
        connection cut after a millisecond must not either. All of them are counted as errors.
        """
        return np.asarray((self.outcome == Outcome.OK) | self.unanswered)

    @cached_property
    def failed(self) -> NDArray[np.bool_]:
        return np.asarray((self.outcome == Outcome.REFUSED) | (self.outcome == Outcome.UNKNOWN))


def load(record: RunRecord) -> Calls:
    """Raises nothing of its own: a record without samples gives empty arrays."""
    manifest = record.manifest
    operations = tuple(operation.name for operation in manifest.operations)
    systems = tuple(sorted({operation.system for operation in manifest.operations}))
    known = record.arrow("SELECT DISTINCT commune FROM samples ORDER BY commune")
    communes = tuple(name for name in known.column("commune").to_pylist() if name is not None)
    span = record.arrow(
        "SELECT coalesce(min(intended_ns), 0) AS low, coalesce(max(intended_ns), 0) AS high FROM samples"
    )
    low, high = span.column("low")[0].as_py(), span.column("high")[0].as_py()
    block_ns = 1_000_000_000 * max(1, -(-(high - low) // (BLOCKS_MAX * 1_000_000_000)))
    total = record.arrow("SELECT count(*) AS n FROM samples").column("n")[0].as_py()
    table = _Table(
        operation=np.empty(total, _kind(operations)),
        commune=np.empty(total, _kind(communes)),
        phase=np.empty(total, np.uint8),
        outcome=np.empty(total, np.uint8),
        unanswered=np.empty(total, np.bool_),
        took_ns=np.empty(total, np.int64),
        late_ns=np.empty(total, np.int32),
        second=np.empty(total, np.uint16 if high < 2**16 * 1_000_000_000 else np.uint32),
        block=np.empty(total, np.uint16),
    )
    lists = tuple({word: place for place, word in enumerate(words)} for words in (operations, communes, OUTCOMES))
    ends = [phase.end_ns for phase in manifest.phases[:-1]]
    filled = impossible = 0
    for batch in record.batches("samples", _COLUMNS):
        part, wrong = _calls(batch, lists, ends, low, block_ns)
        impossible += wrong
        rows = slice(filled, filled + len(part.took_ns))
        if len(part.late_ns) and int(part.late_ns.max()) >= 2**31:
            table.late_ns = table.late_ns.astype(np.int64)
        for name, values in vars(part).items():
            getattr(table, name)[rows] = values
        filled = rows.stop
    place = {name: index for index, name in enumerate(systems)}
    columns = {name: values[:filled] for name, values in vars(table).items()}
    return Calls(
        operations=operations,
        systems=systems,
        communes=communes,
        system_of=np.array([place[operation.system] for operation in manifest.operations], np.int64),
        **columns,
        block_s=block_ns / 1e9,
        planned=_planned(record, columns["block"], low, block_ns),
        impossible=impossible,
    )


@dataclass
class _Table:
    """The columns of Calls, of all calls or of some."""

    operation: NDArray[Any]
    commune: NDArray[Any]
    phase: NDArray[np.uint8]
    outcome: NDArray[Any]
    unanswered: NDArray[np.bool_]
    took_ns: NDArray[np.int64]
    late_ns: NDArray[Any]
    second: NDArray[Any]
    block: NDArray[Any]


def _calls(
    batch: pa.RecordBatch, lists: tuple[dict[str, int], ...], ends: list[int], low: int, block_ns: int
) -> tuple[_Table, int]:
    """The calls of a batch, and how many of its rows cannot be: times that run backwards, successes without a call."""
    intended, done = (numbers(batch.column(name)) for name in ("intended_ns", "done_ns"))
    unsent = _missing(batch.column("sent_ns"))
    took, late = done - intended, numbers(batch.column("sent_ns")) - intended
    operation, commune, outcome = (
        codes(batch.column(name), order, NO_WORD)
        for name, order in zip(("operation", "commune", "outcome"), lists, strict=True)
    )
    gone = (outcome == NO_WORD) | (outcome == Outcome.DROPPED)
    backwards = (took < 0) | (~unsent & ((late < 0) | (took < late)))
    succeeded = outcome == Outcome.OK
    impossible = int(np.count_nonzero(gone | backwards | (unsent & succeeded)))
    unanswered = ~succeeded & _missing(batch.column("status"))
    np.clip(took, 0, NEVER_NS, out=took)
    np.maximum(late, UNSENT + 1, out=late)
    late[unsent] = UNSENT
    phase = np.zeros(len(done), np.uint8)
    for end in ends:
        phase += intended >= end
    second, block = np.maximum(intended, 0) // 1_000_000_000, (intended - low) // block_ns
    found = _Table(operation, commune, phase, outcome, unanswered, took, late, second, block)
    if gone.any():
        found = _Table(*(values[~gone] for values in vars(found).values()))
    if len(found.operation) and max(int(found.operation.max()), int(found.commune.max())) == NO_WORD:
        raise RecordError("samples.parquet: a call of no operation or no commune that the record knows")
    return found, impossible


def _kind(words: tuple[str, ...]) -> type[np.uint8] | type[np.uint16]:
    return np.uint8 if len(words) <= 256 else np.uint16


def _missing(column: pa.Array) -> NDArray[np.bool_]:
    if not column.null_count:
        return np.zeros(len(column), np.bool_)
    return np.asarray(column.is_null().to_numpy(zero_copy_only=False))


def _planned(record: RunRecord, block: NDArray[Any], low: int, block_ns: int) -> NDArray[np.float64]:
    """Phase, arrivals and calls due of every block, as the intervals want them."""
    blocks = int(block.max()) + 1 if len(block) else 0
    if not blocks:
        return np.ones((0, 1))
    middle = low + np.arange(blocks, dtype=np.int64) * block_ns + block_ns // 2
    ends = np.array([phase.end_ns for phase in record.manifest.phases[:-1]], np.int64)
    arrivals = np.zeros(blocks, np.int64)
    for batch in record.batches("arrivals", ["at_ns"]):
        at = numbers(batch.column("at_ns"))
        arrivals += np.bincount(np.clip((at - low) // block_ns, 0, blocks - 1), minlength=blocks)
    return offered.design(np.searchsorted(ends, middle, "right"), arrivals, order.count(block, blocks))


def codes(column: pa.DictionaryArray, order: Mapping[str, int], missing: int) -> NDArray[np.int32]:
    """Words as numbers: each as `order` says; `missing` for those that it does not have and where there is none."""
    places = np.array([order.get(word, missing) for word in column.dictionary.to_pylist()] + [missing], np.int32)
    indices = column.indices.fill_null(len(places) - 1) if column.null_count else column.indices
    return np.asarray(places[indices.to_numpy(zero_copy_only=False)])


def numbers(column: pa.Array, missing: int = 0) -> NDArray[Any]:
    """A column of whole numbers as it is, or widened to 64 bits where some are missing."""
    return np.asarray(column.cast(pa.int64()).fill_null(missing) if column.null_count else column)
