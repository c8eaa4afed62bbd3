"""`thongsuot report`: the page in one language, and with the capacity that a search found."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from tests.records import healthy, make_record
from thongsuot.cli import main

FOUND = {"arrivals_per_s": 200.0, "low": 190.0, "high": 212.0, "binding": "fast", "generator": "", "sure": True}


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_record(tmp_path_factory.mktemp("page") / "run", **healthy())  # type: ignore[arg-type]


def _ask(*words: str | Path) -> Result:
    return CliRunner().invoke(main, [str(word) for word in words])


def test_one_language_leaves_the_other_out(run: Path, tmp_path: Path) -> None:
    assert _ask("report", run, "--out", tmp_path, "--language", "en").exit_code == 0
    page = (tmp_path / "report.html").read_text("utf-8")
    assert '<html lang="en">' in page
    assert "READY WITH CONDITIONS" in page
    assert "ĐỦ ĐIỀU KIỆN" not in page
    assert _ask("report", run, "--language", "fr").exit_code == 2


def test_a_capacity_stands_beside_the_forecast(run: Path, tmp_path: Path) -> None:
    file = tmp_path / "x-capacity.json"
    file.write_text(
        json.dumps({"format": 1, "profile": "test", "target": "testbed", "capacity": FOUND, "segments": []})
    )
    assert _ask("report", run, "--out", tmp_path, "--capacity", file).exit_code == 0
    assert "chịu được 200\u202f/s" in (tmp_path / "report.html").read_text("utf-8")


def test_a_wrong_capacity_file_is_named(run: Path, tmp_path: Path) -> None:
    file = tmp_path / "x-capacity.json"
    file.write_text('{"format": 1}')
    answer = _ask("report", run, "--out", tmp_path, "--capacity", file)
    assert answer.exit_code == 2
    assert "x-capacity.json: not the file of a capacity search" in answer.output
    assert not (tmp_path / "report.html").exists()


def test_the_terminal_says_what_page_one_says(run: Path, tmp_path: Path) -> None:
    known = tmp_path / "x-capacity.json"
    plain = _ask("report", run, "--out", tmp_path)
    assert plain.output.startswith("✓ ĐỦ ĐIỀU KIỆN CÓ ĐIỀU KIỆN / READY WITH CONDITIONS\n")
    assert "Chưa đo năng lực tải" in plain.output
    low = FOUND | {"arrivals_per_s": 20.0, "low": 19.0, "high": 21.0}
    known.write_text(json.dumps({"format": 1, "profile": "test", "target": "testbed", "capacity": low, "segments": []}))
    short = _ask("report", run, "--out", tmp_path, "--capacity", known)
    assert short.output.startswith("✗ CHƯA ĐỦ ĐIỀU KIỆN / NOT READY\n")
