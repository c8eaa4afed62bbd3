"""Hands out arrivals at their time. The plan is fixed; nothing here waits for the target.

One greenlet walks this worker's share of the plan. At each due time the arrival goes into the bounded inbox of its
system, which wakes a parked user. When the inbox is full the arrival is dropped, counted, and never made up later.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import gevent
from gevent.queue import Full

from loadtests.ports import Clock
from record.rows import ERROR_INDEX
from record.types import JourneyEnd, Outcome
from scenarios.schedule import Plan

LOOK_NS = 250_000_000  # how long a wish to stop may go unheard
BATCH_MAX = 512  # arrivals handed out before the hub gets a turn: a turn may be slow, and must not set the pace


class Dispatcher:
    """The open loop of one worker process."""

    def __init__(
        self,
        plan: Plan,
        share: Sequence[int],
        inboxes: Mapping[str, Any],
        clock: Clock,
        end: Callable[[JourneyEnd], None],
    ) -> None:
        self._plan = plan
        self._share = share
        self._inboxes = inboxes
        self._clock = clock
        self._end = end
        self.handed_out = 0
        self.dropped = 0
        self.stopped = False

    def run(self) -> None:
        """Until the last arrival of the share is handed out, or `stopped` is set: what is left then is dropped."""
        plan, share = self._plan, self._share
        due = plan.at_ns[share].tolist()
        inbox_of = [self._inboxes[plan.systems[code]] for code in plan.system[share].tolist()]
        batch = 0
        for position, index in enumerate(share):
            at = due[position]
            if at > self._clock.now():
                self._sleep_until(at)
                batch = 0
            elif batch >= BATCH_MAX:
                gevent.sleep(0)
                batch = 0
            batch += 1
            if self.stopped:
                self._drop(share[position:], "stopped")
                return
            if batch > 1 and inbox_of[position].full():  # those parked there had no turn yet to take theirs
                gevent.sleep(0)
                batch = 1
            try:
                inbox_of[position].put_nowait(int(index))
                self.handed_out += 1
            except Full:
                self._drop([index], "inbox-full")

    def _sleep_until(self, at: int) -> None:
        """Until then, or about until `stopped` is set: the next arrival may be hours away."""
        while not self.stopped and at - (now := self._clock.now()) > LOOK_NS:
            self._clock.sleep_until(now + LOOK_NS)
        if not self.stopped:
            self._clock.sleep_until(at)

    def _drop(self, indices: Sequence[int], error: str) -> None:
        """The hub gets its turns meanwhile: what is under way must be seen when it ends, whatever is left of a plan."""
        now = self._clock.now()
        for begin in range(0, len(indices), BATCH_MAX):
            some = indices[begin : begin + BATCH_MAX]
            for index in some:
                self._end(JourneyEnd(int(index), 0, Outcome.DROPPED, ERROR_INDEX[error], -1, now))
            self.dropped += len(some)
            if len(some) < len(indices):
                gevent.sleep(0)
