"""What the target says of itself while it is driven, once a second: its processes' meters in Prometheus' text form, the
resources that can run out (loadtests.resources), and, where it runs on this machine, what the kernel says of it.

In a thread of the harness, never of a worker: a target that does not answer must not hold anybody up.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from types import TracebackType

from loadtests.asking import Asker, AskError
from loadtests.local_processes import LocalProcesses
from loadtests.meters import Meters
from loadtests.postgres_meters import PostgresMeters
from loadtests.resources import MEMBERS_MAX, SHIPPED, Resource
from record.journal import Journal
from record.types import Reading

EVERY_S = 1.0
TIMEOUT_S = 2.0
TEXT_BYTES_MAX = 4 * 1024 * 1024
_MEMORY, _CPU, _FILES = "process_resident_memory_bytes", "process_cpu_seconds_total", "process_open_fds"


class Telemetry:
    """Context manager: inside it the meters of each system are read. `now` gives run time in ns.

    `bases`: addresses of the target; those on this machine are looked up among its processes. `postgres`: the variable
    that holds the address of a database's statistics.
    """

    def __init__(
        self,
        urls: Mapping[str, str],
        journal: Journal,
        now: Callable[[], int],
        trusted: str = "",
        resources: Sequence[Resource] = (),
        bases: Mapping[str, str] | None = None,
        postgres: str = "",
    ) -> None:
        self._urls = urls
        self._trusted = trusted
        self._journal = journal
        self._now = now
        self._resources = resources
        self._local = LocalProcesses(bases or {})
        self._postgres = PostgresMeters(postgres)
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._cpu: dict[str, tuple[float, float]] = {}

    def __enter__(self) -> Telemetry:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._over.set()
        self._thread.join(TIMEOUT_S * 2)
        self._journal.close()

    def _watch(self) -> None:
        with Asker(self._trusted, {}, within_s=TIMEOUT_S, bytes_max=TEXT_BYTES_MAX) as asker:
            due = time.monotonic()
            while not self._over.wait(max(0.0, due - time.monotonic())):
                due = max(due + EVERY_S, time.monotonic())
                for reading in (*self._local.readings(self._now), *self._postgres.readings(self._now)):
                    self._journal.reading(reading)
                for system, url in self._urls.items():
                    asked = self._now()
                    try:
                        answer = asker.ask(url)
                    except AskError:
                        continue  # no reading: not measured
                    if answer.status == 200:
                        at_ns = (asked + self._now()) // 2
                        self._keep(system, Meters(answer.body.decode("utf-8", "replace")), at_ns)
        self._postgres.close()

    def _keep(self, system: str, meters: Meters, at_ns: int) -> None:
        self._keep_process(f"target:{system}", meters, at_ns)
        taken = {metric for one in self._resources if one.system == system for metric in one.first.metrics}
        own = [one for one in self._resources if one.system == system]
        shipped = [one for one in SHIPPED if meters.has(one.first.metrics) and not taken & set(one.first.metrics)]
        for resource in (*own, *shipped):
            if not resource.per:
                self._keep_resource(resource, resource.name, meters, at_ns)
                continue
            for of in resource.first.values_of(meters, resource.per)[:MEMBERS_MAX]:
                self._keep_resource(resource, f"{resource.name} {of}", meters, at_ns, of)

    def _keep_resource(self, resource: Resource, name: str, meters: Meters, at_ns: int, of: str = "") -> None:
        source = f"resource:{resource.kind}:{name}"
        for metric, (expression, unit) in resource.told.items():
            value = expression.value(meters, resource.per, of)
            if value is not None:
                self._journal.reading(Reading(source, metric, unit, at_ns, value))

    def _keep_process(self, source: str, meters: Meters, at_ns: int) -> None:
        found = {name: rows[0][1] for name in (_MEMORY, _CPU, _FILES) if (rows := meters.series(name))}
        at_s = time.monotonic()
        if _MEMORY in found:
            self._journal.reading(Reading(source, "rss_mb", "MB", at_ns, found[_MEMORY] / 1e6))
        if _FILES in found:
            self._journal.reading(Reading(source, "open_files", "count", at_ns, found[_FILES]))
        if _CPU in found:
            before = self._cpu.get(source)
            self._cpu[source] = (at_s, found[_CPU])
            if before is not None and at_s > before[0] and found[_CPU] >= before[1]:
                share = (found[_CPU] - before[1]) / (at_s - before[0])
                self._journal.reading(Reading(source, "cpu_share", "cores", at_ns, share))
