"""All calls of a record as numpy columns, fetched once and shared by the checks.

Words arrive as small integers (their place in a list), so that five million calls are 150 MB and every question is
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

LATENCY_NS_MAX = NEVER_NS
BLOCKS_MAX = 3600  # longer runs get longer blocks
NO_WORD = 2**16 - 1
OUTCOMES = tuple(outcome.name.lower() for outcome in Outcome)
_COLUMNS = ["operation", "commune", "outcome", "status", "intended_ns", "sent_ns", "done_ns"]

Codes = NDArray[np.int64]


@dataclass(frozen=True)
class Calls:
    """One element per call in every array. `due_ns` counts from when the call was due, `service_ns` from its sending.

    Both are NEVER_NS where no answer came; `service_ns` is -1 where nothing was sent. `block` is the second in which
    the call was due (longer beyond an hour).
    """

    operations: tuple[str, ...]
    systems: tuple[str, ...]
    communes: tuple[str, ...]
    system_of: NDArray[np.int64]  # operation → system
    operation: NDArray[np.uint8] | NDArray[np.uint16]
    commune: NDArray[np.uint8] | NDArray[np.uint16]
    phase: NDArray[np.uint8]
    outcome: NDArray[np.uint8]
    due_ns: NDArray[np.int64]
    service_ns: NDArray[np.int64]
    block: NDArray[np.uint16]
    block_s: float
    planned: NDArray[np.float64]  # (blocks, k): what the plan did to each block (reports.offered)
    impossible: int = 0  # rows of the record that cannot be

    def __len__(self) -> int:
        return len(self.operation)

    @cached_property
    def timed(self) -> NDArray[np.bool_]:
        """Calls whose time counts: those carried out, and those without any answer, slower than all that have one.

        An answer that is no success does not count: a fast "no" or a fast HTTP 500 must not improve a percentile. A
        connection cut after a millisecond must not either. All of them are counted as errors.
        """
        return np.asarray((self.outcome == Outcome.OK) | (self.due_ns == NEVER_NS))

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
        due_ns=np.empty(total, np.int64),
        service_ns=np.empty(total, np.int64),
        block=np.empty(total, np.uint16),
    )
    lists = tuple({word: place for place, word in enumerate(words)} for words in (operations, communes, OUTCOMES))
    ends = [phase.end_ns for phase in manifest.phases[:-1]]
    filled = impossible = 0
    for batch in record.batches("samples", _COLUMNS):
        part, wrong = _calls(batch, lists, ends, low, block_ns)
        impossible += wrong
        rows = slice(filled, filled + len(part.due_ns))
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


@dataclass(frozen=True)
class _Table:
    """The columns of Calls, of all calls or of some."""

    operation: NDArray[Any]
    commune: NDArray[Any]
    phase: NDArray[np.uint8]
    outcome: NDArray[Any]
    due_ns: NDArray[np.int64]
    service_ns: NDArray[np.int64]
    block: NDArray[Any]


def _calls(
    batch: pa.RecordBatch, lists: tuple[dict[str, int], ...], ends: list[int], low: int, block_ns: int
) -> tuple[_Table, int]:
    """The calls of a batch, and how many of its rows cannot be: times that run backwards, successes without a call."""
    intended, done = (numbers(batch.column(name)) for name in ("intended_ns", "done_ns"))
    unsent = _missing(batch.column("sent_ns"))
    sent = numbers(batch.column("sent_ns").fill_null(0))
    operation, commune, outcome = (
        codes(batch.column(name), order, NO_WORD)
        for name, order in zip(("operation", "commune", "outcome"), lists, strict=True)
    )
    gone = (outcome == NO_WORD) | (outcome == Outcome.DROPPED)
    backwards = (done < intended) | (~unsent & ((sent < intended) | (done < sent)))
    impossible = int(np.count_nonzero(gone | backwards | (unsent & (outcome == Outcome.OK))))
    unanswered = (outcome != Outcome.OK) & _missing(batch.column("status"))
    due = np.where(unanswered, NEVER_NS, np.clip(done - intended, 0, NEVER_NS))
    service = np.where(unanswered, NEVER_NS, np.clip(done - sent, 0, NEVER_NS))
    service[unsent] = -1
    phase = np.zeros(len(done), np.uint8)
    for end in ends:
        phase += intended >= end
    found = _Table(operation, commune, phase, outcome, due, service, (intended - low) // block_ns)
    if gone.any():
        found = _Table(*(values[~gone] for values in vars(found).values()))
    if len(found.operation) and max(int(found.operation.max()), int(found.commune.max())) == NO_WORD:
        raise RecordError("samples.parquet: a call of no operation or no commune that the record knows")
    return found, impossible


def _kind(words: tuple[str, ...]) -> type[np.uint8] | type[np.uint16]:
    return np.uint8 if len(words) <= 256 else np.uint16


def _missing(column: pa.Array) -> NDArray[np.bool_]:
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
    indices = column.indices.fill_null(len(places) - 1)
    return np.asarray(places[indices.to_numpy(zero_copy_only=False)])


def numbers(column: pa.Array, missing: int = 0) -> NDArray[Any]:
    """A column of whole numbers as it is, or widened to 64 bits where some are missing."""
    return np.asarray(column.cast(pa.int64()).fill_null(missing) if column.null_count else column)
