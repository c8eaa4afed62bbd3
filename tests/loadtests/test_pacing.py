"""The shared timer: nobody too early, everybody in order, sleepers can be taken off."""

from __future__ import annotations

from collections.abc import Iterator
from time import monotonic_ns

import gevent
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from loadtests.pacing import RunClock, Timer

MS = 1_000_000


@pytest.fixture
def timer() -> Iterator[Timer]:
    one = Timer()
    yield one
    one.close()


def test_a_sleeper_wakes_at_its_instant_and_not_before(timer: Timer) -> None:
    for _ in range(20):
        due = monotonic_ns() + 2 * MS
        timer.wait_until(due)
        assert monotonic_ns() >= due


def test_a_timer_closed_by_whom_it_woke_leaves_the_next_one_alone() -> None:
    """The next one has the same descriptor, and the hub comes back to the first only when somebody waits for it."""
    first = Timer()
    first.wait_until(monotonic_ns() + MS)
    first.close()
    second = Timer()
    with gevent.Timeout(20):
        second.wait_until(monotonic_ns() + 2 * MS)
    second.close()


def test_the_past_is_no_wait_at_all(timer: Timer) -> None:
    seen: list[str] = []
    gevent.spawn(seen.append, "another had a turn")
    timer.wait_until(monotonic_ns() - MS)
    timer.wait_until(0)
    assert seen == []
    gevent.sleep(0)


@settings(max_examples=20, deadline=None)
@given(st.lists(st.integers(0, 8), min_size=1, max_size=30))
def test_sleepers_wake_in_the_order_of_their_instants(delays_ms: list[int]) -> None:
    asleep_ms = 20
    while (woken := _woken(delays_ms, asleep_ms)) is None:
        asleep_ms *= 2  # a busy machine: not everybody was asleep before the first was to wake
    assert woken == sorted(delays_ms)


def _woken(delays_ms: list[int], asleep_ms: int) -> list[int] | None:
    """The order of waking; None when somebody was not yet asleep at the first instant."""
    timer = Timer()
    start = monotonic_ns() + asleep_ms * MS
    woken: list[int] = []

    def sleeper(delay_ms: int) -> None:
        timer.wait_until(start + delay_ms * MS)
        assert monotonic_ns() >= start + delay_ms * MS
        woken.append(delay_ms)

    sleepers = [gevent.spawn(sleeper, delay) for delay in delays_ms]
    gevent.sleep(0)  # each begins, and is asleep unless its instant has passed
    in_time = monotonic_ns() < start
    gevent.joinall(sleepers, raise_error=True)
    timer.close()
    return woken if in_time else None


def test_a_sleeper_may_sleep_again_from_within_its_waking(timer: Timer) -> None:
    start = monotonic_ns()

    def runner(step_ms: int) -> int:
        for number in range(1, 6):
            timer.wait_until(start + number * step_ms * MS)
        return monotonic_ns()

    runners = [gevent.spawn(runner, step) for step in (1, 2, 3)]
    gevent.joinall(runners, raise_error=True)
    for step, one in zip((1, 2, 3), runners, strict=True):
        assert one.value >= start + 5 * step * MS


def test_a_sleeper_who_is_taken_off_wakes_nobody_later(timer: Timer) -> None:
    far = [gevent.spawn(timer.wait_until, monotonic_ns() + 60_000 * MS) for _ in range(3)]
    near = gevent.spawn(timer.wait_until, monotonic_ns() + 20 * MS)
    gevent.sleep(0)
    gevent.killall(far)
    near.join(timeout=5)
    assert near.successful()


def test_an_instant_beyond_all_measure_does_not_upset_the_others(timer: Timer) -> None:
    far = gevent.spawn(timer.wait_until, 2**62)
    near = gevent.spawn(timer.wait_until, monotonic_ns() + 5 * MS)
    near.join(timeout=5)
    assert near.successful()
    far.kill()


def test_the_run_clock_counts_from_the_zero(timer: Timer) -> None:
    clock = RunClock(timer, monotonic_ns() + 10 * MS)
    assert clock.now() < 0
    clock.sleep_until(0)
    assert 0 <= clock.now() < 5_000 * MS
