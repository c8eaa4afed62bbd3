"""The result of a dossier on one page. "THỬ NGHIỆM" stands on it: it entitles nobody to anything."""

from __future__ import annotations

import datetime as dt
from typing import NamedTuple

from testbed import paper
from testbed.paper import Line

LEFT, ROOM, MIDDLE = 85.0, 460.0, 315.0
LEADING = 22.0
_ISSUER, _MOTTO = 185.0, 420.0  # middles of the two columns at the top


class Result(NamedTuple):
    """What stands on the paper. `at` is local time."""

    dossier: str
    commune: str
    procedure: str
    at: dt.datetime


def pdf(result: Result) -> bytes:
    """The page that the leader signs."""
    day = f"ngày {result.at.day:02d} tháng {result.at.month:02d} năm {result.at.year}"
    text = (
        f"Hồ sơ số {result.dossier} về thủ tục “{result.procedure}” đã được giải quyết xong. Văn bản này do lãnh đạo "
        f"đơn vị {result.commune} ký số, có dấu thời gian, và chỉ dùng để thử nghiệm."
    )
    return paper.pdf([
        [
            Line("ỦY BAN NHÂN DÂN", _ISSUER, 60, 11, align="center"),
            Line(f"ĐƠN VỊ {result.commune}", _ISSUER, 75, 11, "bold", "center"),
            Line("", _ISSUER - 35, 80, room=70),
            Line("CỘNG HÒA XÃ HỘI CHỦ NGHĨA VIỆT NAM", _MOTTO, 60, 10, "bold", "center"),
            Line("Độc lập – Tự do – Hạnh phúc", _MOTTO, 75, 11, "bold", "center"),
            Line("", _MOTTO - 80, 80, room=160),
            Line(f"Thanh Hóa, {day}", _MOTTO, 102, 12, "italic", "center"),
            Line("KẾT QUẢ GIẢI QUYẾT THỦ TỤC HÀNH CHÍNH", MIDDLE, 170, 14, "bold", "center"),
            Line("THỬ NGHIỆM – không có giá trị pháp lý", MIDDLE, 192, 12, "italic", "center"),
            *paper.paragraph(text, LEFT, 235, ROOM, LEADING),
            Line("TM. ỦY BAN NHÂN DÂN", _MOTTO, 370, 12, "bold", "center"),
            Line("LÃNH ĐẠO", _MOTTO, 386, 12, "bold", "center"),
            Line("(đã ký số)", _MOTTO, 420, 12, "italic", "center"),
        ]
    ], f"Kết quả giải quyết hồ sơ {result.dossier}")  # fmt: skip
