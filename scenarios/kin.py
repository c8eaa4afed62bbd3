"""Who is who in a household, and people made up where a form needs somebody who does not live there."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

from scenarios import rng
from scenarios.households import REFERENCE_DATE
from scenarios.types import Citizen, Procedure

T = TypeVar("T")

AS_OF = REFERENCE_DATE  # the day on which ages are counted
ADULT = 18
NOBODY = "000"  # a province code that no CCCD has: people made up here are never somebody
SINGLE_ROLES = ("child", "other")

BOYS = ("Gia Bảo", "Minh Khôi", "Đức Anh", "Quang Huy", "Tuấn Kiệt", "Nhật Minh", "Hải Đăng", "Bảo Long", "Phúc An")
GIRLS = (
    "Bảo Ngọc",
    "Khánh Linh",
    "Minh Châu",
    "Phương Anh",
    "Gia Hân",
    "Thảo My",
    "Quỳnh Chi",
    "Ngọc Diệp",
    "An Nhiên",
)
MEN = ("Văn Hùng", "Văn Tâm", "Đình Thắng", "Xuân Trường", "Hữu Lộc", "Văn Sơn", "Ngọc Tuấn", "Bá Cường", "Quang Vinh")
WOMEN = ("Thị Lan", "Thị Hoa", "Thị Thu", "Thị Mai", "Thị Hằng", "Thị Nga", "Thị Bích", "Thị Tuyết", "Thị Phượng")
FAMILIES = ("Nguyễn", "Lê", "Phạm", "Trịnh", "Hoàng", "Trần", "Bùi", "Đỗ", "Vũ", "Mai", "Lương", "Cao")


@dataclass(frozen=True)
class Person:
    """Somebody as a form names them. `cccd` is empty for the newborn."""

    name: str
    male: bool
    born: dt.date
    cccd: str


@dataclass(frozen=True)
class Case:
    """One dossier in the making. Draws depend on (key, index, purpose) alone."""

    applicant: Citizen
    household: Sequence[Citizen]
    procedure: Procedure
    key: int
    index: int

    def below(self, purpose: str, n: int) -> int:
        return rng.below(rng.stream(self.key, purpose), self.index, n)

    def pick(self, purpose: str, items: Sequence[T]) -> T:
        return items[self.below(purpose, len(items))]

    def date(self, purpose: str, first: dt.date, last: dt.date) -> dt.date:
        """A day from `first` to `last`, both included."""
        return first + dt.timedelta(days=self.below(purpose, (last - first).days + 1))


def age(born: dt.date, on: dt.date = AS_OF) -> int:
    return on.year - born.year - ((on.month, on.day) < (born.month, born.day))


def family_name(name: str) -> str:
    return name.split(" ", 1)[0]


def person(citizen: Citizen) -> Person:
    return Person(citizen.name, citizen.male, citizen.born, citizen.cccd)


def couple(household: Sequence[Citizen]) -> tuple[Citizen, Citizen] | None:
    """Father and mother of the household's children: head and spouse, husband first; None when there are not both."""
    both = [member for member in household if member.role in ("head", "spouse")]
    if len(both) != 2 or both[0].male == both[1].male:
        return None
    return (both[0], both[1]) if both[0].male else (both[1], both[0])


def unmarried(household: Sequence[Citizen]) -> list[Citizen]:
    """Adults of marriageable age (men 20, women 18) whom the household does not show as married."""
    alone = sum(member.role in ("head", "spouse") for member in household) == 1
    roles = (*SINGLE_ROLES, "head") if alone else SINGLE_ROLES
    return [member for member in household if member.role in roles and age(member.born) >= (20 if member.male else 18)]


def minors(household: Sequence[Citizen]) -> list[Citizen]:
    """Members under age, youngest first."""
    return sorted((m for m in household if age(m.born) < ADULT), key=lambda m: (m.born, m.number), reverse=True)


def elders(household: Sequence[Citizen], years: int) -> list[Citizen]:
    """Members of at least so many years, oldest first."""
    return sorted((m for m in household if age(m.born) >= years), key=lambda m: (m.born, m.number))


def outsider(case: Case, purpose: str, *, male: bool, first: dt.date, last: dt.date, family: str = "") -> Person:
    """An adult who is in no household, born from `first` to `last`; the CCCD agrees and belongs to nobody."""
    born = case.date(f"{purpose}/born", first, last)
    rest = case.pick(f"{purpose}/given", MEN if male else WOMEN)
    name = f"{family or case.pick(f'{purpose}/family', FAMILIES)} {rest}"
    sex = (born.year // 100 - 19) * 2 + (0 if male else 1)
    number = case.below(f"{purpose}/number", 1_000_000)
    return Person(name, male, born, f"{NOBODY}{sex}{born.year % 100:02d}{number:06d}")


def newborn(case: Case, family: str) -> Person:
    """A child born in the last 60 days, the legal time for registering a birth."""
    male = case.below("newborn/sex", 2) == 0
    given = case.pick("newborn/given", BOYS if male else GIRLS)
    born = case.date("newborn/born", AS_OF - dt.timedelta(days=60), AS_OF - dt.timedelta(days=1))
    return Person(f"{family} {given}", male, born, "")


def years_before(day: dt.date, years: int) -> dt.date:
    """The first of the month so many years earlier: exists in every calendar."""
    return dt.date(day.year - years, day.month, 1)
