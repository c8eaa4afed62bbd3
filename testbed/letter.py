"""An official letter (công văn) on paper as Decree 30/2020 lays it out. "THỬ NGHIỆM" stands on every page.

Number and day are given after the leader has signed, so they cannot be printed on what the leader signs: they stand in
the signature of the office, which the clerk puts on top when the letter is issued.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from testbed import paper
from testbed.paper import Line

LEFT, RIGHT, TOP, BOTTOM = 85.0, 545.0, 60.0, 770.0  # margins of 30, 18, 21 and 25 mm
LEADING = 20.0
_ROOM = RIGHT - LEFT
_BODY, _MOTTO = 185.0, 420.0  # middles of the two columns at the top
_BOTTOM_HEIGHT = 110.0
RECIPIENTS_SHOWN_MAX = 4


class Letter(NamedTuple):
    """What stands on the paper."""

    superior: str
    issuer: str
    notation: str  # what follows the number
    place: str
    title: str
    content: str
    recipients: tuple[str, ...]
    authority: str  # "TM. …"
    position: str


def pdf(letter: Letter) -> bytes:
    """The letter, on as many pages as it needs."""
    return paper.pdf(_pages(letter), letter.title)


def _pages(letter: Letter) -> Sequence[list[Line]]:
    pages = [_top(letter)]
    y = 225.0
    for text in (f"Kính gửi: {_listed(letter.recipients)}.", *letter.content.split("\n")):
        for line in paper.paragraph(text, LEFT, 0.0, _ROOM, LEADING):
            y = _room_for(pages, y, 0.0)
            pages[-1].append(line._replace(y=y))
            y += LEADING
        y += 6
    pages[-1] += _bottom(letter, _room_for(pages, y + LEADING, _BOTTOM_HEIGHT))
    for number, page in enumerate(pages, 1):
        page.append(Line(f"THỬ NGHIỆM – không có giá trị pháp lý – trang {number}/{len(pages)}", 300, 815, 9, "italic"))
    return pages


def _room_for(pages: list[list[Line]], y: float, height: float) -> float:
    """Where to go on; on a new page when this one is full. What finds no page any more is piled up at the foot."""
    if y + height <= BOTTOM:
        return y
    if len(pages) == paper.PAGES_MAX:
        return BOTTOM - height
    pages.append([])
    return TOP


def _top(letter: Letter) -> list[Line]:
    title = paper.wrapped(f"V/v {letter.title}", 230, 11)
    return [
        Line(letter.superior, _BODY, TOP, 11, align="center"),
        Line(letter.issuer, _BODY, TOP + 15, 11, "bold", "center"),
        Line("", _BODY - 35, TOP + 20, room=70),
        Line("CỘNG HÒA XÃ HỘI CHỦ NGHĨA VIỆT NAM", _MOTTO, TOP, 10, "bold", "center"),
        Line("Độc lập – Tự do – Hạnh phúc", _MOTTO, TOP + 15, 11, "bold", "center"),
        Line("", _MOTTO - 80, TOP + 20, room=160),
        Line(f"Số:            /{letter.notation}", _BODY, TOP + 42, 12, align="center"),
        Line(f"{letter.place}, ngày       tháng       năm", _MOTTO, TOP + 42, 12, "italic", "center"),
        *(Line(text, _BODY, TOP + 64 + 14 * n, 11, align="center") for n, text in enumerate(title[:7])),
    ]


def _bottom(letter: Letter, y: float) -> list[Line]:
    places = ["Nơi nhận:", "- Như trên;", "- Lưu: VT."]
    return [
        *(Line(text, LEFT, y + 13 * n, 11, "italic" if n == 0 else "") for n, text in enumerate(places)),
        Line(letter.authority, _MOTTO, y, 12, "bold", "center"),
        Line(letter.position, _MOTTO, y + 16, 12, "bold", "center"),
        Line("Số và ngày ban hành: theo chữ ký số của cơ quan.", LEFT, y + 110, 9, "italic"),
    ]


def _listed(names: Sequence[str]) -> str:
    """All of them, or how many more there are."""
    if len(names) <= RECIPIENTS_SHOWN_MAX:
        return "; ".join(names)
    return f"{'; '.join(names[:RECIPIENTS_SHOWN_MAX])} và {len(names) - RECIPIENTS_SHOWN_MAX} đơn vị khác"
