"""What the offices write to each other, and what they do about it."""

from __future__ import annotations

import unicodedata
from collections import Counter

import pytest

from record.types import Outcome
from scenarios import documents, profiles, rng
from scenarios.contract import PROVINCE_OFFICE
from scenarios.journeys.catalogue import JOURNEYS
from scenarios.province import communes
from scenarios.types import Arrival, Call, Reply
from scenarios.world import World, plan_of
from tests.scenarios.test_journeys import DRILL
from tests.scenarios.test_journeys import world as world

CODES = tuple(one.code for one in communes())
KEYS = [rng.stream(7, f"document/{index}") for index in range(2_000)]


def test_the_province_writes_mostly_to_few_and_sometimes_to_all() -> None:
    sizes = [len(documents.from_province(key, CODES)) for key in KEYS]
    assert min(sizes) == 1
    assert 0.07 < sizes.count(166) / len(sizes) < 0.14
    assert 0.4 < sum(size <= 10 for size in sizes) / len(sizes) < 0.5
    assert 35 < sum(sizes) / len(sizes) < 60
    reached = Counter(code for key in KEYS for code in documents.from_province(key, CODES))
    assert set(reached) == set(CODES)
    assert max(reached.values()) < 1.5 * min(reached.values())


def test_a_province_of_one_commune_writes_to_it() -> None:
    assert {documents.from_province(key, CODES[:1]) for key in KEYS[:50]} == {CODES[:1]}


def test_a_commune_writes_to_the_province_and_one_to_three_neighbours() -> None:
    near = documents.neighbours(communes())
    assert set(near) == set(CODES)
    for code, others in near.items():
        assert len(set(others)) == documents.NEIGHBOURS
        assert code not in others
    sizes = Counter(len(documents.from_commune(key, near[CODES[0]])) for key in KEYS)
    assert set(sizes) == {2, 3, 4}
    assert all(documents.from_commune(key, near[CODES[0]])[0] == PROVINCE_OFFICE for key in KEYS)
    assert documents.from_commune(KEYS[0], ()) == (PROVINCE_OFFICE,)


def test_a_document_is_marked_official_and_within_what_systems_take() -> None:
    made = [documents.document(key, ("14797",)) for key in KEYS]
    assert made[0] == documents.document(KEYS[0], ("14797",))
    assert len({one.title for one in made}) > 50
    assert len({one.content for one in made}) > 1_000
    for one in made:
        assert documents.MARK in one.title
        assert len(one.title) < 300
        assert 300 < len(one.content) < 3_000
        assert one.content.endswith("./.")
        assert unicodedata.is_normalized("NFC", one.title + one.content)


@pytest.mark.parametrize("name", ["docs.province", "docs.incoming"])
def test_who_is_refused_stops_there(world: World, name: str) -> None:
    """Every journey, broken off at each of its calls in turn: nothing follows a refused write."""
    whole = _until(world, name, 99)
    for broken in range(len(whole)):
        calls = _until(world, name, broken)
        assert [call.operation for call in calls[: broken + 1]] == [call.operation for call in whole[: broken + 1]]
        if whole[broken].key is not None or whole[broken].operation == "docs.login":
            assert len(calls) == broken + 1


def test_an_empty_inbox_is_looked_into_and_left_alone(world: World) -> None:
    journey = JOURNEYS["docs.incoming"](Arrival(1, 0, "docs", "14797", "docs.incoming"), world)
    next(journey)
    look = journey.send(Reply(Outcome.OK, 200, "", {"token": "t"}))
    assert (look.operation, look.key) == ("docs.inbox", None)
    with pytest.raises(StopIteration):
        journey.send(Reply(Outcome.OK, 200, "", {"documents": []}))


def test_nobody_is_sent_to_a_system_that_the_target_has_not_got() -> None:
    profile = profiles.load(str(DRILL))
    assert {name.split(".")[0] for name in plan_of(profile, 1, {}).journeys} >= {"portal", "tthc", "docs"}
    assert plan_of(profile, 1, {}, ("portal", "tthc")).systems == ("portal", "tthc")
    assert plan_of(profile, 1, {}, ("portal",)).systems == ("portal", "tthc"), "no target does without"
    named = profiles.load(str(DRILL), {"world.journeys": '["docs.incoming"]'})
    assert plan_of(named, 1, {}, ("portal", "tthc")).systems == ("docs",), "the profile says so"


def _until(world: World, name: str, broken: int) -> list[Call]:
    """The calls of a journey whose call number `broken` is refused."""
    commune = PROVINCE_OFFICE if name == "docs.province" else "14797"
    journey = JOURNEYS[name](Arrival(3, 0, "docs", commune, name), world)
    values = {"token": "t", "draft": "14797-1", "document": "14797-1", "documents": ["14797-1"], "number": "1"}
    calls = [next(journey)]
    while True:
        good = len(calls) <= broken
        reply = Reply(Outcome.OK, 200, "", values) if good else Reply(Outcome.REFUSED, 409, "status-4xx", {})
        try:
            calls.append(journey.send(reply))
        except StopIteration:
            return calls
