"""Deadlines: the cases that officers argue about, and the laws of working time."""

from __future__ import annotations

import datetime as dt

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scenarios import working_time as wt
from scenarios.procedures import by_code
from scenarios.working_time import HANOI

SAME_DAY, THREE_DAYS = by_code("2.000815"), by_code("1.001612")
MOMENT = st.datetimes(dt.datetime(2025, 6, 1), dt.datetime(2026, 12, 31)).map(
    lambda moment: moment.replace(tzinfo=HANOI)
)


def at(text: str) -> dt.datetime:
    """Day and time of 2025 in Viet Nam: 1 July is a Tuesday."""
    return dt.datetime.strptime(f"2025-{text}", "%Y-%m-%d %H:%M").replace(tzinfo=HANOI)


@pytest.mark.parametrize(
    ("received", "due", "why"),
    [
        ("07-01 08:00", "07-01 17:00", "same day"),
        ("07-01 06:00", "07-01 17:00", "before the doors open"),
        ("07-01 12:00", "07-01 17:00", "at lunch"),
        ("07-01 14:59", "07-01 17:00", "the last minute"),
        ("07-01 15:00", "07-02 17:00", "15:00 is too late"),
        ("07-04 15:30", "07-07 17:00", "Friday afternoon: Monday"),
        ("07-05 09:00", "07-07 17:00", "Saturday: Monday"),
        ("08-29 16:00", "09-03 17:00", "Friday before the National Day"),
        ("09-02 09:00", "09-03 17:00", "on the National Day"),
    ],
)
def test_a_same_day_procedure_is_due(received: str, due: str, why: str) -> None:
    assert wt.due(at(received), SAME_DAY) == at(due), why


@pytest.mark.parametrize(
    ("received", "due", "why"),
    [
        ("07-01 08:00", "07-04 08:00", "three days of 8 hours"),
        ("07-01 07:00", "07-03 17:00", "three whole days end in the evening"),
        ("07-03 10:00", "07-08 10:00", "over a weekend"),
        ("07-01 12:00", "07-04 11:30", "at lunch nothing runs"),
        ("08-28 09:00", "09-04 09:00", "weekend, 1 and 2 September are free"),
    ],
)
def test_other_procedures_count_working_hours(received: str, due: str, why: str) -> None:
    assert THREE_DAYS.legal_days == 3
    assert wt.due(at(received), THREE_DAYS) == at(due), why


def test_an_online_dossier_is_received_within_eight_working_hours() -> None:
    assert wt.receive_by(at("07-01 22:00")) == at("07-02 17:00")
    assert wt.receive_by(at("07-04 10:30")) == at("07-07 10:30")


def test_time_counts_in_viet_nam_whatever_the_zone() -> None:
    utc = dt.datetime(2025, 7, 1, 7, 59, tzinfo=dt.UTC)  # 14:59 there
    assert wt.due(utc, SAME_DAY) == at("07-01 17:00")
    assert wt.due(utc, SAME_DAY).utcoffset() == dt.timedelta(hours=7)
    with pytest.raises(AssertionError, match="zone"):
        wt.due(dt.datetime(2025, 7, 1, 9), SAME_DAY)


def test_on_time_does_not_count_one_supplement_and_refuses_two() -> None:
    due = wt.due(at("07-01 08:00"), THREE_DAYS)
    asked, answered = at("07-02 08:00"), at("07-03 08:00")
    assert wt.on_time(due, due)
    assert not wt.on_time(due, due + dt.timedelta(minutes=1))
    assert wt.on_time(due, at("07-07 08:00"), [(asked, answered)]), "one working day was waiting"
    assert not wt.on_time(due, at("07-07 08:01"), [(asked, answered)])
    assert not wt.on_time(due, at("07-02 15:00"), [(asked, answered), (asked, answered)])


@given(MOMENT, st.integers(1, 25 * 8 * 60))
@settings(deadline=None)
def test_a_deadline_is_so_many_working_hours_away_and_falls_into_working_time(start: dt.datetime, minutes: int) -> None:
    end = wt.add_hours(start, minutes / 60)
    assert abs(wt.working_time_between(start, end) - dt.timedelta(minutes=minutes)) < dt.timedelta(milliseconds=1)
    assert wt.is_working_day(end.date())
    assert any(opens < end.time() <= closes for opens, closes in wt.SHIFTS)


@given(MOMENT, MOMENT, MOMENT)
@settings(deadline=None)
def test_working_time_adds_up(a: dt.datetime, b: dt.datetime, c: dt.datetime) -> None:
    first, second, third = sorted((a, b, c))
    whole = wt.working_time_between(first, third)
    assert whole == wt.working_time_between(first, second) + wt.working_time_between(second, third)
    assert dt.timedelta(0) <= whole <= third - first
    assert wt.working_time_between(third, first) == dt.timedelta(0)


@given(MOMENT, MOMENT)
@settings(deadline=None)
def test_who_comes_later_is_not_due_earlier(a: dt.datetime, b: dt.datetime) -> None:
    first, second = sorted((a, b))
    for procedure in (SAME_DAY, THREE_DAYS):
        assert first < wt.due(first, procedure) <= wt.due(second, procedure)


def test_the_days_off_are_working_days_otherwise() -> None:
    assert dt.date(2025, 9, 2) in wt.HOLIDAYS
    assert all(day.weekday() < 5 for day in wt.HOLIDAYS)
    assert wt.working_hours_between(at("07-01 00:00"), at("07-02 00:00")) == wt.HOURS_PER_DAY
