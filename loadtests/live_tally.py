"""Counts what the journals of a run say so far, frame by frame. An operator's view: no verdict is made of it.

Everything is read once as it is written; a record that was sealed before anybody looked is counted from its tables.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Iterator
from fnmatch import fnmatchcase
from pathlib import Path

import msgspec
import numpy as np
import pyarrow.parquet as pq

from loadtests.live_frame import BAD, NEVER_MS, QUIET, SLOW, WELL, Frame, Generator, Mark, Trouble
from loadtests.tailing import Tail
from loadtests.zero import zero_here
from record import sound
from record.reader import read_manifest
from record.rows import END_DTYPE, ERROR_INDEX, ERRORS, SAMPLE_DTYPE
from record.tables import json_lines
from record.types import Event, Manifest, Outcome, Reading, RecordError, State, Unit

WINDOW_S = 30  # of a unit's state
RECENT_S = 10  # of the percentiles
FAILED_MIN = 3  # fewer failed calls of a unit are no state
CALLS_MIN = 20  # fewer calls say nothing about slowness
TROUBLES_MAX = 8
FRESH_NS = 2_000_000_000
NEVER_NS = 2**62
MARKS_MAX = 30
ALLOWED_DEFAULT = 0.01  # share of failed calls where nobody promised one
LATE_DEFAULT = 0.05
_OUTCOMES = {outcome.name.lower(): int(outcome) for outcome in Outcome}


class Tally:
    """One run. `frame` looks once and may take a while; it is not to be called by two threads at once.

    Raises RecordError where there is no record of a run.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.manifest = read_manifest(folder)
        self._tail, self._log = Tail(folder / "journal"), Tail(folder)
        plan = sound.table(folder / "arrivals.parquet", "arrivals")
        if problem := sound.plan_problem(self.manifest, plan):
            raise RecordError(f"{folder / 'arrivals.parquet'}: not the plan of this run: {problem}")
        self._due_ns = np.sort(plan["at_ns"].to_numpy())
        self.units = _units(folder)
        place = {unit.code: number for number, unit in enumerate(self.units)}
        self._unit_of = np.full(self.manifest.arrivals, -1, np.int64)
        self._unit_of[plan["arrival"].to_numpy()] = [place.get(code, -1) for code in plan["commune"].to_pylist()]
        self._limit_ns = _limits(self.manifest)
        self._allowed = max(
            (o.limit for o in self.manifest.objectives if o.metric == "errors"), default=ALLOWED_DEFAULT
        )
        self._start_over()
        self._number, self._at_s = 0, 0.0
        self._marks: deque[Mark] = deque(maxlen=MARKS_MAX)
        self._stopped_ns: int | None = None

    def _start_over(self) -> None:
        units = len(self.units)
        self._calls, self._failed = np.zeros(units, np.int64), np.zeros(units, np.int64)
        self._all_calls = self._all_failed = 0
        self._window: deque[np.ndarray] = deque(maxlen=WINDOW_S)  # of (3, units): calls, failed, late in a second
        self._recent: deque[list[np.ndarray]] = deque(maxlen=RECENT_S)
        self._late: deque[list[np.ndarray]] = deque(maxlen=RECENT_S)  # from due to sent
        self._troubles: dict[tuple[int, int, int], tuple[int, int, int]] = {}  # → count, arrival, done_ns
        self._ends = np.zeros(len(Outcome), np.int64)
        self._begun: dict[int, int] = {}  # per worker: ends up to its last reading
        self._pending: dict[int, np.ndarray] = {}  # per worker: ends since
        self._gauges: dict[int, tuple[int, float, float]] = {}  # per worker: at_ns, busy, inbox
        self._readings: dict[str, dict[str, float]] = {}
        self._offered = self._planned = 0

    def now_ns(self) -> int | None:
        """Run time; None before the zero."""
        zero = self.manifest.zero
        return None if zero is None else time.monotonic_ns() - zero_here(zero)

    def frame(self) -> Frame:
        """Whatever was written since the last one, counted in."""
        # The state first: once it says sealed, all that was ever written can be read.
        if not self._over:
            self.manifest = _manifest(self.folder)
        self._window.append(np.zeros((3, len(self.units)), np.int64))
        self._recent.append([])
        self._late.append([])
        self._read()
        if self.manifest.state is State.SEALED and not self._complete():
            self._count_sealed()
        self._number += 1
        return self._made()

    def close(self) -> None:
        self._tail.close()
        self._log.close()

    @property
    def _over(self) -> bool:
        return self.manifest.state in (State.SEALED, State.ABORTED)

    def _complete(self) -> bool:
        rows = self.manifest.files["samples.parquet"].rows
        return int(self._ends.sum()) == self.manifest.arrivals and self._all_calls == rows

    def _read(self) -> None:
        """Readings before ends: each end up to a reading is then there with it, or is seen a second later."""
        for reading in self._tail.lines("readings-*.jsonl", Reading):
            self._reading(reading)
        for _, rows in self._tail.rows("samples", SAMPLE_DTYPE):
            self._take_samples(rows)
        for worker, rows in self._tail.rows("journeys", END_DTYPE):
            self._take_ends(worker, rows)
        for event in self._log.lines("events.jsonl", Event):
            self._marks.append(Mark(event.at_ns * 1e-9, event.kind, event.text))
            if event.kind == "stop" and self._stopped_ns is None:
                self._stopped_ns = event.at_ns

    def _reading(self, reading: Reading) -> None:
        source, _, number = reading.source.partition("-")
        if source not in ("generator", "host"):
            return
        self._readings.setdefault(reading.source, {})[reading.metric] = reading.value
        if source == "generator" and number.isdigit() and reading.metric in ("busy", "inbox"):
            _, busy, inbox = self._gauges.get(int(number), (0, 0.0, 0.0))
            is_busy = reading.metric == "busy"
            self._gauges[int(number)] = (
                reading.at_ns, reading.value if is_busy else busy, inbox if is_busy else reading.value
            )  # fmt: skip

    def _take_samples(self, rows: np.ndarray) -> None:
        failed = (rows["outcome"] == Outcome.REFUSED) | (rows["outcome"] == Outcome.UNKNOWN)
        due_ns = rows["done_ns"] - rows["intended_ns"]
        due_ns = np.where(rows["outcome"] == Outcome.UNKNOWN, NEVER_NS, due_ns)
        timed = rows["outcome"] != Outcome.REFUSED
        self._recent[-1].append(due_ns[timed])
        self._late[-1].append((rows["sent_ns"] - rows["intended_ns"])[rows["sent_ns"] >= 0])
        late = timed & (due_ns > self._limit_ns[rows["operation"]])
        unit = self._unit_of[rows["arrival"]]
        placed = unit >= 0
        for row, chosen in enumerate((placed, placed & failed, placed & late)):
            self._window[-1][row] += np.bincount(unit[chosen], minlength=len(self.units))
        self._calls += np.bincount(unit[placed], minlength=len(self.units))
        self._failed += np.bincount(unit[placed & failed], minlength=len(self.units))
        self._all_calls += len(rows)
        self._all_failed += int(failed.sum())
        wrong = rows[failed]
        kinds, last, counts = np.unique(
            wrong[["operation", "error", "status"]][::-1], return_index=True, return_counts=True
        )
        for kind, place, count in zip(kinds.tolist(), last.tolist(), counts.tolist(), strict=True):
            example = wrong[len(wrong) - 1 - place]
            before = self._troubles.get(kind, (0, 0, 0))[0]
            self._troubles[kind] = (before + count, int(example["arrival"]), int(example["done_ns"]))

    def _take_ends(self, worker: int, rows: np.ndarray) -> None:
        self._ends += np.bincount(rows["outcome"], minlength=len(Outcome))
        ended = rows["done_ns"][rows["outcome"] != Outcome.DROPPED]
        self._pending[worker] = np.concatenate((self._pending.get(worker, np.empty(0, np.int64)), ended))

    def _begun_now(self) -> int:
        """Arrivals begun by each worker's last reading: those it had ended then, and those it was busy with."""
        total = 0
        for worker in self._pending.keys() | self._gauges.keys():
            at_ns, busy, _ = self._gauges.get(worker, (0, 0.0, 0.0))
            pending = self._pending.get(worker, np.empty(0, np.int64))
            counted = int(np.searchsorted(pending, at_ns, "right"))
            self._pending[worker] = pending[counted:]
            self._begun[worker] = self._begun.get(worker, 0) + counted
            total += self._begun[worker] + round(busy)
        return total

    def _count_sealed(self) -> None:
        """All over again from the tables: nobody looked in time, or a worker's journal came from another host.

        States are then those of the whole run; there are no last seconds.
        """
        self._start_over()
        self._window.append(np.zeros((3, len(self.units)), np.int64))
        self._recent.append([])
        self._late.append([])
        self._ends += _ends_of(self.folder)
        number = {operation.name: place for place, operation in enumerate(self.manifest.operations)}
        for rows in _samples_of(self.folder, number):
            self._take_samples(rows)
            self._recent[-1].clear()
            self._late[-1].clear()

    def _made(self) -> Frame:
        ended = int(self._ends.sum())
        dropped = int(self._ends[Outcome.DROPPED])
        now = self.now_ns() or 0
        sealed = self.manifest.state is State.SEALED
        self._planned = max(self._planned, int(np.searchsorted(self._due_ns, self._seen_ns(now), "right")))
        self._offered = max(self._offered, self._begun_now(), ended - dropped)
        if sealed:
            self._planned, self._offered = self.manifest.arrivals, ended - dropped
        self._at_s = max(self._at_s, round(self._last_ns(now) * 1e-9, 1))
        p50, p95 = _percentiles(self._recent, (0.5, 0.95))
        (late,) = _percentiles(self._late, (0.99,))
        return Frame(
            number=self._number, run=self.manifest.run_id, stage=self._stage(now, ended), over=self._over,
            at_s=self._at_s, left_s=self._left_s(now, ended),
            arrivals=self.manifest.arrivals, planned=self._planned, offered=self._offered, completed=ended - dropped,
            ok=int(self._ends[Outcome.OK]), refused=int(self._ends[Outcome.REFUSED]),
            unknown=int(self._ends[Outcome.UNKNOWN]), dropped=dropped,
            waiting=0 if self._over else round(sum(inbox for _, _, inbox in self._gauges.values())),
            calls=self._all_calls, failed=self._all_failed, p50_ms=p50, p95_ms=p95, late_ms=late,
            units=self._unit_states(),
            troubles=self._worst(), generators=self._generators(), unwell=self._unwell(dropped, late or 0.0),
            marks=tuple(self._marks),
        )  # fmt: skip

    def _seen_ns(self, now: int) -> int:
        """Up to when all workers have told what they have begun: only what was due by then can be held against them.

        One that has not told for FRESH_NS is held to the present.
        """
        seen = min((at_ns for at_ns, _, _ in self._gauges.values()), default=now)
        return seen if now - seen < FRESH_NS and len(self._gauges) == self.manifest.workers else now

    def _last_ns(self, now: int) -> int:
        """The clock of the page stands still when all is over."""
        end_ns = self._stopped_ns if self._stopped_ns is not None else self.manifest.phases[-1].end_ns
        return max(0, min(now, end_ns) if self._over else now)

    def _stage(self, now: int, ended: int) -> str:
        if self._over or self.manifest.zero is None or now < 0:
            return str(self.manifest.state) if self._over else "starting"
        if ended >= self.manifest.arrivals:
            return "final-read"
        if self._stopped_ns is not None:
            return "drain"
        return next((phase.name for phase in self.manifest.phases if now < phase.end_ns), "drain")

    def _left_s(self, now: int, ended: int) -> float | None:
        """Until the last arrival is handed out; None while what is left depends on the target."""
        if self._over or self.manifest.zero is None or self._stopped_ns is not None or ended >= self.manifest.arrivals:
            return None
        left = (self.manifest.phases[-1].end_ns - now) * 1e-9
        return round(left, 1) if left > 0 else None

    def _unit_states(self) -> list[tuple[int, int, str]]:
        calls, failed, late = np.sum(self._window, axis=0)
        bad = (failed >= FAILED_MIN) & (failed > self._allowed * calls)
        slow = (calls >= CALLS_MIN) & (late > LATE_DEFAULT * calls)
        states = np.select([bad, slow, self._calls > 0], [BAD, SLOW, WELL], QUIET)
        return list(zip(self._calls.tolist(), self._failed.tolist(), states.tolist(), strict=True))

    def _worst(self) -> tuple[Trouble, ...]:
        worst = sorted(self._troubles.items(), key=lambda item: (-item[1][0], item[0]))[:TROUBLES_MAX]
        return tuple(
            Trouble(
                self.manifest.operations[operation].name, ERRORS[error], status, count, arrival,
                self.units[unit].name if (unit := int(self._unit_of[arrival])) >= 0 else "", round(done_ns * 1e-9, 1),
            )
            for (operation, error, status), (count, arrival, done_ns) in worst
        )  # fmt: skip

    def _generators(self) -> tuple[Generator, ...]:
        return tuple(
            Generator(source, values.get("hub_lag_ms"), values.get("cpu_share"))
            for source, values in sorted(self._readings.items())
        )

    def _unwell(self, dropped: int, late_ms: float) -> tuple[str, ...]:
        limits = self.manifest.limits
        workers = [values for source, values in self._readings.items() if source != "host"]
        said = {
            "late": late_ms > limits.lateness_p99_ms_max,
            "lag": any(values.get("hub_lag_ms", 0.0) > limits.hub_lag_ms_max for values in workers),
            "cpu": any(values.get("cpu_share", 0.0) > limits.cpu_share_p95_max for values in workers),
            "dropped": self._stopped_ns is None and dropped > limits.dropped_share_max * self.manifest.arrivals,
        }
        return tuple(name for name, unwell in said.items() if unwell)


def _manifest(folder: Path) -> Manifest:
    return msgspec.json.decode((folder / "manifest.json").read_bytes(), type=Manifest)


def _units(folder: Path) -> tuple[Unit, ...]:
    names = list(Unit.__struct_fields__)
    rows = sound.table(folder / "communes.parquet", "communes").select(names).to_pylist()
    return tuple(sorted((Unit(**row) for row in rows), key=lambda unit: unit.code))


def _limits(manifest: Manifest) -> np.ndarray:
    """Per operation the strictest promise about its time, in ns; beyond all times where there is none."""
    limits = np.full(max(1, len(manifest.operations)), NEVER_NS, np.int64)
    for objective in manifest.objectives:
        if objective.metric == "latency":
            scale = 1e6 if objective.unit == "ms" else 1e9
            for place, operation in enumerate(manifest.operations):
                if any(fnmatchcase(operation.name, pattern) for pattern in objective.operations):
                    limits[place] = min(int(limits[place]), int(objective.limit * scale))
    return limits


def _ends_of(folder: Path) -> np.ndarray:
    words = pq.read_table(folder / "journeys.parquet", columns=["outcome"])["outcome"].to_pylist()
    return np.bincount([_OUTCOMES[word] for word in words], minlength=len(Outcome))


def _samples_of(folder: Path, number: dict[str, int]) -> Iterator[np.ndarray]:
    """The sealed table in pieces, as the rows of the journal that a frame looks at."""
    columns = ["arrival", "operation", "intended_ns", "done_ns", "outcome", "status", "error"]
    for batch in pq.ParquetFile(folder / "samples.parquet").iter_batches(columns=columns):
        rows = np.zeros(batch.num_rows, SAMPLE_DTYPE)
        for name in ("arrival", "intended_ns", "done_ns"):
            rows[name] = batch.column(name).to_numpy(zero_copy_only=False)
        rows["operation"] = [number[word] for word in batch.column("operation").to_pylist()]
        rows["outcome"] = [_OUTCOMES[word] for word in batch.column("outcome").to_pylist()]
        rows["error"] = [ERROR_INDEX[word or ""] for word in batch.column("error").to_pylist()]
        rows["status"] = [status or 0 for status in batch.column("status").to_pylist()]
        yield rows


def _percentiles(seconds: deque[list[np.ndarray]], shares: tuple[float, ...]) -> list[float | None]:
    """In ms; None without any, NEVER_MS among calls without an answer."""
    pieces = [piece for second in seconds for piece in second]
    times = np.concatenate(pieces) if pieces else np.empty(0, np.int64)
    if not len(times):
        return [None] * len(shares)
    found = (int(value) for value in np.quantile(times, shares, method="inverted_cdf"))
    return [NEVER_MS if value >= NEVER_NS // 2 else round(value * 1e-6, 2) for value in found]


def noted(folder: Path, note: Event) -> bool:
    """Whether a note has reached the events of the run."""
    path = folder / "events.jsonl"
    return path.exists() and any(event == note for event in json_lines(path, Event))
