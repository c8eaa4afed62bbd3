"""What the hostile target costs the process that visits it: memory, and time in which nobody else gets a turn."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from record.types import Limits
from tests.loadtests.clients import server

MIB = 2**20
ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def measured() -> Iterator[dict[str, Any]]:
    with server("hostile_server") as port:
        line = [sys.executable, "-W", "ignore", "-m", "tests.loadtests.hostile_visits", str(port)]
        done = subprocess.run(line, capture_output=True, text=True, cwd=ROOT, timeout=150)
        assert done.returncode == 0, done.stderr
        yield json.loads(done.stdout)


def test_hundreds_of_visits_leave_nothing_behind(measured: dict[str, Any]) -> None:
    assert {kind: size for kind, size in measured["growth"].items() if size > 4 * MIB} == {}


def test_a_crowd_that_waits_for_endless_bodies_holds_no_more_than_the_limit(measured: dict[str, Any]) -> None:
    """480 MB are sent to it; those for whom there is no room are cut off."""
    assert measured["cut"] > 0
    assert measured["crowd"] < measured["held_max"] + 64 * MIB
    assert measured["held"] == 0
    assert measured["after"] < measured["held_max"] / 2  # what allocator and libcurl keep for 40 people


def test_no_answer_keeps_the_others_waiting_for_longer_than_a_valid_run_allows(
    measured: dict[str, Any],
) -> None:
    limit_ms = Limits().hub_lag_ms_max
    assert {kind: ms for kind, ms in measured["longest_ms"].items() if ms > limit_ms} == {}
