from __future__ import annotations

import datetime as dt
import hashlib
import os
import subprocess
import sys
import time
import unicodedata

import msgspec
import numpy as np
import pytest
import vn_ident
from hypothesis import given, settings
from hypothesis import strategies as st

from scenarios import households
from scenarios.columns import Columns
from scenarios.households import CHILD, HEAD, PARENT, REFERENCE_DATE, SPOUSE, blocks
from scenarios.population import Population
from scenarios.province import POPULATION, communes
from scenarios.types import ConfigError, Identities

SEED = 2025
REALISTIC = Population(communes(), SEED, Identities.REALISTIC)
MARKED = Population(communes(), SEED)
MARKED.citizen(0)  # reads the tables now, lest Hypothesis takes that for a slow example
NUMBERS = st.integers(0, POPULATION - 1)
# Whoever changes a value of any citizen has to change this, and says so in the changelog.
TUONG_LINH = "516d0fa47f4d7ed9"


@pytest.fixture(scope="module")
def province() -> list[Columns]:
    return [REALISTIC.columns(at) for at in range(len(REALISTIC.communes))]


def digest(columns: Columns) -> str:
    state = hashlib.sha256()
    for array in columns.arrays().values():
        state.update(np.ascontiguousarray(array).tobytes())
    return state.hexdigest()[:16]


def position(code: str) -> int:
    return [commune.code for commune in communes()].index(code)


def years(older: dt.date, younger: dt.date) -> float:
    return (younger - older).days / 365.2425


# One value, whoever asks for it


@given(NUMBERS)
@settings(max_examples=60, deadline=None)
def test_a_citizen_alone_is_the_same_as_in_the_commune(number: int) -> None:
    small = min((c for c in communes() if c.population < 4_300), key=lambda c: (c.population * number) % 9_973)
    numbers = MARKED.in_commune(small.code)
    inside = number % len(numbers)
    row = MARKED.arrow(position(small.code)).slice(inside, 1).to_pylist()[0]
    assert msgspec.structs.asdict(MARKED.citizen(numbers[inside])) == row


def test_every_citizen_of_a_commune_alone_is_the_same_as_in_the_columns() -> None:
    rows = REALISTIC.arrow(position("15025")).to_pylist()
    assert [msgspec.structs.asdict(REALISTIC.citizen(number)) for number in REALISTIC.in_commune("15025")] == rows


def test_the_order_of_asking_changes_nothing() -> None:
    picked = [3, 165, 60]
    forwards = {at: digest(MARKED.columns(at)) for at in picked}
    fresh = Population(communes(), SEED)
    fresh.citizen(4_000_000)
    assert {at: digest(fresh.columns(at)) for at in reversed(picked)} == forwards


def test_another_process_makes_the_same_bytes() -> None:
    code = (
        "import hashlib, numpy as np; from scenarios.population import Population; from scenarios.province import *;"
        f"c = Population(communes(), {SEED}).columns(165); s = hashlib.sha256();"
        "[s.update(np.ascontiguousarray(a).tobytes()) for a in c.arrays().values()]; print(s.hexdigest()[:16])"
    )
    environment = {**os.environ, "PYTHONHASHSEED": "7"}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=environment)
    assert done.stdout.strip() == digest(MARKED.columns(165))


def test_the_bytes_of_a_commune_are_pinned() -> None:
    assert digest(MARKED.columns(position("16363"))) == TUONG_LINH


def test_another_seed_makes_other_people() -> None:
    other = Population(communes(), SEED + 1)
    same = [MARKED.citizen(n).name == other.citizen(n).name for n in range(0, POPULATION, 50_000)]
    assert sum(same) < len(same) / 10


def test_communes_are_ranges_without_gaps() -> None:
    at = 0
    for commune in communes():
        assert MARKED.in_commune(commune.code) == range(at, at + commune.population)
        at += commune.population
    assert at == len(MARKED) == POPULATION
    for beyond in (-1, POPULATION):
        with pytest.raises(IndexError):
            MARKED.citizen(beyond)
    with pytest.raises(KeyError):
        MARKED.in_commune("00000")


# The province as a whole


def test_no_two_citizens_share_a_card_or_a_telephone(province: list[Columns]) -> None:
    for field in ("cccd", "phone"):
        text = np.concatenate([getattr(columns, field) for columns in province])
        digits = text.view(np.uint8).reshape(POPULATION, -1) - ord("0")
        assert digits.max() == 9
        values = digits.astype(np.float64) @ (10.0 ** np.arange(digits.shape[1])[::-1])  # exact below 2**53
        values.sort()
        assert (np.diff(values) > 0).all()


def test_ages_follow_the_census_within_a_quarter_of_a_point(province: list[Columns]) -> None:
    born = np.concatenate([columns.born for columns in province]).astype("datetime64[D]")
    reference = np.datetime64(REFERENCE_DATE)
    year = reference.astype("datetime64[Y]").astype(int) - born.astype("datetime64[Y]").astype(int)
    day = born - born.astype("datetime64[Y]").astype("datetime64[D]")
    # 1 July is day 181 or 182 of its year; the two days around it are decided by the month and day alone.
    month_day = (born.astype("datetime64[M]").astype(int) % 12) * 100 + (born - born.astype("datetime64[M]")).astype(
        int
    )
    ages = year - (month_day > 600)
    assert day.astype(int).max() >= 364
    assert ages.min() == 0
    assert households.fit(ages.astype(np.uint8)) <= 0.25
    male = np.concatenate([columns.male for columns in province])
    assert male.mean() == pytest.approx(0.498, abs=0.005)


def test_households_have_the_size_of_the_census(province: list[Columns]) -> None:
    heads = sum(int((columns.role == HEAD).sum()) for columns in province)
    assert POPULATION / heads == pytest.approx(households.HOUSEHOLD_SIZE, abs=0.05)


def test_three_in_a_hundred_were_registered_in_another_province(province: list[Columns]) -> None:
    cards = np.concatenate([columns.cccd for columns in province])
    home = np.char.startswith(cards[::50], b"038").mean()
    assert home == pytest.approx(0.97, abs=0.005)


def test_an_e_id_is_for_those_who_may_have_one(province: list[Columns]) -> None:
    cutoff = (dt.date(2011, 7, 1) - dt.date(1970, 1, 1)).days  # 14 on the day
    born = np.concatenate([columns.born for columns in province])
    e_id = np.concatenate([columns.e_id for columns in province])
    assert not e_id[born > cutoff].any()
    assert 0.7 < e_id[born <= cutoff].mean() < 0.9


# Households


def test_the_blocks_themselves_follow_the_census() -> None:
    assert households.fit(blocks().age) <= 0.2
    assert (np.bincount(blocks().role.ravel(), minlength=5) > 0).all()


def test_in_no_block_two_people_of_one_sex_and_birth_year_share_a_shade() -> None:
    table = blocks()
    for age_, male, shade in zip(table.age, table.male, table.shade, strict=True):
        for sex in (0, 1):
            for first in range(households.age_max):
                near = (male == sex) & ((age_ == first) | (age_ == first + 1))
                assert len(set(shade[near].tolist())) == near.sum() <= households.SHADES


def test_every_household_of_every_block_is_possible() -> None:
    table = blocks()
    for row in range(households.BLOCKS):
        for head in sorted(set(table.head[row].tolist())):
            members = np.flatnonzero(table.head[row] == head)
            assert members[0] == head
            assert (np.diff(members) == 1).all()
            ages, roles = table.age[row].astype(int), table.role[row]
            by_role = {role: [int(m) for m in members if roles[m] == role] for role in range(5)}
            assert by_role[HEAD] == [head]
            assert ages[head] >= 18
            couple = [head, *by_role[SPOUSE]]
            assert len(couple) <= 2
            assert len({int(table.male[row, m]) for m in couple}) == len(couple)
            assert all(abs(ages[head] - ages[m]) <= 13 for m in by_role[SPOUSE])
            assert all(17 <= ages[p] - ages[c] <= 48 for p in couple for c in by_role[CHILD])
            assert all(17 <= ages[p] - ages[head] <= 48 for p in by_role[PARENT])
            assert len({int(table.male[row, m]) for m in by_role[PARENT]}) == len(by_role[PARENT])


@given(NUMBERS)
def test_a_household_is_everybody_who_lives_together(number: int) -> None:
    members = MARKED.household(number)
    assert number in [member.number for member in members]
    assert members == tuple(MARKED.citizen(member.number) for member in members)
    assert {member.household for member in members} == {members[0].number}
    assert [member.role for member in members].count("head") == 1
    assert members[0].role == "head"
    assert len({(member.address, member.commune, member.ethnicity) for member in members}) == 1
    around = range(max(0, members[0].number - 10), min(POPULATION, members[0].number + 20))
    assert sum(MARKED.citizen(n).household == members[0].number for n in around) == len(members)


@given(NUMBERS)
def test_a_family_is_coherent(number: int) -> None:
    members = MARKED.household(number)
    head = members[0]
    spouse = next((member for member in members if member.role == "spouse"), None)
    father = next((member for member in (head, spouse) if member and member.male), None)
    if spouse:
        assert head.male != spouse.male
        assert abs(years(head.born, spouse.born)) < 15
    children = [member for member in members if member.role == "child"]
    for child in children:
        assert all(16 < years(parent.born, child.born) < 50 for parent in (head, spouse) if parent)
        if father:
            assert child.name.split()[0] == father.name.split()[0]
    assert len({child.name.split()[0] for child in children}) <= 1
    assert len({child.name for child in children}) == len(children)
    for parent in members:
        if parent.role == "parent":
            assert 16 < years(parent.born, head.born) < 50
            if parent.male:
                assert parent.name.split()[0] == head.name.split()[0]


def test_the_last_citizen_of_a_commune_lives_in_a_household_cut_short_but_possible() -> None:
    for commune in communes():
        last = MARKED.in_commune(commune.code)[-1]
        members = MARKED.household(last)
        assert members[-1].number == last
        assert members[0].role == "head"


# Numbers and places


@given(NUMBERS)
def test_a_realistic_card_agrees_with_its_owner(number: int) -> None:
    citizen = REALISTIC.citizen(number)
    card = vn_ident.parse_cccd(citizen.cccd)
    assert card is not None
    assert card.birth_year == citizen.born.year
    assert card.gender == ("male" if citizen.male else "female")
    assert vn_ident.is_valid_phone(citizen.phone)
    assert vn_ident.detect_carrier(citizen.phone) is not None


@given(NUMBERS)
def test_a_marked_identity_is_nobodys(number: int) -> None:
    citizen, real = MARKED.citizen(number), REALISTIC.citizen(number)
    assert len(citizen.cccd) == 12
    assert not vn_ident.is_valid_cccd(citizen.cccd)
    assert vn_ident.detect_carrier(citizen.phone) is None
    assert citizen.cccd[3:6] == real.cccd[3:6]
    assert citizen.email.endswith(".test")
    assert citizen.email.isascii()


def test_an_allow_list_is_used_in_order_and_shared_out_by_population() -> None:
    listed = [f"038{n:09d}" for n in range(400)]
    people = Population(communes(), SEED, Identities.ALLOW_LIST, listed)
    assert [people.citizen(n).cccd for n in range(len(people))] == listed
    assert all(len(people.in_commune(commune.code)) >= 1 for commune in communes())
    assert len(people.in_commune("14797")) == max(len(people.in_commune(c.code)) for c in communes())
    assert [text.decode() for at in range(166) for text in people.columns(at).cccd] == listed
    assert vn_ident.detect_carrier(people.citizen(0).phone) is None
    few = Population(communes()[4:5], SEED, Identities.ALLOW_LIST, [f"038{n:09d}" for n in range(20_000)])
    assert len(few) == communes()[4].population


def test_too_short_an_allow_list_and_no_communes_are_refused() -> None:
    with pytest.raises(ConfigError, match="165 numbers for 166 communes"):
        Population(communes(), SEED, Identities.ALLOW_LIST, [f"038{n:09d}" for n in range(165)])
    with pytest.raises(ConfigError, match="0 citizens"):
        Population((), SEED)
    with pytest.raises(ConfigError, match="must be 1 to"):
        Population(communes() * 3, SEED)


def test_an_address_goes_down_to_the_hamlet_which_is_named_once() -> None:
    words = {"14797": "Tổ dân phố ", "16363": "Thôn ", "14866": "Bản "}
    for code, word in words.items():
        at = position(code)
        hamlets = MARKED.hamlets(at)
        assert len(set(hamlets)) == len(hamlets)
        for hamlet in hamlets:
            assert hamlet.startswith(word)
            assert hamlet.endswith(f", {communes()[at].name}, tỉnh Thanh Hóa")
            assert unicodedata.is_normalized("NFC", hamlet)
        assert int(MARKED.columns(at).hamlet.max()) == len(hamlets) - 1


def test_one_citizen_takes_far_less_than_a_millisecond() -> None:
    MARKED.citizen(0)
    start = time.process_time()
    for number in range(0, POPULATION, POPULATION // 1_000):
        MARKED.citizen(number)
    assert (time.process_time() - start) / 1_000 < 0.001
