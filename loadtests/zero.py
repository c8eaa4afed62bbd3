"""The run's zero, common to all worker processes of a run."""

from __future__ import annotations

import time
from pathlib import Path

from record.types import Zero

START_DELAY_NS = 1_000_000_000  # from everybody ready to the first possible arrival


def boot_id() -> str:
    """Processes with the same boot id share one monotonic clock."""
    return Path("/proc/sys/kernel/random/boot_id").read_text("ascii").strip()


def new_zero() -> Zero:
    """A zero a moment ahead, so that every worker has it before it comes."""
    return Zero(time.time_ns() + START_DELAY_NS, time.monotonic_ns() + START_DELAY_NS, boot_id())


def zero_here(zero: Zero) -> int:
    """The zero on this machine's monotonic clock; on another machine it is as good as the wall clocks agree."""
    if zero.boot_id == boot_id():
        return zero.mono_ns
    return time.monotonic_ns() + (zero.wall_ns - time.time_ns())
