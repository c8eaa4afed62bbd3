"""A run is about the systems that its target has and that its people go to."""

from __future__ import annotations

import msgspec

from loadtests import targets
from loadtests.scope import objectives_of, operations_of
from scenarios import profiles
from scenarios.contract import LINKS
from scenarios.world import plan_of

SMALL = 'name = "thu"\n[systems]\nportal = "http://127.0.0.1:8000"\ntthc = "http://127.0.0.1:8000"\n'
OUTSIDE = 'identity = "http://127.0.0.1:8001"\n'


def test_a_promise_about_a_system_that_the_target_has_not_got_binds_nobody() -> None:
    profile = profiles.load("smoke")
    with_identity, without = (
        {objective.slug: objective.operations for objective in objectives_of(profile, targets.parse("t", text, {}), ())}
        for text in (SMALL + OUTSIDE, SMALL)
    )
    assert with_identity["login-p95"] == ("identity.authorize", "portal.login", "tthc.login")
    assert without["login-p95"] == ("portal.login", "tthc.login")
    assert without["errors"] == ("*",)


def test_a_promise_about_a_link_binds_only_a_run_that_is_held_to_it() -> None:
    lag = profiles.load("smoke").objectives[0]
    lag = msgspec.structs.replace(lag, slug="lag", metric="lag", operations=("national", "another"))
    profile = msgspec.structs.replace(profiles.load("smoke"), objectives=(lag,))
    target = targets.parse("t", SMALL, {})
    assert [one.operations for one in objectives_of(profile, target, LINKS)] == [("national",)]
    assert objectives_of(profile, target, ()) == ()


def test_the_systems_that_people_turn_to_on_their_way_belong_to_the_run() -> None:
    plan = plan_of(profiles.load("smoke"), 1, {})
    systems = [
        {one.system for one in operations_of(plan, targets.parse("t", text, {}))} for text in (SMALL + OUTSIDE, SMALL)
    ]
    assert systems == [{"portal", "tthc", "identity"}, {"portal", "tthc"}]
