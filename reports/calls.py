"""All calls of a record as numpy columns, fetched once and shared by the checks.

Words arrive as small integers (their place in a list), so that five million calls are 100 MB and every question is
array arithmetic. Dropped arrivals are no calls; they are counted where they matter.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence, Sized
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import cached_property
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
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
_APART = ("failed_at", "unanswered_at", "unsent_at")
_COLUMNS = [*_WORDS, "status", "intended_ns", "sent_ns", "done_ns", *failing.COLUMNS]
_SECOND_NS = 1_000_000_000

Codes = NDArray[np.int64]
Places = NDArray[np.uint32]  # of calls, in order; there are fewer than 2**32


@dataclass(frozen=True)
class Calls:
    """One element per call in every array.

    `took_ns` goes from when the call was due until its answer, or until nobody waited any more; `late_ns` from when it
    was due until it was sent, UNSENT where nothing was. `second` is the one in which it was due, counted from the zero
    of the run, `block` the same counted from the first call (longer beyond an hour).

    Few calls fail, so what became of them stands apart: `failed_at` their places in order, `failed_as` how they ended,
    `unanswered_at` the places of those among them without any answer; `unsent_at` the places of calls not sent.
    """

    operations: tuple[str, ...]
    systems: tuple[str, ...]
    communes: tuple[str, ...]
    system_of: NDArray[np.int64]  # operation → system
    operation: NDArray[np.uint8] | NDArray[np.uint16]
    commune: NDArray[np.uint8] | NDArray[np.uint16]
    phase: NDArray[np.uint8] | NDArray[np.uint16]
    took_ns: NDArray[np.uint32] | NDArray[np.int64]
    late_ns: NDArray[np.int32] | NDArray[np.int64]
    second: NDArray[np.uint16] | NDArray[np.uint32]
    block: NDArray[np.uint16]
    failed_at: Places
    failed_as: NDArray[np.uint8]
    unanswered_at: Places
    unsent_at: Places
    block_s: float
    arrivals: NDArray[np.int64]  # planned, by the phase in which they are due
    planned: NDArray[np.float64]  # (blocks, k): what the plan did to each block (reports.offered)
    done: NDArray[np.int64]  # how many were carried out, by the second in which they ended
    end_ns: int  # when the last of them ended
    failing: failing.Failing
    impossible: int = 0  # rows of the record that cannot be

    def __len__(self) -> int:
        return len(self.operation)

    def due_ns(self, at: Any = slice(None)) -> order.Codes:
        """Of some calls: from when they were due until their answer, NEVER_NS where none came. To be read only."""
        found: order.Codes = self.took_ns[at]
        never = self._which(at, self.unanswered_at)
        if len(never):
            found = found.astype(np.int64)
            found[never] = NEVER_NS
        return found

    def service_ns(self, at: Any = slice(None)) -> NDArray[np.int64]:
        """Of some calls: from their sending until their answer, NEVER_NS where none came, -1 where nothing was sent."""
        found = np.subtract(self.took_ns[at], self.late_ns[at], dtype=np.int64)
        np.clip(found, 0, NEVER_NS, out=found)
        found[self._which(at, self.unanswered_at)] = NEVER_NS
        found[self._which(at, self.unsent_at)] = -1
        return np.asarray(found)

    def timed(self) -> NDArray[np.bool_]:
        """Those whose time counts: carried out, or without any answer, slower than all that have one.

        An answer that is no success does not count: a fast "no" or a fast HTTP 500 must not improve a percentile. A
        connection cut after a millisecond must not either. All of them are counted as errors.
        """
        found = np.ones(len(self), np.bool_)
        found[self.untimed_at] = False
        return found

    @cached_property
    def untimed_at(self) -> Places:
        """Places of those whose time does not count: they failed, and were answered."""
        return np.setdiff1d(self.failed_at, self.unanswered_at, assume_unique=True)

    def _which(self, at: Any, places: Places) -> NDArray[np.intp]:
        """Which of some calls (a slice, places in any order, or a mask) are at one of these places."""
        if isinstance(at, slice):
            start, stop, _ = at.indices(len(self))
            first, last = np.searchsorted(places, np.array([start, stop], places.dtype))
            return places[first:last].astype(np.intp) - start
        if not len(places):
            return np.zeros(0, np.intp)
        mine = (np.flatnonzero(at) if at.dtype == np.bool_ else at).astype(places.dtype)
        found = np.minimum(np.searchsorted(places, mine), len(places) - 1)
        return np.flatnonzero(places[found] == mine)

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
        stratum = order.Pairs(self.phase[at], self.operation[at], many)
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
    span = record.arrow(
        "SELECT coalesce(min(intended_ns), 0) AS low, coalesce(max(intended_ns), 0) AS high FROM samples"
    )
    low, high = span.column("low")[0].as_py(), span.column("high")[0].as_py()
    block_ns = 1_000_000_000 * max(1, -(-(high - low) // (BLOCKS_MAX * 1_000_000_000)))
    ends = [phase.end_ns for phase in manifest.phases[:-1]]
    total = record.arrow("SELECT count(*) AS n FROM samples").column("n")[0].as_py()
    table = _Table(
        operation=np.empty(total, _kind(operations)),
        commune=np.empty(total, np.uint8),
        phase=np.empty(total, _kind(ends)),
        took_ns=np.empty(total, np.uint32),
        late_ns=np.empty(total, np.int32),
        second=np.empty(total, np.uint16 if high < 2**16 * 1_000_000_000 else np.uint32),
        block=np.empty(total, np.uint16),
    )
    reader = _Reader(operations, ends, low, block_ns)
    for batch in _ahead(record.batches("samples", _COLUMNS)):
        begin = reader.filled
        part = reader.calls(batch)
        table.fill(slice(begin, reader.filled), part)
    place = {name: index for index, name in enumerate(systems)}
    columns = {name: values[: reader.filled] for name, values in vars(table).items()}
    communes, columns["commune"] = reader.sort_communes(columns["commune"])
    arrivals, planned = _planned(record, columns["block"], low, block_ns)
    return Calls(
        operations=operations,
        systems=systems,
        communes=communes,
        system_of=np.array([place[operation.system] for operation in manifest.operations], np.int64),
        **columns,
        **reader.apart(),
        block_s=block_ns / 1e9,
        arrivals=arrivals,
        planned=planned,
        done=reader.done,
        end_ns=reader.ended_ns or 0,
        failing=reader.failing,
        impossible=reader.impossible,
    )


_WIDER: dict[str, Any] = {"commune": np.uint16, "took_ns": np.int64, "late_ns": np.int64}


@dataclass
class _Table:
    """The columns of Calls, of all calls or of some."""

    operation: NDArray[Any]
    commune: NDArray[Any]
    phase: NDArray[Any]
    took_ns: NDArray[Any]
    late_ns: NDArray[Any]
    second: NDArray[Any]
    block: NDArray[Any]

    def fill(self, rows: slice, part: _Table) -> None:
        """What does not fit makes its column wider."""
        for name, values in vars(part).items():
            mine: NDArray[Any] = getattr(self, name)
            if name in _WIDER and len(values) and int(values.max()) > np.iinfo(mine.dtype).max:
                mine = mine.astype(_WIDER[name])
                setattr(self, name, mine)
            mine[rows] = values


class _Reader:
    """Makes calls of batches, one after the other and all in the same few arrays: fresh memory takes longer than the
    arithmetic in it.

    `filled`: how many calls there are so far; `impossible`: rows that cannot be (times that run backwards, successes
    without a call); `done` as in Calls, and `ended_ns` as its `end_ns`, None as long as nothing ended.
    """

    def __init__(self, operations: Sequence[str], ends: list[int], low: int, block_ns: int) -> None:
        self.failing = failing.Failing()
        self.filled = self.impossible = 0
        self.done: Codes = np.zeros(1, np.int64)
        self.ended_ns: int | None = None
        self._operations, self._outcomes = ({word: i for i, word in enumerate(one)} for one in (operations, OUTCOMES))
        self._communes: dict[str, int] = {}  # in the order in which they turn up
        self._gone_from: set[int] = set()  # communes of rows that are no calls
        self._apart: dict[str, list[NDArray[Any]]] = {name: [] for name in _APART}
        self._failed_as: list[NDArray[np.uint8]] = []
        self._ends, self._low, self._block_ns = ends, low, block_ns
        self._times, self._words = np.empty((4, 0), np.int64), np.empty((3, 0), np.int32)

    def calls(self, batch: pa.RecordBatch) -> _Table:
        """What is given back holds until the next batch."""
        many = batch.num_rows
        if self._times.shape[1] < many:
            self._times, self._words = np.empty((4, many), np.int64), np.empty((3, many), np.int32)
        took, late, second, block = self._times[:, :many]
        operation, commune, outcome = self._read_words(batch)
        intended, sent, done = (numbers(batch.column(name)) for name in ("intended_ns", "sent_ns", "done_ns"))
        np.subtract(done, intended, out=took)
        np.subtract(sent, intended, out=late)
        unsent, succeeded, gone = _missing(batch.column("sent_ns")), outcome == Outcome.OK, outcome >= Outcome.DROPPED
        failed = np.flatnonzero(~(succeeded | gone))
        self.failing.note(batch, failed, operation, outcome)
        backwards = (took < 0) | (~unsent & ((late < 0) | (took < late)))
        self.impossible += int(np.count_nonzero(gone | backwards | (unsent & succeeded)))
        self._count(np.maximum(done, 0, out=second), succeeded)
        ended = (self.ended_ns, pc.max(batch.column("done_ns")).as_py())
        self.ended_ns = max((each for each in ended if each is not None), default=None)
        np.clip(took, 0, NEVER_NS, out=took)
        np.maximum(late, UNSENT + 1, out=late)
        late[unsent] = UNSENT
        phase = self._phases(intended)
        divide(np.maximum(intended, 0, out=second), _SECOND_NS)
        divide(np.subtract(intended, self._low, out=block), self._block_ns)
        found = _Table(operation, commune, phase, took, late, second, block)
        place = None
        if gone.any():
            self._gone_from.update(np.unique(commune[gone]).tolist())
            found = _Table(*(values[~gone] for values in vars(found).values()))
            place = np.cumsum(~gone) - 1
        if len(found.operation) and max(int(found.operation.max()), int(found.commune.max())) == NO_WORD:
            raise RecordError("samples.parquet: a call of no operation or no commune that the record knows")
        silent = failed[_missing(batch.column("status"))[failed]]
        for name, at in zip(_APART, (failed, silent, np.flatnonzero(unsent & ~gone)), strict=True):
            self._apart[name].append((self.filled + (at if place is None else place[at])).astype(np.uint32))
        self._failed_as.append(outcome[failed].astype(np.uint8))
        self.filled += len(found.operation)
        return found

    def apart(self) -> dict[str, NDArray[Any]]:
        """The fields of Calls about those that failed, or were not sent."""
        found = {name: np.concatenate([np.zeros(0, np.uint32), *parts]) for name, parts in self._apart.items()}
        return found | {"failed_as": np.concatenate([np.zeros(0, np.uint8), *self._failed_as])}

    def sort_communes(self, column: NDArray[Any]) -> tuple[tuple[str, ...], NDArray[Any]]:
        """The communes that there are, by name, and the column of all calls with their places for numbers; `column` is
        used up."""
        words = list(self._communes)
        there = order.count(column, len(words)) > 0
        there[[each for each in self._gone_from if each < len(words)]] = True
        names = sorted(word for word, used in zip(words, there, strict=True) if used)
        if names != words:
            place = {name: index for index, name in enumerate(names)}
            table = np.array([place.get(word, 0) for word in words], _kind(names))
            old, column = column, column if column.dtype == table.dtype else np.empty(len(column), table.dtype)
            for at in order.chunks(len(column)):
                np.take(table, old[at], out=column[at], mode="clip")
        return tuple(names), column

    def _read_words(self, batch: pa.RecordBatch) -> list[NDArray[np.int32]]:
        """Operation, commune and outcome of each row, as numbers."""
        for word in batch.column("commune").dictionary.to_pylist():
            if word is not None:
                self._communes.setdefault(word, len(self._communes))
        lists = (self._operations, self._communes, self._outcomes)
        return [
            codes(batch.column(name), known, NO_WORD, out[: batch.num_rows])
            for name, known, out in zip(_WORDS, lists, self._words, strict=True)
        ]

    def _phases(self, intended: Codes) -> NDArray[Any]:
        """In which phase each was due; as a rule all of a batch in one or two."""
        first, last = int(intended.min()), int(intended.max())
        phase = np.full(len(intended), sum(end <= first for end in self._ends), _kind(self._ends))
        for end in self._ends:
            if first < end <= last:
                phase += intended >= end
        return phase

    def _count(self, done_ns: Codes, succeeded: NDArray[np.bool_]) -> None:
        """Into `done`; `done_ns` is used up."""
        second = np.minimum(divide(done_ns, _SECOND_NS), SECONDS_MAX, out=done_ns)
        counts = np.bincount(second, minlength=len(self.done))
        counts -= np.bincount(second[np.flatnonzero(~succeeded)], minlength=len(counts))
        counts[: len(self.done)] += self.done
        self.done = counts


def divide(ns: Codes, by: int) -> Codes:
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


def _kind(words: Sized) -> type[np.uint8] | type[np.uint16]:
    """Wide enough for a place among these, and for one more."""
    return np.uint8 if len(words) < 256 else np.uint16


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
    """Words as numbers: each as `order` says; `missing` for those that it does not have and where there is none. To be
    read only: where the column has them in that order, they are its own."""
    places = np.array([order.get(word, missing) for word in column.dictionary.to_pylist()] + [missing], np.int32)
    if not column.null_count and np.array_equal(places[:-1], np.arange(len(places) - 1)):
        as_they_are: NDArray[np.int32] = column.indices.to_numpy(zero_copy_only=False)
        if as_they_are.view(np.uint32).max(initial=0) < max(len(places) - 1, 1):  # else a place that no word has
            return as_they_are
    indices = column.indices.fill_null(len(places) - 1) if column.null_count else column.indices
    found: NDArray[np.int32] = np.take(places, indices.to_numpy(zero_copy_only=False), out=out, mode="clip")
    return found  # "clip" is the fastest: no index has to be looked at first


def numbers(column: pa.Array, missing: int = 0) -> NDArray[Any]:
    """A column of whole numbers as it is, or widened to 64 bits where some are missing."""
    return np.asarray(column.cast(pa.int64()).fill_null(missing) if column.null_count else column)
