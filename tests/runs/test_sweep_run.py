"""A real sweep over real sockets: the culprit is named, and changing it moves the limit."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from bench.stations import OperationSpec, Spec, StationSpec, Step
from bench.truth_server import TruthServer
from loadtests.adjusting import Adjusting
from loadtests.run import run
from record.reader import open_record
from record.types import State
from reports import bottlenecks
from tests.drives import settings

SPEC = Spec(
    (StationSpec("lima", 4, 50.0, 0.3), StationSpec("mike", 3, 26.0, 0.3)),  # 80 per second; the other 115
    {"/a": OperationSpec((Step("lima"), Step("mike")))},
)
PROFILE = """
name = "sweep"
kind = "flat"
drain_s = 10.0
[time]
rate_per_s = 80.0
[users]
own = 2000
"""
TARGET = """
name = "x"
identities = "none"
[systems]
own = "URL"
[metrics]
own = "/metrics"
[own.look]
weight = 1
method = "GET"
path = "/a"
[[resource]]
name = "station"
per = "station"
busy_total = "truth_busy_seconds_total"
size = "truth_servers"
waiting = "truth_waiting"
adjust = { system = "own", path = "/control", json = { station = "{name}", speed = "{factor}" } }
"""


@contextlib.contextmanager
def a_system(folder: Path, rates: tuple[float, ...]) -> Iterator[None]:
    """A truth server, and the target and profile that drive it, in a folder."""
    phases = "".join(
        f'[[phase]]\nname = "r{rate}"\nfor_s = 4.0\njudged = true\nrate = {rate}\n' for rate in rates
    )
    (folder / "sweep.toml").write_text(PROFILE + phases, "utf-8")
    with TruthServer(SPEC) as server:
        (folder / "x.toml").write_text(TARGET.replace("URL", server.url), "utf-8")
        yield


def swept(folder: Path, adjust: str | None = None) -> Path:
    wanted = settings(folder, folder / "x.toml", profile=str(folder / "sweep.toml"))
    beside = None if adjust is None else lambda _, events: Adjusting(wanted.target, adjust, events)
    record, manifest = run(wanted, lambda step: None, lambda: False, beside)
    assert manifest.state is State.SEALED, manifest.abort_reason
    return record


def test_what_is_used_up_first_is_named(tmp_path: Path) -> None:
    with a_system(tmp_path, (0.5, 0.8, 1.3)):
        found = bottlenecks.judge([open_record(swept(tmp_path))])
    assert (found.status, found.suspects[0].name) == ("named", "station lima")
    assert found.suspects[0].ceiling is not None
    assert found.suspects[0].ceiling.rate == pytest.approx(80.0, rel=0.15)


@pytest.mark.long
def test_changing_the_culprit_confirms_it(tmp_path: Path) -> None:
    with a_system(tmp_path, (0.5, 0.7, 0.9, 1.3)):
        records = [open_record(swept(tmp_path)), open_record(swept(tmp_path, "station lima=0.75"))]
    found = bottlenecks.judge(records)
    assert (found.status, found.confirmed, found.suspects[0].name) == ("named", True, "station lima")
