"""The Locust processes of one run on this machine: a master and its workers. Started here, ended here, by pid."""

from __future__ import annotations

import contextlib
import ipaddress
import os
import re
import signal
import socket
import subprocess
import sys
import time
from importlib import resources
from pathlib import Path
from types import TracebackType
from typing import Protocol

from loadtests.worker import JOB_FILE, PARENT

END_S_MAX = 5.0  # for the master to tell workers on other hosts that all is done
LOG_CHARS_MAX = 600
DONE_FILES = "done-*"  # in the journal, one per worker that has finished its share


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
        self._journal = journal.resolve()
        self._classes = [f"{system.capitalize()}User" for system in users]
        self._users = sum(users.values())
        self._processes: dict[str, subprocess.Popen[bytes]] = {}

    def __enter__(self) -> Crew:
        try:
            self._start_all()
        except BaseException:
            self._end(0.0)
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        others = self._wanted.remote_workers > 0
        self._end(END_S_MAX if others and kind is None and self.over() else 0.0)

    def over(self) -> bool:
        """Every worker, here or elsewhere, has finished its share and its journals are on this disk."""
        return self._done() >= self._wanted.workers + self._wanted.remote_workers

    def idle(self) -> bool:
        """After trouble: no worker of this machine that still lives has anything left to do."""
        alive = [process.poll() is None for name, process in self._processes.items() if name != "master"]
        return self._done() >= sum(alive)

    def trouble(self) -> str | None:
        """The first process that ended before all was done, in words; None while all is well."""
        for name, process in self._processes.items():
            code = process.poll()
            if code is not None and not self.over():
                how = f"signal {signal.Signals(-code).name}" if code < 0 else f"exit code {code}"
                return f"the {name} process ended with {how} before the run was over{self._last_words(name)}"
        return None

    def _done(self) -> int:
        return sum(1 for _ in self._journal.glob(DONE_FILES))

    def _start_all(self) -> None:
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
            host = _address_to_call(self._wanted.bind)
            self._start(f"worker-{number}", "--worker", "--master-host", host, "--master-port", port)

    def _end(self, patience_s: float) -> None:
        """Nobody is left when this returns, also when it is interrupted: first all are killed, then waited for."""
        deadline = time.monotonic() + patience_s
        try:
            for process in self._processes.values():
                with contextlib.suppress(subprocess.TimeoutExpired):
                    process.wait(max(0.0, deadline - time.monotonic()))
        finally:
            for process in self._processes.values():
                process.kill()
            for process in self._processes.values():
                process.wait()

    def _start(self, name: str, *flags: str) -> None:
        file = str(resources.files("loadtests") / "locustfile.py")
        environment = {name: value for name, value in os.environ.items() if not name.startswith("LOCUST_")}
        environment |= {JOB_FILE: str(self._journal / "job.json"), PARENT: str(os.getpid()), "PYTHONUNBUFFERED": "1"}
        environment["PYTHONPATH"] = os.pathsep.join(path for path in sys.path if path)
        command = [sys.executable, "-m", "locust", "-f", file, *flags, "--exit-code-on-error", "0", *self._classes]
        with (self._journal / f"{name}.log").open("wb") as log:
            try:
                self._processes[name] = subprocess.Popen(  # in the journal: no settings for Locust lie about there
                    command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=environment, cwd=self._journal,
                    start_new_session=True,
                )  # fmt: skip
            except OSError as error:
                raise CrewError(f"the {name} process cannot be started: {error}") from error

    def _last_words(self, name: str) -> str:
        """The last error in its log without the way that led there, else the end of the log."""
        log = self._journal / f"{name}.log"
        text = log.read_text("utf-8", "replace").strip()
        errors = [match.start() for match in re.finditer(r"^[\w.]*(?:Error|Exception|Interrupt)\b", text, re.M)]
        words = text[errors[-1] :][:LOG_CHARS_MAX] if errors else text[-LOG_CHARS_MAX:]
        return f"; its last words (all are in {log.name}):\n{words}" if text else ""


def _free_port(host: str) -> int:
    """Raises CrewError when it is no address of this machine; preflight has seen to that."""
    try:
        with socket.socket() as probe:
            probe.bind((host, 0))
            return int(probe.getsockname()[1])
    except OSError as error:
        raise CrewError(f"the master cannot listen on {host}: {error.strerror}") from error


def _address_to_call(bind: str) -> str:
    """Where workers of this machine find a master that listens on `bind`."""
    return "127.0.0.1" if ipaddress.ip_address(bind).is_unspecified else bind
