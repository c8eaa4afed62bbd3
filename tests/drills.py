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
from pathlib import Path

from tests.drill_table import DRILLS, Drill
from tests.drives import drill, failing

CLEAN_RUNS = 50
FIRST_SEED = 1000


def main() -> int:
    """Exit status 0 when nothing was missed and nothing invented."""
    wanted = _arguments()
    chosen = [each for each in DRILLS if wanted.only in each.name]
    missed = [each.name for each in chosen if not _found(each)]
    alarms = [seed for seed in range(FIRST_SEED, FIRST_SEED + wanted.clean) if not _silent(seed)]
    false_alarms = len(alarms) + len(_invented)
    for name, what in (("missed", missed), ("false alarms in drills", _invented), ("alarms in clean runs", alarms)):
        if what:
            print(f"{name}: {', '.join(map(str, what))}")
    summary = {"faults": len(chosen), "missed": len(missed), "clean_runs": wanted.clean, "false_alarms": false_alarms}
    print(json.dumps(summary), flush=True)
    return 1 if missed or false_alarms else 0


_invented: list[str] = []


def _found(each: Drill) -> bool:
    """One drill, told in one line; whether all its checks spoke."""
    alarms, seconds = _run(each.faults, each.sets)
    silent = sorted(check for check, verdict in each.expected.items() if alarms.get(check) != verdict)
    strange = sorted(set(alarms) - set(each.expected) - set(each.perhaps))
    _invented.extend(f"{each.name}: {check}" for check in strange)
    said = ", ".join(f"{check} {verdict}" for check, verdict in sorted(alarms.items())) or "nothing"
    mark = "MISSED" if silent else "STRANGE" if strange else "found"
    print(f"{mark:8} {each.name:40} expected {', '.join(each.expected)}; said {said} ({seconds:.0f} s)", flush=True)
    return not silent


def _silent(seed: int) -> bool:
    alarms, seconds = _run((), (f"seed={seed}",))
    print(f"{'ALARM' if alarms else 'clean':8} seed {seed}: {alarms or 'no alarm'} ({seconds:.0f} s)", flush=True)
    return not alarms


def _run(faults: tuple[str, ...], sets: tuple[str, ...]) -> tuple[dict[str, str], float]:
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="thongsuot-drill-") as folder:
        alarms = failing(drill(Path(folder), *faults, sets=sets))
    return alarms, time.monotonic() - began


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.drills", description=__doc__)
    parser.add_argument("--only", default="", help="drills whose name contains this")
    parser.add_argument("--clean", type=int, default=CLEAN_RUNS, help=f"sound runs ({CLEAN_RUNS})")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
