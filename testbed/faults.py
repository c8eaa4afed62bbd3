"""Faults that a start-up switch can enable, so that every check of the harness can be shown to catch its own.

Deterministic: a fault counts what it sees and strikes at fixed numbers. Without an operation a fault applies to every
operation of the contract (those that concern storing: to every write), never to the
final read, /metrics or /healthz; only `stall` stops those too, because a frozen process answers nothing.
"""

from __future__ import annotations

import asyncio
import enum
import re
import sys
import time
from collections.abc import Callable, Sequence
from fractions import Fraction
from typing import NamedTuple

from scenarios.contract import BY_NAME
from testbed.visit import RefusedError

DELAY_MS_MAX = 60_000
STALL_S_MAX = 60
TIME_S_MAX = 86_400
COUNT_MAX = 1_000_000_000
_NUMBER = re.compile(r"[0-9]{1,12}(\.[0-9]{1,9})?\Z")


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


class Kind(NamedTuple):
    """One kind of fault: how its value is written, read, and what it does."""

    form: str
    numbers: Callable[[str], tuple[Fraction, ...]]
    moment: Moment
    effect: Effect = Effect.KEEP
    status: int = 0


class Fault:
    """One enabled fault. `numbers[0]` is the share of matching operations that it strikes, or a delay or a time."""

    def __init__(self, text: str, kind: Kind, numbers: tuple[Fraction, ...], operation: str) -> None:
        self.text = text
        self.kind = kind
        self.numbers = numbers
        self.operation = operation
        self.struck = 0
        self._seen = 0

    def strikes(self, operation: str) -> bool:
        """Counts one operation and says whether the fault strikes it: each time the expected number grows by one."""
        if self.operation and self.operation != operation:
            return False
        share = Fraction(1) if self.kind is KINDS["delay"] else self.numbers[0]
        self._seen += 1
        hit = (self._seen * share) // 1 > ((self._seen - 1) * share) // 1
        self.struck += hit
        return hit


class Faults:
    """All enabled faults of this process."""

    def __init__(self, faults: Sequence[Fault] = ()) -> None:
        self.active = tuple(faults)
        self._before = [fault for fault in faults if fault.kind.moment is Moment.BEFORE]
        self._storing = [fault for fault in faults if fault.kind.moment is Moment.STORING]
        self._after = [fault for fault in faults if fault.kind.moment is Moment.AFTER]

    async def before(self, operation: str) -> None:
        """Delay the operation, or raise RefusedError without having applied anything."""
        for fault in self._before:
            if fault.strikes(operation):
                if fault.kind.status:
                    raise RefusedError(fault.kind.status, "fault")
                await asyncio.sleep(float(fault.numbers[0]) / 1000)

    def effect(self, operation: str) -> Effect:
        """What becomes of this write. Called once for each write that is about to be stored and acknowledged."""
        effect = Effect.KEEP
        for fault in self._storing:
            if fault.strikes(operation) and effect is Effect.KEEP:
                effect = fault.kind.effect
        return effect

    def after(self, operation: str) -> None:
        """Raise RefusedError although the write was applied."""
        for fault in self._after:
            if fault.strikes(operation):
                raise RefusedError(fault.kind.status, "fault")

    def start(self, loop: asyncio.AbstractEventLoop) -> None:
        """Say what is enabled, and wind up the stalls; their time counts from now."""
        for fault in self.active:
            print(f"testbed: fault enabled: {fault.text} ({fault.kind.moment.value})", file=sys.stderr, flush=True)
            if fault.kind.moment is Moment.CLOCK:
                _schedule_stall(loop, fault, loop.time() + float(fault.numbers[0]))


def parse(texts: Sequence[str]) -> tuple[Faults, list[str]]:
    """Faults from the values of --fault, and what is wrong with them in words."""
    faults: list[Fault] = []
    problems: list[str] = []
    for text in texts:
        name, _, value = text.partition("=")
        kind = KINDS.get(name)
        if kind is None:
            problems.append(f"--fault {text}: unknown kind {name!r}; known are: {', '.join(KINDS)}")
            continue
        value, _, operation = value.partition(":")
        try:
            numbers = kind.numbers(value)
        except ValueError as error:
            problems.append(f"--fault {text}: {error}; write {name}={kind.form}")
            continue
        if problem := _wrong_operation(kind, operation):
            problems.append(f"--fault {text}: {problem}")
        else:
            faults.append(Fault(text, kind, numbers, operation))
    return Faults(faults), problems


def _wrong_operation(kind: Kind, operation: str) -> str:
    if not operation:
        return ""
    if kind.moment is Moment.CLOCK:
        return "a stall stops the whole server and takes no operation"
    if operation not in BY_NAME:
        return f"unknown operation {operation!r}; known are: {', '.join(BY_NAME)}"
    if kind.moment is not Moment.BEFORE and not BY_NAME[operation].write:
        return f"{operation} is not a write"
    return ""


def _every(text: str) -> tuple[Fraction, ...]:
    if not text.isascii() or not text.isdigit() or not 1 <= int(text) <= COUNT_MAX:
        raise ValueError(f"expected a whole number from 1 to {COUNT_MAX:,}, every how manyth is meant")
    return (Fraction(1, int(text)),)


def _share(text: str) -> tuple[Fraction, ...]:
    return (_number(text, "a share", Fraction(1)),)


def _delay(text: str) -> tuple[Fraction, ...]:
    return (_number(text, "milliseconds", Fraction(DELAY_MS_MAX)),)


def _stall(text: str) -> tuple[Fraction, ...]:
    parts = text.split(",")
    if len(parts) not in (2, 3):
        raise ValueError("expected two or three numbers of seconds")
    numbers = (_number(parts[0], "seconds", Fraction(TIME_S_MAX)), _number(parts[1], "seconds", Fraction(STALL_S_MAX)))
    if len(parts) == 2:
        return numbers
    every = _number(parts[2], "seconds", Fraction(TIME_S_MAX))
    if every <= numbers[1]:
        raise ValueError("a repeated stall must be shorter than its interval")
    return (*numbers, every)


def _number(text: str, unit: str, most: Fraction) -> Fraction:
    if not _NUMBER.match(text) or not 0 < Fraction(text) <= most:
        raise ValueError(f"expected {unit} above 0 and at most {most}")
    return Fraction(text)


def _schedule_stall(loop: asyncio.AbstractEventLoop, fault: Fault, at: float) -> None:
    def freeze() -> None:
        # On purpose the sleep that blocks: accepting, reading and answering stop at once, as in a frozen process.
        fault.struck += 1
        time.sleep(max(0.0, at + float(fault.numbers[1]) - loop.time()))
        if len(fault.numbers) == 3:
            _schedule_stall(loop, fault, at + float(fault.numbers[2]))

    loop.call_at(at, freeze)


KINDS: dict[str, Kind] = {
    "lose": Kind("N[:operation]", _every, Moment.STORING, Effect.LOSE),
    "double": Kind("N[:operation]", _every, Moment.STORING, Effect.DOUBLE),
    "change": Kind("N[:operation]", _every, Moment.STORING, Effect.CHANGE),
    "phantom": Kind("N[:operation]", _every, Moment.STORING, Effect.PHANTOM),
    "refuse-kept": Kind("N[:operation]", _every, Moment.AFTER, status=409),
    "status": Kind("SHARE[:operation]", _share, Moment.BEFORE, status=500),
    "status-after": Kind("SHARE[:operation]", _share, Moment.AFTER, status=500),
    "delay": Kind("MS[:operation]", _delay, Moment.BEFORE),
    "stall": Kind("AT_S,FOR_S[,EVERY_S]", _stall, Moment.CLOCK),
}
