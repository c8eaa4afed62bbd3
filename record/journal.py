"""Append-only files that a worker writes while it drives.

Subtleness ahead: this runs inside the load generator's event loop. No Arrow, no Parquet, no locks here. Samples
are packed into a buffer that the caller flushes at least once a second; a ledger intent goes to the kernel
with one write() before `intend` returns, so that it survives the death of the process.
"""

from __future__ import annotations

import os
from math import isfinite
from pathlib import Path

import msgspec

from record.rows import END, NONE_U32, SAMPLE
from record.types import Event, JourneyEnd, LedgerEntry, Observation, Reading, RecordError, Sample

BUFFER_BYTES_MAX = 256 * 1024
_encode = msgspec.json.Encoder().encode


class Journal:
    """The journals of one worker process."""

    def __init__(self, folder: Path, worker: int) -> None:
        self._samples_fd = _open(folder / f"samples-{worker:04d}.bin")
        self._ends_fd = _open(folder / f"journeys-{worker:04d}.bin")
        self._ledger_fd = _open(folder / f"ledger-{worker:04d}.jsonl")
        self._readings_fd = _open(folder / f"readings-{worker:04d}.jsonl")
        self._observations = folder / f"observations-{worker:04d}.jsonl"
        self._observations_fd: int | None = None  # only a final read makes any
        self._samples = bytearray()
        self._ends = bytearray()
        self._broken = ""

    def pack_sample(self, *row: int) -> None:
        """Hot path: the fields of Sample in order, with status, outcome, error as in schema.SAMPLE."""
        self._samples += SAMPLE.pack(*row)
        if len(self._samples) > BUFFER_BYTES_MAX:
            self.flush()

    def sample(self, s: Sample) -> None:
        self.pack_sample(
            s.arrival, s.step, s.operation, s.intended_ns, s.sent_ns, s.done_ns, s.status, s.outcome, s.error,
            s.bytes_sent, s.bytes_received, _u32(s.connect_us), _u32(s.first_byte_us),
            _u32(s.app_us), _u32(s.db_us), _u32(s.queue_us),
        )  # fmt: skip

    def end(self, e: JourneyEnd) -> None:
        self._ends += END.pack(e.arrival, e.steps, e.outcome, e.error, e.started_ns, e.done_ns)

    def ledger(self, entry: LedgerEntry) -> None:
        """Returns when the kernel has the whole line."""
        self._write(self._ledger_fd, _encode(entry) + b"\n")

    def reading(self, reading: Reading) -> None:
        """A value that is no finite number was not measured and leaves no row; JSON has no way to write it."""
        if isfinite(reading.value):
            self._write(self._readings_fd, _encode(reading) + b"\n")

    def observation(self, observation: Observation) -> None:
        if self._observations_fd is None:
            self._observations_fd = _open(self._observations)
        self._write(self._observations_fd, _encode(observation) + b"\n")

    def flush(self) -> None:
        """Hand the buffers to the kernel: samples before ends, so that an end is never without its samples."""
        if self._samples:
            self._write(self._samples_fd, self._samples)
            self._samples.clear()
        if self._ends:
            self._write(self._ends_fd, self._ends)
            self._ends.clear()

    def close(self) -> None:
        try:
            self.flush()
        finally:
            fds = (self._samples_fd, self._ends_fd, self._ledger_fd, self._readings_fd, self._observations_fd)
            for fd in (fd for fd in fds if fd is not None):
                os.close(fd)

    def _write(self, fd: int, data: bytes | bytearray) -> None:
        """After one failure nothing is written any more: a torn row must stay the last of its file."""
        if self._broken:
            raise RecordError(self._broken)
        try:
            _write_all(fd, data)
        except RecordError as error:
            self._broken = str(error)
            raise


class EventLog:
    """events.jsonl: one line per event, written through at once."""

    def __init__(self, path: Path) -> None:
        self._fd = _open(path)

    def write(self, event: Event) -> None:
        _write_all(self._fd, _encode(event) + b"\n")

    def close(self) -> None:
        os.close(self._fd)


def _u32(value: int | None) -> int:
    return NONE_U32 if value is None else value


def _open(path: Path) -> int:
    try:
        return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o644)
    except OSError as error:
        raise RecordError(f"{path}: cannot be opened for writing: {error.strerror}") from error


def _write_all(fd: int, data: bytes | bytearray) -> None:
    view = memoryview(data)
    try:
        while view:
            view = view[os.write(fd, view) :]
    except OSError as error:
        raise RecordError(f"the journal cannot be written: {error.strerror}") from error
    finally:
        view.release()
