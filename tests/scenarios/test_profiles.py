"""Profiles: what their tables become. What is wrong with one is tried through the command line."""

from __future__ import annotations

import math
from pathlib import Path

import msgspec
import pytest

from scenarios import profiles
from scenarios.profiles import TimedFault
from scenarios.types import ConfigError
from scenarios.world import plan_of

DRILL = (Path(__file__).parents[1] / "profiles/drill.toml").read_text("utf-8")
S = 1_000_000_000


def test_a_fault_is_written_in_seconds_of_the_run_either_way() -> None:
    text = DRILL + '[[fault]]\nat_s = 4\nfor_s = 0.5\nkind = "lose=3:tthc.hand_over"\n'
    text += '[[fault]]\nat = "1.5s"\nfor = "2s"\nkind = "delay=900"\n[[fault]]\nat = "6s"\nfor = "1s"\nkind = "down"\n'
    assert profiles.parse("drill.toml", text).faults == (
        TimedFault("delay=900", 3 * S // 2, 7 * S // 2),
        TimedFault("lose=3:tthc.hand_over", 4 * S, 9 * S // 2),
        TimedFault("down", 6 * S, 7 * S),
    )


def test_the_same_fault_may_come_again() -> None:
    again = '[[fault]]\nat_s = {}\nfor_s = 1\nkind = "delay=900"\n'
    assert len(profiles.parse("drill.toml", DRILL + again.format(1) + again.format(2)).faults) == 2


def test_faults_can_be_set_from_the_command_line() -> None:
    sets = {"fault": '[{at = "1s", for = "2s", kind = "delay=900"}]'}
    assert profiles.parse("drill.toml", DRILL, sets).faults == (TimedFault("delay=900", S, 3 * S),)


def test_a_lag_is_promised_of_a_link_in_seconds_or_milliseconds() -> None:
    lag = """[[objective]]
        slug = "sync"
        metric = "lag"
        operations = ["national"]
        percentile = 95.0
        limit_s = 30
        title_vi = "a"
        title_en = "a"
        source = "a"
        verified = false
        """
    for text in (lag, lag.replace("limit_s = 30", "limit_ms = 30000")):
        made = profiles.parse("drill.toml", DRILL + text).objectives[-1]
        assert (made.metric, made.operations, made.limit, made.unit) == ("lag", ("national",), 30_000.0, "ms")
        assert made.percentile == 95.0


def test_scale_multiplies_the_people_and_what_serves_them_and_leaves_their_pace() -> None:
    one = profiles.load("go-live-peak", {"phase.1.for_s": "20"})
    country = profiles.load("go-live-peak", {"phase.1.for_s": "20", "scale": "20"})
    assert country.traffic == msgspec.structs.replace(one.traffic, rate_factor=20.0)
    assert (country.window, country.phases) == (one.window, one.phases)
    assert country.users == {system: min(20 * count, profiles.USERS_MAX) for system, count in one.users.items()}
    assert country.inbox_max == 20 * one.inbox_max
    few, many = (len(plan_of(each, 1, {})) for each in (one, country))
    assert abs(many - 20 * few) < 5 * 20 * math.sqrt(few)


def test_scale_comes_on_top_of_the_rate_and_never_takes_the_last_user() -> None:
    text = DRILL.replace("rate_factor = 1.0", "rate_factor = 3.0")
    made = profiles.parse("drill.toml", text, {"scale": "0.001"})
    assert made.traffic.rate_factor == 0.003
    assert set(made.users.values()) == {1}
    assert made.inbox_max == profiles.parse("drill.toml", text).inbox_max
    assert profiles.parse("drill.toml", text, {"scale": "1000"}).users["portal"] == profiles.USERS_MAX
    assert profiles.load("generic", {"scale": "4"}).rate_per_s == 4 * profiles.load("generic").rate_per_s


@pytest.mark.parametrize("kind", ["flat", "day"])
def test_each_phase_has_the_rate_that_it_names(kind: str) -> None:
    steps = '[{name="low", for_s=40, judged=true, rate=0.5}, {name="high", for_s=40, judged=true, rate=2.0}]'
    name, sets = ("generic", {"time.rate_per_s": "100"}) if kind == "flat" else ("go-live-peak", {})
    profile = profiles.load(name, {"phase": steps, **sets})
    assert [phase.rate for phase in profile.phases] == [0.5, 2.0]
    plan = plan_of(profile, 1, {"a": 1.0})
    low = int((plan.at_ns < 40e9).sum())
    high = len(plan) - low
    if kind == "flat":
        assert abs(low - 2_000) < 6 * 2_000**0.5
    assert high / low == pytest.approx(4.0, rel=0.25)


def test_phases_without_rates_leave_the_plan_as_it_was() -> None:
    plain = profiles.load("generic")
    assert (
        plan_of(plain, 1, {"a": 1.0}).digest
        == plan_of(profiles.load("generic", {"phase.0.rate": "1.0"}), 1, {"a": 1.0}).digest
    )


def test_a_ramp_beside_rates_is_refused() -> None:
    with pytest.raises(ConfigError, match="either a ramp or rates"):
        profiles.load("stress", {"phase.0.rate": "2"})
