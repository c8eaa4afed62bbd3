"""Whole runs for tests: a real testbed, real Locust processes, a real record."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec

from loadtests.run import Progress, Settings, run
from record.reader import open_record
from record.types import Manifest, State, Zero
from reports.assess import Assessment, assess
from reports.verdict import Verdict
from tests.servers import OFFICER_PASSWORD, RunningTestbed, start_testbed
from thongsuot import options
from thongsuot.testbed import at

ROOT = Path(__file__).parents[1]
DRILL = str(ROOT / "tests/profiles/drill.toml")
RUN_S_MAX = 150.0  # a third of it on a machine that is free


@contextlib.contextmanager
def a_testbed(folder: Path, *faults: str, more: tuple[str, ...] = ()) -> Iterator[tuple[RunningTestbed, Path]]:
    """A testbed with faults and further options, and the target file that leads to it."""
    switches = [*more, *(word for fault in faults for word in ("--fault", fault))]
    with start_testbed("--data", str(folder / "data"), *switches) as testbed:
        yield testbed, a_target(folder, testbed.url, testbed.outside_url)


def a_target(folder: Path, url: str, outside_url: str) -> Path:
    os.environ["THONGSUOT_OFFICER_PASSWORD"] = OFFICER_PASSWORD
    target = folder / "testbed.toml"
    text = (options.SHIPPED_TARGETS / "testbed.toml").read_text("utf-8")
    text = text.replace("settle_s = 20.0", "settle_s = 10.0")  # what a fault parted does not come together by waiting
    target.write_text(at(text, url, outside_url), "utf-8")
    return target


def settings(folder: Path, target: Path, *sets: str, profile: str = DRILL, **more: object) -> Settings:
    loaded = options.profile_of(profile, sets, None, None)
    return options.settings_of(loaded, str(target), runs=folder / "runs", **more)  # type: ignore[arg-type]


def drive(
    wanted: Settings,
    watch: Callable[[Progress], None] = lambda step: None,
    stop: Callable[[], bool] = lambda: False,
) -> tuple[Path, Manifest]:
    return run(wanted, watch, stop)


def judged(folder: Path, *, unsealed: bool = False) -> Assessment:
    return assess(open_record(folder, unsealed=unsealed))


def drill(folder: Path, *faults: str, sets: tuple[str, ...] = ()) -> Assessment:
    """One short run against a testbed with faults, judged."""
    with a_testbed(folder, *faults) as (_, target):
        record, manifest = drive(settings(folder, target, *sets))
    assert manifest.state is State.SEALED, manifest.abort_reason
    return judged(record)


def failing(assessment: Assessment) -> dict[str, str]:
    """Every check that raised an alarm, with its verdict. What a few seconds leave undecided is none."""
    alarms = (Verdict.FAIL, Verdict.VOID)
    return {f.check: f.verdict.name.lower() for f in assessment.findings if f.verdict in alarms}


def passing(assessment: Assessment, prefix: str) -> bool:
    """Whether there are checks of that name and all of them passed."""
    found = [f.verdict for f in assessment.findings if f.check.startswith(prefix)]
    return bool(found) and set(found) == {Verdict.PASS}


def command(*words: str, **more: object) -> subprocess.CompletedProcess[str]:
    """`thongsuot …` as a person types it."""
    line = [sys.executable, "-m", "thongsuot", *words]
    return subprocess.run(line, capture_output=True, text=True, cwd=ROOT, timeout=RUN_S_MAX, **more)  # type: ignore[call-overload, no-any-return]


def the_zero(runs: Path) -> tuple[Path, Zero] | None:
    """Folder and zero of the run under way, None before it has one."""
    for path in runs.glob("*/journal/zero.json"):
        return path.parents[1], msgspec.json.decode(path.read_bytes(), type=Zero)
    return None
