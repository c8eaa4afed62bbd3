"""The Locust processes of one run on this machine: a master and its workers. Started here, ended here, by pid."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from importlib import resources
from pathlib import Path
from types import TracebackType
from typing import Protocol

from scenarios.types import ConfigError

END_S_MAX = 5.0
LOG_CHARS_MAX = 2000


class CrewError(Exception):
    """A process of the crew could not be started."""


class Wanted(Protocol):
    """The part of the settings that concerns processes."""

    @property
    def workers(self) -> int: ...
    @property
    def remote_workers(self) -> int: ...
    @property
    def bind(self) -> str: ...
    @property
    def web_port(self) -> int | None: ...


class Crew:
    """Context manager: inside it the processes run; on leaving, whoever is left is ended."""

    def __init__(self, wanted: Wanted, journal: Path, users: dict[str, int]) -> None:
        self._wanted = wanted
        self._journal = journal
        self._classes = [f"{system.capitalize()}User" for system in users]
        self._users = sum(users.values())
        self._processes: dict[str, subprocess.Popen[bytes]] = {}
        self._ended_at: float | None = None

    def __enter__(self) -> Crew:
        users = str(self._users)
        port = str(_free_port(self._wanted.bind))
        expected = str(self._wanted.workers + self._wanted.remote_workers)
        web = self._wanted.web_port
        seen = ["--headless"] if web is None else ["--autostart", "--web-host", "127.0.0.1", "--web-port", str(web)]
        self._start(
            "master", "--master", "--expect-workers", expected, "--users", users, "--spawn-rate", users,
            "--master-bind-host", self._wanted.bind, "--master-bind-port", port, "--only-summary", *seen,
        )  # fmt: skip
        for number in range(self._wanted.workers):
            self._start(f"worker-{number}", "--worker", "--master-host", "127.0.0.1", "--master-port", port)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        deadline = time.monotonic() + (END_S_MAX if kind is None else 0)
        for process in self._processes.values():
            try:
                process.wait(max(0.0, deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()

    def running(self) -> bool:
        """Whether there is still something to wait for. A dead master ends the run; so do workers that are all gone."""
        workers = [process.poll() is None for name, process in self._processes.items() if name != "master"]
        if self._processes["master"].poll() is None:
            return any(workers) or self._wanted.remote_workers > 0 or self._lingers()
        return any(workers)

    def trouble(self) -> str | None:
        """The first process that ended other than well, in words; None while all is well."""
        for name, process in self._processes.items():
            code = process.poll()
            if code:
                how = f"signal {signal.Signals(-code).name}" if code < 0 else f"exit code {code}"
                return f"the {name} process ended with {how}{self._last_words(name)}"
        return None

    def _lingers(self) -> bool:
        """All workers gone, the master alive: give it a moment to notice."""
        if self._ended_at is None:
            self._ended_at = time.monotonic()
        return time.monotonic() - self._ended_at < END_S_MAX

    def _start(self, name: str, *flags: str) -> None:
        file = str(resources.files("loadtests") / "locustfile.py")
        environment = dict(os.environ, THONGSUOT_JOB=str(self._journal / "job.json"), PYTHONUNBUFFERED="1")
        environment["PYTHONPATH"] = os.pathsep.join(path for path in sys.path if path)
        command = [sys.executable, "-m", "locust", "-f", file, *flags, "--exit-code-on-error", "0", *self._classes]
        with (self._journal / f"{name}.log").open("wb") as log:
            try:
                self._processes[name] = subprocess.Popen(
                    command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=environment, start_new_session=True
                )
            except OSError as error:
                raise CrewError(f"the {name} process cannot be started: {error}") from error

    def _last_words(self, name: str) -> str:
        text = (self._journal / f"{name}.log").read_text("utf-8", "replace").strip()
        return f"; its last words:\n{text[-LOG_CHARS_MAX:]}" if text else ""


def _free_port(host: str) -> int:
    with socket.socket() as probe:
        try:
            probe.bind((host, 0))
        except OSError as error:
            raise ConfigError([f"--bind {host}: {error.strerror}; an address of this machine"]) from error
        return int(probe.getsockname()[1])
