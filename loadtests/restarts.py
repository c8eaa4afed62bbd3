"""Both versions of a duet as processes of ours: started afresh again and again while one run goes on, and metered.

The profile's phases say when: at the beginning of `start-NN` both are ended and started, in an order drawn from the
seed; at both ends of each `block-NN-N` what each has used so far becomes a reading. Nobody arrives in a `start` phase.
"""

from __future__ import annotations

import contextlib
import os
import re
import signal
import subprocess
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType

import psutil

from loadtests.asking import Asker, AskError
from loadtests.pair import Side
from record.journal import EventLog, Journal
from record.types import Event, Phase, Reading
from scenarios import rng
from scenarios.types import ConfigError

DUET_JOURNAL = 9996
READY_S_MAX = 60.0
QUIET_S = 0.4  # from the last arrival until both are ended: what is under way comes to its end
END_S_MAX = 3.0  # from SIGTERM to SIGKILL
ASK_S = 1.0
PAUSE_S = 0.02
ANSWER_BYTES_MAX = 4 * 1024 * 1024
LOG_CHARS_MAX = 600
CLOCK_OF_A_PROCESS = 2  # CPUCLOCK_SCHED: nanoseconds on a processor, ended threads included


class Services:
    """Context manager: inside it both versions run, outside it nothing of them is left."""

    def __init__(self, sides: Sequence[Side], logs: Path) -> None:
        self.sides = tuple(sides)
        self._logs = logs
        self._processes: dict[str, subprocess.Popen[bytes]] = {}
        self._asker = Asker("", {}, within_s=ASK_S, bytes_max=ANSWER_BYTES_MAX)

    def __enter__(self) -> Services:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.end()
        self._asker.close()

    def restart(self, first: int, within_s: float = READY_S_MAX) -> float:
        """End both, start both (side `first` first), wait for both; seconds it took.

        Raises ConfigError with what is wrong when one of them is not ready in time.
        """
        began = time.monotonic()
        self.end()
        for side in (self.sides[first], self.sides[1 - first]):
            self._start(side)
        for side in self.sides:
            self._wait_for(side, began + within_s)
        return time.monotonic() - began

    def end(self) -> None:
        """Nobody is left when this returns, children included."""
        trees = {name: _tree(process.pid) for name, process in self._processes.items()}
        for process in self._processes.values():
            _signal(process.pid, signal.SIGTERM)
        until = time.monotonic() + END_S_MAX
        for name, process in self._processes.items():
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(max(0.0, until - time.monotonic()))
            _signal(process.pid, signal.SIGKILL)
            for child in trees[name]:
                with contextlib.suppress(psutil.Error):
                    child.kill()
            process.wait()
        everybody = [one for tree in trees.values() for one in tree]
        until = time.monotonic() + END_S_MAX
        while any(_lives(one) for one in everybody) and time.monotonic() < until:
            time.sleep(PAUSE_S / 10)  # who is no child of ours cannot be waited for
        self._processes = {}

    def used_s(self, side: Side) -> float | None:
        """Processor seconds of a side since it was started, its children's included; None when it is gone."""
        process = self._processes.get(side.name)
        if process is None or process.poll() is not None:
            return None
        total = 0.0
        for one in _tree(process.pid):
            with contextlib.suppress(OSError, psutil.Error):
                ended = one.cpu_times()
                total += time.clock_gettime((~one.pid << 3) | CLOCK_OF_A_PROCESS)
                total += ended.children_user + ended.children_system
        return total

    def counted(self, side: Side) -> dict[str, float]:
        """Work that the side counts itself, by name; what cannot be read is not there."""
        if not side.metrics or not side.service.counters:
            return {}
        try:
            answer = self._asker.ask(side.metrics)
        except AskError:
            return {}
        text = answer.body.decode("utf-8", "replace") if answer.status == 200 else ""
        found = {name: _sum_of(series, text) for name, series in side.service.counters.items()}
        return {name: value for name, value in found.items() if value is not None}

    def _start(self, side: Side) -> None:
        environment = os.environ | {"PORT": str(side.port)}
        with (self._logs / f"{side.name}.log").open("ab") as log:
            try:
                self._processes[side.name] = subprocess.Popen(
                    side.service.words(side.port), stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=environment,
                    cwd=side.service.folder, start_new_session=True,
                )  # fmt: skip
            except OSError as error:
                raise ConfigError([f"{side.name}: service.start: cannot be started: {error}"]) from error

    def _wait_for(self, side: Side, until: float) -> None:
        trouble = "no answer yet"
        while time.monotonic() < until:
            code = self._processes[side.name].poll()
            if code is not None:
                raise ConfigError([f"{side.name}: service.start: ended with {code}{self._last_words(side)}"])
            try:
                status = self._asker.ask(side.ready_url).status
                if 200 <= status < 300:
                    return
                trouble = f"status {status}"
            except AskError as error:
                trouble = str(error)
            time.sleep(PAUSE_S)
        raise ConfigError([f"{side.name}: {side.ready_url} was not ready in time ({trouble}){self._last_words(side)}"])

    def _last_words(self, side: Side) -> str:
        text = (self._logs / f"{side.name}.log").read_text("utf-8", "replace").strip()
        return f"; its last words:\n{text[-LOG_CHARS_MAX:]}" if text else ""


class Restarts:
    """Beside one run: restarts and meters at the times that its phases name (loadtests.run.Beside)."""

    def __init__(
        self, services: Services, phases: Sequence[Phase], seed: int, journal_folder: Path, events: EventLog
    ) -> None:
        self._services = services
        self._phases = phases
        self._order = rng.stream(seed, "duet/order")
        self._journal = Journal(journal_folder, DUET_JOURNAL)
        self._events = events
        self._over = threading.Event()
        self._thread: threading.Thread | None = None
        self._zero_ns = 0

    def __enter__(self) -> Restarts:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._over.set()
        if self._thread is not None:
            self._thread.join()
        self._journal.close()

    def start(self, zero_mono_ns: int) -> None:
        if not self._over.is_set():
            self._zero_ns = zero_mono_ns
            self._thread = threading.Thread(target=self._run, name="restarts", daemon=True)
            self._thread.start()

    def _run(self) -> None:
        for number, phase in enumerate(self._phases):
            if self._over.wait(max(0.0, (phase.start_ns - self._now()) * 1e-9)):
                return
            if phase.name.startswith("start-"):
                if self._over.wait(QUIET_S):
                    return
                self._restart(phase, int(rng.uniform(self._order, number) < 0.5))
            elif phase.name.startswith("block-"):
                self._meter()
                if self._over.wait(max(0.0, (phase.end_ns - self._now()) * 1e-9)):
                    return
                self._meter()

    def _restart(self, phase: Phase, first: int) -> None:
        """Who is not ready when people come again has no say in this restart; the event tells."""
        name = phase.name.removeprefix("start-")
        try:
            took_s = self._services.restart(first, max(0.5, (phase.end_ns - self._now()) * 1e-9))
        except ConfigError as error:
            self._events.write(Event(self._now(), "restart-failed", f"{name}: {'; '.join(error.problems)}"))
        else:
            order = f"{self._services.sides[first].name} first"
            self._events.write(Event(self._now(), "restart", f"{name}: {order}, both ready after {took_s:.2f} s"))

    def _meter(self) -> None:
        for side in self._services.sides:
            at_ns, used_s = self._now(), self._services.used_s(side)
            if used_s is not None:
                self._journal.reading(Reading(f"service:{side.name}", "cpu_s", "s", at_ns, used_s))
            for name, value in self._services.counted(side).items():
                self._journal.reading(Reading(f"service:{side.name}", name, "count", self._now(), value))

    def _now(self) -> int:
        return time.monotonic_ns() - self._zero_ns


def _tree(pid: int) -> list[psutil.Process]:
    """A process and all below it that live."""
    try:
        root = psutil.Process(pid)
        return [root, *root.children(recursive=True)]
    except psutil.Error:
        return []


def _lives(process: psutil.Process) -> bool:
    try:
        return bool(process.status() != psutil.STATUS_ZOMBIE)
    except psutil.Error:
        return False


def _signal(pid: int, number: signal.Signals) -> None:
    """To the whole group: the command may be a script around the system."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, number)


def _sum_of(series: str, text: str) -> float | None:
    """The series' value; without labels in its name, the sum over all of them."""
    name = re.escape(series) + ("" if series.endswith("}") else r"(?:\{[^}\n]*\})?")
    values = re.findall(rf"^{name}[ \t]+([0-9.eE+-]{{1,32}})(?=\s|$)", text, re.M)
    try:
        return sum(float(value) for value in values) if values else None
    except ValueError:
        return None
