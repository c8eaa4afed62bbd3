"""Trace contexts: as the standard wants them, and found again from what the record holds."""

from __future__ import annotations

import re
from functools import partial
from pathlib import Path

import pytest

from loadtests import targets
from loadtests.driver import drive as walk
from loadtests.ports import Exchange
from record.reader import open_record
from record.traces import traceparent
from record.types import JourneyEnd, LedgerEntry, State
from scenarios.types import Arrival, Call, ConfigError, Journey
from tests.drives import drive, settings
from tests.loadtests.clients import person, target_text
from tests.loadtests.scripted import Asked, scripted

PAGES = '[own.a]\nweight = 1\nsystem = "sys"\npath = "/a"\n[own.b]\nweight = 1\nsystem = "sys"\npath = "/b?n={index}"\n'


def test_the_header_is_as_the_standard_wants_it_and_differs_call_by_call() -> None:
    made = [traceparent("t", seed, arrival, step) for seed in (1, 2) for arrival in (0, 1) for step in (0, 1, 2)]
    for header in made:
        assert re.fullmatch(r"00-[0-9a-f]{32}-[0-9a-f]{16}-01", header)
        assert "-" + "0" * 16 + "-" not in header
    assert len(set(made)) == len(made)
    assert len({header.split("-")[1] for header in made}) == 4, "one trace for each arrival"
    assert traceparent("t", 1, 0, 0) != traceparent("u", 1, 0, 0), "two runs of one seed are two traces"
    assert traceparent("t1", 7, 3, 2) == "00-473b08920ae31de11a14d435b94bd60f-5620d7a2dac3abd7-01"


class Steps:
    """ports.Sink that keeps the numbers of the steps."""

    def __init__(self) -> None:
        self.steps: list[int] = []

    def sample(self, arrival: Arrival, step: int, call: Call, intended_ns: int, exchange: Exchange) -> None:
        self.steps.append(step)

    def end(self, end: JourneyEnd) -> None: ...
    def ledger(self, entry: LedgerEntry) -> None: ...


class Now:
    """ports.Clock that never waits."""

    def now(self) -> int:
        return 0

    def sleep_until(self, at_ns: int) -> None: ...


def _visit() -> Journey:
    for operation in ("a", "b", "a"):
        yield Call(operation, {"index": 9})


def test_each_request_carries_the_number_of_its_sample() -> None:
    def answer(asked: Asked) -> tuple[int, object]:
        return 200, {}

    sink = Steps()
    with scripted(answer) as there:
        text = target_text(int(there.url.rpartition(":")[2]), PAGES)
        line = partial("{}/{}".format)
        with person(text, trace=lambda arrival, step: f"traceparent: {line(arrival, step)}") as somebody:
            arrival = Arrival(41, 0, "own", "", "a")
            somebody.begin(arrival)
            walk(arrival, _visit(), somebody.send, Now(), sink)
    sent = [asked.headers.get("traceparent") for asked in there.asked]
    assert sent == [f"41/{step}" for step in sink.steps]
    assert len(sent) == 3
    with scripted(answer) as there, person(target_text(int(there.url.rpartition(":")[2]), PAGES)) as somebody:
        walk(arrival, _visit(), somebody.send, Now(), Steps())
    assert [asked.headers.get("traceparent") for asked in there.asked] == [None] * 3


def test_a_run_s_samples_are_the_spans_that_the_target_saw(tmp_path: Path) -> None:
    with scripted(lambda asked: (200, {})) as there:
        target = tmp_path / "my.toml"
        system = f'name = "thu"\nidentities = "none"\n[systems]\nsys = "{there.url}"\n[http]\ntrace = true\n'
        target.write_text(system + PAGES, "utf-8")
        sets = ("time.rate_per_s=20", "phase.0.for_s=1", "phase.1.for_s=1", "seed=3")
        record, manifest = drive(settings(tmp_path, target, *sets, profile="generic"))
    assert manifest.state is State.SEALED, manifest.abort_reason
    rows = open_record(record).query("SELECT arrival, step FROM samples").itertuples(index=False)
    known = [traceparent(manifest.tag, manifest.seed, int(arrival), int(step)) for arrival, step in rows]
    seen = [asked.headers["traceparent"] for asked in there.asked if "traceparent" in asked.headers]
    assert sorted(seen) == sorted(known)


def test_a_target_says_whether_it_wants_traces() -> None:
    assert not targets.parse("t", target_text(1)).http.trace
    assert targets.parse("t", target_text(1, http="trace = true")).http.trace
    with pytest.raises(ConfigError, match=r"http\.trace: 'yes' is a text; true when requests should carry"):
        targets.parse("t", target_text(1, http='trace = "yes"'))
