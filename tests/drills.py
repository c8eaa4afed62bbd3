"""`make drills`: each fault of the table must be found by exactly its check, and sound runs must raise no alarm.

Prints one line per run; the last line is JSON: {"faults", "missed", "clean_runs", "false_alarms"}. A fault counts as
missed when one of its checks is silent; an alarm that nobody expected is a false one, in a drill as in a clean run.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

from tests.drill_table import DRILLS, Drill
from tests.drives import drill, failing

CLEAN_RUNS = 50
FIRST_SEED = 1000
JOBS = 2  # runs at a time; with more than cores some are late


def main() -> int:
    """Exit status 0 when nothing was missed and nothing invented."""
    wanted = _arguments()
    chosen = [each for each in DRILLS if wanted.only in each.name]
    seeds = range(FIRST_SEED, FIRST_SEED + wanted.clean)
    with ProcessPoolExecutor(wanted.jobs, get_context("spawn")) as pool:
        drills = [pool.submit(_run, each.faults, each.sets) for each in chosen]
        sound = [pool.submit(_run, (), (f"seed={seed}",)) for seed in seeds]
        found = [_judge(each, *run.result()) for each, run in zip(chosen, drills, strict=True)]
        clean = [_judge_clean(seed, *run.result()) for seed, run in zip(seeds, sound, strict=True)]
    missed = [each.name for each, (silent, _) in zip(chosen, found, strict=True) if silent]
    invented = [f"{each.name}: {check}" for each, (_, strange) in zip(chosen, found, strict=True) for check in strange]
    alarms = [seed for seed, alarm in zip(seeds, clean, strict=True) if alarm]
    for name, what in (("missed", missed), ("false alarms in drills", invented), ("alarms in clean runs", alarms)):
        if what:
            print(f"{name}: {', '.join(map(str, what))}")
    false_alarms = len(alarms) + len(invented)
    summary = {"faults": len(chosen), "missed": len(missed), "clean_runs": wanted.clean, "false_alarms": false_alarms}
    print(json.dumps(summary), flush=True)
    return 1 if missed or false_alarms else 0


def _judge(each: Drill, alarms: dict[str, str], seconds: float) -> tuple[list[str], list[str]]:
    """One drill, told in one line: its checks that were silent, and those that spoke though nobody asked them to."""
    silent = sorted(check for check, verdict in each.expected.items() if alarms.get(check) != verdict)
    strange = sorted(set(alarms) - set(each.expected) - set(each.perhaps))
    said = ", ".join(f"{check} {verdict}" for check, verdict in sorted(alarms.items())) or "nothing"
    mark = "MISSED" if silent else "STRANGE" if strange else "found"
    print(f"{mark:8} {each.name:40} expected {', '.join(each.expected)}; said {said} ({seconds:.0f} s)", flush=True)
    return silent, strange


def _judge_clean(seed: int, alarms: dict[str, str], seconds: float) -> bool:
    print(f"{'ALARM' if alarms else 'clean':8} seed {seed}: {alarms or 'no alarm'} ({seconds:.0f} s)", flush=True)
    return bool(alarms)


def _run(faults: tuple[str, ...], sets: tuple[str, ...]) -> tuple[dict[str, str], float]:
    """The alarms of one run, and its seconds. In a process of its own."""
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="thongsuot-drill-") as folder:
        alarms = failing(drill(Path(folder), *faults, sets=sets))
    return alarms, time.monotonic() - began


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.drills", description=__doc__)
    parser.add_argument("--only", default="", help="drills whose name contains this")
    parser.add_argument("--clean", type=int, default=CLEAN_RUNS, help=f"sound runs ({CLEAN_RUNS})")
    parser.add_argument("--jobs", type=int, default=JOBS, help=f"runs at a time ({JOBS})")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
