"""kill -9 in the middle of a run: the record stays readable and the ledger misses nothing that the target holds."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import msgspec
import psutil
import pytest

from record.reader import open_record
from record.types import State
from reports.verdict import Verdict
from scenarios.contract import AUDIT_WRITES_PATH, WritesPage
from tests.drives import DRILL, ROOT, a_testbed, command, drive, judged, settings, the_zero


def kept_keys(url: str, tag: str) -> Iterator[str]:
    """Every key of this run that the target holds, asked for independently of the harness."""
    after = ""
    while True:
        answer = httpx.get(url + AUDIT_WRITES_PATH, params={"tag": tag, "after": after, "limit": 500}, trust_env=False)
        page = msgspec.json.decode(answer.content, type=WritesPage)
        yield from (write.key for write in page.writes)
        if page.next is None:
            return
        after = page.next


def kill_during(runs: Path, pid: int, flag: str, number: int) -> threading.Thread:
    """Send a signal to the Locust process with that flag, in the middle of the peak."""

    def act() -> None:
        while (found := the_zero(runs)) is None:
            time.sleep(0.02)
        time.sleep(max(0.0, found[1].mono_ns * 1e-9 + 3.0 - time.monotonic()))
        next(child for child in psutil.Process(pid).children() if flag in child.cmdline()).send_signal(number)

    thread = threading.Thread(target=act)
    thread.start()
    return thread


@pytest.mark.parametrize(
    ("victim", "number"), [("--worker", signal.SIGKILL), ("--master", signal.SIGKILL), ("--worker", signal.SIGTERM)]
)
def test_a_killed_process_aborts_the_run_and_loses_no_intent(
    tmp_path: Path, victim: str, number: signal.Signals
) -> None:
    with a_testbed(tmp_path) as (testbed, target):
        thread = kill_during(tmp_path / "runs", os.getpid(), victim, number)
        record, manifest = drive(settings(tmp_path, target, workers=2))
        thread.join()
        kept = set(kept_keys(testbed.url, manifest.tag))
    assert manifest.state is State.ABORTED
    assert f"{victim[2:]}" in (manifest.abort_reason or "")
    opened = open_record(record, unsealed=True)
    intended = set(opened.query("SELECT key FROM ledger WHERE fact = 'intended'")["key"])
    assert len(kept) > 50
    assert kept <= intended
    assert judged(record, unsealed=True).gate is Verdict.UNDECIDED


def test_a_killed_harness_leaves_a_readable_record_and_no_processes(tmp_path: Path) -> None:
    with a_testbed(tmp_path) as (testbed, target):
        line = [
            sys.executable,
            "-m",
            "thongsuot",
            "run",
            DRILL,
            "--target",
            str(target),
            "--runs",
            str(tmp_path / "runs"),
        ]
        process = subprocess.Popen(line, cwd=ROOT)
        while (found := the_zero(tmp_path / "runs")) is None:
            time.sleep(0.05)
        time.sleep(max(0.0, found[1].mono_ns * 1e-9 + 3.0 - time.monotonic()))
        crew = psutil.Process(process.pid).children()
        process.send_signal(signal.SIGKILL)
        process.wait()
        _, alive = psutil.wait_procs(crew, timeout=30)
        assert alive == []
        record = found[0]
        manifest = open_record(record, unsealed=True).manifest
        kept = set(kept_keys(testbed.url, manifest.tag))
    opened = open_record(record, unsealed=True)
    assert opened.manifest.state is State.DRIVING
    intended = set(opened.query("SELECT key FROM ledger WHERE fact = 'intended'")["key"])
    assert kept
    assert kept <= intended
    assert opened.query("SELECT count(*) AS n FROM samples")["n"][0] > 100
    refused = command("assess", str(record))
    assert refused.returncode == 2
    assert "--unsealed" in refused.stderr
    assert command("assess", str(record), "--unsealed").returncode == Verdict.UNDECIDED.exit_code
