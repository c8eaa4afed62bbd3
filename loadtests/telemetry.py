"""What the target says of itself while it is driven: a few process meters in Prometheus' text form, once a second.

In a thread of the harness, never of a worker: a target that does not answer must not hold anybody up.
"""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Callable, Mapping
from types import TracebackType

from loadtests.asking import Asker, AskError
from record.journal import Journal
from record.types import Reading

EVERY_S = 1.0
TIMEOUT_S = 2.0
TEXT_BYTES_MAX = 4 * 1024 * 1024
_VALUE = r"[0-9]{1,20}(?:\.[0-9]{0,20})?(?:[eE][+-]?[0-9]{1,2})?"
_LINE = re.compile(rf"^(process_[a-z_]+)(?:\{{[^}}\n]*\}})?[ \t]+({_VALUE})(?=\s|$)", re.M)
_MEMORY, _CPU, _FILES = "process_resident_memory_bytes", "process_cpu_seconds_total", "process_open_fds"


class Telemetry:
    """Context manager: inside it the meters of each system are read. `now` gives run time in ns."""

    def __init__(self, urls: Mapping[str, str], journal: Journal, now: Callable[[], int], trusted: str = "") -> None:
        self._urls = urls
        self._trusted = trusted
        self._journal = journal
        self._now = now
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._cpu: dict[str, tuple[float, float]] = {}

    def __enter__(self) -> Telemetry:
        if self._urls:
            self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._over.set()
        if self._urls:
            self._thread.join(TIMEOUT_S * 2)
        self._journal.close()

    def _watch(self) -> None:
        with Asker(self._trusted, {}, within_s=TIMEOUT_S, bytes_max=TEXT_BYTES_MAX) as asker:
            while not self._over.wait(EVERY_S):
                for system, url in self._urls.items():
                    try:
                        answer = asker.ask(url)
                    except AskError:
                        continue  # no reading: not measured
                    if answer.status == 200:
                        self._keep(f"target:{system}", answer.body.decode("utf-8", "replace"))

    def _keep(self, source: str, text: str) -> None:
        found = {name: float(value) for name, value in _LINE.findall(text)}
        at_ns, at_s = self._now(), time.monotonic()
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
