"""A generator that is not well makes the verdict void, whatever the latencies; no data is not a pass."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable
from pathlib import Path

import psutil

from record.types import State
from reports.verdict import Verdict
from tests.drives import a_testbed, drill, drive, failing, judged, settings, the_zero

BURNT_S = 6.0  # nearly all of what is judged; the drain has the core for itself again
STRICT = ("limits.hub_lag_ms_max=400", "limits.lateness_p99_ms_max=50")


def during(runs: Path, at_s: float, act: Callable[[psutil.Process], None]) -> threading.Thread:
    """Do something to the run's only worker process, `at_s` seconds after its zero."""

    def wait() -> None:
        while (found := the_zero(runs)) is None:
            time.sleep(0.02)
        time.sleep(max(0.0, found[1].mono_ns * 1e-9 + at_s - time.monotonic()))
        act(worker_of(os.getpid()))

    thread = threading.Thread(target=wait)
    thread.start()
    return thread


def worker_of(pid: int) -> psutil.Process:
    """The Locust worker among the children of this process."""
    return next(child for child in psutil.Process(pid).children() if "--worker" in child.cmdline())


def test_a_generator_stopped_for_half_a_second_is_void(tmp_path: Path) -> None:
    def pause(worker: psutil.Process) -> None:
        worker.send_signal(signal.SIGSTOP)
        time.sleep(0.5)
        worker.send_signal(signal.SIGCONT)

    with a_testbed(tmp_path) as (_, target):
        thread = during(tmp_path / "runs", 3.0, pause)
        record, _ = drive(settings(tmp_path, target, *STRICT))
        thread.join()
    assessment = judged(record)
    assert failing(assessment)["validity.hub_lag"] == "void"
    assert assessment.gate is Verdict.VOID
    assert assessment.gate.exit_code == 3


def test_a_generator_whose_core_is_burnt_is_void(tmp_path: Path) -> None:
    def burn(worker: psutil.Process) -> None:
        burners: list[psutil.Popen] = []
        core = min(os.sched_getaffinity(0))
        worker.cpu_affinity([core])
        worker.nice(15)
        for _ in range(16):  # a session each: the kernel shares a core out by sessions, and the worker has its own
            burner = psutil.Popen(["sh", "-c", "while :; do :; done"], start_new_session=True)
            burner.cpu_affinity([core])
            burners.append(burner)
        time.sleep(BURNT_S)
        for burner in burners:
            burner.kill()
            burner.wait()

    with a_testbed(tmp_path) as (_, target):
        thread = during(tmp_path / "runs", 1.0, burn)
        record, _ = drive(settings(tmp_path, target, *STRICT))
        thread.join()
    assessment = judged(record)
    assert {check for check, verdict in failing(assessment).items() if verdict == "void"} & {
        "validity.lateness",
        "validity.hub_lag",
        "validity.cpu",
    }
    assert assessment.gate is Verdict.VOID


def test_arrivals_that_found_no_free_user_are_void_and_never_made_up(tmp_path: Path) -> None:
    assessment = drill(tmp_path, "delay=400", sets=("users.portal=1", "inbox_max=1"))
    assert failing(assessment)["validity.drops"] == "void"
    assert assessment.gate is Verdict.VOID


def test_a_run_with_nobody_in_it_is_undecided(tmp_path: Path) -> None:
    assessment = drill(tmp_path, sets=("time.rate_factor=0.000001", "phase.1.for_s=1"))
    assert assessment.gate is Verdict.UNDECIDED
    assert assessment.gate.exit_code == 4


def test_a_run_that_was_stopped_drains_and_is_sealed(tmp_path: Path) -> None:
    began = time.monotonic()
    with a_testbed(tmp_path) as (_, target):
        record, manifest = drive(
            settings(tmp_path, target, "phase.1.for_s=60"),
            stop=lambda: (
                (found := the_zero(tmp_path / "runs")) is not None and time.monotonic() > found[1].mono_ns * 1e-9 + 3
            ),
        )
    assert manifest.state is State.SEALED
    assert time.monotonic() - began < 40
    assert judged(record).gate is not Verdict.PASS
