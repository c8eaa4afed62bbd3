"""The kinds of fault, as a table, and how --fault is read."""

from __future__ import annotations

import re
from collections.abc import Sequence
from fractions import Fraction

from scenarios.contract import BY_NAME
from testbed.faults import CRASH, Effect, Fault, Home, Kind, Moment

DELAY_MS_MAX = 60_000
SCALE_MAX = 100
STALL_S_MAX = 60
TIME_S_MAX = 86_400
COUNT_MAX = 1_000_000_000
KB_MAX = 10_000
_NUMBER = re.compile(r"[0-9]{1,12}(\.[0-9]{1,9})?\Z")


def parse(texts: Sequence[str]) -> tuple[list[Fault], list[str]]:
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
            problems.append(f"--fault {text}: {error}; write {kind.usage}")
            continue
        if problem := _wrong_operation(kind, operation):
            problems.append(f"--fault {text}: {problem}")
        else:
            faults.append(Fault(text, kind, numbers, operation))
    return faults, problems


def _wrong_operation(kind: Kind, operation: str) -> str:
    if not operation:
        return ""
    if kind.moment is Moment.CLOCK:
        return f"{kind.name} stops the whole server and takes no operation"
    if not kind.form.endswith("[:operation]"):
        return f"{kind.name} takes no operation"
    if operation not in BY_NAME:
        return f"unknown operation {operation!r}; known are: {', '.join(BY_NAME)}"
    if kind.moment not in (Moment.BEFORE, Moment.ASKED) and not BY_NAME[operation].write:
        return f"{operation} is not a write"
    return ""


def _every(text: str) -> tuple[Fraction, ...]:
    if not text.isascii() or not text.isdigit() or not 1 <= int(text) <= COUNT_MAX:
        raise ValueError(f"expected a whole number from 1 to {COUNT_MAX:,}, every how manyth is meant")
    return (Fraction(1, int(text)),)


def _count(text: str) -> tuple[Fraction, ...]:
    return (1 / _every(text)[0],)


def _share(text: str) -> tuple[Fraction, ...]:
    return (_number(text, "a share", Fraction(1)),)


def _scale(text: str) -> tuple[Fraction, ...]:
    return (_number(text, "a factor", Fraction(SCALE_MAX)),)


def _delay(text: str) -> tuple[Fraction, ...]:
    return (_number(text, "milliseconds", Fraction(DELAY_MS_MAX)),)


def _pool(text: str) -> tuple[Fraction, ...]:
    connections, _, ms = text.partition(",")
    return (1 / _every(connections)[0], _number(ms, "milliseconds", Fraction(DELAY_MS_MAX)))


def _kilobytes(text: str) -> tuple[Fraction, ...]:
    return (_number(text, "kilobytes", Fraction(KB_MAX)),)


def _commune(text: str) -> tuple[Fraction, ...]:
    if not re.fullmatch(r"[0-9]{5}", text, re.ASCII):
        raise ValueError("expected the five digits of a commune")
    return (Fraction(int(text)),)


def _whole(text: str) -> tuple[Fraction, ...]:
    return (1 / _every(text)[0],)


def _nothing(text: str) -> tuple[Fraction, ...]:
    if text:
        raise ValueError("it takes no value")
    return ()


def _seconds(text: str) -> tuple[Fraction, ...]:
    return (_number(text, "seconds", Fraction(TIME_S_MAX)),)


def _hours(text: str) -> tuple[Fraction, ...]:
    return (_number(text, "hours", Fraction(48)),)


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


KINDS: dict[str, Kind] = {
    kind.name: kind
    for kind in (
        Kind("lose", "N[:operation]", _every, Moment.STORING, Effect.LOSE),
        Kind("double", "N[:operation]", _every, Moment.STORING, Effect.DOUBLE),
        Kind("change", "N[:operation]", _every, Moment.STORING, Effect.CHANGE),
        Kind("phantom", "N[:operation]", _every, Moment.STORING, Effect.PHANTOM),
        Kind("refuse-kept", "N[:operation]", _every, Moment.AFTER, status=409),
        Kind("status", "SHARE[:operation]", _share, Moment.BEFORE, status=500),
        Kind("status-after", "SHARE[:operation]", _share, Moment.AFTER, status=500),
        Kind("delay", "MS[:operation]", _delay, Moment.BEFORE, always=True),
        Kind("slow-query", "MS[:operation]", _delay, Moment.ASKED, always=True),
        Kind("hot-row", "MS[:operation]", _delay, Moment.ASKED, always=True),
        Kind("pool", "CONNECTIONS,MS[:operation]", _pool, Moment.ASKED, always=True),
        Kind("leak", "KB[:operation]", _kilobytes, Moment.ASKED, always=True),
        Kind("commit-late", "MS", _delay, Moment.ASKED, always=True),
        Kind("code-twice", "N", _every, Moment.ASKED),
        Kind("code-skip", "N", _every, Moment.ASKED),
        Kind("upload-drop", "N[:operation]", _every, Moment.ASKED),
        Kind("upload-truncate", "N[:operation]", _every, Moment.ASKED),
        Kind("state-back", "N[:operation]", _every, Moment.ASKED),
        Kind("sync-slow", "MS", _delay, Moment.ASKED, always=True),
        Kind("sync-stuck", "", _nothing, Moment.ASKED, always=True),
        Kind("sync-lose", "N", _every, Moment.ASKED, home=Home.OUTSIDE),
        Kind("sync-double", "N", _every, Moment.ASKED, home=Home.OUTSIDE),
        Kind("sync-reverse", "N", _every, Moment.ASKED, home=Home.OUTSIDE),
        Kind("commune-missing", "CODE", _commune, Moment.ASKED, always=True),
        Kind("clock", "SECONDS_BEHIND", _seconds, Moment.ASKED, always=True),
        Kind("zone", "HOURS_BEHIND", _hours, Moment.ASKED, always=True),
        Kind("sign-wrong-bytes", "N[:operation]", _every, Moment.ASKED),
        Kind("sign-altered", "N[:operation]", _every, Moment.ASKED),
        Kind("sign-expired", "N[:operation]", _every, Moment.ASKED),
        Kind("sign-revoked", "N[:operation]", _every, Moment.ASKED),
        Kind("sign-stranger", "N[:operation]", _every, Moment.ASKED),
        Kind("tsa-slow", "SCALE", _scale, Moment.ASKED, home=Home.OUTSIDE, always=True),
        Kind("tsa-down", "N", _every, Moment.ASKED, home=Home.OUTSIDE),
        Kind("counts-stuck", "", _nothing, Moment.ASKED, always=True),
        Kind("counts-wrong", "TOO_MANY", _whole, Moment.ASKED, always=True),
        Kind("site-missing", "CODE", _commune, Moment.ASKED, always=True),
        Kind("cache-off", "", _nothing, Moment.ASKED, always=True),
        Kind("identity-slow", "MS", _delay, Moment.ASKED, home=Home.OUTSIDE, always=True),
        Kind("identity-down", "SHARE", _share, Moment.ASKED, home=Home.OUTSIDE),
        Kind("identity-quota", "PER_SECOND", _count, Moment.ASKED, home=Home.OUTSIDE, always=True),
        Kind("accounts-max", "PER_COMMUNE", _count, Moment.ASKED, always=True),
        Kind("delivery-lose", "N", _every, Moment.ASKED),
        Kind("delivery-double", "N", _every, Moment.ASKED),
        Kind("delivery-change", "N", _every, Moment.ASKED),
        Kind("delivery-astray", "N", _every, Moment.ASKED),
        Kind("confirm-lost", "N", _every, Moment.ASKED),
        Kind("number-skip", "N[:operation]", _every, Moment.ASKED),
        Kind("number-twice", "N[:operation]", _every, Moment.ASKED),
        Kind("bank-down", "SHARE", _share, Moment.ASKED, home=Home.OUTSIDE),
        Kind("callback-lost", "N", _every, Moment.ASKED, home=Home.OUTSIDE),
        Kind("reconcile-off", "", _nothing, Moment.ASKED, always=True),
        Kind("booked-twice", "N", _every, Moment.ASKED),
        Kind("amount-changed", "N", _every, Moment.ASKED),
        Kind(CRASH, "AFTER_S", _seconds, Moment.CLOCK, always=True),
        Kind("stall", "AT_S,FOR_S[,EVERY_S]", _stall, Moment.CLOCK, always=True),
    )
}
