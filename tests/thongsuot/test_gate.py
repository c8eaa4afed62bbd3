"""`gate` and `history` as a pipeline meets them: exit codes, files, and refusals in words."""

from __future__ import annotations

import json
from pathlib import Path

import msgspec
import pytest
from click.testing import CliRunner, Result

from tests import records
from thongsuot.cli import main


def gate(*words: str | Path) -> Result:
    return CliRunner().invoke(main, ["gate", *map(str, words)])


def steady(folder: Path, slower: float = 1.0) -> Path:
    """A sound run whose times scatter little."""
    made = records.healthy(6000, lambda n: [round(slower * ns) for ns in records.latencies(n, sigma=0.1)])
    return records.make_record(folder, **made)  # type: ignore[arg-type]


@pytest.fixture
def run(tmp_path: Path) -> Path:
    return steady(tmp_path / "run")


def test_a_good_run_passes_with_and_without_a_baseline(run: Path, tmp_path: Path) -> None:
    baseline = steady(tmp_path / "baseline")
    assert gate(run).exit_code == 0
    page, junit = tmp_path / "ci/gate.md", tmp_path / "ci/gate.xml"
    done = gate(run, "--baseline", baseline, "--json", "--markdown", page, "--junit", junit)
    assert done.exit_code == 0, done.output
    answer = json.loads(done.stdout)
    assert answer["verdicts"]["regression.p50.portal.track"] == "pass"
    assert "regression.p50.portal.track" in page.read_text("utf-8")
    assert "regression" in junit.read_text("utf-8")


def test_a_run_that_keeps_its_promises_may_still_be_a_regression(run: Path, tmp_path: Path) -> None:
    slower = steady(tmp_path / "slower", 2.0)
    assert gate(slower).exit_code == 0
    done = gate(slower, "--baseline", run, "--json")
    assert done.exit_code == 1
    assert {check.split(".")[0] for check in json.loads(done.stdout)["deciding"]} == {"regression"}
    again = gate(slower, "--baseline", run, "--json")
    assert again.stdout == done.stdout


def test_unlike_runs_are_refused_with_every_difference(run: Path, tmp_path: Path) -> None:
    made = records.healthy(6000)
    head = msgspec.structs.replace(made["head"], seed=9, workers=2)  # type: ignore[type-var]
    other = records.make_record(tmp_path / "other", **made | {"head": head})  # type: ignore[arg-type]
    done = gate(other, "--baseline", run)
    assert done.exit_code == 2
    assert "not comparable: seed: 1 against 9" in done.stderr
    assert "not comparable: workers: 1 against 2" in done.stderr


WRONG = [
    ([], "give --base FILE and --candidate FILE"),
    (["--base", "nothing.toml", "--candidate", "nothing.toml"], "nothing.toml: cannot be read"),
    (["--recompute", "nowhere"], "is this the folder of a duet?"),
    (["--looks", "11,3"], "should rise to at least 6"),
    (["--looks", "five"], "should be numbers of restarts"),
]


@pytest.mark.parametrize(("words", "says"), WRONG, ids=[" ".join(words) or "nothing" for words, _ in WRONG])
def test_a_duet_that_cannot_be_says_why(words: list[str], says: str) -> None:
    done = CliRunner().invoke(main, ["duet", *words])
    assert done.exit_code == 2
    assert says in done.stderr


def test_history_reads_a_folder_of_records_and_leaves_out_the_unsealed(run: Path, tmp_path: Path) -> None:
    records.healthy_run(tmp_path / "another", 6000, seal=False)
    done = CliRunner().invoke(main, ["history", str(tmp_path), "--json"])
    assert done.exit_code == 0, done.output
    assert "another: the run is driving, not sealed" in done.stderr
    (history,) = json.loads(done.stdout)["histories"]
    assert (history["profile"], len(history["runs"])) == ("test", 1)
    shown = CliRunner().invoke(main, ["history", str(run)])
    assert "p50 portal.track (ms): " in shown.stdout
    assert CliRunner().invoke(main, ["history", str(tmp_path / "nowhere")]).exit_code == 2
