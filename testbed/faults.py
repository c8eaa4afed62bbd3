"""Faults that a start-up switch can enable, so that every check of the harness can be shown to catch its own.

Deterministic: a fault counts what it sees and strikes at fixed numbers. Without an operation a fault applies to every
operation of the contract (those that concern storing: to every write), never to the final read, /metrics or /healthz;
only `stall` stops those too, because a frozen process answers nothing. The kinds are a table in fault_kinds.
"""

from __future__ import annotations

import asyncio
import enum
import os
import signal
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from fractions import Fraction
from typing import NamedTuple

from testbed.visit import RefusedError


class Effect(enum.Enum):
    """What becomes of a write that will be acknowledged."""

    KEEP = "keep"
    LOSE = "lose"  # nothing is stored
    DOUBLE = "double"  # stored twice under the same key
    CHANGE = "change"  # stored with other content
    PHANTOM = "phantom"  # stored, and once more under a key that nobody sent


class Moment(enum.Enum):
    """When a fault strikes."""

    BEFORE = "before the operation"
    STORING = "while storing"
    AFTER = "after the operation"
    CLOCK = "by the clock"
    ASKED = "where a system asks for it"


class Home(enum.Enum):
    """The process in which a fault lives."""

    PLATFORM = "platform"
    OUTSIDE = "outside"


CRASH = "crash"  # the one kind that a process started again does not inherit
SYSTEMS_OUTSIDE = ("identity", "national", "bank")


class Kind(NamedTuple):
    """One kind of fault: how its value is written and read, and what it does.

    `home` is the process that such a fault lives in when a system asks for it or it goes by the clock; the others live
    where the operation is served. With `always` its first number is no share: it strikes whatever it is asked about.
    """

    name: str
    form: str
    numbers: Callable[[str], tuple[Fraction, ...]]
    moment: Moment
    effect: Effect = Effect.KEEP
    status: int = 0
    home: Home = Home.PLATFORM
    always: bool = False

    @property
    def usage(self) -> str:
        return f"{self.name}={self.form}" if self.form else self.name


class Fault:
    """One enabled fault. `numbers[0]` is the share of matching operations that it strikes, or a delay or a time."""

    def __init__(self, text: str, kind: Kind, numbers: tuple[Fraction, ...], operation: str) -> None:
        self.text = text
        self.kind = kind
        self.numbers = numbers
        self.operation = operation
        self.struck = 0
        self.over = False  # disabled again; what it had planned is not carried out
        self._seen = 0

    def lives(self, home: Home) -> bool:
        """Whether the fault is one of that process: of both, when it is about operations in general."""
        if self.kind.moment in (Moment.ASKED, Moment.CLOCK):
            return self.kind.home is home
        if not self.operation:
            return True
        return (self.operation.split(".", 1)[0] in SYSTEMS_OUTSIDE) is (home is Home.OUTSIDE)

    def strikes(self, operation: str) -> bool:
        """Counts one operation and says whether the fault strikes it: each time the expected number grows by one."""
        if self.operation and self.operation != operation:
            return False
        share = Fraction(1) if self.kind.always else self.numbers[0]
        self._seen += 1
        hit = (self._seen * share) // 1 > ((self._seen - 1) * share) // 1
        self.struck += hit
        return hit


class Faults:
    """All enabled faults of this process; `switch` changes which, while it runs."""

    def __init__(self, faults: Sequence[Fault] = (), home: Home = Home.PLATFORM) -> None:
        self.home = home
        self.active: tuple[Fault, ...] = ()
        self._at: dict[Moment, list[Fault]] = {}
        self._loop: asyncio.AbstractEventLoop | None = None
        self._enable(fault for fault in faults if fault.lives(home))

    def hit(self, name: str, about: str = "") -> Fault | None:
        """For a system that asks: the enabled fault of that kind which strikes now, about this operation if any."""
        for fault in self._at[Moment.ASKED]:
            if fault.kind.name == name and fault.strikes(about):
                return fault
        return None

    def value(self, name: str) -> float | None:
        """For a system that asks: the first number of an enabled fault that changes a setting; None without one."""
        fault = self.hit(name)
        return None if fault is None else float(fault.numbers[0])

    def switch(self, on: Sequence[Fault], off: Sequence[str]) -> None:
        """Enable and disable faults of this process; `off` are texts as they were enabled."""
        gone = [fault for fault in self.active if fault.text in off]
        for fault in gone:
            fault.over = True
        mine = [fault for fault in on if fault.lives(self.home)]
        self._enable(fault for fault in (*self.active, *mine) if fault not in gone)
        if self._loop is not None:
            self._wind_up(mine)

    async def before(self, operation: str) -> None:
        """Delay the operation, or raise RefusedError without having applied anything."""
        for fault in self._at[Moment.BEFORE]:
            if fault.strikes(operation):
                if fault.kind.status:
                    raise RefusedError(fault.kind.status, "fault")
                await asyncio.sleep(float(fault.numbers[0]) / 1000)

    def effect(self, operation: str) -> Effect:
        """What becomes of this write. Called once for each write that is about to be stored and acknowledged."""
        effect = Effect.KEEP
        for fault in self._at[Moment.STORING]:
            if fault.strikes(operation) and effect is Effect.KEEP:
                effect = fault.kind.effect
        return effect

    def after(self, operation: str) -> None:
        """Raise RefusedError although the write was applied."""
        for fault in self._at[Moment.AFTER]:
            if fault.strikes(operation):
                raise RefusedError(fault.kind.status, "fault")

    def start(self, loop: asyncio.AbstractEventLoop) -> None:
        """Say what is enabled, and wind up what goes by the clock; its time counts from now."""
        self._loop = loop
        self._wind_up(self.active)

    def _enable(self, faults: Iterable[Fault]) -> None:
        self.active = tuple(faults)
        self._at = {moment: [fault for fault in self.active if fault.kind.moment is moment] for moment in Moment}

    def _wind_up(self, faults: Sequence[Fault]) -> None:
        assert self._loop is not None
        for fault in faults:
            print(f"testbed: fault enabled: {fault.text} ({fault.kind.moment.value})", file=sys.stderr, flush=True)
            if fault.kind.moment is Moment.CLOCK:
                schedule = _schedule_crash if fault.kind.name == CRASH else _schedule_stall
                schedule(self._loop, fault, self._loop.time() + float(fault.numbers[0]))


def _schedule_crash(loop: asyncio.AbstractEventLoop, fault: Fault, at: float) -> None:
    def crash() -> None:
        if not fault.over:
            os.kill(os.getpid(), signal.SIGKILL)

    loop.call_at(at, crash)


def _schedule_stall(loop: asyncio.AbstractEventLoop, fault: Fault, at: float) -> None:
    def freeze() -> None:
        # On purpose the sleep that blocks: accepting, reading and answering stop at once, as in a frozen process.
        if fault.over:
            return
        fault.struck += 1
        time.sleep(max(0.0, at + float(fault.numbers[1]) - loop.time()))
        if len(fault.numbers) == 3:
            _schedule_stall(loop, fault, at + float(fault.numbers[2]))

    loop.call_at(at, freeze)
