"""Single signatures: time, time stamps, lists of the revoked, kinds of keys."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

import pytest
from cryptography.hazmat.primitives import serialization

from record.reader import open_record
from reports import catalogue, page_one, pdf, signed, signing
from reports.assess import assess
from reports.case import Case
from tests.records import healthy_run
from tests.signatories import DAY, NOW, Signatory, of_rsa, plain, stamper
from thongsuot.trial_ca import TrialAuthority

WORD = partial(catalogue.word, language="vi")


@pytest.fixture(scope="module")
def signatory(tmp_path_factory: pytest.TempPathFactory) -> Signatory:
    case = Case(open_record(healthy_run(tmp_path_factory.mktemp("signing") / "run", n=600)))
    assessment = assess(case.record, case=case)
    paper = pdf.render_pdf(page_one.of(assessment, case), assessment, case)
    return Signatory(TrialAuthority.new(NOW - DAY), paper)


def keys_of(found: signed.Signed) -> list[str]:
    return [problem.key for problem in found.problems]


def test_the_same_document_time_and_key_give_the_same_signature(signatory: Signatory) -> None:
    signer = signatory.signer("tester")
    first, second = (signing.sign(signatory.paper, "tester", signer, NOW, label=WORD) for _ in range(2))
    assert first == second
    assert first.startswith(signatory.paper)


def test_an_expired_certificate_is_refused_unless_a_time_stamp_says_that_it_was_in_time(signatory: Signatory) -> None:
    stamps = TrialAuthority.new(NOW - DAY)
    stamps_by = stamper(stamps, NOW)
    signer, late = signatory.signer("tester"), NOW + 60 * DAY
    bare = signing.sign(signatory.paper, "tester", signer, NOW, label=WORD)
    stamped = signing.sign(signatory.paper, "tester", signer, NOW, label=WORD, stamper=stamps_by)
    trust = signatory.trust(stamps.certificate)
    assert keys_of(signed.check(bare, trust, NOW + DAY, ["tester"])) == []
    assert keys_of(signed.check(bare, trust, late, ["tester"])) == ["signed.expired"]
    young = signing.sign(signatory.paper, "tester", signatory.signer("tester", start=NOW), NOW, label=WORD)
    assert keys_of(signed.check(young, trust, NOW - DAY / 2, ["tester"])) == ["signed.expired"], "not valid yet"
    found = signed.check(stamped, trust, late, ["tester"])
    assert keys_of(found) == []
    assert found.signatures[0].stamped
    assert keys_of(signed.check(stamped, signatory.trust(), late, ["tester"])) == ["signed.stamp"]


def test_one_person_cannot_sign_for_two(signatory: Signatory) -> None:
    signer = signatory.signer("tester")
    paper = signatory.paper
    for role in ("tester", "unit-head"):
        paper = signing.sign(paper, role, signer, NOW, label=WORD)
    assert keys_of(signed.check(paper, signatory.trust(), NOW, ["tester", "unit-head"])) == ["signed.same"]


def test_a_list_that_is_too_old_decides_nothing(signatory: Signatory) -> None:
    paper = signing.sign(signatory.paper, "tester", signatory.signer("tester"), NOW, label=WORD)
    data = signatory.authority.revoked([], NOW - 200 * DAY).public_bytes(serialization.Encoding.PEM)
    trust = replace(signatory.trust(), revoked=signed.lists(data))
    assert keys_of(signed.check(paper, trust, NOW, ["tester"])) == ["signed.unlisted"]


def test_a_key_of_rsa_signs_too(signatory: Signatory) -> None:
    key, certificate = of_rsa(signatory.authority, NOW)
    signer = signing.HeldKeySigner(plain(certificate), key)
    paper = signing.sign(signatory.paper, "tester", signer, NOW, label=WORD)
    assert keys_of(signed.check(paper, signatory.trust(), NOW, ["tester"])) == []
