"""A pipeline reads exit code and JSON: neither may say more than is known, whatever broke."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from record.types import Manifest, RecordError, State, Zero
from tests import records
from tests.drives import DRILL, ROOT
from thongsuot import drive, look
from thongsuot.cli import main
from thongsuot.testbed import PASSWORD

BROKEN = [
    ("a crash", ZeroDivisionError("division by zero"), "the harness broke: ZeroDivisionError"),
    ("a record that cannot be written", RecordError("disk full"), "disk full"),
    ("Ctrl-C", KeyboardInterrupt(), "broken off"),
    ("a testbed that does not start", click.ClickException("no testbed"), "no testbed"),
]


@pytest.mark.parametrize(("error", "says"), [row[1:] for row in BROKEN], ids=[row[0] for row in BROKEN])
def test_whatever_breaks_is_no_verdict_and_still_valid_json(
    monkeypatch: pytest.MonkeyPatch, error: BaseException, says: str
) -> None:
    def plan_of(*_: object) -> None:
        raise error

    monkeypatch.setattr(look, "plan_of", plan_of)
    result = CliRunner().invoke(main, ["plan", "smoke", "--json"])
    assert result.exit_code == 2
    assert says in result.stderr
    answer = json.loads(result.stdout)
    assert answer["exit_code"] == 2
    assert says in answer["errors"][0]


def test_a_plan_tells_how_hard_it_is_on_the_generator() -> None:
    words = ["plan", "go-live-peak", "--set", "phase.1.for_s=30", "--set"]
    one, country = (json.loads(CliRunner().invoke(main, [*words, f"scale={n}", "--json"]).stdout) for n in (1, 20))
    assert 18 * one["arrivals"] < country["arrivals"] < 22 * one["arrivals"]
    assert one["busiest_s"] * 10 < country["busiest_s"] < one["busiest_s"] * 30
    assert country["users"]["portal"] > one["users"]["portal"]
    told = CliRunner().invoke(main, [*words, "scale=20"]).stdout
    assert f"{country['busiest_s']:,} in the busiest second" in told
    assert "need --workers" in told


@pytest.mark.parametrize("words", [["plan", "nobody"], ["run", "smoke"], ["assess", "nothing"], ["no-such-command"]])
def test_wrong_words_are_valid_json_too(words: list[str]) -> None:
    result = CliRunner().invoke(main, [*words, "--json"])
    assert result.exit_code == 2
    assert json.loads(result.stdout)["errors"]


@pytest.mark.parametrize(("began", "code"), [(True, 4), (False, 2)])
def test_an_aborted_run_is_undecided_or_never_was(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, began: bool, code: int
) -> None:
    def run(*_: object) -> tuple[Path, Manifest]:
        zero = Zero(0, 0, "boot") if began else None
        return tmp_path, records.manifest(5, state=State.ABORTED, abort_reason="the worker died", zero=zero)

    monkeypatch.setenv(PASSWORD, "x")
    monkeypatch.setattr(drive, "run", run)
    result = CliRunner().invoke(main, ["run", DRILL, "--target", "testbed", "--json"])
    assert result.exit_code == code
    assert json.loads(result.stdout) == {"run": str(tmp_path), "aborted": "the worker died", "exit_code": code}
    assert "the worker died" in result.stderr


def test_output_that_nobody_reads_is_no_verdict() -> None:
    reader, writer = os.pipe()
    os.close(reader)
    line = [sys.executable, "-m", "thongsuot", "profiles"]
    done = subprocess.run(line, cwd=ROOT, stdout=writer, stderr=subprocess.PIPE, check=False, timeout=60)
    os.close(writer)
    assert done.returncode == 2
    assert done.stderr == b""
