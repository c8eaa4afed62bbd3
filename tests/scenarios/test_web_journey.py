"""Browsing: the table, the chain against what the table implies, and the calls of a visit."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from record.types import Outcome
from scenarios import rng, traffic
from scenarios.contract import BY_NAME, PROVINCE_OFFICE, SITE_ARTICLES, SITE_ASSETS
from scenarios.journeys import web
from scenarios.journeys.catalogue import JOURNEYS
from scenarios.types import Arrival, Call, Reply

PAGES = tuple(page for page in web.CHAIN if page != web.ENTER)
VISITS = 20_000
SEED = 7


def chances(index: int, seed: int = SEED) -> Callable[[str], float]:
    return lambda purpose: rng.uniform(rng.stream(seed, purpose), index)


class World:
    """What a visit draws from, without a province."""

    def __init__(self, seed: int = SEED) -> None:
        self._seed = seed

    def chance(self, arrival: Arrival, purpose: str) -> float:
        return chances(arrival.index, self._seed)(purpose)

    def think(self, arrival: Arrival, purpose: str, mean_s: float) -> int:
        return round(mean_s * 1e9)

    def procedure(self, arrival: Arrival, purpose: str) -> Any:
        return SimpleNamespace(code="1.001193")

    def search_words(self, code: str) -> str:
        return "dang ky khai"


def visited(index: int, codes: object = ("a", "b"), *, fails: str = "") -> list[Call]:
    """The calls of one visit to a target that names these dossiers."""
    arrival = Arrival(index, 0, "web", "14797", "web.visit")
    journey = web.visit(arrival, World())  # type: ignore[arg-type]
    calls: list[Call] = []
    try:
        call = next(journey)
        while True:
            calls.append(call)
            good = call.operation != fails
            listed = list(codes) if isinstance(codes, tuple) else codes
            values = {"received": 3, "processed": 1, "dossiers": listed} if call.operation == "web.statistics" else {}
            call = journey.send(Reply(Outcome.OK, 200, "", values) if good else Reply(Outcome.REFUSED, 404, "", {}))
    except StopIteration:
        return calls


def expectations() -> dict[str, float]:
    """How often each page is seen in a visit: the entry carried through the powers of the table up to STEPS_MAX."""
    ways = np.array([[web.CHAIN[here].get(there, 0.0) for there in PAGES] for here in PAGES])
    enter = np.array([web.CHAIN[web.ENTER].get(page, 0.0) for page in PAGES])
    endless = enter @ np.linalg.inv(np.eye(len(PAGES)) - ways)  # the fundamental matrix
    cut = endless @ np.linalg.matrix_power(ways, web.STEPS_MAX)
    assert cut.sum() < 1e-3, "whoever is sent away at STEPS_MAX does not count"
    return dict(zip(PAGES, endless, strict=True))


def test_every_row_of_the_table_is_a_distribution_over_pages_that_exist() -> None:
    for row in web.CHAIN.values():
        assert math.isclose(sum(row.values()), 1.0, abs_tol=1e-12)
        assert all(share > 0 for share in row.values())
        assert set(row) <= {*PAGES, web.LEAVE}
    assert set(PAGES) == set(web.THINK_S)
    operations = {f"web.{page}" for page in PAGES if page != "look-up"}
    assert operations | {"web.dossier", "web.asset"} == {name for name in BY_NAME if name.startswith("web.")}
    assert not any(figure.verified for figure in web.FIGURES)


def test_visits_see_each_page_as_often_as_the_table_says() -> None:
    seen = [Counter(web.pages(chances(index))) for index in range(VISITS)]
    for page, expected in expectations().items():
        counts = np.array([visit[page] for visit in seen])
        assert abs(counts.mean() - expected) < 4.5 * counts.std() / math.sqrt(VISITS), page


def test_from_each_page_people_go_on_as_the_table_says() -> None:
    went: dict[str, Counter[str]] = {page: Counter() for page in web.CHAIN}
    for index in range(VISITS):
        way = [web.ENTER, *web.pages(chances(index)), web.LEAVE]
        for number in range(len(way) - 1):
            went[way[number]][way[number + 1]] += 1
    for page, row in web.CHAIN.items():
        total = went[page].total()
        assert set(went[page]) == set(row)
        for there, share in row.items():
            spread = math.sqrt(share * (1 - share) / total)
            assert abs(went[page][there] / total - share) < 4.5 * spread, (page, there)


@given(st.lists(st.floats(0, 1, exclude_max=True), min_size=web.STEPS_MAX, max_size=web.STEPS_MAX))
def test_every_visit_ends_whatever_is_drawn(draws: list[float]) -> None:
    left = iter(draws)
    pages = list(web.pages(lambda purpose: next(left)))
    assert 1 <= len(pages) <= web.STEPS_MAX
    assert set(pages) <= set(PAGES)


@given(st.integers(0, 2**31))
def test_a_visit_asks_only_for_what_the_contract_has_and_each_page_for_its_files(index: int) -> None:
    calls = visited(index)
    for call in calls:
        assert set(call.values) == set(BY_NAME[call.operation].takes)
        assert call.key is None
        assert 1 <= call.values.get("article", 1) <= SITE_ARTICLES
    sites = {call.values["site"] for call in calls if "site" in call.values}
    assert sites <= {"14797", PROVINCE_OFFICE}
    shown = [call.operation for call in calls]
    full = sum(shown.count(f"web.{page}") for page in ("home", "notices", "article", "search", "procedures"))
    assert shown.count("web.asset") == full * len(SITE_ASSETS)
    for number, call in enumerate(calls):
        if call.operation == "web.asset":
            assert call.think_ns == 0, "files are asked for at once"
        elif number:
            assert call.think_ns > 0


def test_the_same_arrival_makes_the_same_visit_and_some_go_to_the_province() -> None:
    assert [visited(index) for index in range(50)] == [visited(index) for index in range(50)]
    share = np.mean([visited(index)[0].values.get("site") == PROVINCE_OFFICE for index in range(2_000)])
    assert abs(share - web.PROVINCE_SHARE) < 0.03


@pytest.mark.parametrize(
    ("codes", "asked"), [(("a", "b"), {"a", "b"}), ("a", {"a"}), ((), set()), ("", set()), (None, set()), (7, set())]
)
def test_a_look_up_is_about_a_dossier_that_the_site_names(codes: object, asked: set[str]) -> None:
    calls = [call for index in range(400) for call in visited(index, codes)]
    assert {call.values["dossier"] for call in calls if call.operation == "web.dossier"} == asked


def test_whoever_meets_an_error_goes_on_and_looks_nothing_up_without_a_code() -> None:
    calls = [call.operation for index in range(400) for call in visited(index, fails="web.statistics")]
    assert "web.dossier" not in calls
    assert calls.count("web.home") > 200


def test_there_is_a_journey_for_every_row_of_traffic() -> None:
    assert set(traffic.JOURNEYS) == set(JOURNEYS)
