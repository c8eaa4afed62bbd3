"""The meters of a target that is there, and of one that is not."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from loadtests import targets
from loadtests.telemetry import Telemetry
from record import tables
from record.journal import Journal
from scenarios.types import ConfigError
from tests.servers import start_testbed


def test_memory_files_and_cpu_of_a_process_are_read(tmp_path: Path) -> None:
    began = time.monotonic_ns()
    (tmp_path / "journal").mkdir()
    with start_testbed() as testbed:
        urls = {"tthc": f"{testbed.url}/metrics", "gone": "http://127.0.0.1:9/metrics"}
        with Telemetry(urls, Journal(tmp_path / "journal", 1), lambda: time.monotonic_ns() - began):
            until = time.monotonic() + 20
            while len(_rows(tmp_path)) < 7 and time.monotonic() < until:
                time.sleep(0.05)
    rows = _rows(tmp_path)
    assert {row["source"] for row in rows} == {"target:tthc", "resource:queue:turns in the store"}
    rows = [row for row in rows if row["source"] == "target:tthc"]
    assert {row["metric"] for row in rows} == {"rss_mb", "open_files", "cpu_share"}
    assert all(20 < row["value"] < 2000 for row in rows if row["metric"] == "rss_mb")


def _rows(folder: Path) -> list[dict[str, object]]:
    return tables.readings(folder / "journal").to_pylist()  # type: ignore[no-any-return]


def test_meters_of_a_system_that_is_not_there_are_refused() -> None:
    text = 'name = "x"\n[systems]\nown = "http://127.0.0.1:1"\n[metrics]\ntthc = "/metrics"\nown = "metrics"\n'
    with pytest.raises(ConfigError) as caught:
        targets.parse("x.toml", text)
    assert len(caught.value.problems) == 2
