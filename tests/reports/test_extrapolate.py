"""What to buy: the order, whole sizes, and how far a line is trusted; the laws behind it."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from record.reader import open_record
from reports import bottleneck_page, bottlenecks, demands, extrapolate, steps
from reports.bottlenecks import Judgement
from reports.demands import Ceiling, Use
from tests.drives import command
from tests.sweeps import dues, queued, station, swept

LIMIT = 95.0


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    samples = queued(dues(), LIMIT)
    meters = [
        *station("processors", samples, demand_ms=4 / LIMIT * 1e3, size=4, kind="cpu"),
        *station("pool", samples, demand_ms=20 / 120.0 * 1e3, size=20, kind="pool"),
        *station("quota", samples, demand_ms=2.5 / 150.0 * 1e3, size=2.5, kind="cpu"),
        *station("large", samples, demand_ms=1.0, size=4),
    ]
    return swept(tmp_path_factory.mktemp("run") / "run", samples, meters)


@pytest.fixture(scope="module")
def found(run: Path) -> Judgement:
    return bottlenecks.judge([open_record(run)])


def test_resources_stand_in_the_order_in_which_they_end_and_come_whole(found: Judgement) -> None:
    plan = extrapolate.plan(found, 110.0, 1.5)
    assert [one.name for one in plan.needs] == ["processors", "pool", "quota"]
    assert [one.then for one in plan.needs] == [7, 28, pytest.approx(2.75, rel=0.02)]
    assert plan.next_name == "large"
    assert not plan.extrapolated
    assert all(one.low <= one.factor <= one.high for one in plan.needs)


def test_beyond_twice_what_was_carried_it_is_marked(found: Judgement) -> None:
    assert extrapolate.plan(found, 130.0, 1.5).extrapolated


def test_where_nothing_stands_in_the_way_nothing_is_to_be_bought(found: Judgement) -> None:
    assert extrapolate.plan(found, 50.0, 1.5).needs == ()


def test_capacity_after_a_change_ends_at_the_next_resource(found: Judgement) -> None:
    made = extrapolate.predict(found, {"processors": 1.2})
    assert made is not None
    assert made.rate == pytest.approx(LIMIT * 1.2, rel=0.03)
    more = extrapolate.predict(found, {"processors": 3.0})
    assert more is not None
    assert more.rate == pytest.approx(120.0, rel=0.03)
    assert extrapolate.predict(replace(found, suspects=()), {}) is None


def test_a_demand_that_grows_with_the_load_is_warned_of(found: Judgement) -> None:
    one = found.suspects[-1]
    shares = tuple((rate, 0.01 * rate) for rate in (20.0, 40.0, 60.0, 80.0))
    bent = tuple((rate, 0.001 * rate) for rate, _ in shares)
    rows = (replace(one.evidence[0], what="in_use", at=shares), replace(one.evidence[0], what="demand", at=bent))
    grown = replace(found, suspects=(replace(one, evidence=rows, ceiling=Ceiling(90.0, 85.0, 95.0)),))
    assert [need.bends for need in extrapolate.plan(grown, 100.0, 1.5).needs] == [True]
    assert [need.bends for need in extrapolate.plan(found, 110.0, 1.5).needs] == [False, False, False]


@given(
    demand=st.floats(0.001, 0.5),
    idle=st.floats(0.0, 0.5),
    size=st.integers(1, 50),
    loads=st.lists(st.floats(0.05, 0.95), min_size=4, max_size=12, unique=True),
)
def test_the_law_finds_demand_and_ceiling_where_it_holds(
    demand: float, idle: float, size: int, loads: list[float]
) -> None:
    if max(loads) < 2 * min(loads):
        loads = [*loads, min(loads) / 2]
    ceiling = size * (1 - idle) / demand
    of = [Use(_STEP, load * ceiling, idle * size + load * ceiling * demand, float(size), None, None) for load in loads]
    line = demands.law(of)
    assert line is not None
    if idle == 0 or idle > 0.011:
        assert line.ceiling.rate == pytest.approx(ceiling, rel=1e-4)
    assert line.ceiling.low <= line.ceiling.rate <= line.ceiling.high


@given(factor=st.floats(0.1, 10.0), rate=st.floats(1.0, 1e4))
def test_a_ceiling_grows_with_the_size(factor: float, rate: float) -> None:
    loads = (0.2, 0.5, 0.8)
    small = demands.law([Use(_STEP, load * rate, load, 1.0, None, None) for load in loads])
    large = demands.law([Use(_STEP, load * rate, load, factor, None, None) for load in loads])
    assert small is not None
    assert large is not None
    assert large.ceiling.rate == pytest.approx(factor * small.ceiling.rate)


def test_no_law_without_use() -> None:
    assert demands.law([]) is None
    assert demands.law([Use(_STEP, 10.0, 0.0, 1.0, None, None)]) is None


def test_demands_by_operation_are_told_apart_only_when_the_mix_changes(tmp_path: Path) -> None:
    samples = queued(dues(), 500.0)
    sweep = steps.load([open_record(swept(tmp_path / "run", samples, station("x", samples, demand_ms=2.0)))])
    assert demands.by_operation(sweep, demands.uses(sweep, "resource:other:x")) is None


def test_the_command_says_it_to_people_and_to_machines(run: Path, tmp_path: Path) -> None:
    plain = command("bottlenecks", str(run), "--forecast", "110")
    assert plain.returncode == 1, plain.stderr
    assert "Điểm nghẽn: processors." in plain.stdout
    assert "processors: 4 → 7" in plain.stdout
    machine = command("bottlenecks", str(run), "--forecast", "110", "--json")
    answer = json.loads(machine.stdout)
    assert (answer["status"], answer["named"], machine.returncode) == ("named", ["processors"], 1)
    assert [need["name"] for need in answer["buy"]["needs"]] == ["processors", "pool", "quota"]
    missing = command("bottlenecks", str(tmp_path / "none"))
    assert missing.returncode == 2


def test_a_goal_that_was_carried_is_no_failure_and_one_that_nobody_drove_is_open(run: Path, tmp_path: Path) -> None:
    carried = command("bottlenecks", str(run), "--forecast", "20")
    assert carried.returncode == 0, carried.stdout
    samples = queued(dues(), 500.0)
    unmetered = str(swept(tmp_path / "unmetered", samples, []))
    assert command("bottlenecks", unmetered, "--forecast", "20").returncode == 0
    beyond = command("bottlenecks", unmetered, "--forecast", "1000")
    assert beyond.returncode == 4
    assert "drive it" in beyond.stdout


def test_every_status_and_law_has_its_words() -> None:
    from reports import catalogue

    laws = (
        "generator", "used_up", "refusing", "waited_for", "held", "ceiling", "limiter", "connections", "local",
        "payload", "backlog", "span", "connect", "transfer", "leak", "unmetered",
    )  # fmt: skip
    for language in catalogue.LANGUAGES:
        words = catalogue.words(language)
        assert all(f"bottleneck.status.{status}" in words for status in bottlenecks.STATUSES)
        assert all(f"bottleneck.law.{law}" in words for law in laws)
    assert bottleneck_page.DIGITS == 4


_STEP = steps.Step(
    record=0, phase="x", begin_ns=0, end_ns=1, offered=1.0, carried=1.0, refusing=0.0, unanswered=0.0, failed=0.0,
    p50_s=0.0, p95_s=0.0, latency=0.0, lateness=0.0, connect=0.0, transfer=0.0, spans={}, mine=None,  # type: ignore[arg-type]
)  # fmt: skip
