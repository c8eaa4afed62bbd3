from __future__ import annotations

import unicodedata

import pytest
import vn_ident
from faker import Faker
from hypothesis import given, settings
from hypothesis import strategies as st

from scenarios.faker_provider import ThanhHoaProvider
from scenarios.procedures import by_code
from scenarios.types import Citizen, Identities


def maker(seed: int) -> Faker:
    fake = Faker("vi_VN")
    fake.add_provider(ThanhHoaProvider)
    fake.seed_instance(seed)
    return fake


FAKE = maker(0)


def test_the_same_seed_of_faker_gives_the_same_people() -> None:
    def drawn(seed: int) -> list[object]:
        fake = maker(seed)
        return [fake.citizen(), fake.cccd(), fake.vietnamese_name(male=True), fake.dossier(), fake.household()]

    assert drawn(7) == drawn(7)
    assert drawn(7) != drawn(8)


def test_the_global_seed_of_faker_counts_too() -> None:
    def drawn() -> list[Citizen]:
        fake = Faker("vi_VN")
        fake.add_provider(ThanhHoaProvider)
        Faker.seed(11)
        return [fake.citizen() for _ in range(3)]

    assert drawn() == drawn()


@given(st.integers(0, 2**32))
@settings(max_examples=25, deadline=None)
def test_what_it_makes_is_coherent(seed: int) -> None:
    FAKE.seed_instance(seed)
    citizen = FAKE.citizen(commune="16363")
    assert citizen.commune == "16363"
    assert not vn_ident.is_valid_cccd(FAKE.cccd())
    assert vn_ident.is_valid_cccd(FAKE.cccd(mode=Identities.REALISTIC))
    assert FAKE.household()[0].role == "head"
    assert "Thị" not in FAKE.vietnamese_name(male=True).split()


@given(st.integers(0, 2**32))
@settings(max_examples=25, deadline=None)
def test_a_dossier_is_filled_in_for_its_applicant(seed: int) -> None:
    FAKE.seed_instance(seed)
    dossier = FAKE.dossier()
    assert dossier.form["nguoi_nop"] == dossier.applicant.name
    assert dossier.commune == dossier.applicant.commune
    assert by_code(dossier.procedure).code == dossier.procedure
    assert dossier.form["noi_lam_viec"]
    assert dossier.form["nghe_nghiep"]
    assert all(unicodedata.is_normalized("NFC", text) for text in dossier.form.values())


def test_an_unknown_commune_is_refused() -> None:
    with pytest.raises(KeyError):
        FAKE.citizen(commune="00000")
