"""Runs in unkind circumstances: whatever happens, a run ends, says why, and leaves nobody behind."""

from __future__ import annotations

import os
import resource
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import msgspec
import psutil
import pytest

from loadtests import run as runs
from record.reader import open_record
from record.types import State
from tests.drives import DRILL, ROOT, a_testbed, drive, settings, the_zero

SHORT = ("drain_s=2", "phase.1.for_s=3")


def crew() -> list[psutil.Process]:
    """The Locust processes of this process, oldest first."""
    return [child for child in psutil.Process().children() if "locust" in " ".join(child.cmdline())]


def worker() -> psutil.Process:
    return next(child for child in crew() if "--worker" in child.cmdline())


def at(folder: Path, second: float, act: Callable[[], None]) -> threading.Thread:
    """Do something so many seconds after the run's zero."""

    def wait() -> None:
        while (found := the_zero(folder / "runs")) is None:
            time.sleep(0.02)
        time.sleep(max(0.0, found[1].mono_ns * 1e-9 + second - time.monotonic()))
        act()

    thread = threading.Thread(target=wait)
    thread.start()
    return thread


def test_a_worker_that_hangs_for_ever_does_not_hang_the_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runs, "GRACE_S_MAX", 1.0)
    monkeypatch.setattr(runs, "GIVE_UP_S_MAX", 0.5)
    with a_testbed(tmp_path) as (_, target):
        thread = at(tmp_path, 1.0, lambda: worker().suspend())
        record, manifest = drive(settings(tmp_path, target, *SHORT))
        thread.join()
    assert manifest.state is State.ABORTED
    assert "was not over" in (manifest.abort_reason or "")
    assert crew() == []
    assert open_record(record, unsealed=True).query("SELECT count(*) AS n FROM samples")["n"][0] > 0


def test_a_journal_that_cannot_be_written_any_more_ends_the_run_at_once(tmp_path: Path) -> None:
    """As on a full disk; a limit on the size of files needs no disk of its own."""
    with a_testbed(tmp_path) as (_, target):

        def fill() -> None:
            resource.prlimit(worker().pid, resource.RLIMIT_FSIZE, (20_000, 20_000))  # room for its last words

        thread = at(tmp_path, 1.5, fill)
        record, manifest = drive(settings(tmp_path, target, "phase.1.for_s=60"))
        thread.join()
        zero = manifest.zero
        assert zero is not None
        assert time.monotonic() - zero.mono_ns * 1e-9 < 20
    assert manifest.state is State.ABORTED
    assert "the journal cannot be written" in (manifest.abort_reason or "")
    opened = open_record(record, unsealed=True)
    assert opened.query("SELECT count(*) AS n FROM ledger WHERE fact = 'intended'")["n"][0] > 0


def test_workers_that_never_come_are_not_waited_for_for_ever(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runs, "START_S_MAX", 3.0)
    monkeypatch.setattr(runs, "GIVE_UP_S_MAX", 0.1)
    with a_testbed(tmp_path) as (_, target):
        _, manifest = drive(settings(tmp_path, target, remote_workers=1))
    assert manifest.zero is None
    assert "not ready within 3 s" in (manifest.abort_reason or "")
    assert crew() == []


def test_a_worker_that_cannot_do_its_job_says_why(tmp_path: Path) -> None:
    with a_testbed(tmp_path) as (_, target):
        wanted = settings(tmp_path, target)
        text = wanted.target_text.replace("[http]", '[http]\nca_file = "gone.pem"')
        _, manifest = drive(msgspec.structs.replace(wanted, target_text=text))
    assert manifest.zero is None
    assert "gone.pem is not there" in (manifest.abort_reason or "")
    assert crew() == []


def start_run(folder: Path, target: Path, *words: str) -> subprocess.Popen[str]:
    line = [sys.executable, "-m", "thongsuot", "run", DRILL, "--target", str(target), "--runs", str(folder / "runs")]
    return subprocess.Popen(
        [*line, *words], cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=os.environ
    )


def test_a_harness_killed_while_it_starts_leaves_no_processes(tmp_path: Path) -> None:
    with a_testbed(tmp_path) as (_, target):
        process = start_run(tmp_path, target, "--remote-workers", "1")
        while not list(tmp_path.glob("runs/*/journal/worker-0.log")):
            time.sleep(0.02)
        started = psutil.Process(process.pid).children()
        process.kill()
        process.communicate()
    assert started
    assert psutil.wait_procs(started, timeout=20)[1] == []


def test_a_second_ctrl_c_breaks_off_at_once_and_says_so_in_the_record(tmp_path: Path) -> None:
    with a_testbed(tmp_path, "delay=1500") as (_, target):
        process = start_run(tmp_path, target, "--set", "phase.1.for_s=60", "--json")
        while (found := the_zero(tmp_path / "runs")) is None:
            time.sleep(0.05)
        time.sleep(max(0.0, found[1].mono_ns * 1e-9 + 1.0 - time.monotonic()))
        started = psutil.Process(process.pid).children()
        process.send_signal(signal.SIGINT)
        while b'"kind":"stop"' not in (found[0] / "events.jsonl").read_bytes():
            time.sleep(0.02)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=60)
    assert process.returncode == 2
    assert '"exit_code": 2' in out
    assert "broken off" in err
    assert psutil.wait_procs(started, timeout=20)[1] == []
    manifest = open_record(found[0], unsealed=True).manifest
    assert manifest.state is State.ABORTED
    assert "broken off" in (manifest.abort_reason or "")
