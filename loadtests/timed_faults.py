"""Faults that a profile sets while the run goes: switched at the target from a thread of the harness's own process.

A fault never outlives the drive: what is still on at its end is switched off then.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from types import TracebackType

from loadtests.asking import Asker, AskError
from loadtests.targets import Target
from record.journal import EventLog
from record.types import Event
from scenarios.profiles import TimedFault

TIMEOUT_S = 2.0  # of one request
TRIES_S_MAX = {True: 2.0, False: 10.0}  # of switching on and off: a fault may have killed the target for a while
PAUSE_S = 0.25
ANSWER_CHARS_MAX = 300
ANSWER_BYTES_MAX = 64 * 1024


class TimedFaults:
    """Context manager around the drive. Nothing happens before `start`, nor when the profile sets no fault."""

    def __init__(self, target: Target, faults: Sequence[TimedFault], events: EventLog) -> None:
        self._target = target
        self._faults = faults
        self._events = events
        self._over = threading.Event()
        self._thread: threading.Thread | None = None
        self._zero_ns = 0

    def __enter__(self) -> TimedFaults:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._over.set()
        if self._thread is not None:
            self._thread.join()

    def start(self, zero_mono_ns: int) -> None:
        """The run's zero is known."""
        if self._faults and not self._over.is_set():
            self._zero_ns = zero_mono_ns
            self._thread = threading.Thread(target=self._run, name="timed-faults", daemon=True)
            self._thread.start()

    def _run(self) -> None:
        begins = [(fault.begin_ns, True, fault) for fault in self._faults]
        ends = [(fault.end_ns, False, fault) for fault in self._faults]
        on: list[TimedFault] = []
        control = self._target.control
        assert control is not None, "preflight lets no such run begin"
        headers = self._target.headers(control.headers)
        with Asker(self._target.http.trusted, headers, within_s=TIMEOUT_S, bytes_max=ANSWER_BYTES_MAX) as asker:
            for at_ns, enable, fault in sorted((*begins, *ends), key=lambda step: step[:2]):
                if self._over.wait(max(0.0, (at_ns - self._now()) * 1e-9)):
                    break
                if enable and self._switch(asker, control.url, fault, enable=True):
                    on.append(fault)
                elif not enable and fault in on:
                    on.remove(fault)
                    self._switch(asker, control.url, fault, enable=False)
            for fault in on:
                self._switch(asker, control.url, fault, enable=False)

    def _switch(self, asker: Asker, url: str, fault: TimedFault, *, enable: bool) -> bool:
        """Whether it may be on now. Its time in the events counts from when it was asked for to when it was taken back.

        Switching on replaces the same fault, so that asking a second time does not set it twice.
        """
        question = {"on": [fault.text] if enable else [], "off": [fault.text]}
        until = time.monotonic() + TRIES_S_MAX[enable]
        reached, asked_ns = False, self._now()
        while True:
            try:
                answer = asker.ask(url, content=question)
            except AskError as error:
                reached = reached or error.reached
                trouble, lasting = str(error), False
            else:
                if 200 <= answer.status < 300:
                    self._note(
                        "fault-begin" if enable else "fault-end", fault.text, asked_ns if enable else self._now()
                    )
                    return True
                broke = answer.status >= 500
                reached = reached or broke
                words = answer.body.decode("utf-8", "replace")[:ANSWER_CHARS_MAX]
                trouble, lasting = f"status {answer.status} {words}".strip(), not broke
            if lasting or time.monotonic() > until:
                what = "on" if enable else "off"
                self._note("fault-failed", f"{fault.text}: could not be switched {what}: {url}: {trouble}", self._now())
                return reached
            if not enable:
                time.sleep(PAUSE_S)
            elif self._over.wait(PAUSE_S):
                return reached

    def _note(self, kind: str, text: str, at_ns: int) -> None:
        self._events.write(Event(at_ns, kind, text))

    def _now(self) -> int:
        return time.monotonic_ns() - self._zero_ns
