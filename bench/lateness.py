"""How late a person starts to act: the timerfd and a parked user woken, against gevent.sleep, in one run.

Each way hands 2,000 arrivals a second to parked users for five seconds; late is what the user's own clock shows beyond
the due time. The two take turns in short stretches, so that both see the same machine; compared is the median of the
stretches' p99, and printed how often the core was taken away meanwhile (on a quiet core hardly ever).
"""

from __future__ import annotations

import os
from collections.abc import Callable
from resource import RUSAGE_SELF, getrusage
from time import monotonic_ns
from typing import Any

import gevent
import numpy as np
from gevent.queue import SimpleQueue
from numpy.typing import NDArray

from bench._line import result
from loadtests.pacing import Timer

RATE = 2000
STRETCHES, STRETCH_S = 10, 0.5
USERS = 50
LEAD_NS = 50_000_000
GOAL_MS = 0.3

Wait = Callable[[int], None]


def main() -> None:
    os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    timer = Timer()
    ways: dict[str, Wait] = {"timerfd": timer.wait_until, "gevent.sleep": _sleep_until}
    found: dict[str, list[NDArray[np.float64]]] = {name: [] for name in ways}
    for _ in range(STRETCHES):
        for name, wait in ways.items():
            taken_away = getrusage(RUSAGE_SELF).ru_nivcsw
            found[name].append(np.percentile(np.array(_stretch(wait)) / 1e6, [50, 99, 100]))
            p50, p99, most = found[name][-1]
            taken_away = getrusage(RUSAGE_SELF).ru_nivcsw - taken_away
            print(
                f"{name:12s} {RATE}/s: late by p50 {p50:.3f} ms, p99 {p99:.3f} ms, at most {most:.3f} ms; "
                f"core taken away {taken_away} times",
                flush=True,
            )
    timer.close()
    percentiles = {name: np.median(np.array(rows), axis=0) for name, rows in found.items()}
    ours, peer = float(percentiles["timerfd"][1]), float(percentiles["gevent.sleep"][1])
    more = {"peer_name": "gevent.sleep", "unit": "ms, p99", "ours_p50": round(float(percentiles["timerfd"][0]), 4)}
    result("lateness", ours, peer, GOAL_MS, ours <= GOAL_MS, **more)


def _sleep_until(due_ns: int) -> None:
    left = due_ns - monotonic_ns()
    if left > 0:
        gevent.sleep(left / 1e9)


def _stretch(wait: Wait) -> list[int]:
    late: list[int] = []
    inbox: Any = SimpleQueue()

    def user() -> None:
        while (due := inbox.get()) is not None:
            late.append(monotonic_ns() - due)

    users = [gevent.spawn(user) for _ in range(USERS)]
    gevent.sleep(0)
    start = monotonic_ns() + LEAD_NS
    for number in range(int(RATE * STRETCH_S)):
        due = start + number * 1_000_000_000 // RATE
        wait(due)
        inbox.put(due)
    for _ in users:
        inbox.put(None)
    gevent.joinall(users)
    return late


if __name__ == "__main__":
    main()
