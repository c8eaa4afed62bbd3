"""Absolute pacing: one timerfd per process, watched by the gevent hub.

`gevent.sleep` counts from now and rounds to what the loop's clock believes; a timerfd wakes at an absolute instant of
CLOCK_MONOTONIC. All sleepers share one descriptor: a heap holds them, the descriptor is set to the earliest.
"""

from __future__ import annotations

import ctypes
import errno
import os
from heapq import heappop, heappush
from time import monotonic_ns
from typing import Any

from gevent import get_hub, getcurrent

SLEEPERS_MAX = 1_000_000

_CLOCK_MONOTONIC = 1
_TFD_NONBLOCK_CLOEXEC = 0o4000 | 0o2000000
_TFD_TIMER_ABSTIME = 1
_READ = 1
_SECOND = 1_000_000_000


class _ITimerSpec(ctypes.Structure):
    _fields_ = [
        ("interval_s", ctypes.c_long),
        ("interval_ns", ctypes.c_long),
        ("value_s", ctypes.c_long),
        ("value_ns", ctypes.c_long),
    ]


class Timer:
    """Wakes greenlets at absolute instants. To be made after forking, in the process that uses it.

    Raises OSError where the system has no timerfd (anything but Linux).
    """

    def __init__(self) -> None:
        libc = ctypes.CDLL(None, use_errno=True)
        if not hasattr(libc, "timerfd_create"):
            raise OSError(errno.ENOSYS, "pacing needs timerfd, which only Linux has")
        self._fd = libc.timerfd_create(_CLOCK_MONOTONIC, _TFD_NONBLOCK_CLOEXEC)
        if self._fd < 0:
            raise OSError(ctypes.get_errno(), f"timerfd_create: {os.strerror(ctypes.get_errno())}")
        self._settime = libc.timerfd_settime
        self._settime.argtypes = (ctypes.c_int, ctypes.c_int, ctypes.c_void_p, ctypes.c_void_p)
        self._spec = _ITimerSpec()
        self._spec_at = ctypes.addressof(self._spec)
        self._hub: Any = get_hub()
        self._watcher: Any = self._hub.loop.io(self._fd, _READ)
        self._watcher.start(self._fire)
        self._heap: list[list[Any]] = []  # [due, order, greenlet or None when it was woken by something else]
        self._order = 0
        self._armed_ns = 0  # 0: the descriptor is not set
        self._firing = False

    def wait_until(self, mono_ns: int) -> None:
        """Park the calling greenlet until CLOCK_MONOTONIC reads `mono_ns`. Returns at once when that is past."""
        if monotonic_ns() >= mono_ns:
            return
        assert len(self._heap) < SLEEPERS_MAX
        self._order += 1
        sleeper: list[Any] = [mono_ns, self._order, getcurrent()]
        heappush(self._heap, sleeper)
        if not self._firing and (mono_ns < self._armed_ns or not self._armed_ns):
            self._arm(mono_ns)
        switch = self._hub.switch
        try:
            while sleeper[2] is not None:
                switch()
        finally:
            sleeper[2] = None

    def close(self) -> None:
        """Give the descriptor back. Nobody may be waiting any more; whom it has just woken may close it."""
        self._watcher.stop()
        self._watcher.close()
        os.close(self._fd)
        self._fd = -1

    def _fire(self) -> None:
        """Wake everybody who is due by now, earliest first; each runs until it blocks.

        Who comes due meanwhile has to wait for the next turn of the loop, else sockets could starve. The descriptor is
        set once at the end, however many sleepers came or went; setting it also clears it.
        """
        heap = self._heap
        now = monotonic_ns()
        self._firing = True
        try:
            while heap and heap[0][0] <= now:
                sleeper = heappop(heap)
                greenlet = sleeper[2]
                if greenlet is not None:
                    sleeper[2] = None
                    greenlet.switch()
        finally:
            self._firing = False
            while heap and heap[0][2] is None:
                heappop(heap)
            self._arm(heap[0][0] if heap else 0)

    def _arm(self, mono_ns: int) -> None:
        if self._fd < 0:  # closed from within `_fire`: its number may be another timer's by now
            return
        spec = self._spec
        spec.value_s, spec.value_ns = divmod(mono_ns, _SECOND)
        self._armed_ns = mono_ns
        result = self._settime(self._fd, _TFD_TIMER_ABSTIME, self._spec_at, None)
        assert result == 0, os.strerror(ctypes.get_errno())


class RunClock:
    """ports.Clock over a Timer: whole nanoseconds since the run's zero (a reading of CLOCK_MONOTONIC)."""

    def __init__(self, timer: Timer, zero_mono_ns: int) -> None:
        self._wait_until = timer.wait_until
        self._zero_ns = zero_mono_ns

    def now(self) -> int:
        return monotonic_ns() - self._zero_ns

    def sleep_until(self, at_ns: int) -> None:
        self._wait_until(self._zero_ns + at_ns)
