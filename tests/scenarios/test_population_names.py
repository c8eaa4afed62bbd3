from __future__ import annotations

import unicodedata
from collections import Counter
from collections.abc import Callable, Iterable

import numpy as np
import pytest
from faker import Faker

from scenarios.faker_provider import ThanhHoaProvider
from scenarios.names import ethnicity_table, names
from scenarios.population import Population
from scenarios.province import communes
from scenarios.types import Citizen

PEOPLE = Population(communes(), 2025)
SAMPLE = 3_000

# What stock vi_VN names get wrong (measured on Faker 40): the test below must find each in Faker and none in ours.
HONORIFICS = ("Ông", "Bà", "Anh", "Chị", "Cô", "Chú", "Bác", "Dì", "Quý ông", "Quý cô")
FAMILIES_ONLY = {"Nguyễn", "Trần", "Lê", "Phạm", "Đặng", "Bùi"}  # never given names
DEFECTS: dict[str, Callable[[str, bool], bool]] = {
    "family name last": lambda name, male: name.split()[-1] in FAMILIES_ONLY,
    "form of address": lambda name, male: name.startswith(tuple(f"{word} " for word in HONORIFICS)),
    "no middle name": lambda name, male: len(name.split()) == 2,
    "Thị for a man": lambda name, male: male and "Thị" in name.split(),
    "Văn for a woman": lambda name, male: not male and "Văn" in name.split(),
    "English given name": lambda name, male: bool({"Jane", "John"} & set(name.split())),
}
FOUND_IN_FAKER = ("family name last", "form of address", "no middle name", "Thị for a man", "English given name")


def stock() -> Iterable[tuple[str, bool]]:
    fake = Faker("vi_VN")
    fake.seed_instance(1)
    for _ in range(SAMPLE // 3):
        yield unicodedata.normalize("NFC", fake.name_male()), True
        yield unicodedata.normalize("NFC", fake.name_female()), False
        yield fake.first_name(), True


def from_provider() -> Iterable[tuple[str, bool]]:
    fake = Faker("vi_VN")
    fake.add_provider(ThanhHoaProvider)
    fake.seed_instance(1)
    for _ in range(SAMPLE // 3):
        yield fake.vietnamese_name(male=True), True
        yield fake.vietnamese_name(male=False), False


def from_population() -> Iterable[tuple[str, bool]]:
    step = len(PEOPLE) // SAMPLE
    for number in range(0, len(PEOPLE), step):
        citizen = PEOPLE.citizen(number)
        yield citizen.name, citizen.male


def defects(source: Iterable[tuple[str, bool]]) -> Counter[str]:
    return Counter(defect for name, male in source for defect, shows in DEFECTS.items() if shows(name, male))


def test_the_check_for_defects_finds_them_in_stock_names() -> None:
    found = defects(stock())
    assert all(found[defect] > 10 for defect in FOUND_IN_FAKER), found


@pytest.mark.parametrize("source", [from_provider, from_population])
def test_our_names_have_none_of_the_defects_of_stock_names(source: Callable[[], Iterable[tuple[str, bool]]]) -> None:
    assert defects(source()) == Counter()


def test_our_names_are_varied() -> None:
    everyone = [name for name, _ in from_population()]
    assert len(set(everyone)) > 0.8 * len(everyone)
    assert len({name for name, _ in stock()}) < 0.8 * SAMPLE


# The tables, whole


def test_no_table_breaks_a_rule_of_naming() -> None:
    table = names()
    assert not {"Thị", "Văn"} & set(table.families)
    assert not {"Thị", "Văn"} & set(table.givens)
    half = len(table.middle) // 2
    women, men = ({table.middles[code] for code in part} for part in (table.middle[:half], table.middle[half:]))
    assert not any("Văn" in text.split() for text in women)
    assert not any("Thị" in text.split() for text in men)
    for text in (*table.families, *table.middles, *table.givens, *table.ethnicities):
        assert unicodedata.is_normalized("NFC", text)
        assert text == text.strip()


def test_no_given_name_is_so_common_that_two_siblings_could_share_it() -> None:
    table = np.frombuffer(names().given, np.uint16).reshape(8, -1)
    assert max(np.bincount(row).max() / row.size for row in table) < 0.055


def test_a_given_name_never_repeats_the_middle_name() -> None:
    for number in range(0, len(PEOPLE), 1_009):
        words = PEOPLE.citizen(number).name.split()
        assert words[-1] != words[-2]


def test_siblings_and_spouses_are_told_apart_by_their_names() -> None:
    for number in range(0, len(PEOPLE), 5_003):
        members = PEOPLE.household(number)
        assert len({(member.name, member.born) for member in members}) == len(members)


def share(code: str, wanted: Callable[[Citizen], bool], step: int = 7) -> float:
    numbers = PEOPLE.in_commune(code)[::step]
    return sum(wanted(PEOPLE.citizen(number)) for number in numbers) / len(numbers)


@pytest.mark.parametrize(
    ("code", "ethnicity", "low", "high", "why"),
    [
        ("14864", "Mông", 0.9, 1.0, "Nhi Sơn, Mường Lát: Mông"),
        ("15016", "Thái", 0.75, 0.9, "Quan Sơn: Thái"),
        ("15061", "Mường", 0.6, 0.77, "Ngọc Lặc: Mường"),
        ("15646", "Thái", 0.45, 0.6, "Thường Xuân: Thái and Kinh"),
        ("16363", "Kinh", 0.98, 1.0, "Tượng Lĩnh, plain: Kinh"),
    ],
)
def test_peoples_live_where_they_do(code: str, ethnicity: str, low: float, high: float, why: str) -> None:
    assert low <= share(code, lambda citizen: citizen.ethnicity == ethnicity) <= high, why


def test_family_names_follow_people_and_place() -> None:
    assert share("16363", lambda citizen: citizen.name.startswith("Lê ")) > 0.2
    assert share("16078", lambda citizen: citizen.name.startswith("Mai "), step=20) > 0.03
    assert share("14864", lambda citizen: citizen.name.split()[0] in ("Thao", "Sung", "Hơ", "Giàng", "Lâu")) > 0.6
    assert share("14864", lambda citizen: citizen.name.startswith("Nguyễn ")) < 0.05


def test_fashions_change_with_the_year_of_birth() -> None:
    women = [c for c in map(PEOPLE.citizen, range(0, len(PEOPLE), 701)) if not c.male and c.ethnicity == "Kinh"]
    old = [c for c in women if c.born.year < 1975]
    young = [c for c in women if c.born.year >= 2000]
    assert sum("Thị" in c.name.split() for c in old) > 0.8 * len(old)
    assert sum("Thị" in c.name.split() for c in young) < 0.4 * len(young)


def test_every_commune_has_a_mix_of_peoples() -> None:
    assert all(len(ethnicity_table(commune)) == 1024 for commune in communes())
