"""Small households for tests, made by hand."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence

from scenarios.types import Citizen

Row = tuple[str, bool, str, dt.date]  # role, male, name, born

FAMILY: tuple[Row, ...] = (
    ("head", True, "Lê Văn Hòa", dt.date(1992, 3, 4)),
    ("spouse", False, "Nguyễn Thị Thủy", dt.date(1994, 11, 30)),
    ("child", False, "Lê Bảo Ngọc", dt.date(2023, 2, 28)),
)
COUPLE = FAMILY[:2]
ALONE: tuple[Row, ...] = (("head", False, "Phạm Thị Mai", dt.date(1999, 5, 6)),)
OLD_COUPLE: tuple[Row, ...] = (
    ("head", True, "Trịnh Đình Thắng", dt.date(1948, 1, 1)),
    ("spouse", False, "Bùi Thị Nga", dt.date(1950, 2, 2)),
)
THREE_AGES: tuple[Row, ...] = (
    ("head", True, "Hà Văn Sơn", dt.date(1975, 7, 7)),
    ("spouse", False, "Lò Thị Hoa", dt.date(1977, 8, 8)),
    ("child", True, "Hà Văn Lâm", dt.date(2001, 1, 9)),
    ("child", True, "Hà Minh Khôi", dt.date(2012, 9, 9)),
    ("parent", False, "Vi Thị Tuyết", dt.date(1941, 12, 31)),
    ("other", True, "Hà Văn Páo", dt.date(2014, 4, 4)),
)
ALL = {"family": FAMILY, "couple": COUPLE, "alone": ALONE, "old couple": OLD_COUPLE, "three ages": THREE_AGES}


def household(rows: Sequence[Row], first: int = 1000) -> tuple[Citizen, ...]:
    return tuple(
        Citizen(
            number=first + place,
            cccd=f"038{0 if male else 1}{born.year % 100:02d}{first + place:06d}",
            name=name,
            male=male,
            born=born,
            phone=f"097{first + place:07d}",
            email=f"n{first + place}@example.test",
            commune="14797",
            address="Khu phố 3, Phường Hạc Thành, Thanh Hóa",
            household=7,
            role=role,
            ethnicity="Kinh",
            e_id=True,
        )
        for place, (role, male, name, born) in enumerate(rows)
    )
