"""Deadlines count working hours: 07:00–11:30 and 13:30–17:00, Monday to Friday, 8 hours are one day. Viet Nam time."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Iterator, Sequence

from scenarios.contract import HANOI_OFFSET_HOURS
from scenarios.types import Procedure

HANOI = dt.timezone(dt.timedelta(hours=HANOI_OFFSET_HOURS))
SHIFTS = ((dt.time(7, 0), dt.time(11, 30)), (dt.time(13, 30), dt.time(17, 0)))
CLOSING = SHIFTS[-1][1]
SAME_DAY_UNTIL = dt.time(15, 0)
HOURS_PER_DAY = 8
RECEIVE_ONLINE_HOURS = 8
SUPPLEMENTS_MAX = 1  # more than one request for a supplement counts as overdue (QĐ 766/QĐ-TTg)
DAYS_MAX = 3_660  # no deadline looks further ahead

# Days off that fall on Monday to Friday. From memory, unverified: give your own tuple where it matters.
HOLIDAYS: tuple[dt.date, ...] = (
    dt.date(2025, 9, 1),
    dt.date(2025, 9, 2),
    dt.date(2026, 1, 1),
    *(dt.date(2026, 2, day) for day in range(16, 21)),
    dt.date(2026, 4, 27),
    dt.date(2026, 4, 30),
    dt.date(2026, 5, 1),
    dt.date(2026, 9, 1),
    dt.date(2026, 9, 2),
)

_ZERO = dt.timedelta(0)


def due(received: dt.datetime, procedure: Procedure, holidays: Collection[dt.date] = HOLIDAYS) -> dt.datetime:
    """When the result is due. Times must know their zone; the answer is in Viet Nam time.

    A same-day procedure (`legal_days` 0) received before 15:00 of a working day is due 17:00, else at 17:00 of the next
    working day. All others are due after `legal_days` × 8 working hours.
    """
    if procedure.legal_days:
        return add_hours(received, procedure.legal_days * HOURS_PER_DAY, holidays)
    local = _local(received)
    day = local.date()
    if not is_working_day(day, holidays) or local.time() >= SAME_DAY_UNTIL:
        day = next_working_day(day, holidays)
    return dt.datetime.combine(day, CLOSING, HANOI)


def receive_by(submitted: dt.datetime, holidays: Collection[dt.date] = HOLIDAYS) -> dt.datetime:
    """Until when an online dossier must have been received or turned away: 8 working hours."""
    return add_hours(submitted, RECEIVE_ONLINE_HOURS, holidays)


def on_time(
    due_at: dt.datetime,
    ended: dt.datetime,
    supplements: Sequence[tuple[dt.datetime, dt.datetime]] = (),
    holidays: Collection[dt.date] = HOLIDAYS,
) -> bool:
    """Whether a dossier ended in time. Waiting for a supplement (asked, answered) is not counted; two are too many."""
    if len(supplements) > SUPPLEMENTS_MAX:
        return False
    waited = sum((working_time_between(asked, answered, holidays) for asked, answered in supplements), _ZERO)
    return ended <= (_add(due_at, waited, holidays) if waited else due_at)


def add_hours(start: dt.datetime, hours: float, holidays: Collection[dt.date] = HOLIDAYS) -> dt.datetime:
    """The earliest moment at which so many working hours have passed since `start`."""
    assert hours > 0, "a deadline lies ahead"
    return _add(start, dt.timedelta(hours=hours), holidays)


def working_hours_between(start: dt.datetime, end: dt.datetime, holidays: Collection[dt.date] = HOLIDAYS) -> float:
    """Working hours from `start` to `end`; 0 when `end` is not later."""
    return working_time_between(start, end, holidays) / dt.timedelta(hours=1)


def working_time_between(
    start: dt.datetime, end: dt.datetime, holidays: Collection[dt.date] = HOLIDAYS
) -> dt.timedelta:
    """As `working_hours_between`, exact."""
    end = _local(end)
    total = _ZERO
    for opens, closes in _shifts_from(_local(start), holidays):
        if opens >= end:
            return total
        total += min(closes, end) - opens
    raise AssertionError(f"more than {DAYS_MAX} days between {start} and {end}")


def is_working_day(day: dt.date, holidays: Collection[dt.date] = HOLIDAYS) -> bool:
    return day.weekday() < 5 and day not in holidays


def next_working_day(day: dt.date, holidays: Collection[dt.date] = HOLIDAYS) -> dt.date:
    """The first working day after `day`."""
    for ahead in range(1, DAYS_MAX):
        later = day + dt.timedelta(days=ahead)
        if is_working_day(later, holidays):
            return later
    raise AssertionError(f"no working day within {DAYS_MAX} days of {day}")


def _add(start: dt.datetime, left: dt.timedelta, holidays: Collection[dt.date]) -> dt.datetime:
    for opens, closes in _shifts_from(_local(start), holidays):
        if left <= closes - opens:
            return opens + left
        left -= closes - opens
    raise AssertionError(f"more than {DAYS_MAX} days ahead of {start}")


def _shifts_from(start: dt.datetime, holidays: Collection[dt.date]) -> Iterator[tuple[dt.datetime, dt.datetime]]:
    """The stretches of working time from `start` on; the first is cut where `start` falls inside it."""
    for ahead in range(DAYS_MAX):
        day = start.date() + dt.timedelta(days=ahead)
        if not is_working_day(day, holidays):
            continue
        for opens, closes in SHIFTS:
            stretch_end = dt.datetime.combine(day, closes, HANOI)
            if stretch_end > start:
                yield max(dt.datetime.combine(day, opens, HANOI), start), stretch_end


def _local(moment: dt.datetime) -> dt.datetime:
    assert moment.tzinfo is not None, "a moment must know its zone"
    return moment.astimezone(HANOI)
