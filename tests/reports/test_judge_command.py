"""`thongsuot assess` and `thongsuot report`: exit codes, paths and files."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from record.rows import ERROR_INDEX
from record.types import Outcome, TargetInfo
from tests.records import FEW_ERRORS, call, healthy, make_record, manifest, plan, readings
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


def test_the_first_lines_say_by_which_limits_and_where_the_system_ran(tmp_path: Path) -> None:
    _, limits, machine, check, *_ = ask("assess", make_record(tmp_path / "a", **healthy())).output.splitlines()
    assert limits.strip().endswith("không phải quy định. / Against provisional, unverified limits, not regulation.")
    assert machine.strip().endswith("/ The system under test ran on the generator's own machine.")
    assert "validity.record" in check
    away = TargetInfo("x", "a test", {"portal": "http://portal.example"}, "1" * 64)
    head = manifest(3000, target=away, objectives=(FEW_ERRORS,))
    _, check, *_ = ask("assess", make_record(tmp_path / "b", **healthy() | {"head": head})).output.splitlines()
    assert "validity.record" in check


def test_the_most_frequent_errors_are_named_with_what_was_answered(tmp_path: Path) -> None:
    assert "errors," not in ask("assess", make_record(tmp_path / "a", **healthy())).output
    samples = healthy()["samples"]
    for place in (0, 2, 1):
        s, unread = samples[place], place == 1
        samples[place] = call(
            s.arrival,
            s.intended_ns,
            s.done_ns - s.intended_ns,
            s.operation,
            outcome=Outcome.UNKNOWN if unread else Outcome.REFUSED,
            status=200 if unread else 401,
            error=ERROR_INDEX["value-missing" if unread else "status-4xx"],
        )
    output = ask("assess", make_record(tmp_path / "b", **healthy() | {"samples": samples, "ledger": []})).output
    assert "errors, warm-up included: portal.track 2 × 401 · tthc.receive 1 × value-missing (200)" in output


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
