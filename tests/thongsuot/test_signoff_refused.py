"""Signatures that are not made, because they would spoil what is there or nobody would believe them."""

from __future__ import annotations

import shutil
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
import typst
from cryptography.hazmat.primitives.serialization import pkcs12

from record.reader import open_record
from reports import fields, page_one, pdf, signing
from reports.assess import assess
from reports.case import Case
from reports.typesetting import Box, Paper
from tests.office import SECRET, Office, ask, changed, flipped
from tests.signatories import DAY, of_rsa
from thongsuot import keys, papers
from thongsuot.keys import PASSWORD
from thongsuot.trial_ca import TrialAuthority, packed


def test_signing_the_empty_paper_again_never_overwrites_what_others_signed(office: Office, tmp_path: Path) -> None:
    paper = changed(tmp_path, office.report.read_bytes())
    there = papers.signed_name(paper)
    there.write_bytes(office.signed.read_bytes())
    done = ask("signoff", paper, "--as", "tester", "--p12", office.trial / "tester.p12")
    assert done.exit_code == 1
    assert "paper.signed.pdf is there already" in done.output
    assert there.read_bytes() == office.signed.read_bytes()


def _key(office: Office, folder: Path, kind: str) -> Path:
    """A key that nobody should sign with, below the authority of the office."""
    secret, now = SECRET.encode(), datetime.now(UTC)
    key, root, _ = pkcs12.load_key_and_certificates((office.trial / "ca.p12").read_bytes(), secret)
    assert root is not None
    authority = TrialAuthority(key, root)
    if kind == "expired":
        own, certificate = authority.issue("Một người", now - 3 * DAY, now - DAY)
    elif kind == "not yet":
        own, certificate = authority.issue("Một người", now + DAY, now + 3 * DAY)
    elif kind == "weak":
        own, certificate = of_rsa(authority, now, bits=1024)
    else:
        own, certificate = key, root
    path = folder / "key.p12"
    path.write_bytes(packed("key", own, certificate, root, secret))
    return path


@pytest.mark.parametrize(
    ("kind", "said"),
    [
        ("expired", "is valid only from"),
        ("not yet", "is valid only from"),
        ("weak", "only 1,024 bits"),
        ("authority", "is that of an authority"),
    ],
)
def test_a_key_that_verify_would_refuse_does_not_spoil_a_paper(
    office: Office, tmp_path: Path, kind: str, said: str
) -> None:
    paper = changed(tmp_path, office.report.read_bytes())
    done = ask("signoff", paper, "--as", "tester", "--p12", _key(office, tmp_path, kind))
    assert done.exit_code == 1, done.output
    assert said in done.output
    assert not papers.signed_name(paper).exists()


def test_the_head_of_testing_cannot_sign_for_the_unit_too(office: Office, tmp_path: Path) -> None:
    empty, key = changed(tmp_path, office.report.read_bytes()), office.trial / "tester.p12"
    assert ask("signoff", empty, "--as", "tester", "--p12", key).exit_code == 0
    paper = tmp_path / "paper.signed.pdf"
    data = paper.read_bytes()
    done = ask("signoff", paper, "--as", "unit-head", "--p12", key)
    assert done.exit_code == 1
    assert "has signed as “Head of testing” already" in done.output
    assert paper.read_bytes() == data, "what was good stays good"


def test_nobody_signs_what_was_altered_after_the_signature_before(office: Office, tmp_path: Path) -> None:
    data = office.signed.read_bytes()
    data = data[: data.rindex(b"%%EOF\n", 0, data.rindex(b"%%EOF\n")) + 6]
    paper = changed(tmp_path, flipped(data, data.index(b"<dc:title>") + 60)).rename(tmp_path / "paper.signed.pdf")
    done = ask("signoff", paper, "--as", "province", "--p12", office.trial / "province.p12")
    assert done.exit_code == 1
    assert "altered" in done.output or "changed" in done.output


def test_a_report_made_anew_under_the_signed_one_is_told_of(office: Office, tmp_path: Path) -> None:
    run = tmp_path / "run"
    shutil.copytree(office.run, run)
    (report,) = run.glob("assessments/*/report.pdf")
    report.write_bytes(report.read_bytes().replace(b"<dc:title>", b"<dc:Title>"))
    done = ask("signoff", run, "--as", "tester", "--p12", office.trial / "tester.p12")
    assert done.exit_code == 2
    assert "was signed before report.pdf beside it was made anew" in done.output


def test_a_report_without_a_place_for_the_others_is_not_good(office: Office, tmp_path: Path) -> None:
    case = Case(open_record(office.run))
    assessment = assess(case.record, case=case)
    alone = replace(page_one.of(assessment, case), roles=("tester",))
    paper = changed(tmp_path, pdf.render_pdf(alone, assessment, case))
    assert ask("signoff", paper, "--as", "tester", "--p12", office.trial / "tester.p12").exit_code == 0
    done = ask("verify", papers.signed_name(paper), "--trust", office.trial / "ca.pem")
    assert done.exit_code == 1
    assert done.output.count("is missing") == 2


def test_a_paper_of_somebody_else_is_told_as_that_however_well_it_is_signed(
    office: Office, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain_pdf = typst.compile(b"Xin", format="pdf")
    paper = fields.reserve(Paper(plain_pdf, (Box("Signature1", 1, 50, 50, 200, 60),)))
    monkeypatch.setenv(PASSWORD, SECRET)
    with keys.from_file(office.trial / "tester.p12") as signer:
        foreign = changed(tmp_path, signing.sign(paper, "Signature1", signer, datetime.now(UTC), label=str))
    done = ask("verify", foreign, "--trust", office.trial / "ca.pem")
    assert done.exit_code == 1, done.output
    assert "is no report or sheet of thongsuot" in done.output
    assert "Signature1: Trưởng nhóm kiểm thử" in done.output
    both = fields.reserve(Paper(plain_pdf, (Box("Signature1", 1, 9, 9, 99, 60), Box("tester", 1, 9, 99, 99, 60))))
    refused = ask("signoff", changed(tmp_path, both), "--as", "tester", "--p12", office.trial / "tester.p12")
    assert "“Signature1” signs first" in refused.output
