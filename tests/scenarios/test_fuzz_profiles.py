"""Profiles that nobody should write: problems with file and key, or a profile that can be planned and kept."""

from __future__ import annotations

import contextlib
from pathlib import Path

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from record.types import Limits, Objective, Phase
from scenarios import profiles
from scenarios.profiles import Profile
from scenarios.types import ConfigError
from scenarios.world import plan_of
from tests.fuzz import NASTY, damaged_toml, trees, well_told

ROOT = Path(__file__).parents[2]
FLAT = (ROOT / "scenarios/profiles/generic.toml").read_text("utf-8")
DAY = (ROOT / "tests/profiles/drill.toml").read_text("utf-8").replace(
    "[time]", "[time]\nsurge = 1.0\nramp_from = 1.0\nramp_to = 1.5"
) + """
[[objective]]
slug = "late"
metric = "lag"
operations = ["national"]
percentile = 95.0
limit_s = 60.0
title_vi = "x"
title_en = "x"
source = "test"
verified = false
[[fault]]
kind = "delay=900:portal.search"
at = "1s"
for_s = 2.0
"""  # fmt: skip
KEYS = ("seed", "phase.0.for_s", "phase.-1.name", "time.compression", "time", "users.own", "", ".", "a..b")
WORDS = ("name", "kind", "phase", "for_s", "judged", "time", "users", "world", "objective", "metric", "limits", "fault")


class Kept(msgspec.Struct, frozen=True):
    """What of a profile goes into the manifest."""

    text: str
    overrides: dict[str, str]
    seed: int
    rate_factor: float
    compression: float
    phases: tuple[Phase, ...]
    objectives: tuple[Objective, ...]
    limits: Limits


def use(profile: Profile) -> None:
    """Keep it as a manifest does; plan it when that takes no long time."""
    kept = Kept(
        profile.text, profile.overrides, profile.seed, profile.traffic.rate_factor, profile.traffic.compression,
        profile.phases, profile.objectives, profile.limits,
    )  # fmt: skip
    assert msgspec.json.decode(msgspec.json.encode(kept), type=Kept) == kept
    traffic, seconds = profile.traffic, profile.duration_s
    day_s = seconds * traffic.compression
    if len(profile.communes) > 3 or (profile.kind == "day" and not profile.communes) or traffic.rate_factor > 3:
        return
    if seconds < 100 and day_s < 20_000 and profile.rate_per_s < 100:
        with contextlib.suppress(ConfigError):
            plan_of(profile, profile.seed, {"own": 1.0})


def read(text: str, overrides: dict[str, str] | None = None) -> None:
    try:
        profile = profiles.parse("x.toml", text, overrides or {})
    except ConfigError as error:
        problems = error.problems
    else:
        use(profile)
        return
    assert well_told(problems, "x.toml", "--set "), problems


def test_the_files_that_are_damaged_below_are_right() -> None:
    for text in (DAY, FLAT):
        profiles.parse("x.toml", text)
        read(text)


@settings(max_examples=250)
@given(damaged_toml(DAY))
def test_a_damaged_profile_of_the_day_is_told_or_planned(text: str) -> None:
    read(text)


@settings(max_examples=250)
@given(damaged_toml(FLAT))
def test_a_damaged_flat_profile_is_told_or_planned(text: str) -> None:
    read(text)


@settings(max_examples=200)
@given(trees(*WORDS))
def test_a_profile_that_is_none_is_told(text: str) -> None:
    read(text)


@settings(max_examples=200)
@given(
    st.dictionaries(
        st.sampled_from(
            ["seed", "phase.0.for_s", "phase.-1.name", "time.compression", "time", "users.own", "", ".", "a..b"]
        )
        | st.text(max_size=12),
        st.sampled_from(NASTY) | st.text(max_size=12),
        min_size=1,
        max_size=3,
    )
)
def test_whatever_is_set_on_the_command_line_is_told_or_planned(overrides: dict[str, str]) -> None:
    read(FLAT, overrides)


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("compression = 900.0", "compression = 5e-324", "time.compression"),  # think times without end
        ("hub_lag_ms_max = 3000.0", "hub_lag_ms_max = inf", "limits.hub_lag_ms_max"),  # the manifest could not be read
        ("seed = 5", "seed = 9223372036854775808", "seed: a whole number beyond 64 bits"),
        ("seed = 5", "seed = 5\ninbox_max = 9223372036854775807", "inbox_max"),  # larger than any queue
        ("for_s = 6.0", "for_s = 1e-10", "phase.1.for_s"),  # a phase of no nanosecond
        ('name = "peak"', 'name = "a\\u0000"', "phase.1.name"),  # not to be written in SQL
    ],
)
def test_what_used_to_break_the_plan_or_the_record_is_told(old: str, new: str, says: str) -> None:
    assert old in DAY
    with pytest.raises(ConfigError) as caught:
        profiles.parse("x.toml", DAY.replace(old, new))
    assert any(says in problem for problem in caught.value.problems), caught.value.problems
