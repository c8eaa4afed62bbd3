"""How late a person starts to act: the timerfd and a parked user woken, against gevent.sleep, in one run.

Each way hands 2,000 arrivals a second to parked users for five seconds; late is what the user's own clock shows beyond
the due time. The two take turns in short stretches, so that both see the same machine. The kernel tells how long each
stretch had to wait for its core; the goal is for a quiet core, so the quarter of the stretches that waited least is
compared, and the figure over all of them printed beside it.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from time import monotonic_ns
from typing import Any, NamedTuple

import gevent
import numpy as np
from gevent.queue import SimpleQueue

from bench._line import result
from loadtests.pacing import Timer

RATE = 2000
STRETCHES, STRETCH_S, QUIET = 20, 0.25, 5
USERS = 50
LEAD_NS = 50_000_000
GOAL_MS = 0.3

Wait = Callable[[int], None]


class Stretch(NamedTuple):
    """What one stretch gave: how long the process waited for its core, and how late each arrival was."""

    waited_ns: int
    late_ns: list[int]


def main() -> None:
    os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    timer = Timer()
    ways: dict[str, Wait] = {"timerfd": timer.wait_until, "gevent.sleep": _sleep_until}
    found: dict[str, list[Stretch]] = {name: [] for name in ways}
    for _ in range(STRETCHES):
        for name, wait in ways.items():
            found[name].append(_stretch(wait))
    timer.close()
    quiet = {name: _percentiles(sorted(stretches)[:QUIET]) for name, stretches in found.items()}
    for name, stretches in found.items():
        for which, (p50, p99, most) in (("quiet", quiet[name]), ("all", _percentiles(stretches))):
            print(f"{name:12s} {which:5s} late by p50 {p50:.3f} ms, p99 {p99:.3f} ms, at most {most:.3f} ms")
    waited_ms = max(stretch.waited_ns for stretch in sorted(found["timerfd"])[:QUIET]) / 1e6
    print(f"the quiet stretches of {STRETCH_S} s waited at most {waited_ms:.1f} ms for their core")
    ours, peer = quiet["timerfd"][1], quiet["gevent.sleep"][1]
    more = {"peer_name": "gevent.sleep", "unit": "ms, p99", "ours_p50": round(quiet["timerfd"][0], 4)}
    result("lateness", ours, peer, GOAL_MS, ours <= GOAL_MS, waited_ms=round(waited_ms, 2), **more)


def _sleep_until(due_ns: int) -> None:
    left = due_ns - monotonic_ns()
    if left > 0:
        gevent.sleep(left / 1e9)


def _stretch(wait: Wait) -> Stretch:
    late: list[int] = []
    inbox: Any = SimpleQueue()

    def user() -> None:
        while (due := inbox.get()) is not None:
            late.append(monotonic_ns() - due)

    users = [gevent.spawn(user) for _ in range(USERS)]
    gevent.sleep(0)
    waited = _waited_ns()
    start = monotonic_ns() + LEAD_NS
    for number in range(int(RATE * STRETCH_S)):
        due = start + number * 1_000_000_000 // RATE
        wait(due)
        inbox.put(due)
    for _ in users:
        inbox.put(None)
    gevent.joinall(users)
    return Stretch(_waited_ns() - waited, late)


def _waited_ns() -> int:
    """How long this process was ready to run and had no core, so far (Linux, schedstat)."""
    return int(Path("/proc/self/schedstat").read_text().split()[1])


def _percentiles(stretches: list[Stretch]) -> list[float]:
    late = np.concatenate([np.array(stretch.late_ns) for stretch in stretches]) / 1e6
    return [float(value) for value in np.percentile(late, [50, 99, 100])]


if __name__ == "__main__":
    main()
