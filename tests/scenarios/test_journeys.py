"""What people ask, step by step, and that they do not miss a system which the target has not got."""

from __future__ import annotations

from pathlib import Path

import pytest

from record.types import Outcome
from scenarios import profiles
from scenarios.attachments import Library
from scenarios.contract import BY_NAME
from scenarios.flows import SIGNED
from scenarios.journeys.catalogue import JOURNEYS, visited
from scenarios.population import Population
from scenarios.types import Arrival, Call, Reply
from scenarios.world import World, communes_of, plan_of

DRILL = Path(__file__).parents[1] / "profiles/drill.toml"
ANSWERS: dict[str, object] = {
    "dossiers": ["000.00.14797.H56-250707-0001"],
    "procedures": [],
    "fee_vnd": 8_000,
    "status": "paid",
}
EVERYTHING = frozenset(operation.system for operation in BY_NAME.values())
LEAST = frozenset(("portal", "tthc"))


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    profile = profiles.load(str(DRILL))
    plan = plan_of(profile, profile.seed, {})
    library = Library.build(profile.seed, tmp_path_factory.mktemp("papers"))
    return World(profile, profile.seed, "t", plan, Population(communes_of(profile), profile.seed), library, EVERYTHING)


def walked(world: World, name: str, index: int, certificate: str = "good") -> list[Call]:
    """Every call of one journey in which everything goes well."""
    journey = JOURNEYS[name](Arrival(index, 0, name.split(".", 1)[0], "14797", name), world)
    calls = [next(journey)]
    while True:
        gives = BY_NAME[calls[-1].operation].gives
        values = {one: ANSWERS.get(one, "000.00.14797.H56-250707-0001") for one in gives}
        if calls[-1].operation == "sign.certificate":
            values["status"] = certificate
        try:
            calls.append(journey.send(Reply(Outcome.OK, 200, "", values)))
        except StopIteration:
            return calls


@pytest.mark.parametrize("name", sorted(JOURNEYS))
def test_every_call_brings_what_its_operation_takes_and_every_write_a_key(world: World, name: str) -> None:
    for index in range(20):
        calls = walked(world, name, index)
        for call in calls:
            operation = BY_NAME[call.operation]
            assert set(operation.takes) <= set(call.values), call.operation
            assert (call.key is not None) == operation.write, call.operation
        keys = [call.key for call in calls if call.key]
        assert len(keys) == len(set(keys))
        assert {BY_NAME[call.operation].system for call in calls} <= visited([name.split(".", 1)[0]])


@pytest.mark.parametrize("name", [name for name in sorted(JOURNEYS) if name.split(".", 1)[0] in LEAST])
def test_a_target_with_portal_and_tthc_alone_is_asked_for_nothing_else(
    world: World, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(world, "systems", LEAST)
    calls = [call for index in range(20) for call in walked(world, name, index)]
    assert {BY_NAME[call.operation].system for call in calls} <= LEAST
    assert {"tthc.lookup", "tthc.result", "portal.results"}.isdisjoint(call.operation for call in calls)


def test_some_of_those_who_look_at_the_portal_look_at_the_national_one_too(world: World) -> None:
    calls = [call for index in range(60) for call in walked(world, "portal.track", index) if "dossier" in call.values]
    assert {call.operation for call in calls} == {"portal.track", "national.track", "portal.result"}
    assert {call.values["dossier"] for call in calls} == {"000.00.14797.H56-250707-0001"}


def test_a_share_of_results_is_signed_and_opened_before_it_is_handed_over(world: World) -> None:
    ways = [[call.operation for call in walked(world, "tthc.online", index)] for index in range(400)]
    signed = [way for way in ways if "sign.result" in way]
    assert len(signed) / len(ways) == pytest.approx(SIGNED.value, abs=0.05)
    assert {tuple(way[way.index("sign.result") :]) for way in signed} == {
        ("sign.result", "tthc.result", "tthc.hand_over")
    }
    assert 0.1 < sum("sign.certificate" in way for way in signed) / len(signed) < 0.5


def test_nobody_signs_with_a_certificate_that_is_not_good(world: World) -> None:
    for index in range(400):
        way = [call.operation for call in walked(world, "tthc.online", index, certificate="revoked")]
        if "sign.certificate" in way:
            assert way[-1] == "sign.certificate"


def test_who_has_no_code_says_so_and_who_has_one_shows_it(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    first, second = walked(world, "portal.submit", 1)[:2]
    assert (first.operation, second.operation) == ("identity.authorize", "portal.login")
    assert second.values == {**first.values, "code": "000.00.14797.H56-250707-0001"}
    monkeypatch.setattr(world, "systems", LEAST)
    assert walked(world, "portal.submit", 1)[0] == Call(
        "portal.login", {**first.values, "code": ""}, actor=second.actor
    )
