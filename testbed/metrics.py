"""What an operator's monitoring would see: counters and histograms in Prometheus' text format."""

from __future__ import annotations

import os
import time
from collections import Counter
from collections.abc import Iterable, Iterator

from scenarios.contract import STATES
from testbed.dossiers import Dossiers
from testbed.faults import Faults
from testbed.visit import Spent

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
_EDGES_MS = (1, 2.5, 5, 10, 25, 50, 100, 250, 500, 1_000, 2_500, 5_000, 10_000)
_PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")


class Metrics:
    """Counts of this process. Bounded: operations and statuses are few."""

    def __init__(self) -> None:
        self.in_flight = 0
        self._requests: Counter[tuple[str, int]] = Counter()
        self._buckets: dict[str, list[int]] = {}
        self._seconds: Counter[str] = Counter()
        self._db_ns: Counter[str] = Counter()
        self._queue_ns = 0

    def count(self, operation: str, status: int, total_ns: int, spent: Spent) -> None:
        """One answered request; `total_ns` without waiting for the client's bytes."""
        self._requests[operation, status] += 1
        buckets = self._buckets.get(operation)
        if buckets is None:
            buckets = self._buckets[operation] = [0] * (len(_EDGES_MS) + 1)
        place = 0
        for edge in _EDGES_MS:
            if total_ns <= edge * 1e6:
                break
            place += 1
        buckets[place] += 1
        self._seconds[operation] += total_ns  # nanoseconds; printed as seconds
        self._db_ns[operation] += spent.db_ns
        self._queue_ns += spent.queue_ns

    def text(self, faults: Faults, own: Iterable[str] = ()) -> str:
        """All of it; `own` are the lines that only this process has."""
        return "\n".join((*self._requests_text(), *own, *_faults_text(faults), *_process_text(), ""))

    def _requests_text(self) -> Iterator[str]:
        yield "# TYPE testbed_requests_total counter"
        for (operation, status), n in sorted(self._requests.items()):
            yield f'testbed_requests_total{{operation="{operation}",status="{status}"}} {n}'
        yield "# TYPE testbed_request_seconds histogram"
        for operation, buckets in sorted(self._buckets.items()):
            seen = 0
            for edge, n in zip((*(str(ms / 1000) for ms in _EDGES_MS), "+Inf"), buckets, strict=True):
                seen += n
                yield f'testbed_request_seconds_bucket{{operation="{operation}",le="{edge}"}} {seen}'
            yield f'testbed_request_seconds_sum{{operation="{operation}"}} {self._seconds[operation] / 1e9:.6f}'
            yield f'testbed_request_seconds_count{{operation="{operation}"}} {seen}'
        yield "# TYPE testbed_db_seconds_total counter"
        for operation, ns in sorted(self._db_ns.items()):
            yield f'testbed_db_seconds_total{{operation="{operation}"}} {ns / 1e9:.6f}'
        yield "# TYPE testbed_queue_seconds_total counter"
        yield f"testbed_queue_seconds_total {self._queue_ns / 1e9:.6f}"
        yield "# TYPE testbed_in_flight gauge"
        yield f"testbed_in_flight {self.in_flight}"


def dossiers_text(dossiers: Dossiers) -> Iterator[str]:
    yield "# HELP testbed_dossiers Dossiers by state: at the start of this process, and what it did since."
    yield "# TYPE testbed_dossiers gauge"
    for state in STATES:
        yield f'testbed_dossiers{{state="{state}"}} {dossiers.by_state[state]}'
    yield "# TYPE testbed_stored_bytes gauge"
    yield f"testbed_stored_bytes {dossiers.stored_bytes}"


def _faults_text(faults: Faults) -> Iterator[str]:
    yield "# TYPE testbed_fault_strikes_total counter"
    for fault in faults.active:
        yield f'testbed_fault_strikes_total{{fault="{fault.text}"}} {fault.struck}'


def _process_text() -> Iterator[str]:
    with open("/proc/self/statm", encoding="ascii") as file:
        pages = int(file.read().split()[1])
    yield "# TYPE process_cpu_seconds_total counter"
    yield f"process_cpu_seconds_total {time.process_time():.6f}"
    yield "# TYPE process_resident_memory_bytes gauge"
    yield f"process_resident_memory_bytes {pages * _PAGE_BYTES}"
    yield "# TYPE process_open_fds gauge"
    yield f"process_open_fds {len(os.listdir('/proc/self/fd'))}"
    yield "# TYPE testbed_pid gauge"
    yield f"testbed_pid {os.getpid()}"
