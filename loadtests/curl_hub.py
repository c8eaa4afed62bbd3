"""One libcurl multi handle per process, its sockets and its timer watched by the gevent hub.

Subtleness ahead; this is the hottest code of the project.
* Watchers are kept per socket and only started and stopped. A kept watcher may be reused for a new socket with the same
  number only if libev is told so, hence `opened`, called by libcurl for every socket it makes. Descriptors that were
  not announced (the name resolver's) get a watcher of their own each time.
* libcurl tells the instant of its next time-out very often, nearly always a later one. The loop's timer is set only
  when the instant moves nearer; when it fires too early it is set anew.
* What libcurl wants at once is done in the loop's callbacks, but only the first time: these run until none is left, and
  a target that never stops sending would keep timers and everybody else waiting. From then on a timer of 0 s does it.
* Whoever waits is resumed from the hub, never from inside a libcurl callback: no handle may be touched there.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Callable
from time import monotonic, monotonic_ns
from typing import Any, Protocol

import pycurl
from gevent import get_hub, getcurrent

_NEVER = float("inf")
_TIMEOUT = pycurl.SOCKET_TIMEOUT
_REMOVE = pycurl.POLL_REMOVE
CONNECTIONS_MAX = 500  # kept for reuse by all persons of a process (connections = "shared")
_ROUNDS_MAX = 4  # immediate time-outs served in one go before the loop gets its turn


class Transfer(Protocol):
    """What the hub needs of a person: an easy handle that points back, and places for the result."""

    easy: Any
    greenlet: Any
    finished: bool
    code: int  # CURLE_…, 0 when the transfer completed
    message: str
    done_mono_ns: int


class CurlHub:
    """Runs transfers. Make it in the process that uses it, after any fork."""

    def __init__(self) -> None:
        self._hub: Any = get_hub()
        self._loop: Any = self._hub.loop
        self._multi: Any = pycurl.CurlMulti()
        self._add = self._multi.add_handle
        self._remove = self._multi.remove_handle
        self._action = self._multi.socket_action
        self._watchers: dict[int, Any] = {}
        self._unannounced: dict[int, Any] = {}
        self._active = 0
        self.held_bytes = 0  # of bodies that persons keep until they are read
        self._soon = False  # libcurl wants its time-out function called now
        self._tick_planned = False
        self._tick_timer: Any = self._loop.timer(0.0)
        self._due = _NEVER  # of libcurl's next time-out, monotonic seconds
        self._timer: Any = None
        self._timer_due = _NEVER
        # libcurl's own measure, four times what is under way just now, closes after each burst what the next one needs
        self._multi.setopt(pycurl.M_MAXCONNECTS, CONNECTIONS_MAX)
        self._multi.setopt(pycurl.M_SOCKETFUNCTION, self._on_socket)
        self._multi.setopt(pycurl.M_TIMERFUNCTION, self._on_timer)

    @property
    def active(self) -> int:
        """Transfers under way."""
        return self._active

    @property
    def sockets(self) -> int:
        """Connections open now, idle ones included; asks the kernel for each, so not for the hot path."""
        return sum(_is_socket(fd) for fd in self._watchers)

    def run(self, transfer: Transfer) -> None:
        """Send and block the calling greenlet until the transfer is over; its result is in the transfer.

        A greenlet killed while it waits takes its transfer with it.
        """
        transfer.greenlet = getcurrent()
        transfer.finished = False
        self._active += 1
        self._add(transfer.easy)
        try:
            if self._soon:
                self._soon = False
                running = self._action(_TIMEOUT, 0)[1]
                if running != self._active:
                    self._collect_for(transfer)
                if self._soon:
                    self._plan_tick()
            switch = self._hub.switch
            while not transfer.finished:
                switch()
        finally:
            if not transfer.finished:
                transfer.finished = True
                self._active -= 1
                self._remove(transfer.easy)

    def opened(self, fd: int, purpose: int) -> int:
        """For SOCKOPTFUNCTION: a new socket exists. A watcher kept for an older one of that number is forgotten."""
        old = self._watchers.pop(fd, None)
        if old is not None:
            old.stop()
            old.close()
        self._watchers[fd] = self._loop.io(fd, 1)
        return 0

    def close(self) -> None:
        """Give everything back. No transfer may be under way."""
        assert not self._active
        self._multi.close()
        for watcher in (*self._watchers.values(), *self._unannounced.values()):
            watcher.stop()
            watcher.close()
        self._watchers.clear()
        self._unannounced.clear()
        self._tick_timer.stop()
        self._tick_timer.close()
        if self._timer is not None:
            self._timer.stop()
            self._timer.close()
            self._timer = None

    def _on_socket(self, what: int, fd: int, _multi: Any, _data: Any) -> None:
        watcher = self._watchers.get(fd)
        if watcher is None:
            self._on_unannounced(what, fd)
        elif what == _REMOVE:
            watcher.stop()
        else:  # POLL_IN, POLL_OUT, POLL_INOUT are the loop's 1, 2, 3
            if watcher.events != what:
                watcher.stop()
                watcher.events = what
            watcher.start(self._on_ready, fd, pass_events=True)

    def _on_unannounced(self, what: int, fd: int) -> None:
        watcher = self._unannounced.pop(fd, None)
        if watcher is not None:
            watcher.stop()
            watcher.close()
        if what != _REMOVE:
            watcher = self._unannounced[fd] = self._loop.io(fd, what)
            watcher.start(self._on_ready, fd, pass_events=True)

    def _on_timer(self, timeout_ms: int) -> None:
        if timeout_ms == 0:
            self._soon = True
        elif timeout_ms < 0:
            self._due = _NEVER
        else:
            self._due = due = monotonic() + timeout_ms * 0.001
            if due < self._timer_due:
                self._set_timer(due)

    def _set_timer(self, due: float) -> None:
        if self._timer is not None:
            self._timer.stop()
            self._timer.close()
        self._timer_due = due
        self._timer = self._loop.timer(max(0.0, due - monotonic()) + 0.001)
        self._timer.start(self._on_due, update=True)

    def _on_due(self) -> None:
        self._timer_due = _NEVER
        if monotonic() >= self._due:
            self._due = _NEVER
            self._step(_TIMEOUT, 0)
        if self._timer_due == _NEVER and self._due != _NEVER:
            self._set_timer(self._due)

    def _on_ready(self, events: int, fd: int) -> None:
        self._step(fd, events & 3)

    def _tick(self) -> None:
        self._tick_planned = False
        if self._soon:
            self._soon = False
            self._tick_planned = True  # so that `_step` plans none
            try:
                self._step(_TIMEOUT, 0)
            finally:
                self._tick_planned = self._soon
                if self._soon:
                    self._tick_timer.start(self._tick, update=True)

    def _plan_tick(self) -> None:
        if not self._tick_planned:
            self._tick_planned = True
            self._loop.run_callback(self._tick)

    def _step(self, fd: int, events: int) -> None:
        """Let libcurl work, in the hub; then resume those whose transfer is over, in order of completion."""
        action = self._action
        running = action(fd, events)[1]
        rounds = 1
        while self._soon and rounds < _ROUNDS_MAX and not self._tick_planned:
            self._soon = False
            running = action(_TIMEOUT, 0)[1]
            rounds += 1
        if self._soon:
            self._plan_tick()
        if running != self._active:
            for transfer in self._collect():
                transfer.greenlet.switch()

    def _collect(self) -> list[Any]:
        now = monotonic_ns()
        done = []
        left = 1
        while left:
            left, good, bad = self._multi.info_read()
            for easy in good:
                self._remove(easy)
                transfer = easy.transfer
                transfer.code = 0
                done.append(transfer)
            for easy, code, message in bad:
                self._remove(easy)
                transfer = easy.transfer
                transfer.code = code
                transfer.message = message
                done.append(transfer)
        self._active -= len(done)
        for transfer in done:
            transfer.done_mono_ns = now
            transfer.finished = True
        return done

    def _collect_for(self, own: Transfer) -> None:
        """As `_collect`, called from a person's greenlet: the others are resumed by the hub."""
        for transfer in self._collect():
            if transfer is not own:
                resume: Callable[[], object] = transfer.greenlet.switch
                self._loop.run_callback(resume)


def _is_socket(fd: int) -> bool:
    try:
        return stat.S_ISSOCK(os.fstat(fd).st_mode)
    except OSError:
        return False
