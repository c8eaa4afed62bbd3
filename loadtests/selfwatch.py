"""The generator watches itself: how late the hub is, what the process costs, how full its inboxes are."""

from __future__ import annotations

from collections.abc import Callable
from typing import NoReturn

import gevent
import psutil

from loadtests.ports import Clock
from record.journal import Journal
from record.types import Reading

PROBE_NS = 10_000_000
REPORT_NS = 500_000_000


class SelfWatch:
    """Readings of one worker process, twice a second: hub_lag_ms, cpu_share, rss_mb, sockets and gauges."""

    def __init__(self, worker: int, clock: Clock, journal: Journal, gauges: Callable[[], dict[str, float]]) -> None:
        self._source = f"generator-{worker}"
        self._clock = clock
        self._journal = journal
        self._gauges = gauges
        self._process = psutil.Process()
        self._lag_ns_max = 0

    def probe(self) -> NoReturn:
        """Ask to be woken every 10 ms and keep the worst lateness: what a person in this process would suffer."""
        while True:
            due = self._clock.now() + PROBE_NS
            self._clock.sleep_until(due)
            self._lag_ns_max = max(self._lag_ns_max, self._clock.now() - due)

    def report(self, every: Callable[[], None]) -> NoReturn:
        """Write readings until killed; calls `every` once a round (flush, look for the stop switch)."""
        cpu, at = self._cpu_s(), self._clock.now()
        while True:
            self._clock.sleep_until(at + REPORT_NS)
            now, spent = self._clock.now(), self._cpu_s()
            values = {
                "hub_lag_ms": self._lag_ns_max * 1e-6,
                "cpu_share": (spent - cpu) / ((now - at) * 1e-9),
                "rss_mb": self._process.memory_info().rss / 1e6,
                "sockets": float(self._process.num_fds()),
                **self._gauges(),
            }
            cpu, at, self._lag_ns_max = spent, now, 0
            for metric, value in values.items():
                unit = UNITS.get(metric, "count")
                self._journal.reading(Reading(self._source, metric, unit, now, value))
            every()
            gevent.sleep(0)

    def _cpu_s(self) -> float:
        times = self._process.cpu_times()
        return float(times.user + times.system)


UNITS = {"hub_lag_ms": "ms", "cpu_share": "cores", "rss_mb": "MB"}
