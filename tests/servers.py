"""Real servers for tests: each is a process of its own on loopback, started and ended by the test that needs it."""

from __future__ import annotations

import contextlib
import json
import os
import pwd
import select
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

OFFICER_PASSWORD = "mat-khau-thu-nghiem"
FREE_PORTS = ("--port", "0", "--outside-port", "0")
READY_S_MAX = 60  # seconds are enough, unless others want the processors
EXIT_S_MAX = 20


class RunningTestbed(NamedTuple):
    """A running testbed. `pid` is the platform's process, `process` the supervisor that was started."""

    url: str
    outside_url: str
    pid: int
    process: subprocess.Popen[str]


@contextlib.contextmanager
def start_testbed(*arguments: str) -> Iterator[RunningTestbed]:
    """`python -m testbed` on free ports, with this module's officer password. It ends with the block, or with us."""
    process = subprocess.Popen(
        [sys.executable, "-m", "testbed", *FREE_PORTS, "--until-stdin-closes", *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=Path(__file__).parent.parent,
        env=os.environ | {"THONGSUOT_OFFICER_PASSWORD": OFFICER_PASSWORD},
    )
    try:
        ready = json.loads(_line(process))
        yield RunningTestbed(ready["url"], ready["outside_url"], ready["pid"], process)
    finally:
        if process.poll() is None:
            process.terminate()
        try:
            process.wait(EXIT_S_MAX)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        for pipe in (process.stdin, process.stdout):
            assert pipe is not None
            pipe.close()


def _line(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    if not select.select([process.stdout], [], [], READY_S_MAX)[0]:
        raise AssertionError(f"the testbed was not ready after {READY_S_MAX} s")
    line = process.stdout.readline()
    if not line:
        raise AssertionError(f"the testbed ended with status {process.wait()}")
    return line


@contextlib.contextmanager
def start_line(*arguments: str) -> Iterator[tuple[subprocess.Popen[str], int]]:
    """A Python server that says its port in its first line; yields it and the port, ends it with the block."""
    process = subprocess.Popen(
        [sys.executable, *arguments], stdout=subprocess.PIPE, text=True, cwd=Path(__file__).parent.parent
    )
    try:
        yield process, int(_line(process))
    finally:
        process.kill()
        process.wait()
        assert process.stdout is not None
        process.stdout.close()


def postgres_programs() -> Path | None:
    """The folder of initdb and postgres, None when PostgreSQL is not installed."""
    found = shutil.which("initdb")
    folders = [Path(found).resolve().parent] if found else []
    folders += sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    return next((folder for folder in folders if (folder / "postgres").exists() and (folder / "initdb").exists()), None)


@contextlib.contextmanager
def start_postgres() -> Iterator[str]:
    """An empty PostgreSQL on loopback in a temporary folder; yields its URL. Never as root, which it refuses."""
    programs = postgres_programs()
    assert programs is not None, "ask postgres_programs() first"
    folder = Path(tempfile.mkdtemp(prefix="testbed-postgres-"))
    as_user = _as_plain_user(folder)
    data = folder / "data"
    try:
        initdb = [programs / "initdb", "-D", data, "-U", "thongsuot", "-A", "trust", "-E", "UTF8", "--no-locale", "-N"]
        subprocess.run([*as_user, *initdb], check=True, stdout=subprocess.DEVNULL, cwd=folder, timeout=60)
        port = free_port()
        server = [programs / "postgres", "-D", data, "-k", folder, "-h", "127.0.0.1", "-p", str(port), "-F"]
        with (folder / "log").open("w") as log:
            process = subprocess.Popen([*as_user, *server], stdout=log, stderr=log, cwd=folder)
        try:
            _wait_for_postgres(programs, port, process, folder / "log")
            yield f"postgresql://thongsuot@127.0.0.1:{port}/postgres"
        finally:
            process.send_signal(signal.SIGINT)  # fast shutdown: connections are closed
            try:
                process.wait(EXIT_S_MAX)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port


def _as_plain_user(folder: Path) -> list[str]:
    """The beginning of a command that must not be run by root; dies with us (pdeathsig) in either case."""
    setpriv = ["setpriv", "--pdeathsig", "KILL"] if shutil.which("setpriv") else []
    if os.geteuid() != 0:
        return setpriv
    users = {entry.pw_name: entry for entry in pwd.getpwall()}
    user = users.get("postgres") or users["nobody"]
    os.chown(folder, user.pw_uid, user.pw_gid)
    folder.chmod(0o755)
    return [*setpriv, f"--reuid={user.pw_uid}", f"--regid={user.pw_gid}", "--clear-groups"]


def _wait_for_postgres(programs: Path, port: int, process: subprocess.Popen[bytes], log: Path) -> None:
    until = time.monotonic() + READY_S_MAX
    ask = [programs / "pg_isready", "-q", "-h", "127.0.0.1", "-p", str(port)]
    while subprocess.run(ask, check=False, timeout=READY_S_MAX).returncode != 0:
        if process.poll() is not None or time.monotonic() > until:
            raise AssertionError(f"PostgreSQL did not start:\n{log.read_text()}")
        time.sleep(0.05)
