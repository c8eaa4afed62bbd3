"""A resource is changed for a run and put back, or the run does not begin."""

from __future__ import annotations

import json
from pathlib import Path
from urllib.request import urlopen

import pytest

from bench.stations import OperationSpec, Spec, StationSpec, Step
from bench.truth_server import TruthServer
from loadtests import targets
from loadtests.adjusting import Adjusting
from record.journal import EventLog
from scenarios.types import ConfigError

SPEC = Spec((StationSpec("lima", 8, 10.0),), {"/a": OperationSpec((Step("lima"),))})
TARGET = """
name = "x"
identities = "none"
[systems]
own = "URL"
[metrics]
own = "/metrics"
[[resource]]
name = "station"
per = "station"
busy_total = "truth_busy_seconds_total"
size = "truth_servers"
adjust = { system = "own", path = "/control", json = { station = "{name}", servers = "{size}" } }
"""


def _target(url: str) -> targets.Target:
    return targets.parse("x.toml", TARGET.replace("URL", url))


def _servers(url: str) -> float:
    with urlopen(f"{url}/metrics") as answer:
        lines = answer.read().decode().splitlines()
    return float(next(line for line in lines if line.startswith("truth_servers")).split()[-1])


def test_it_is_made_smaller_and_put_back_and_the_record_says_so(tmp_path: Path) -> None:
    log = EventLog(tmp_path / "events.jsonl")
    with TruthServer(SPEC) as server:
        with Adjusting(_target(server.url), "station lima=0.7", log):
            assert _servers(server.url) == 6
        assert _servers(server.url) == 8
    log.close()
    written = json.loads((tmp_path / "events.jsonl").read_text())
    assert (written["kind"], written["text"]) == ("adjusted", "station lima=0.75")


WRONG = ["station lima", "station lima=x", "station lima=0.01", "stations=0.5", "=0.5", "station lima=1.01"]


@pytest.mark.parametrize("wanted", WRONG)
def test_what_cannot_be_changed_is_said_before_the_run(tmp_path: Path, wanted: str) -> None:
    log = EventLog(tmp_path / "events.jsonl")
    with TruthServer(SPEC) as server, pytest.raises(ConfigError, match="--adjust"):
        Adjusting(_target(server.url), wanted, log).__enter__()
    log.close()


def test_a_target_that_does_not_answer_is_a_reason_not_to_run(tmp_path: Path) -> None:
    log = EventLog(tmp_path / "events.jsonl")
    with pytest.raises(ConfigError, match="its size cannot be read"):
        Adjusting(_target("http://127.0.0.1:9"), "station lima=0.75", log).__enter__()
    log.close()
