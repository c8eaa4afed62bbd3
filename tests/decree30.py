"""Measures a produced PDF against the sizes of Decree 30: margins, fonts, sizes and styles of the parts it can find.

It reads what was drawn, letter by letter, and knows nothing of the templates; only the table of sizes is shared.
"""

from __future__ import annotations

import ctypes
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import pypdfium2 as pdfium
import pypdfium2.raw as raw

from reports import catalogue
from reports.typesetting import sizes

MM = 72 / 25.4
SLACK_MM = 0.6  # the side bearing of a letter, the overhang of an italic one
SLACK_PT = 0.05
CENTRE_MM = 6


class Letter(NamedTuple):
    """One letter as drawn; millimetres from the upper left corner."""

    text: str
    font: str
    size: float
    left: float
    right: float
    top: float
    bottom: float


def problems(pdf: bytes, language: str, texts: Mapping[str, str | None] | None = None) -> list[str]:
    """Each thing that is not as the decree has it; `texts` replaces what a part is found by (None: not on it)."""
    table = sizes()
    pages = [_letters(page) for page in pdfium.PdfDocument(pdf)]
    found = [*_paper(pdfium.PdfDocument(pdf), table)]
    for number, letters in enumerate(pages, 1):
        found += _margins(number, letters, table)
        found += _numbering(number, letters, table)
    fonts = {letter.font.split("-")[0] for letters in pages for letter in letters}
    found += [f"font {font}: should be {table['family']}" for font in sorted(fonts - {table["family"]})]
    first = [letter for letters in pages[:2] for letter in letters]  # where page one runs over
    for name, part in table["part"].items():
        if "key" in part:
            found += _part(name, part, first, _text(name, part, language, texts or {}))
    return found


def _text(name: str, part: Mapping[str, Any], language: str, texts: Mapping[str, str | None]) -> str | None:
    if name in texts:
        return texts[name]
    if name == "post":
        return catalogue.word("role.unit-head", language).upper()
    return catalogue.word(part["key"], language)


def _paper(document: pdfium.PdfDocument, table: Mapping[str, Any]) -> Iterator[str]:
    for number, page in enumerate(document, 1):
        size = [round(length / MM) for length in page.get_size()]
        if size != table["paper_mm"]:
            yield f"page {number}: {size[0]} × {size[1]} mm, should be A4"


def _margins(number: int, letters: list[Letter], table: Mapping[str, Any]) -> Iterator[str]:
    """Everything between head and foot; page one begins at its margins, so there they are not too wide either."""
    width, height = table["paper_mm"]
    foot, head = height - table["margin"]["bottom"]["min"], table["margin"]["top"]["min"]
    marks = table["part"]["foot"]["used"] + SLACK_PT
    body = [
        letter
        for letter in letters
        if not (letter.bottom < head and letter.text.isdigit()) and not (letter.top > foot and letter.size <= marks)
    ]
    if not body:
        return
    measured = {
        "left": min(letter.left for letter in body),
        "right": width - max(letter.right for letter in body),
        "top": min(letter.top for letter in body),
        "bottom": height - max(letter.bottom for letter in body),
    }
    for side, mm in measured.items():
        least, most = table["margin"][side]["min"], table["margin"][side]["max"]
        if mm < least - SLACK_MM:
            yield f"page {number}: margin {side} {mm:.1f} mm, should be at least {least}"
        if number == 1 and side in ("left", "top") and mm > most + SLACK_MM + (side == "top") * 2:
            yield f"page {number}: margin {side} {mm:.1f} mm, should be at most {most}"


def _numbering(number: int, letters: list[Letter], table: Mapping[str, Any]) -> Iterator[str]:
    width = table["paper_mm"][0]
    head = [letter for letter in letters if letter.bottom < table["margin"]["top"]["min"]]
    text = "".join(letter.text for letter in head)
    if text != ("" if number == 1 else str(number)):
        yield f"page {number}: {text!r} in the top margin, should be {'nothing' if number == 1 else number}"
    if head and number > 1:
        left, right = table["margin"]["left"]["used"], width - table["margin"]["right"]["used"]
        centre = (min(one.left for one in head) + max(one.right for one in head)) / 2
        if abs(centre - (left + right) / 2) > CENTRE_MM:
            yield f"page {number}: its number is not centred"
        part = table["part"]["page_number"]
        if not part["min"] - SLACK_PT <= head[0].size <= part["max"] + SLACK_PT:
            yield f"page {number}: its number is {head[0].size:g} pt, should be {part['min']} to {part['max']}"


def _part(name: str, part: Mapping[str, Any], letters: list[Letter], text: str | None) -> Iterator[str]:
    if text is None:
        return
    run = _find(letters, text)
    if not run:
        yield f"{name}: {text!r} is nowhere"
        return
    size, font = (Counter(getattr(one, what) for one in run).most_common(1)[0][0] for what in ("size", "font"))
    if not part["min"] - SLACK_PT <= size <= part["max"] + SLACK_PT:
        yield f"{name}: {size:g} pt, should be {part['min']:g} to {part['max']:g}"
    for style, sign in (("bold", "Bold"), ("italic", "Italic")):
        if (sign in font) is not part[style]:
            yield f"{name}: {font}, should {'' if part[style] else 'not '}be {style}"


def _find(letters: list[Letter], text: str) -> list[Letter]:
    wanted = re.sub(r"\s+", "", text)
    drawn = "".join(letter.text for letter in letters)
    place = drawn.find(wanted)
    return letters[place : place + len(wanted)] if place >= 0 else []


def _letters(page: pdfium.PdfPage) -> list[Letter]:
    text = page.get_textpage()
    height = page.get_height()
    letters = []
    for index in range(text.count_chars()):
        character = chr(raw.FPDFText_GetUnicode(text.raw, index))
        if character.isspace() or not character.isprintable():
            continue
        left, bottom, right, top = text.get_charbox(index)
        letters.append(
            Letter(
                character,
                _font(text, index),
                round(raw.FPDFText_GetFontSize(text.raw, index), 2),
                left / MM,
                right / MM,
                (height - top) / MM,
                (height - bottom) / MM,
            )
        )
    return letters


def _font(text: pdfium.PdfTextPage, index: int) -> str:
    name, flags = ctypes.create_string_buffer(200), ctypes.c_int()
    raw.FPDFText_GetFontInfo(text.raw, index, name, 200, flags)
    return name.value.decode().split("+")[-1]
