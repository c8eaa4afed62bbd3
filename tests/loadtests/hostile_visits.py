"""Visits to the hostile server in a process of their own, which measures itself: `python -m … hostile_visits PORT`.

Prints one JSON object. `growth`: by how many bytes the process is larger after VISITS of one kind than after two.
`crowd`: by how many at most while CROWD people have received 12 MB each and wait for more, `after` when they are gone,
and how many of them were `cut` off. `longest_ms`: time in which nobody else got a turn, by kind; processor time, so
that a busy machine does not count.
"""

from __future__ import annotations

import gc
import json
import sys
import time
from pathlib import Path

import gevent
import psutil

from loadtests.http import HELD_BYTES_MAX, Person
from scenarios.types import Call
from tests.loadtests.clients import crowd, target_text
from tests.loadtests.hostile_table import operations

VISITS = 200
CROWD = 40
CUT_MIN = 5
KINDS = (
    "big-header", "many-headers", "endless-headers", "endless-header", "endless-trailer", "endless-1xx", "bomb",
    "bomb-in-a-bomb", "endless-body", "endless-crumbs", "endless-bomb", "deep-object", "huge-number", "wide",
    "too-wide", "server-timing", "thousands-of-cookies", "fat-cookies", "loop", "to-a-long-path", "reset-in-body",
)  # fmt: skip
LONG = frozenset(  # a tenth of the visits will do
    {"bomb", "bomb-in-a-bomb", "endless-body", "endless-crumbs", "endless-bomb", "wide", "too-wide"}
)
WAIT_S_MAX = 20
TICK_S = 0.002


class Turns:
    """The longest processor time between two turns of a greenlet that wants one all the time."""

    def __init__(self) -> None:
        self.longest_s = 0.0
        self._greenlet = gevent.spawn(self._watch)

    def _watch(self) -> None:
        before = time.process_time()
        while True:
            gevent.sleep(TICK_S)
            now = time.process_time()
            self.longest_s, before = max(self.longest_s, now - before), now

    def take_ms(self) -> float:
        gevent.sleep(2 * TICK_S)
        longest, self.longest_s = self.longest_s, 0.0
        return round(longest * 1000, 1)


def resident() -> int:
    gc.collect()
    size: int = psutil.Process().memory_info().rss
    return size


def visit(one: Person, kind: str, times: int) -> None:
    for _ in range(times):
        one.begin()
        one.send(Call(f"read {kind}", {}))


def peak() -> int:
    """High-water mark of the memory since `forget_peak`."""
    status = Path("/proc/self/status").read_text("ascii")
    return next(int(line.split()[1]) * 1024 for line in status.splitlines() if line.startswith("VmHWM"))


def forget_peak() -> None:
    Path("/proc/self/clear_refs").write_text("5")


def main() -> None:
    text = target_text(int(sys.argv[1]), operations(endless_ms=WAIT_S_MAX * 1000))
    gc.freeze()  # as a worker does
    found: dict[str, object] = {"held_max": HELD_BYTES_MAX, "visits": VISITS}
    growth, longest = {}, {}
    with crowd(text, CROWD) as people:
        turns = Turns()
        for kind in KINDS:
            visit(people[0], kind, 2)
            turns.take_ms()
            before = resident()
            visit(people[0], kind, VISITS // 10 if kind in LONG else VISITS)
            longest[kind] = turns.take_ms()
            growth[kind] = resident() - before
        before = resident()
        forget_peak()
        waiting = [gevent.spawn(visit, one, "much-and-silence", 1) for one in people]
        gevent.joinall(
            waiting, timeout=WAIT_S_MAX, count=CUT_MIN
        )  # the first who are cut off; the others are taken off
        found["cut"] = sum(greenlet.ready() for greenlet in waiting)
        gevent.killall(waiting)
        found |= {"crowd": peak() - before, "after": resident() - before, "held": people[0]._hub.held_bytes}
    print(json.dumps(found | {"growth": growth, "longest_ms": longest}))


if __name__ == "__main__":
    main()
