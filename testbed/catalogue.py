"""The platform's own catalogue of procedures, and its search.

Codes and short names as in the published lists of commune-level procedures. Legal times other than those of 2.000815,
1.001193, 2.000635 and 1.001612, and all fees, are placeholders of this testbed, not regulation.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from typing import NamedTuple

FOUND_MAX = 20


class Entry(NamedTuple):
    """One procedure. `legal_days` are working days, 0 means the same day."""

    code: str
    name: str
    legal_days: int
    fee_vnd: int


CATALOGUE: tuple[Entry, ...] = (
    Entry("2.000815", "Chứng thực bản sao từ bản chính giấy tờ, văn bản", 0, 2_000),
    Entry("2.000884", "Chứng thực chữ ký trong các giấy tờ, văn bản", 0, 10_000),
    Entry("2.000908", "Cấp bản sao từ sổ gốc", 0, 0),
    Entry("1.001193", "Đăng ký khai sinh", 0, 0),
    Entry("2.000986", "Liên thông đăng ký khai sinh, đăng ký thường trú, cấp thẻ bảo hiểm y tế cho trẻ em", 4, 0),
    Entry("2.000635", "Cấp bản sao trích lục hộ tịch", 0, 8_000),
    Entry("1.000894", "Đăng ký kết hôn", 0, 0),
    Entry("1.004873", "Cấp giấy xác nhận tình trạng hôn nhân", 3, 15_000),
    Entry("1.000656", "Đăng ký khai tử", 0, 0),
    Entry("1.004859", "Thay đổi, cải chính, bổ sung thông tin hộ tịch", 3, 15_000),
    Entry("1.004837", "Đăng ký giám hộ", 3, 0),
    Entry("1.001612", "Đăng ký thành lập hộ kinh doanh", 3, 100_000),
    Entry("2.000720", "Đăng ký thay đổi nội dung đăng ký hộ kinh doanh", 3, 100_000),
    Entry("1.001776", "Thực hiện, điều chỉnh, thôi hưởng trợ cấp xã hội hằng tháng", 22, 0),
    Entry("1.001699", "Xác định mức độ khuyết tật, cấp giấy xác nhận khuyết tật", 25, 0),
    Entry("1.001731", "Hỗ trợ chi phí mai táng cho đối tượng bảo trợ xã hội", 5, 0),
    Entry("1.011607", "Công nhận hộ thoát nghèo, hộ nghèo, hộ cận nghèo", 15, 0),
    Entry("1.012812", "Hòa giải tranh chấp đất đai", 30, 0),
    Entry("1.012783", "Cấp đổi giấy chứng nhận quyền sử dụng đất", 10, 100_000),
    Entry("1.012784", "Tách thửa hoặc hợp thửa đất", 15, 100_000),
    Entry("1.013226", "Cấp giấy phép xây dựng nhà ở riêng lẻ", 15, 75_000),
    Entry("9.000001", "Thủ tục khác (mô phỏng)", 5, 0),  # stands for the rest; no such code exists
)
BY_CODE: dict[str, Entry] = {entry.code: entry for entry in CATALOGUE}


def fold(text: str) -> str:
    """Lower case without diacritics, as people type into a search box: "Đăng ký" and "dang ky" are the same."""
    plain = unicodedata.normalize("NFD", text.casefold().replace("đ", "d"))
    return "".join(letter for letter in plain if not unicodedata.combining(letter))


def search(wanted: str) -> Sequence[str]:
    """Codes, best fit first: by how many of the wanted words occur, then as listed. No words: the whole list."""
    words = set(fold(wanted).split())
    if not words:
        return [entry.code for entry in CATALOGUE][:FOUND_MAX]
    hits = [(len(words & known), code) for code, known in _WORDS]
    ranked = sorted((hit for hit in hits if hit[0]), key=lambda hit: -hit[0])
    return [code for _, code in ranked][:FOUND_MAX]


_WORDS: tuple[tuple[str, frozenset[str]], ...] = tuple(
    (entry.code, frozenset(fold(entry.name.replace(",", " ")).split()) | {entry.code}) for entry in CATALOGUE
)
