"""A whole search against a server whose capacity is known, over real sockets, and its answer computed again."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from bench.stations import OperationSpec, Spec, StationSpec, Step
from bench.truth_server import TruthServer
from reports.verdict import Verdict

FOUR_SERVERS = Spec((StationSpec("work", 4, 20.0),), {"/": OperationSpec((Step("work"),))})
TRUTH = 163.6  # bench.truth.true_capacity for 95 % within 100 ms


def thongsuot(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-m", "thongsuot", *words], capture_output=True, text=True)


def test_a_short_search_finds_the_limit_and_anybody_can_compute_it_again(tmp_path: Path) -> None:
    with TruthServer(FOUR_SERVERS) as server:
        target = tmp_path / "target.toml"
        target.write_text(f'name = "truth"\n[systems]\nown = "{server.url}"\n[own.get]\npath = "/"\n', "utf-8")
        words = ["generic", "--target", str(target), "--rate", "200", "--set", "objective.0.limit_ms=100"]
        for _ in range(3):
            shutil.rmtree(tmp_path / "runs", ignore_errors=True)
            done = thongsuot("capacity", *words, "--budget", "20s", "--runs", str(tmp_path / "runs"), "--json")
            if done.returncode != Verdict.VOID.exit_code:  # it is, rightly, when others keep the generator from its work
                break
    assert done.returncode == 0, done.stderr
    answer = json.loads(done.stdout)
    assert answer["capacity"]["arrivals_per_s"] == pytest.approx(TRUTH, rel=0.15)
    assert answer["capacity"]["binding"] == "p95"
    assert answer["capacity"]["ceiling"] == pytest.approx(200, rel=0.1)
    assert answer["capacity"]["factor"] == pytest.approx(answer["capacity"]["arrivals_per_s"] / 200, rel=0.1)
    shutil.move(tmp_path / "runs", tmp_path / "elsewhere")
    file = next((tmp_path / "elsewhere").glob("*-capacity.json"))
    again = thongsuot("recompute", str(file), "--json")
    assert (again.returncode, again.stdout) == (0, done.stdout)
    named = json.loads(done.stdout)["records"][0]["sha256"]
    file.write_text(file.read_text("utf-8").replace(named, "0" * 64), "utf-8")
    other = thongsuot("recompute", str(file))
    assert other.returncode == 2
    assert "is not the record that the search made: sha256 differs" in other.stderr


def test_wrong_words_are_told_before_any_traffic(tmp_path: Path) -> None:
    done = thongsuot("capacity", "generic", "--target", "testbed", "--budget", "soon", "--runs", str(tmp_path))
    assert done.returncode == 2
    assert "--budget soon" in done.stderr
    broken = tmp_path / "x-capacity.json"
    broken.write_text("{}", "utf-8")
    assert thongsuot("recompute", str(broken)).returncode == 2
    broken.write_text('{"records": [{"run": "../x", "sha256": ""}]}', "utf-8")
    assert "should name the folders of a search" in thongsuot("recompute", str(broken)).stderr
    assert list(tmp_path.iterdir()) == [broken]
