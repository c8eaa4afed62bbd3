"""`thongsuot assess` and `thongsuot report`: exit codes, paths and files."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from tests.records import healthy, make_record, manifest, plan, readings
from thongsuot.cli import main


def ask(*words: str | Path) -> Result:
    return CliRunner().invoke(main, [str(word) for word in words])


@pytest.mark.parametrize(
    ("changes", "code", "gate"),
    [
        ({}, 0, "pass"),
        ({"samples": [], "ledger": []}, 3, "void"),
        ({"meters": readings(lag_ms=500.0)}, 3, "void"),
        ({"meters": []}, 4, "undecided"),
        ({"head": manifest(0), "arrivals": plan(0), "samples": [], "ledger": []}, 4, "undecided"),
    ],
)
def test_the_exit_code_is_the_verdict(tmp_path: Path, changes: dict, code: int, gate: str) -> None:
    folder = make_record(tmp_path / "r", **healthy() | changes)
    result = ask("assess", folder, "--json")
    assert result.exit_code == code
    answer = json.loads(result.output)
    assert (answer["gate"], answer["exit_code"]) == (gate, code)
    assert Path(answer["paths"]["assessment"]).is_file()
    assert Path(answer["paths"]["junit"]).is_file()


def test_the_words_name_every_check_and_the_files(tmp_path: Path) -> None:
    result = ask("assess", make_record(tmp_path / "r", **healthy()))
    assert "ĐỦ ĐIỀU KIỆN / READY" in result.output
    assert "validity.lateness" in result.output
    assert "assessment.json" in result.output


def test_a_report_is_written_where_it_is_asked_for_whatever_the_verdict(tmp_path: Path) -> None:
    folder = make_record(tmp_path / "r", **healthy() | {"meters": []})
    result = ask("report", folder, "--out", tmp_path / "out")
    assert result.exit_code == 0
    assert (tmp_path / "out" / "report.html").is_file()
    assert not (folder / "assessments").exists()
    assert ask("report", folder).exit_code == 0
    assert [path.name for path in folder.glob("assessments/*/*.html")] == ["report.html"]


@pytest.mark.parametrize("command", ["assess", "report"])
def test_what_cannot_be_read_ends_with_2_and_says_what_to_do(tmp_path: Path, command: str) -> None:
    nothing = ask(command, tmp_path)
    assert nothing.exit_code == 2
    assert "is this the folder of a run?" in nothing.output
    unsealed = make_record(tmp_path / "r", **healthy() | {"seal": False})
    refused = ask(command, unsealed)
    assert refused.exit_code == 2
    assert "--unsealed" in refused.output
    assert ask(command, unsealed, "--unsealed").exit_code == (4 if command == "assess" else 0)


def test_a_record_that_was_changed_is_refused(tmp_path: Path) -> None:
    folder = make_record(tmp_path / "r", **healthy())
    with (folder / "ledger.parquet").open("ab") as file:
        file.write(b"x")
    result = ask("assess", folder)
    assert result.exit_code == 2
    assert "ledger.parquet was changed after sealing" in result.output
