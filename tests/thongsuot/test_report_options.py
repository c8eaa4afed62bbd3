"""`thongsuot report` with filled-in actions, clauses, waivers and earlier runs."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import openpyxl
import pypdfium2
import pytest
from click.testing import CliRunner, Result
from cryptography.hazmat.primitives.serialization import Encoding

from record.types import Outcome
from tests.records import healthy, make_record
from thongsuot.cli import main
from thongsuot.trial_ca import TrialAuthority

CLAUSES = """
[[clause]]
slug = "errors"
text_vi = "Tỷ lệ lỗi dưới 1 %"
text_en = "Fewer than 1 % fail"
source = "contract, article 4"
verified = true
profiles = ["test"]
measures = ["objective.errors"]
signs = "unit-head"
"""
WAIVERS = '[[waiver]]\nclause = "errors"\nowner = "Bà Lê Thị B"\nreason = "chờ máy chủ"\nexpires = 2025-07-31\n'


def ask(*words: str | Path) -> Result:
    return CliRunner().invoke(main, [str(word) for word in words])


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A run with many errors, and the sound one that came a day later."""
    folder = tmp_path_factory.mktemp("options")
    sound, bad = healthy(), healthy()
    bad["samples"] = [
        msgspec.structs.replace(s, outcome=Outcome.REFUSED, status=503) if s.operation == 0 and s.arrival % 4 else s
        for s in bad["samples"]
    ]
    for case, run_id, day in ((bad, "run-bad", 1), (sound, "run-sound", 2)):
        created = f"2025-07-{day:02}T00:00:00Z"
        case["head"] = msgspec.structs.replace(case["head"], run_id=run_id, created_utc=created)
    return make_record(folder / "bad", **bad), make_record(folder / "sound", **sound)


def test_a_report_has_its_workbook_and_takes_it_back_filled_in(runs: tuple[Path, Path], tmp_path: Path) -> None:
    first = ask("report", runs[0], "--out", tmp_path, "--json")
    assert first.exit_code == 0, first.output
    path = Path(json.loads(first.output)["paths"]["workbook"])
    book = openpyxl.load_workbook(path)
    sheet = book["Việc phải làm"]
    keys = [row[0] for row in sheet.iter_rows(min_row=4, values_only=True)]
    assert keys[0] == "objective.errors"
    sheet["F4"], sheet["G4"], sheet["H4"] = "Ông A", "15/07/2025", "đang làm"
    book.save(tmp_path / "filled.xlsx")
    again = ask("report", runs[0], "--out", tmp_path / "2", "--actions", tmp_path / "filled.xlsx")
    assert again.exit_code == 0, again.output
    row = [cell.value for cell in openpyxl.load_workbook(tmp_path / "2/report.xlsx")["Việc phải làm"][4]]
    assert (row[5], row[6].day, row[7]) == ("Ông A", 15, "đang làm / under way")
    other = ask("report", runs[1], "--out", tmp_path / "3", "--actions", tmp_path / "filled.xlsx")
    assert other.exit_code == 2
    assert "filled in for run-bad; should be run-sound" in other.output
    carried = ask("report", runs[1], "--out", tmp_path / "4", "--since", runs[0], "--actions", tmp_path / "filled.xlsx")
    assert carried.exit_code == 0, carried.output  # owners of the run before are no mistake in the re-test


def test_clauses_waivers_and_earlier_runs_are_told(runs: tuple[Path, Path], tmp_path: Path) -> None:
    (tmp_path / "c.toml").write_text(CLAUSES, "utf-8")
    (tmp_path / "w.toml").write_text(WAIVERS, "utf-8")
    out = ("--out", tmp_path / "out")
    bare = ask("report", runs[0], *out, "--clauses", tmp_path / "c.toml")
    assert "errors: Không đạt / Not met" in bare.output
    waived = ask("report", runs[0], *out, "--clauses", tmp_path / "c.toml", "--waivers", tmp_path / "w.toml")
    assert "errors: Được miễn trừ có thời hạn / Waived for a time" in waived.output
    retest = ask("report", runs[1], *out, "--clauses", tmp_path / "c.toml", "--since", runs[0])
    assert "errors: Đạt / Met" in retest.output
    assert "since run-bad: 0 new, 0 come back, 0 open, 1 fixed" in retest.output
    assert "fixed: finding objective.errors" in retest.output
    sheets = openpyxl.load_workbook(tmp_path / "out/report.xlsx").sheetnames
    assert sheets[4:] == ["Điều khoản nghiệm thu", "So với lần trước", "Việc phải làm"]


def test_the_paper_bears_the_clauses_and_says_with_which_options_it_is_verified(
    runs: tuple[Path, Path], tmp_path: Path
) -> None:
    (tmp_path / "c.toml").write_text(CLAUSES, "utf-8")
    given = ("--clauses", tmp_path / "c.toml", "--since", runs[0])
    made = ask("report", runs[1], "--out", tmp_path, "--sheets", *given)
    assert made.exit_code == 0, made.output
    authority = TrialAuthority.new(datetime.now(UTC))
    (tmp_path / "ca.pem").write_bytes(authority.certificate.public_bytes(Encoding.PEM))
    for paper in (tmp_path / "report.pdf", next((tmp_path / "sheets").iterdir())):
        check = ("verify", paper, runs[1], "--trust", tmp_path / "ca.pem")
        bare, right = ask(*check), ask(*check, *given, "--json")
        shown = "--clauses, --since" if paper.name == "report.pdf" else "--clauses"
        assert f"was made with the options {shown}; it was compared with –" in bare.output
        assert {each["slug"] for each in json.loads(right.output)["problems"]} == {"signed.missing"}
    assert "Tỷ lệ lỗi dưới 1 %" in text_of(tmp_path / "report.pdf")


def text_of(paper: Path) -> str:
    return " ".join(page.get_textpage().get_text_bounded() for page in pypdfium2.PdfDocument(paper))


def test_a_run_of_another_target_is_no_evidence_for_this_one(runs: tuple[Path, Path], tmp_path: Path) -> None:
    case = healthy()
    target = msgspec.structs.replace(case["head"].target, name="a-toy")
    case["head"] = msgspec.structs.replace(case["head"], run_id="run-toy", target=target)
    toy = make_record(tmp_path / "toy", **case)
    (tmp_path / "c.toml").write_text(CLAUSES)
    given = ("report", runs[0], "--out", tmp_path / "out", "--clauses", tmp_path / "c.toml")
    result = ask(*given, "--evidence", toy, "--evidence", runs[0])
    assert result.exit_code == 2
    assert "--evidence: run-toy is of the target 'a-toy'; should be of 'testbed'" in result.output
    assert "--evidence: run-bad stands there twice" in result.output
    assert not (tmp_path / "out").exists()


def test_the_shipped_clauses_need_evidence_that_a_small_run_has_not(runs: tuple[Path, Path], tmp_path: Path) -> None:
    result = ask("report", runs[1], "--out", tmp_path, "--clauses", "go-live", "--evidence", runs[0])
    assert result.exit_code == 0, result.output
    assert "dossier-time: Chưa kết luận được / Undecided" in result.output
    assert "no-loss: Đạt / Met" in result.output


def test_all_wrong_input_is_told_at_once(runs: tuple[Path, Path], tmp_path: Path) -> None:
    (tmp_path / "c.toml").write_text(CLAUSES.replace('"unit-head"', '"boss"'), "utf-8")
    missing = ("--actions", tmp_path / "no.xlsx", "--waivers", tmp_path / "no.toml")
    missing += ("--capacity", tmp_path / "no.json", "--since", tmp_path / "no-run", "--evidence", tmp_path / "no-more")
    result = ask("report", runs[0], "--out", tmp_path / "out", "--clauses", tmp_path / "c.toml", *missing)
    assert result.exit_code == 2
    told = ("'boss' will not do", "no.xlsx", "no.toml", "no.json", "no-run", "no-more")
    assert [name in result.output for name in told] == [True] * 6
    assert not (tmp_path / "out").exists()
    alone = ask("report", runs[0], "--waivers", tmp_path / "c.toml", "--evidence", runs[0])
    assert [f"{name}: needs --clauses" in alone.output for name in ("--waivers", "--evidence")] == [True, True]
    order = ask("report", runs[0], "--since", runs[1])
    assert order.exit_code == 2
    assert "the oldest first" in order.output
