"""All calls of a record as numpy columns, fetched once and shared by the checks.

Words arrive as small integers (their place in a list), so that five million calls are 100 MB and every question is
array arithmetic. Dropped arrivals are no calls; they are counted where they matter.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import cached_property
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from record.reader import RunRecord
from record.types import Objective, Outcome, RecordError
from reports import failing, offered, order
from reports.verdict import NEVER_NS

BLOCKS_MAX = 3600  # longer runs get longer blocks
SECONDS_MAX = 10_000_000  # of a run; what a damaged record says beyond counts as the last of them
NO_WORD = 2**16 - 1
UNSENT = -(2**31)
OUTCOMES = tuple(outcome.name.lower() for outcome in Outcome)
_WORDS = ("operation", "commune", "outcome")
_COLUMNS = [*_WORDS, "status", "intended_ns", "sent_ns", "done_ns", *failing.COLUMNS]
_SECOND_NS = 1_000_000_000

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
    took_ns: NDArray[np.uint32] | NDArray[np.int64]
    late_ns: NDArray[np.int32] | NDArray[np.int64]
    second: NDArray[np.uint16] | NDArray[np.uint32]
    block: NDArray[np.uint16]
    block_s: float
    arrivals: NDArray[np.int64]  # planned, by the phase in which they are due
    planned: NDArray[np.float64]  # (blocks, k): what the plan did to each block (reports.offered)
    done: NDArray[np.int64]  # how many were carried out, by the second in which they ended
    failing: failing.Failing
    impossible: int = 0  # rows of the record that cannot be

    def __len__(self) -> int:
        return len(self.operation)

    def due_ns(self, at: Any = slice(None)) -> NDArray[np.int64]:
        """Of some calls: from when they were due until their answer, NEVER_NS where none came."""
        return np.where(self.unanswered[at], np.int64(NEVER_NS), self.took_ns[at])

    def service_ns(self, at: Any = slice(None)) -> NDArray[np.int64]:
        """Of some calls: from their sending until their answer, NEVER_NS where none came, -1 where nothing was sent."""
        late = self.late_ns[at]
        found = np.clip(self.took_ns[at] - late, 0, NEVER_NS)
        found[self.unanswered[at]] = NEVER_NS
        found[late == UNSENT] = -1
        return np.asarray(found)

    def timed(self, at: Any = slice(None)) -> NDArray[np.bool_]:
        """Of some calls, those whose time counts: carried out, or without any answer, slower than all that have one.

        An answer that is no success does not count: a fast "no" or a fast HTTP 500 must not improve a percentile. A
        connection cut after a millisecond must not either. All of them are counted as errors.
        """
        return np.asarray((self.outcome[at] == Outcome.OK) | self.unanswered[at])

    @cached_property
    def failed_at(self) -> NDArray[np.uint32]:
        """Places of those that failed."""
        found = [np.flatnonzero(self.outcome[at] != Outcome.OK) + at.start for at in order.chunks(len(self))]
        return np.concatenate([np.zeros(0, np.uint32), *(each.astype(np.uint32) for each in found)])

    @property
    def untimed_at(self) -> NDArray[np.uint32]:
        """Places of those whose time does not count: they failed, and were answered."""
        return self.failed_at[~self.timed(self.failed_at)]

    @cached_property
    def counts(self) -> Codes:
        """(phases, operations, blocks): how many calls there are."""
        return self._by_block(slice(None))

    @cached_property
    def failures(self) -> Codes:
        """The same of those that failed."""
        return self._by_block(self.failed_at)

    def _by_block(self, at: Any) -> Codes:
        many, phases = len(self.operations), int(self.phase.max(initial=0)) + 1
        kind: Any = np.uint16 if many * phases < 2**16 else np.int32
        stratum = self.phase[at].astype(kind) * kind(many) + self.operation[at]
        counts = order.by_block(stratum, many * phases, self.block[at], len(self.planned))
        return counts.reshape(phases, many, len(self.planned))

    def matching(self, objective: Objective) -> NDArray[np.bool_]:
        """Per operation: is it meant by one of the objective's patterns?"""
        meant = [any(fnmatchcase(name, pattern) for pattern in objective.operations) for name in self.operations]
        return np.array(meant, np.bool_)


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
        took_ns=np.empty(total, np.uint32),
        late_ns=np.empty(total, np.int32),
        second=np.empty(total, np.uint16 if high < 2**16 * 1_000_000_000 else np.uint32),
        block=np.empty(total, np.uint16),
    )
    lists = tuple({word: place for place, word in enumerate(words)} for words in (operations, communes, OUTCOMES))
    reader = _Reader(lists, [phase.end_ns for phase in manifest.phases[:-1]], low, block_ns)
    filled = 0
    for batch in _ahead(record.batches("samples", _COLUMNS)):
        part = reader.calls(batch)
        rows = slice(filled, filled + len(part.took_ns))
        table.fill(rows, part)
        filled = rows.stop
    place = {name: index for index, name in enumerate(systems)}
    columns = {name: values[:filled] for name, values in vars(table).items()}
    arrivals, planned = _planned(record, columns["block"], low, block_ns)
    return Calls(
        operations=operations,
        systems=systems,
        communes=communes,
        system_of=np.array([place[operation.system] for operation in manifest.operations], np.int64),
        **columns,
        block_s=block_ns / 1e9,
        arrivals=arrivals,
        planned=planned,
        done=reader.done,
        failing=reader.failing,
        impossible=reader.impossible,
    )


@dataclass
class _Table:
    """The columns of Calls, of all calls or of some."""

    operation: NDArray[Any]
    commune: NDArray[Any]
    phase: NDArray[np.uint8]
    outcome: NDArray[Any]
    unanswered: NDArray[np.bool_]
    took_ns: NDArray[Any]
    late_ns: NDArray[Any]
    second: NDArray[Any]
    block: NDArray[Any]

    def fill(self, rows: slice, part: _Table) -> None:
        """Times that do not fit into four bytes make their column wider."""
        for name, values in vars(part).items():
            mine: NDArray[Any] = getattr(self, name)
            if name in ("took_ns", "late_ns") and len(values) and int(values.max()) > np.iinfo(mine.dtype).max:
                mine = mine.astype(np.int64)
                setattr(self, name, mine)
            mine[rows] = values


class _Reader:
    """Makes calls of batches, one after the other and all in the same few arrays: fresh memory takes longer than the
    arithmetic in it.

    `impossible`: rows that cannot be (times that run backwards, successes without a call); `done` as in Calls.
    """

    def __init__(self, lists: tuple[dict[str, int], ...], ends: list[int], low: int, block_ns: int) -> None:
        self.failing = failing.Failing()
        self.impossible = 0
        self.done: Codes = np.zeros(1, np.int64)
        self._lists, self._ends, self._low, self._block_ns = lists, ends, low, block_ns
        self._times, self._words = np.empty((4, 0), np.int64), np.empty((3, 0), np.int32)

    def calls(self, batch: pa.RecordBatch) -> _Table:
        """What is given back holds until the next batch."""
        many = batch.num_rows
        if self._times.shape[1] < many:
            self._times, self._words = np.empty((4, many), np.int64), np.empty((3, many), np.int32)
        took, late, second, block = self._times[:, :many]
        operation, commune, outcome = (
            codes(batch.column(name), order, NO_WORD, out)
            for name, order, out in zip(_WORDS, self._lists, self._words[:, :many], strict=True)
        )
        intended, sent, done = (numbers(batch.column(name)) for name in ("intended_ns", "sent_ns", "done_ns"))
        np.subtract(done, intended, out=took)
        np.subtract(sent, intended, out=late)
        unsent, succeeded, gone = _missing(batch.column("sent_ns")), outcome == Outcome.OK, outcome >= Outcome.DROPPED
        self.failing.note(batch, ~(succeeded | gone), (operation, commune, outcome))
        backwards = (took < 0) | (~unsent & ((late < 0) | (took < late)))
        self.impossible += int(np.count_nonzero(gone | backwards | (unsent & succeeded)))
        self._count(np.maximum(done, 0, out=second), succeeded)
        np.clip(took, 0, NEVER_NS, out=took)
        np.maximum(late, UNSENT + 1, out=late)
        late[unsent] = UNSENT
        phase = np.zeros(many, np.uint8)
        for end in self._ends:
            phase += intended >= end
        _divide(np.maximum(intended, 0, out=second), _SECOND_NS)
        _divide(np.subtract(intended, self._low, out=block), self._block_ns)
        unanswered = ~succeeded & _missing(batch.column("status"))
        found = _Table(operation, commune, phase, outcome, unanswered, took, late, second, block)
        if gone.any():
            found = _Table(*(values[~gone] for values in vars(found).values()))
        if len(found.operation) and max(int(found.operation.max()), int(found.commune.max())) == NO_WORD:
            raise RecordError("samples.parquet: a call of no operation or no commune that the record knows")
        return found

    def _count(self, done_ns: Codes, succeeded: NDArray[np.bool_]) -> None:
        """Into `done`; `done_ns` is used up."""
        second = np.minimum(_divide(done_ns, _SECOND_NS), SECONDS_MAX, out=done_ns)
        counts = np.bincount(second, minlength=len(self.done))
        counts -= np.bincount(second[~succeeded], minlength=len(counts))
        counts[: len(self.done)] += self.done
        self.done = counts


def _divide(ns: Codes, by: int) -> Codes:
    """In place, of what is not negative; as unsigned numbers it takes a third of the time."""
    unsigned = ns.view(np.uint64)
    np.floor_divide(unsigned, np.uint64(by), out=unsigned)
    return ns


def _ahead(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """The same, each read while the one before is worked on."""
    with ThreadPoolExecutor(1) as reader:
        coming = reader.submit(next, batches, None)
        while (batch := coming.result()) is not None:
            coming = reader.submit(next, batches, None)
            yield batch


def _kind(words: tuple[str, ...]) -> type[np.uint8] | type[np.uint16]:
    return np.uint8 if len(words) <= 256 else np.uint16


def _missing(column: pa.Array) -> NDArray[np.bool_]:
    if not column.null_count:
        return np.zeros(len(column), np.bool_)
    return np.asarray(column.is_null().to_numpy(zero_copy_only=False))


def _planned(record: RunRecord, block: NDArray[Any], low: int, block_ns: int) -> tuple[Codes, NDArray[np.float64]]:
    """Arrivals by phase; and phase, arrivals and calls due of every block, as the intervals want them."""
    blocks = int(block.max()) + 1 if len(block) else 0
    ends = np.array([phase.end_ns for phase in record.manifest.phases[:-1]], np.int64)
    by_phase, by_block = np.zeros(len(ends) + 1, np.int64), np.zeros(blocks, np.int64)
    for batch in record.batches("arrivals", ["at_ns"]):
        at = numbers(batch.column("at_ns"))
        by_phase += np.bincount(np.searchsorted(ends, at, "right"), minlength=len(by_phase))
        if blocks:
            by_block += np.bincount(np.clip((at - low) // block_ns, 0, blocks - 1), minlength=blocks)
    if not blocks:
        return by_phase, np.ones((0, 1))
    middle = low + np.arange(blocks, dtype=np.int64) * block_ns + block_ns // 2
    phase_of = np.searchsorted(ends, middle, "right")
    return by_phase, offered.design(phase_of, by_block, order.count(block, blocks))


def codes(
    column: pa.DictionaryArray, order: Mapping[str, int], missing: int, out: NDArray[np.int32] | None = None
) -> NDArray[np.int32]:
    """Words as numbers: each as `order` says; `missing` for those that it does not have and where there is none."""
    places = np.array([order.get(word, missing) for word in column.dictionary.to_pylist()] + [missing], np.int32)
    indices = column.indices.fill_null(len(places) - 1) if column.null_count else column.indices
    found: NDArray[np.int32] = np.take(places, indices.to_numpy(zero_copy_only=False), out=out, mode="clip")
    return found  # "clip" is the fastest: no index has to be looked at first


def numbers(column: pa.Array, missing: int = 0) -> NDArray[Any]:
    """A column of whole numbers as it is, or widened to 64 bits where some are missing."""
    return np.asarray(column.cast(pa.int64()).fill_null(missing) if column.null_count else column)
