"""Pages: whoever opens one finds the text again, letter for letter."""

from __future__ import annotations

import io
import re

from hypothesis import given, settings
from hypothesis import strategies as st
from pyhanko.pdf_utils.reader import PdfFileReader

from testbed import letter, paper
from testbed.letter import Letter
from testbed.paper import Line

MOTTO = "Độc lập – Tự do – Hạnh phúc"
LONG = "Đề nghị Ủy ban nhân dân các xã, phường rà soát trang thiết bị, đường truyền và báo cáo kết quả. " * 8


def text_of(data: bytes) -> list[str]:
    """The lines of all pages, by the tables that the file itself brings."""
    found = []
    reader = PdfFileReader(io.BytesIO(data))
    for reference in reader.root["/Pages"]["/Kids"]:
        page = reference.get_object()
        fonts = page["/Resources"]["/Font"]
        letters = {name: _letters(fonts[name]["/ToUnicode"].data) for name in fonts}
        for name, shown in re.findall(rb"(/F\d) [\d.]+ Tf [^\[]*\[([^\]]*)\] TJ", page["/Contents"].data):
            glyphs = b"".join(re.findall(rb"<([0-9A-F]*)>", shown)).decode()
            codes = [int(glyphs[at : at + 4], 16) for at in range(0, len(glyphs), 4)]
            found.append("".join(letters[name.decode()][code] for code in codes))
    return found


def _letters(table: bytes) -> dict[int, str]:
    rows = re.findall(rb"<([0-9A-F]{4})> <([0-9A-F]{4})>", table)
    return {int(glyph, 16): chr(int(code, 16)) for glyph, code in rows if glyph != b"0000"}


def test_the_text_of_a_page_can_be_read_again() -> None:
    pages = [[Line(MOTTO, 300, 80, 12, style, "center") for style in paper.STYLES], [Line("", 80, 90, room=100)]]
    data = paper.pdf(pages, "Công văn")
    assert text_of(data) == [MOTTO] * 3
    info = PdfFileReader(io.BytesIO(data)).trailer["/Info"]
    assert info["/Title"] == "Công văn"
    assert data == paper.pdf(pages, "Công văn")
    assert len(data) < 100_000


@given(st.text(st.characters(codec="utf-8"), max_size=80))
@settings(max_examples=50)
def test_letters_that_the_font_lacks_become_question_marks_and_break_nothing(text: str) -> None:
    data = paper.pdf([[Line(text or "a", 80, 80)]], text)
    (shown,) = text_of(data)
    assert len(shown) == len(text or "a")
    assert all(found in (letter, "?") for found, letter in zip(shown, text or "a", strict=True))


def test_every_vietnamese_letter_has_a_glyph_in_every_style() -> None:
    letters = "aăâbcdđeêghiklmnoôơpqrstuưvxyáàảãạắằẳẵặấầẩẫậéèẻẽẹếềểễệíìỉĩịóòỏõọốồổỗộớờởỡợúùủũụứừửữựýỳỷỹỵ"
    letters += letters.upper()
    lines = [Line(letters, 0, 80, style=style) for style in paper.STYLES]
    assert text_of(paper.pdf([lines], "")) == [letters] * len(paper.STYLES)


def test_a_paragraph_keeps_every_word_and_stays_inside_its_room() -> None:
    lines = paper.paragraph(LONG, 85, 100, 450, 20)
    assert " ".join(line.text for line in lines).split() == LONG.split()
    assert {line.align for line in lines[:-1]} == {"justify"}
    assert lines[-1].align == "left"
    assert all(paper.wrapped(line.text, 450) == [line.text] for line in lines)
    assert text_of(paper.pdf([lines], "")) == [line.text for line in lines]


def test_a_word_longer_than_the_line_has_its_own() -> None:
    assert paper.wrapped(f"a {'x' * 200} b", 100) == ["a", "x" * 200, "b"]
    assert paper.wrapped("", 100) == []


def test_a_letter_is_whole_on_as_many_pages_as_it_needs() -> None:
    short = Letter(
        "TỈNH THANH HÓA", "ỦY BAN NHÂN DÂN", "UBND-VP", "Thanh Hóa", "rà soát thiết bị", LONG,
        tuple(f"Ủy ban nhân dân đơn vị {number}" for number in range(166)), "TM. ỦY BAN NHÂN DÂN", "CHỦ TỊCH",
    )  # fmt: skip
    for content, pages in ((LONG, 1), (LONG * 4, 2), (f"{LONG}\n" * 12, 5), ("x\n" * 9_000, paper.PAGES_MAX)):
        shown = text_of(letter.pdf(short._replace(content=content)))
        assert sum("THỬ NGHIỆM" in line for line in shown) == pages
        assert "CHỦ TỊCH" in shown
        assert len(" ".join(shown).split()) >= len(content.split())
    assert "và 162 đơn vị khác" in " ".join(text_of(letter.pdf(short)))
