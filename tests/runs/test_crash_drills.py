"""kill -9 of the platform at random moments of the peak: what it acknowledged is still there, on both databases."""

from __future__ import annotations

import contextlib
import os
import random
import signal
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from tests.drives import a_target, drive, failing, judged, passing, settings, the_zero
from tests.servers import RunningTestbed, postgres_programs, start_postgres, start_testbed

PEAK_S = 24.0
KILLS = 5  # in one run
RUNS = 4  # for each database: 20 kills
LONG_PEAK = (f"phase.1.for_s={PEAK_S}", "time.compression=700")
AUDIT = ("integrity.", "linked.")


@contextlib.contextmanager
def database(name: str) -> Iterator[list[str]]:
    """Options of the testbed; the database outlives the platform, not the test."""
    if name == "sqlite":
        yield []
        return
    if postgres_programs() is None:
        pytest.skip("PostgreSQL is not installed (Debian: apt install postgresql)")
    with start_postgres() as url:
        yield ["--db", url]


def platform_of(testbed: RunningTestbed) -> psutil.Process | None:
    """The supervisor's child that listens where the platform is reached; None while it is being started again."""
    port = int(testbed.url.rsplit(":", 1)[1])
    with contextlib.suppress(psutil.NoSuchProcess):
        for child in psutil.Process(testbed.process.pid).children():
            with contextlib.suppress(psutil.NoSuchProcess):
                if any(c.laddr.port == port and c.status == "LISTEN" for c in child.net_connections("tcp")):
                    return child
    return None


def kill_at(runs: Path, testbed: RunningTestbed, moments_s: list[float], killed: list[int]) -> threading.Thread:
    """Kill the platform at these seconds of the run; the pids that were killed."""

    def wait() -> None:
        while (found := the_zero(runs)) is None:
            time.sleep(0.02)
        for at_s in moments_s:
            time.sleep(max(0.0, found[1].mono_ns * 1e-9 + at_s - time.monotonic()))
            victim = platform_of(testbed)
            if victim is not None:
                os.kill(victim.pid, signal.SIGKILL)
                killed.append(victim.pid)

    thread = threading.Thread(target=wait)
    thread.start()
    return thread


def crashing_run(folder: Path, options: list[str], seed: int, kills: int, *more: str) -> tuple[dict[str, str], int]:
    """A run in which the platform is killed and started again; its alarms, and how many processes were killed."""
    folder.mkdir(exist_ok=True)
    chance = random.Random(seed)
    moments = sorted(chance.uniform(1.5, PEAK_S - 3) for _ in range(kills))
    killed: list[int] = []
    with start_testbed("--data", str(folder / "data"), "--restart", *options, *more) as testbed:
        thread = kill_at(folder / "runs", testbed, moments, killed)
        wanted = settings(folder, a_target(folder, testbed.url, testbed.outside_url), *LONG_PEAK, f"seed={seed}")
        record, _ = drive(wanted)
        thread.join()
    assessment = judged(record)
    assert passing(assessment, "integrity.never_read"), "the final read reached everything"
    return failing(assessment), len(set(killed))


def lost(alarms: dict[str, str]) -> dict[str, str]:
    return {check: verdict for check, verdict in alarms.items() if check.startswith(AUDIT)}


@pytest.mark.long
@pytest.mark.timeout(600)
@pytest.mark.parametrize("name", ["sqlite", "postgres"])
def test_twenty_kills_lose_nothing_that_was_acknowledged(tmp_path: Path, name: str) -> None:
    with database(name) as options:
        killed = 0
        for number in range(RUNS):
            alarms, here = crashing_run(tmp_path / str(number), options, 100 + number, KILLS)
            killed += here
            assert lost(alarms) == {}, f"run {number}"
    assert killed >= 0.9 * RUNS * KILLS


@pytest.mark.long
@pytest.mark.parametrize("name", ["sqlite", "postgres"])
def test_a_platform_that_acknowledges_before_it_commits_is_caught(tmp_path: Path, name: str) -> None:
    with database(name) as options:
        alarms, _ = crashing_run(tmp_path, options, 7, KILLS, "--fault", "commit-late=300")
    assert alarms.get("integrity.lost") == "fail"
