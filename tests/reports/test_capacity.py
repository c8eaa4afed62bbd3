"""Where promises stop holding, from records of queues whose truth is known."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import msgspec
import numpy as np
import pytest

from bench.stations import OperationSpec, Spec, StationSpec, Step
from bench.truth import Promise, true_capacity
from reports import capacity, capacity_text, queueing, search, segments
from reports.capacity import CONFIRM
from reports.search import Watch, following, near, staircase, trial
from tests.queues import few_errors, queue_record, within

STAIRS = [(0.2, 4.0), (0.4, 4.0), (0.7, 4.0), (1.1, 4.0), (1.5, 4.0), (2.2, 3.0), (0.1, 6.0)]
NEAR = [(1.55, 12.0), (1.65, 12.0), (1.6, 12.0)]


def truth(servers: int, mean_ms: float, cv: float, limit_ms: float) -> float:
    station = StationSpec("s", servers, mean_ms, cv)
    return true_capacity(Spec((station,), {"/": OperationSpec((Step("s"),))}), [Promise(limit_ms)], arrivals=150_000)


@pytest.mark.parametrize(("servers", "mean_ms", "cv", "limit_ms"), [(4, 20.0, 1.0, 100.0), (16, 80.0, 0.5, 400.0)])
def test_the_limit_of_a_queue_is_found_within_its_interval(
    tmp_path: Path, servers: int, mean_ms: float, cv: float, limit_ms: float
) -> None:
    known = truth(servers, mean_ms, cv, limit_ms)
    about = [(factor * known / 163.0, seconds) for factor, seconds in STAIRS + NEAR]
    record = queue_record(
        tmp_path / "a", about, servers=servers, mean_ms=mean_ms, cv=cv, objectives=[within(limit_ms), few_errors(0.01)]
    )
    found = capacity.estimate([record])
    assert found is not None
    assert found.per_s == pytest.approx(known, rel=0.05)
    assert found.low < known * 1.02
    assert found.high > known * 0.98
    assert (found.binding, found.servers, found.generator, found.sure) == ("fast", servers, "", True)
    assert found.ceiling == pytest.approx(servers / mean_ms * 1e3, rel=0.04)
    assert not found.collapses


def test_promises_that_a_search_cannot_see_are_said_to_be_untested(tmp_path: Path) -> None:
    late = msgspec.structs.replace(within(100.0), slug="sync", metric="lag")
    other = msgspec.structs.replace(within(100.0), slug="other", operations=("own.put",))
    record = queue_record(tmp_path / "a", STAIRS, objectives=[within(100.0), late, other])
    found = capacity.estimate([record])
    assert found is not None
    assert found.untested == ("sync", "other")
    assert any("promises not tested: sync, other" in line for line in capacity_text.as_lines(found))
    assert any("trial at 0.95 × the lower bound was not made" in line for line in capacity_text.as_lines(found))


def test_the_same_records_give_the_same_bytes(tmp_path: Path) -> None:
    records = [queue_record(tmp_path / name, STAIRS, seed=seed) for name, seed in (("a", 1), ("b", 2))]
    texts = {repr(capacity_text.as_data(capacity.estimate(records), records)) for _ in range(2)}
    assert len(texts) == 1


def test_a_target_that_was_never_filled_has_no_capacity_yet(tmp_path: Path) -> None:
    assert capacity.estimate([queue_record(tmp_path / "a", [(0.2, 5.0), (0.5, 10.0)])]) is None
    assert "Undecided" in capacity_text.as_lines(None)[0]


def test_a_limiter_is_found_by_the_errors_promise_without_any_queue(tmp_path: Path) -> None:
    record = queue_record(
        tmp_path / "a",
        [(factor, 8.0) for factor in (0.6, 0.9, 1.1, 1.15, 1.25, 1.3, 1.5)],
        servers=64, mean_ms=5.0, refused_above=120.0, objectives=[within(1000.0), few_errors(0.02)],
    )  # fmt: skip
    found = capacity.estimate([record])
    assert found is not None
    assert found.binding == "errors"
    assert {one.by for one in found.crossings} == {"segments"}
    assert found.per_s == pytest.approx(120.0 / 0.98, rel=0.05)


def test_a_disturbed_step_below_the_limit_does_not_hold_the_search_there() -> None:
    x = np.log([50.0, 70.0, 95.0, 130.0, 170.0, 94.0, 96.0, 95.0])
    late, of = np.array([0, 0, 75, 6, 300, 1, 0, 2]), np.array([125, 175, 240, 325, 425, 750, 760, 755])
    between = capacity._between(x, late, of, float(np.log(0.05 / 0.95)))
    assert np.exp(between) == pytest.approx((130 * 170) ** 0.5)


def test_a_target_that_does_less_when_more_is_asked_collapses(tmp_path: Path) -> None:
    overload = [(0.5, 5.0), (1.0, 5.0), (1.5, 5.0), (2.5, 12.0)]
    found = capacity.estimate([queue_record(tmp_path / "bad", overload, slow_above=60)])
    sound = capacity.estimate([queue_record(tmp_path / "good", overload)])
    assert found is not None
    assert sound is not None
    assert found.collapses
    assert not sound.collapses


def test_what_was_slow_only_at_first_is_left_out(tmp_path: Path) -> None:
    record = queue_record(tmp_path / "a", [(0.8, 10.0), *STAIRS, *NEAR], warm_s=3.0)
    found = capacity.estimate([record])
    assert found is not None
    assert 1.5 < found.warm_s < 20.0
    assert found.per_s == pytest.approx(163.6, rel=0.05)


def test_services_that_alone_take_longer_than_the_limit_give_no_curve() -> None:
    took = np.random.default_rng(1).gamma(4, 0.1, 400)
    begun = np.linspace(0.0, 60.0, took.size)
    service = queueing.Service(4, took, begun, np.ones(took.size, np.bool_), 0.0)
    assert queueing.curve(service, 0.01, 0.05) is None
    assert queueing.curve(service, 2.0, 0.05) is not None


@pytest.mark.parametrize(("slow", "heard"), [(1.0, 2000), (1.5, 1500)])
def test_late_calls_are_heard_when_they_were_served_like_the_others(slow: float, heard: int) -> None:
    rng = np.random.default_rng(4)
    took = rng.gamma(4, 0.01, 2000) * np.where(np.arange(2000) < 500, slow, 1.0)
    assert len(took if capacity._alike(took[500:], took[:500]) else took[500:]) == heard
    assert not capacity._alike(took[500:], took[:10])
    assert capacity._alike(np.full(500, 0.02), np.full(500, 0.02))  # a server of fixed pace: no spread to divide by
    assert not capacity._alike(np.full(500, 0.02), np.full(500, 0.03))


def test_a_late_generator_is_named_and_not_the_target(tmp_path: Path) -> None:
    found = capacity.estimate([queue_record(tmp_path / "a", STAIRS + NEAR, lateness_ms=60.0)])
    assert found is not None
    assert "requests left late" in found.generator


def test_a_trial_that_did_not_hold_widens_the_interval(tmp_path: Path) -> None:
    names = [f"step-{index}" for index in range(len(STAIRS))]
    sound = queue_record(tmp_path / "a", STAIRS, names=names)
    slow = queue_record(tmp_path / "b", [(1.2, 20.0)], names=[CONFIRM], mean_ms=40.0)
    found = capacity.estimate([sound, slow])
    assert found is not None
    assert found.confirmed is False
    assert not found.sure
    assert found.low <= 120.0


def test_records_of_different_searches_are_refused(tmp_path: Path) -> None:
    one = queue_record(tmp_path / "a", STAIRS)
    other = queue_record(tmp_path / "b", STAIRS, objectives=[within(500.0)])
    with pytest.raises(ValueError, match="not of one search"):
        capacity.estimate([one, other])


def test_littles_law_holds_in_a_steady_step_and_not_in_a_growing_one(tmp_path: Path) -> None:
    load = segments.load([queue_record(tmp_path / "a", [(1.0, 20.0), (3.0, 10.0)])])
    assert load.base == pytest.approx(100.0, rel=0.05)
    assert [step.steady for step in load.segments] == [True, False]


def test_servers_are_counted_from_what_callers_saw() -> None:
    rng = np.random.default_rng(3)
    sent = np.sort(rng.uniform(0, 60, 9000))
    service, free, done = rng.gamma(4, 0.01, 9000), [0.0] * 7, []
    for at, took in zip(sent.tolist(), service.tolist(), strict=True):
        free.sort()
        free[0] = max(at, free[0]) + took
        done.append(free[0])
    found = queueing.learn(sent, np.array(done))
    assert found is not None
    assert found.servers == 7
    assert found.took.mean() == pytest.approx(service.mean(), rel=0.01)
    assert queueing.learn(sent, sent + service) is None  # nobody ever waited: any number would do


def test_one_server_serves_in_the_order_of_its_answers_and_not_of_what_was_sent() -> None:
    rng = np.random.default_rng(3)
    sent, service = np.sort(rng.uniform(0, 40, 6000)), rng.gamma(2, 0.003, 6000)
    way = np.where(rng.uniform(size=sent.size) < 0.005, 0.006, 0.0)  # some are overtaken by others
    arrived = np.argsort(sent + way, kind="stable")
    done, free = np.empty_like(sent), 0.0
    for index in arrived.tolist():
        free = done[index] = max(sent[index], free) + service[index]
    found = queueing.learn(sent, done)
    assert found is not None
    assert found.servers == 1
    np.testing.assert_allclose(found.took + np.where(found.waited, 0.0, found.overhead_s), service, atol=1e-9)


CURVE = queueing.Curve(np.log([90.0, 95.0, 100.0, 105.0, 110.0]), 15 * np.log([0.9, 0.95, 1.0, 1.05, 1.1]), 0.01, 5.0)


def _moved(add: dict[float, float]) -> float:
    """How far segments move the capacity of a queue that has 100 calls per second; `add`: logits by their rate."""
    x = np.log(sorted([92.0, 95.0, 97.0, 99.0, 101.0, 103.0]))
    logits = CURVE.logit(x) + np.array([add.get(round(float(np.exp(each))), add.get(0.0, 0.0)) for each in x])
    of = np.full(x.size, 1500, np.int64)
    late = np.round(of / (1 + np.exp(-logits))).astype(np.int64)
    return capacity._shifted("p95", CURVE, 0.0, x, late, of, 0.0).per_s / 100.0 - 1


def test_one_slow_minute_moves_no_answer_and_what_all_segments_say_does() -> None:
    assert abs(_moved({})) < 0.002
    assert abs(_moved({103.0: 3.0})) < 0.02
    assert _moved({0.0: 2.0}) < -0.05


def test_a_staircase_rises_to_what_a_generator_can_send() -> None:
    stairs = staircase(50.0, 2.5)
    assert stairs[0].factor == 0.25
    assert 0.7 < stairs[-1].factor * 50 / search.ARRIVALS_PER_S_MAX <= 1.0
    assert sum(one.seconds * one.factor * 50 for one in stairs) <= search.ARRIVALS_MAX


def test_a_staircase_is_left_when_the_target_no_longer_keeps_up() -> None:
    stairs = staircase(50.0, 2.5)
    healthy, full = Watch(stairs, 50.0, 0.1), Watch(stairs, 50.0, 0.1)
    due, stopped = 0.0, None
    done = 0.0
    for tick in range(1, 160):
        at = tick * 0.25
        rate = next(one.factor * 50 for index, one in enumerate(stairs) if at <= 2.5 * (index + 1))
        due += rate * 0.25
        done = min(done + 200 * 0.25, due)
        assert not healthy.overloaded(at, int(due))
        if stopped is None and full.overloaded(at, int(done)):
            stopped = rate
    assert stopped is not None
    assert 200 < stopped < 700


def test_the_search_stays_near_the_crossing_and_within_its_time(tmp_path: Path) -> None:
    found = capacity.estimate([queue_record(tmp_path / "a", STAIRS)])
    assert found is not None
    stretches = near(found, 42.0)
    assert sum(one.seconds for one in stretches) <= 42.0 + 1e-6
    assert all(abs(math.log(one.factor * found.base / found.per_s)) < 0.25 for one in stretches)
    assert trial(found)[1].factor * found.base < found.low
    assert following(found, 0, 30.0, 5.0) is None
    assert following(found, 0, 120.0, 5.0) is not None
    alone = replace(found, crossings=tuple(replace(one, by="segments") for one in found.crossings))
    whole, half, rest = (following(*words, 5.0) for words in ((found, 0, 120.0), (alone, 0, 120.0), (found, 1, 73.0)))
    times = [sum(one.seconds for one in each or ()) for each in (whole, half, rest)]
    assert times == pytest.approx([88.0, 41.5, 41.0], abs=0.1)  # a queue learns from any rate: the rest in one record
    slow_starts = following(alone, 0, 100.0, 20.0)  # too little for two records: one, and longer
    assert slow_starts is not None
    assert sum(one.seconds for one in slow_starts) == pytest.approx(100.0 - 22.0 - 40.0, abs=0.1)


def test_a_limit_far_below_the_ceiling_is_learned_about_at_fuller_rates_as_well(tmp_path: Path) -> None:
    found = capacity.estimate([queue_record(tmp_path / "a", STAIRS)])
    assert found is not None
    assert found.ceiling is not None
    assert not [one for one in near(found, 82.0) if one.name.startswith("full")]
    far = near(replace(found, per_s=0.6 * found.ceiling), 82.0)
    assert [one.name for one in far[:6]] == ["settle", "near-1", "near-2", "near-3", "near-4", "full-1"]
    assert all(one.name.startswith("full") for one in far[5:])  # so that no backlog reaches those about the crossing
    assert {round(one.factor * found.base / found.ceiling, 6) for one in far[5:]} == {search.FULL}
    assert sum(one.seconds for one in far) == pytest.approx(82.0, abs=0.1)


def test_a_warm_up_is_more_than_chance(tmp_path: Path) -> None:
    for seed in range(4):
        cold, warm = (
            capacity.estimate([queue_record(tmp_path / f"{warm_s}-{seed}", STAIRS, seed=seed, cv=1.0, warm_s=warm_s)])
            for warm_s in (4.0, 0.0)
        )
        assert cold is not None
        assert warm is not None
        assert cold.warm_s > 0
        assert warm.warm_s == 0


@pytest.mark.parametrize(("width", "left_s", "seconds"), [(0.1, 9.0, 0.0), (0.1, 31.0, 31.0), (0.01, 31.0, 20.0)])
def test_a_trial_takes_what_is_left_while_the_answer_is_not_sure(width: float, left_s: float, seconds: float) -> None:
    half = 100.0 * width
    found = SimpleNamespace(per_s=100.0, low=100.0 - half, high=100.0 + half, width=width)
    assert search.trial_s(found, left_s) == seconds  # type: ignore[arg-type]
