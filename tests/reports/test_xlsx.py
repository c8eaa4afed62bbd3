"""The workbook: what stands in it, that it is the same bytes every time, and that what people fill in comes back."""

from __future__ import annotations

import io
import unicodedata
import zipfile
from collections.abc import Callable
from typing import Any

import openpyxl
import pytest

from record.reader import RunRecord, open_record
from reports import catalogue, filled, xlsx
from reports.assess import Assessment, assess
from reports.page_one import PageOne
from reports.verdict import Text, Verdict
from tests.pages import action, page_one, unit
from tests.records import healthy_run

ACTIONS, RUN = "Việc phải làm", "2025-07-01-test-1"
KEYS = ("objective.fast", "integrity.lost")


@pytest.fixture(scope="module")
def judged(tmp_path_factory: pytest.TempPathFactory) -> tuple[RunRecord, Assessment]:
    record = open_record(healthy_run(tmp_path_factory.mktemp("xlsx") / "r"))
    return record, assess(record)


def book_of(page: PageOne, judged: tuple[RunRecord, Assessment]) -> Any:
    return openpyxl.load_workbook(io.BytesIO(xlsx.render_xlsx(page, judged[1], judged[0])))


def saved(book: Any) -> bytes:
    data = io.BytesIO()
    book.save(data)
    return data.getvalue()


def test_the_same_record_gives_the_same_bytes(judged: tuple[RunRecord, Assessment]) -> None:
    first, second = (xlsx.render_xlsx(page_one(), judged[1], judged[0]) for _ in range(2))
    assert first == second


def test_every_sheet_has_vietnamese_headings_with_english_beneath(judged: tuple[RunRecord, Assessment]) -> None:
    book = book_of(page_one(), judged)
    assert book.sheetnames == ["Kết luận", "Xã, phường", "Thao tác", "Nội dung kiểm tra", ACTIONS]
    names = {key.removeprefix("sheet.column."): key for key in catalogue.words("vi") if key.startswith("sheet.column.")}
    for sheet in book:
        pairs = [(cell.value, sheet.cell(3, cell.column).value) for cell in sheet[2]]
        known = {(catalogue.word(key, "vi"), catalogue.word(key, "en")) for key in names.values()}
        assert set(pairs) <= known
        assert sheet.freeze_panes == "A4"


def test_numbers_are_numbers_and_no_rounding_hides_a_limit(judged: tuple[RunRecord, Assessment]) -> None:
    book = book_of(page_one(), judged)
    row = [cell.value for cell in book["Xã, phường"][4]]
    assert row[:5] == ["14800", "Xã 14800", "Xã / Commune", 20_000, "✓ Đạt / Pass"]
    assert row[6:] == [500, 1000, 3, 0.003, 60.0, 1843.2046, 0]
    operations = {row[0].value: row for row in book["Thao tác"].iter_rows(min_row=4)}
    found = {one.name: one for one in judged[1].latency if one.dimension == "operation" and one.phase == "peak"}
    assert set(operations) == set(found)
    for name, cells in operations.items():
        assert cells[1].value == found[name].calls
        assert cells[6].value == pytest.approx((found[name].due[2].value or 0) / 1e6, abs=1e-9)
    shown = {cells[1].value for cells in book["Kết luận"].iter_rows(min_row=4)}
    assert "2,0004\u202fs\n2.0004\u202fs" in shown
    assert "không có số liệu / not measured" in shown


def test_every_finding_stands_there_the_worst_first(judged: tuple[RunRecord, Assessment]) -> None:
    rows = list(book_of(page_one(), judged)["Nội dung kiểm tra"].iter_rows(min_row=4, values_only=True))
    assert {row[0] for row in rows} == {finding.check for finding in judged[1].findings}
    assert len(rows) == len(judged[1].findings)


def test_nothing_that_comes_from_outside_becomes_a_formula(judged: tuple[RunRecord, Assessment]) -> None:
    bad = '=HYPERLINK("http://x","y")'
    page = page_one(
        units=(unit(name=bad, kind="@SUM(1)"),),
        actions=(action(bad, unit="+1+1", owner="=1+1"), action("-2", unit="http://x.example", what=Text("why.fail"))),
    )
    book = book_of(page, judged)
    assert {cell.data_type for sheet in book for row in sheet.iter_rows() for cell in row} <= {"s", "n", "d"}
    assert book["Xã, phường"]["B4"].value == bad
    assert book[ACTIONS]["A4"].value == bad


def test_what_people_filled_in_comes_back(judged: tuple[RunRecord, Assessment]) -> None:
    page = page_one()
    book = book_of(page, judged)
    sheet = book[ACTIONS]
    assert {rule.type for rule in sheet.data_validations.dataValidation} == {"date", "list"}
    sheet["F4"], sheet["G4"], sheet["H4"] = "  Nguyễn Văn  A", "15/06/2026", "đang làm"
    rows, problems = filled.read("f.xlsx", saved(book), KEYS, (RUN,))
    assert problems == []
    assert rows == (
        filled.Filled("objective.fast", "Nguyễn Văn A", "15/06/2026", "doing"),
        filled.Filled("integrity.lost", "", "", "open"),
    )
    actions = filled.applied(page.actions, rows)
    assert (actions[0].owner, actions[0].deadline, actions[0].state) == ("Nguyễn Văn A", "15/06/2026", "doing")
    again = book_of(page_one(actions=actions), judged)  # what was filled in is in the next workbook, as a date
    assert again[ACTIONS]["G4"].is_date
    assert filled.read("f.xlsx", saved(again), KEYS, (RUN,)) == (rows, [])


def test_every_mistake_is_told_at_once_with_its_place(judged: tuple[RunRecord, Assessment]) -> None:
    book = book_of(page_one(), judged)
    sheet = book[ACTIONS]
    sheet["A4"], sheet["F4"], sheet["G4"], sheet["H4"] = "objective.gone", "=A1", "bald", "fast fertig"
    sheet["A5"], sheet["G5"], sheet["H5"] = "integrity.lost", "31/02/2026", "xong rồi"
    sheet["A6"], sheet["F7"] = "integrity.lost", "nobody's"
    rows, problems = filled.read("f.xlsx", saved(book), KEYS, (RUN,))
    assert rows == ()
    begin = f"f.xlsx: sheet {ACTIONS!r}, "
    assert [problem.removeprefix(begin).split(": ")[0] for problem in problems] == [
        "row 4, column F (Người chịu trách nhiệm)",
        "row 5, column G (Thời hạn)",
        "row 5, column H (Tình trạng)",
        "row 6, column A (Mã việc (không sửa))",
        "row 7, column A (Mã việc (không sửa))",
    ]
    assert "stands in row 5 too" in problems[3]


def test_marks_that_a_keyboard_writes_as_letters_of_their_own_are_the_same_words(
    judged: tuple[RunRecord, Assessment],
) -> None:
    book = book_of(page_one(), judged)
    for place, text in (("F4", "Nguyễn Văn Ấm"), ("H4", "đang làm")):
        book[ACTIONS][place] = unicodedata.normalize("NFD", text)
    rows, problems = filled.read("f.xlsx", saved(book), KEYS, (RUN,))
    assert problems == []
    assert (rows[0].owner, rows[0].state) == ("Nguyễn Văn Ấm", "doing")


def test_a_small_file_that_unpacks_to_a_huge_one_is_not_read(judged: tuple[RunRecord, Assessment]) -> None:
    with zipfile.ZipFile(io.BytesIO(saved(book_of(page_one(), judged)))) as good:
        files = {name: good.read(name) for name in good.namelist()}
    assert 10 * sum(map(len, files.values())) < filled.UNPACKED_BYTES_MAX, "ours is far below"
    bomb = io.BytesIO()
    with zipfile.ZipFile(bomb, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            row = b"<row>" + b"<c/>" * 16_000 + b"</row>"
            archive.writestr(name, data.replace(b"</sheetData>", row * 60 + b"</sheetData>"))
    assert len(bomb.getvalue()) < 500_000
    rows, problems = filled.read("f.xlsx", bomb.getvalue(), KEYS, (RUN,))
    assert rows == ()
    assert "larger than any workbook of ours" in problems[0]


def test_an_unknown_key_is_refused(judged: tuple[RunRecord, Assessment]) -> None:
    data = xlsx.render_xlsx(page_one(), judged[1], judged[0])
    _, problems = filled.read("f.xlsx", data, ("objective.fast",), (RUN,))
    assert len(problems) == 1
    assert "row 5, column A (Mã việc (không sửa)): 'integrity.lost' is no action of this run" in problems[0]


def _without_sheet(book: Any) -> None:
    book.remove(book[ACTIONS])


def _other_columns(book: Any) -> None:
    book[ACTIONS].insert_cols(3)


@pytest.mark.parametrize(
    ("change", "runs", "said"),
    [
        (_without_sheet, (RUN,), f"no sheet {ACTIONS!r}, only 'Kết luận'"),
        (_other_columns, (RUN,), "filled in for None"),
        (lambda book: None, ("another",), f"filled in for {RUN}; should be another"),
        (lambda book: book[ACTIONS].__setitem__("F2", "Ai"), (RUN,), "row 2, column F: Ai where"),
    ],
)
def test_another_workbook_is_refused(
    judged: tuple[RunRecord, Assessment], change: Callable[[Any], None], runs: tuple[str, ...], said: str
) -> None:
    book = book_of(page_one(), judged)
    change(book)
    rows, problems = filled.read("f.xlsx", saved(book), KEYS, runs)
    assert rows == ()
    assert len(problems) == 1
    assert said in problems[0]


@pytest.mark.parametrize("data", [b"", b"no workbook", b"PK\x05\x06" + bytes(18), b"PK\x03\x04" * 50])
def test_what_is_no_workbook_is_told_in_one_line(data: bytes) -> None:
    rows, problems = filled.read("f.xlsx", data, KEYS, (RUN,))
    assert rows == ()
    assert len(problems) == 1
    assert problems[0].startswith("f.xlsx: not a workbook that can be read")


def test_a_verdict_is_never_told_by_colour_alone(judged: tuple[RunRecord, Assessment]) -> None:
    page = page_one(units=tuple(unit(f"1480{place}", verdict) for place, verdict in enumerate(Verdict)))
    rows = [row[4] for row in book_of(page, judged)["Xã, phường"].iter_rows(min_row=4, values_only=True)]
    assert rows == ["✓ Đạt / Pass", "? Chưa rõ / Undecided", "✗ Không đạt / Fail", "⊘ Vô hiệu / Void"]
