"""Dossiers: who hands in what, filled in coherently, as a pure function of (people, procedure, key, index)."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence

from faker import Faker

from scenarios import rng
from scenarios.forms import MAKERS, MAKERS_OF_FIELD, date_text
from scenarios.kin import ADULT, Case, age
from scenarios.types import Citizen, Dossier, Procedure

FILES_MAX = 5
# How many files, by field: cumulative weights of 1, 2, 3 … Assumed; certified copies bring the paper and nothing else.
FILES: dict[str, tuple[float, ...]] = {
    "certification": (0.8, 1.0),
    "civil-status": (0.3, 0.8, 1.0),
    "land": (0.0, 0.2, 0.6, 0.9, 1.0),
    "business": (0.2, 0.8, 1.0),
    "welfare": (0.1, 0.5, 0.9, 1.0),
    "construction": (0.0, 0.1, 0.4, 0.8, 1.0),
    "other": (0.6, 1.0),
}
REASONS = (
    "", "", "Đề nghị giải quyết sớm.", "Nhờ cán bộ gọi điện khi có kết quả.", "Nhận kết quả qua bưu điện.",
    "Bản chính bị mờ, xin đối chiếu giúp.", "Đã nộp bản giấy tại bộ phận một cửa.",
)  # fmt: skip
OCCUPATIONS_DRAWS = 400


def dossier(citizen: Citizen, household: Sequence[Citizen], procedure: Procedure, key: int, index: int) -> Dossier:
    """The dossier that `citizen` brings for `procedure`. `household` are all its members, `citizen` among them.

    A child does not hand in anything: see `applicant_of`. The commune is the applicant's.
    """
    applicant = applicant_of(citizen, household)
    case = Case(applicant, household or (citizen,), procedure, key, index)
    maker = MAKERS.get(procedure.code, MAKERS_OF_FIELD[procedure.field])
    form = {
        "nguoi_nop": applicant.name,
        "ngay_sinh": date_text(applicant.born),
        "dien_thoai": applicant.phone,
        "thu_dien_tu": applicant.email,
        "dia_chi": applicant.address,
        "nghe_nghiep": case.pick("occupation", OCCUPATIONS),
        **maker(case),
        "ghi_chu": case.pick("reason", REASONS),
    }
    return Dossier(procedure.code, applicant.commune, applicant, form, files(procedure, key, index))


def applicant_of(citizen: Citizen, household: Sequence[Citizen]) -> Citizen:
    """Who hands in: the citizen if of age, else the household's head, else its oldest member."""
    if age(citizen.born) >= ADULT or not household:
        return citizen
    heads = [member for member in household if member.role == "head" and age(member.born) >= ADULT]
    return heads[0] if heads else min(household, key=lambda member: (member.born, member.number))


def files(procedure: Procedure, key: int, index: int) -> int:
    """How many files belong to the dossier, 1..FILES_MAX."""
    return 1 + rng.weighted(rng.stream(key, "files"), index, FILES[procedure.field])


def _occupations() -> tuple[str, ...]:
    """Faker's Vietnamese jobs without the English ones, made once: seeding Faker for each dossier is slow."""
    fake = Faker("vi_VN", providers=["faker.providers.job"])
    fake.seed_instance(0)
    jobs = {unicodedata.normalize("NFC", fake.job()) for _ in range(OCCUPATIONS_DRAWS)}
    return tuple(sorted(job for job in jobs if not job.isascii()))


OCCUPATIONS = _occupations()
