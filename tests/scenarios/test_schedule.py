"""Laws of the plan: order, digest, exact shares."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from record import schema
from scenarios import schedule, traffic
from scenarios.province import communes
from scenarios.schedule import Plan
from scenarios.traffic import Stream, Traffic, Window
from scenarios.types import Arrival, ConfigError

PLAN = schedule.make_plan(traffic.streams(communes(), Window(28_800, 37_800), Traffic(compression=75.0), 1))


def stream(journey: str, commune: str, *at_ns: int) -> Stream:
    return Stream(journey.split(".")[0], journey, commune, np.array(at_ns, np.int64))


STREAMS = st.lists(
    st.builds(
        lambda journey, commune, times: stream(journey, commune, *sorted(times)),
        st.sampled_from(["tthc.counter", "portal.submit", "portal.visit"]),
        st.sampled_from(["", "14758", "14797", "16012"]),
        st.lists(st.integers(0, 50), max_size=8),
    ),
    max_size=8,
    unique_by=lambda made: (made.journey, made.commune),
)


def rows(plan: Plan) -> list[Arrival]:
    return [plan.arrival(index) for index in range(len(plan))]


@given(STREAMS)
def test_a_plan_holds_every_arrival_once_in_order(streams: list[Stream]) -> None:
    expected = sorted((int(at), s.system, s.journey, s.commune) for s in streams for at in s.at_ns)
    plan = schedule.make_plan(streams)
    assert [(a.at_ns, a.system, a.journey, a.commune) for a in rows(plan)] == expected
    assert [a.index for a in rows(plan)] == list(range(len(plan)))


@given(STREAMS.flatmap(lambda streams: st.tuples(st.just(streams), st.permutations(streams))))
def test_the_order_of_the_streams_does_not_matter(both: tuple[list[Stream], list[Stream]]) -> None:
    assert schedule.make_plan(both[0]).digest == schedule.make_plan(both[1]).digest


@given(STREAMS, st.integers(1, 5))
def test_shares_are_an_exact_partition_and_keep_communes_whole(streams: list[Stream], of: int) -> None:
    plan = schedule.make_plan(streams)
    shares = [schedule.share(plan, worker, of) for worker in range(of)]
    assert sorted(np.concatenate(shares).tolist()) == list(range(len(plan)))
    homes = [{plan.arrival(int(i)).commune for i in part} - {""} for part in shares]
    assert sum(len(home) for home in homes) == len(set().union(*homes))
    assert all(np.all(np.diff(part) > 0) for part in shares)


def test_the_shares_of_a_province_are_even() -> None:
    sizes = [len(schedule.share(PLAN, worker, 4)) for worker in range(4)]
    assert max(sizes) - min(sizes) < 0.01 * len(PLAN)
    assert len(schedule.share(PLAN, 0, 1)) == len(PLAN)


def test_any_change_changes_the_digest() -> None:
    one = [stream("tthc.counter", "14758", 1, 5), stream("portal.visit", "14797", 3)]
    digests = {
        schedule.make_plan(streams).digest
        for streams in (
            one,
            one[:1],
            [one[0], stream("portal.visit", "14797", 4)],
            [one[0], stream("portal.visit", "14798", 3)],
            [one[0], stream("portal.track", "14797", 3)],
        )
    }
    assert len(digests) == 5


def test_the_same_seed_gives_the_same_plan_byte_for_byte() -> None:
    """Pinned: the plan is computed with operations that every IEEE machine rounds alike."""
    again = schedule.make_plan(traffic.streams(communes(), Window(28_800, 37_800), Traffic(compression=75.0), 1))
    assert again.digest == PLAN.digest
    own = schedule.constant(200.0, 30.0, {"read": 3.0, "write": 1.0}, 7)
    assert own.digest == "49e3438952d141c7834572d5d53e4c11afef07aa09a6784e7bddeca3fe333db7"


def test_a_plan_is_a_table_of_the_record() -> None:
    table = schedule.to_arrow(PLAN)
    assert table.schema == schema.ARRIVALS
    row = table.slice(17, 1).to_pylist()[0]
    arrival = PLAN.arrival(17)
    assert row == {
        "arrival": 17,
        "at_ns": arrival.at_ns,
        "system": arrival.system,
        "commune": arrival.commune,
        "journey": arrival.journey,
    }


def test_an_empty_plan_is_a_plan() -> None:
    plan = schedule.make_plan([])
    assert len(plan) == len(schedule.share(plan, 1, 2)) == 0
    assert schedule.to_arrow(plan).num_rows == 0
    assert len(plan.digest) == 64


@given(st.floats(0.5, 300.0), st.floats(0.5, 20.0), st.booleans(), st.integers(0, 2**60))
@settings(max_examples=50, deadline=None)
def test_a_constant_plan_has_its_rate(rate: float, duration_s: float, poisson: bool, seed: int) -> None:
    plan = schedule.constant(rate, duration_s, {"a": 1.0}, seed, poisson=poisson)
    mean = rate * duration_s
    assert abs(len(plan) - mean) <= (6 * math.sqrt(mean) + 6 if poisson else 1)
    assert np.all((plan.at_ns >= 0) & (plan.at_ns <= duration_s * 1e9))
    assert np.all(np.diff(plan.at_ns) >= 0)
    if not poisson:
        assert np.allclose(np.diff(plan.at_ns), 1e9 / rate, atol=2)


def test_a_ramp_runs_straight_from_one_rate_to_the_other() -> None:
    plan = schedule.constant(1_000.0, 100.0, {"a": 1.0}, 1, poisson=False, factors=((0.0, 0.0), (100.0, 1.0)))
    assert len(plan) == 50_000
    assert (plan.at_ns < 50e9).sum() == pytest.approx(12_500, abs=2)


def test_operations_come_by_weight() -> None:
    plan = schedule.constant(10_000.0, 10.0, {"read": 3.0, "write": 1.0, "never": 0.0}, 3)
    assert plan.journeys == ("read", "write")
    assert (plan.systems, plan.communes) == (("own",), ("",))
    share = (plan.journey == 1).mean()
    assert abs(share - 0.25) < 4 * math.sqrt(0.25 * 0.75 / len(plan))
    halves = [len(schedule.share(plan, worker, 2)) for worker in (0, 1)]
    assert abs(halves[0] - halves[1]) <= 1


def test_wrong_plans_are_refused_with_every_reason() -> None:
    with pytest.raises(ConfigError) as caught:
        schedule.constant(1.0, 0.0, {"a": -1.0}, 1, factors=((0.0, -1.0), (1.0, math.inf)))
    assert len(caught.value.problems) == 4
    with pytest.raises(ConfigError, match="at least one operation"):
        schedule.constant(1.0, 1.0, {}, 1)
    with pytest.raises(ConfigError, match="at most 50,000,000"):
        schedule.constant(1e6, 3_600.0, {"a": 1.0}, 1)
    with pytest.raises(ConfigError, match="worker 2 of 2"):
        schedule.share(PLAN, 2, 2)
