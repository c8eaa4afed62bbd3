"""Forms agree with the household they come from: over hand-made households, and over households of the population."""

from __future__ import annotations

import datetime as dt
import unicodedata
from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scenarios import dossiers, forms, kin, procedures, rng
from scenarios.kin import AS_OF, age
from scenarios.population import Population
from scenarios.province import communes
from scenarios.types import Citizen, Dossier, Identities, Procedure
from tests.scenarios.households import ALL, ALONE, COUPLE, FAMILY, OLD_COUPLE, THREE_AGES, household

KEY = rng.stream(1, "dossier")
PEOPLE = Population(communes()[:4], 1, Identities.MARKED)
BIRTH, MARRIAGE, DEATH, GUARDIAN = (procedures.by_code(c) for c in ("1.001193", "1.000894", "1.000656", "1.004837"))


def made(rows: Sequence[object], procedure: Procedure, applicant: int = 0, index: int = 0) -> Dossier:
    members = household(rows)  # type: ignore[arg-type]
    return dossiers.dossier(members[applicant], members, procedure, KEY, index)


def day(text: str) -> dt.date:
    return dt.datetime.strptime(text, "%d/%m/%Y").date()


def check(dossier: Dossier, members: Sequence[Citizen]) -> None:
    """What must hold for every dossier of every household."""
    assert age(dossier.applicant.born) >= 18
    assert dossier.applicant in members
    assert dossier.commune == dossier.applicant.commune
    assert 1 <= dossier.attachments <= dossiers.FILES_MAX
    assert dossier.form["nguoi_nop"] == dossier.applicant.name
    known = {member.cccd: member for member in members}
    for name, value in dossier.form.items():
        assert value == unicodedata.normalize("NFC", value)
        if name.startswith("cccd_") and value in known:
            role = name.removeprefix("cccd_")
            member = known[value]
            assert dossier.form[f"ho_ten_{role}"] == member.name
            assert day(dossier.form[f"ngay_sinh_{role}"]) == member.born
        elif name.startswith("cccd_") and value:
            assert value.startswith(kin.NOBODY), "who does not live there is nobody"


def check_birth(form: dict[str, str]) -> None:
    born, mother = day(form["ngay_sinh_con"]), day(form["ngay_sinh_me"])
    assert born < AS_OF
    assert 16 <= age(mother, born) <= 49
    assert form["gioi_tinh_me"] == "Nữ"
    if form["ho_ten_cha"]:
        assert form["gioi_tinh_cha"] == "Nam"
        assert age(day(form["ngay_sinh_cha"]), born) >= 15
        if not form["cccd_con"]:
            assert kin.family_name(form["ho_ten_con"]) == kin.family_name(form["ho_ten_cha"])
    else:
        assert kin.family_name(form["ho_ten_con"]) == kin.family_name(form["ho_ten_me"])


def check_marriage(form: dict[str, str], members: Sequence[Citizen]) -> None:
    assert (form["gioi_tinh_chong"], form["gioi_tinh_vo"]) == ("Nam", "Nữ")
    assert age(day(form["ngay_sinh_chong"])) >= 20
    assert age(day(form["ngay_sinh_vo"])) >= 18
    here = {member.cccd: member for member in members}
    assert not (form["cccd_chong"] in here and form["cccd_vo"] in here), "nobody marries within the household"
    pair = kin.couple(members)
    for cccd in (form["cccd_chong"], form["cccd_vo"]):
        assert pair is None or cccd not in {member.cccd for member in pair}, "the married do not marry again"


@pytest.mark.parametrize("name", ALL)
@pytest.mark.parametrize("procedure", procedures.catalogue(), ids=lambda procedure: procedure.code)
def test_every_procedure_fits_every_household(name: str, procedure: Procedure) -> None:
    members = household(ALL[name])
    for index in range(10):
        for member in members:
            check(dossiers.dossier(member, members, procedure, KEY, index), members)


@given(st.integers(0, len(PEOPLE) - 1), st.sampled_from(procedures.catalogue()), st.integers(0, 10**6))
@settings(max_examples=300, deadline=None)
def test_every_procedure_fits_every_citizen(number: int, procedure: Procedure, index: int) -> None:
    citizen, members = PEOPLE.citizen(number), PEOPLE.household(number)
    dossier = dossiers.dossier(citizen, members, procedure, KEY, index)
    check(dossier, members)
    if procedure.code in ("1.001193", "2.000986"):
        check_birth(dossier.form)
    if procedure == MARRIAGE:
        check_marriage(dossier.form, members)


def test_a_small_child_is_registered_with_both_parents() -> None:
    form = made(FAMILY, BIRTH).form
    assert (form["ho_ten_cha"], form["ho_ten_me"], form["ho_ten_con"]) == (
        "Lê Văn Hòa", "Nguyễn Thị Thủy", "Lê Bảo Ngọc",
    )  # fmt: skip
    assert form["quan_he"] == "Cha"
    assert made(FAMILY, BIRTH, applicant=1).form["quan_he"] == "Mẹ"


def test_a_couple_without_a_small_child_has_a_newborn_of_the_fathers_name() -> None:
    form = made(COUPLE, BIRTH).form
    assert form["ho_ten_con"].startswith("Lê ")
    assert form["cccd_con"] == ""
    assert 0 < (AS_OF - day(form["ngay_sinh_con"])).days <= 60


def test_a_single_mother_gives_her_name() -> None:
    form = made(ALONE, BIRTH).form
    assert (form["ho_ten_me"], form["ho_ten_cha"]) == ("Phạm Thị Mai", "")
    assert form["ho_ten_con"].startswith("Phạm ")


def test_the_old_register_the_child_of_a_relative() -> None:
    form = made(OLD_COUPLE, BIRTH).form
    assert form["quan_he"] == "Người thân thích"
    assert form["cccd_me"].startswith(kin.NOBODY)
    check_birth(form)


@pytest.mark.parametrize("name", ALL)
def test_two_unmarried_adults_marry(name: str) -> None:
    for index in range(30):
        form = made(ALL[name], MARRIAGE, index=index).form
        check_marriage(form, household(ALL[name]))
    if name == "alone":
        assert form["ho_ten_vo"] == "Phạm Thị Mai"
    if name == "three ages":
        assert form["ho_ten_chong"] == "Hà Văn Lâm"


def test_the_dead_are_the_old_of_the_household_or_the_applicants_father() -> None:
    assert made(THREE_AGES, DEATH).form["ho_ten_nguoi_chet"] == "Vi Thị Tuyết"
    form = made(ALONE, DEATH).form
    assert form["ho_ten_nguoi_chet"].startswith("Phạm ")
    assert 20 <= age(day(form["ngay_sinh_nguoi_chet"]), dt.date(1999, 5, 6)) <= 38
    assert made(THREE_AGES, DEATH, applicant=4).form["ho_ten_nguoi_chet"] != "Vi Thị Tuyết", "the dead do not apply"


def test_a_guardian_is_given_to_a_minor_who_has_no_parents_there() -> None:
    assert made(THREE_AGES, GUARDIAN).form["ho_ten_nguoi_duoc_giam_ho"] == "Hà Văn Páo"
    assert age(day(made(COUPLE, GUARDIAN).form["ngay_sinh_nguoi_duoc_giam_ho"])) < 18


def test_a_child_does_not_hand_in() -> None:
    members = household(FAMILY)
    assert dossiers.applicant_of(members[2], members) == members[0]
    assert dossiers.applicant_of(members[1], members) == members[1]


def test_a_house_is_no_larger_than_its_plot() -> None:
    for index in range(200):
        form = made(FAMILY, procedures.by_code("1.013226"), index=index).form
        assert 0 < int(form["dien_tich_xay_dung_m2"]) < int(form["dien_tich_m2"])


def test_a_dossier_is_a_function_of_its_arguments() -> None:
    for procedure in procedures.catalogue():
        assert made(FAMILY, procedure, index=7) == made(FAMILY, procedure, index=7)
    many = {str(made(FAMILY, procedures.by_code("2.000815"), index=index).form) for index in range(300)}
    assert len(many) > 250


def test_occupations_are_vietnamese() -> None:
    assert len(dossiers.OCCUPATIONS) > 30
    assert not any(job.isascii() for job in dossiers.OCCUPATIONS)


def test_every_procedure_has_a_form_of_its_own_or_of_its_field() -> None:
    codes = {procedure.code for procedure in procedures.catalogue()}
    assert set(forms.MAKERS) <= codes
    assert set(forms.MAKERS_OF_FIELD) == set(dossiers.FILES) == set(procedures.FIELDS)
