"""Three sign, `verify` believes them; and every way in which it must not."""

from __future__ import annotations

import io
import json
import shutil
import threading
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest
from asn1crypto import tsp
from click.testing import CliRunner
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from pyhanko.pdf_utils.generic import NumberObject, pdf_name

from record.reader import open_record
from reports import page_one, pdf, signed
from reports.assess import assess
from reports.case import Case
from reports.fields import Update, written
from reports.verdict import Quantity
from tests.office import SECRET, Office, ask, changed, flipped
from tests.records import healthy_run
from tests.signatories import DAY, stamper
from thongsuot import papers
from thongsuot.cli import main
from thongsuot.keys import PASSWORD
from thongsuot.trial_ca import MARK, ROLES, TrialAuthority


def verify(office: Office, paper: Path, *more: str | Path, run: Path | None = None) -> tuple[int, dict]:
    trust = ("--trust", office.trial / "ca.pem", "--crl", office.trial / "ca.crl")
    done = ask("verify", paper, run or office.run, *trust, "--json", *more)
    return done.exit_code, json.loads(done.output)


def slugs(answer: dict) -> list[str]:
    return [problem["slug"] for problem in answer["problems"]]


def test_three_sign_and_the_paper_is_good(office: Office) -> None:
    code, answer = verify(office, office.signed)
    assert (code, answer["good"], answer["problems"]) == (0, True, [])
    assert [one["role"] for one in answer["signatures"]] == list(ROLES)
    assert all("THỬ NGHIỆM" in one["name"] for one in answer["signatures"])
    assert [note["slug"] for note in answer["notes"]] == ["recompute.good"]
    assert office.signed.read_bytes().startswith(office.report.read_bytes())
    words = ask("verify", office.signed, "--trust", office.trial / "ca.pem")
    assert words.exit_code == 0
    assert "✓ HỢP LỆ / VALID" in words.output
    assert "--crl" in words.output, "it says that revocation was not looked at"


def test_oneflipped_byte_of_the_paper_is_seen_by_every_signature(office: Office, tmp_path: Path) -> None:
    data = office.signed.read_bytes()
    place = data.index(b"<dc:title>") + 60
    code, answer = verify(office, changed(tmp_path, flipped(data, place)))
    assert code == 1
    assert slugs(answer) == [*["signed.altered"] * 3, "recompute.drawn"]


def test_no_byte_of_a_signed_paper_can_be_another(office: Office) -> None:
    data = office.signed.read_bytes()
    trust = signed.Trust(signed.certificates((office.trial / "ca.pem").read_bytes()))
    for place in range(11, len(data), len(data) // 5):
        found = signed.check(flipped(data, place), trust, datetime.now(UTC))
        assert found.problems or _unsigned(data, place), place


def _unsigned(data: bytes, place: int) -> bool:
    """Noughts behind a signature fill the room that it was given; nothing that is read depends on them."""
    return data[place : place + 1] == b"0" and data[place - 20 : place] == b"0" * 20


def test_oneflipped_byte_of_the_record_is_named_with_its_file(office: Office, tmp_path: Path) -> None:
    run = tmp_path / "run"
    shutil.copytree(office.run, run)
    data = bytearray((run / "ledger.parquet").read_bytes())
    data[len(data) // 2] ^= 1
    (run / "ledger.parquet").write_bytes(data)
    code, answer = verify(office, office.signed, run=run)
    assert code == 1
    assert slugs(answer) == ["recompute.broken"]
    assert "ledger.parquet was changed after sealing" in answer["problems"][0]["en"]


def test_a_replaced_figure_is_named_although_the_same_people_signed_it(office: Office, tmp_path: Path) -> None:
    case = Case(open_record(office.run))
    assessment = assess(case.record, case=case)
    page = page_one.of(assessment, case)
    slowest = replace(page.figures[0], value=Quantity(41e6, "ns"))
    forged = pdf.render_pdf(replace(page, figures=(slowest, *page.figures[1:])), assessment, case)
    paper = changed(tmp_path, forged)
    for role in ROLES:
        assert ask("signoff", paper, "--as", role, "--p12", office.trial / f"{role}.p12").exit_code == 0
        paper = papers.signed_name(paper)
    code, answer = verify(office, paper)
    assert (code, slugs(answer)) == (1, ["recompute.line"])
    said = answer["problems"][0]["en"]
    assert "41 ms" in said[: said.index("computed")]
    assert "147 ms" in said[said.index("computed") :]


def test_a_paper_of_another_run_is_told_by_its_digest(office: Office, tmp_path: Path) -> None:
    code, answer = verify(office, office.signed, run=healthy_run(tmp_path / "run", n=600))
    assert code == 1
    assert slugs(answer)[0] == "recompute.record"
    assert "recompute.line" in slugs(answer)


def test_a_revoked_certificate_is_refused(office: Office, tmp_path: Path) -> None:
    trial = tmp_path / "trial"
    shutil.copytree(office.trial, trial)
    assert ask("trial-ca", "--out", trial, "--revoke", "unit-head").exit_code == 0
    code, answer = verify(office._replace(trial=trial), office.signed)
    assert (code, slugs(answer)) == (1, ["signed.revoked"])
    assert "Thủ trưởng đơn vị" in answer["problems"][0]["vi"]


def test_a_signature_that_was_cut_off_is_missing(office: Office, tmp_path: Path) -> None:
    data = office.signed.read_bytes()
    ends = [place + 6 for place in range(len(data)) if data.startswith(b"%%EOF\n", place)]
    code, answer = verify(office, changed(tmp_path, data[: ends[-2]]))
    assert (code, slugs(answer)) == (1, ["signed.missing"])
    assert "Đại diện Ủy ban nhân dân tỉnh" in answer["problems"][0]["vi"]
    code, answer = verify(office, changed(tmp_path, data[: ends[-2]]), "--role", "tester", "--role", "unit-head")
    assert (code, slugs(answer)) == (0, [])
    code, answer = verify(office, office.report)
    assert (code, slugs(answer)) == (1, ["signed.missing"] * 3)


def test_a_page_that_was_turned_afterwards_is_refused_though_every_signature_is_intact(
    office: Office, tmp_path: Path
) -> None:
    writer = Update(io.BytesIO(office.signed.read_bytes()))
    page = writer.root["/Pages"]["/Kids"][0].get_object()
    while page["/Type"] != "/Page":
        page = page["/Kids"][0].get_object()
    page[pdf_name("/Rotate")] = NumberObject(90)
    writer.update_container(page)
    code, answer = verify(office, changed(tmp_path, written(writer)))
    assert code == 1
    assert set(slugs(answer)) == {"signed.changed_later", "signed.added"}
    assert all(len(problem["en"]) < 250 for problem in answer["problems"])


def test_bytes_after_the_end_are_refused(office: Office, tmp_path: Path) -> None:
    code, answer = verify(office, changed(tmp_path, office.signed.read_bytes() + b"% more\n"))
    assert code == 1
    assert answer["problems"]


def test_an_authority_that_nobody_trusts_is_refused(office: Office, tmp_path: Path) -> None:
    assert ask("trial-ca", "--out", tmp_path / "other").exit_code == 0
    code, answer = verify(office._replace(trial=tmp_path / "other"), office.signed)
    assert (code, slugs(answer)) == (1, ["signed.untrusted"] * 3)


@pytest.mark.parametrize("data", [b"", b"%PDF-1.7\n", b"not a paper at all", bytes(5000)])
def test_what_is_no_paper_is_said_to_be_none(office: Office, tmp_path: Path, data: bytes) -> None:
    code, answer = verify(office, changed(tmp_path, data))
    assert (code, slugs(answer)) == (1, ["signing.no_pdf", "recompute.stranger"])


def test_who_signs_when_is_kept_to(office: Office, tmp_path: Path) -> None:
    paper = changed(tmp_path, office.report.read_bytes())
    early = ask("signoff", paper, "--as", "province", "--p12", office.trial / "province.p12")
    assert early.exit_code == 1
    assert "“Head of testing” signs first" in early.output
    assert not papers.signed_name(paper).exists()
    again = ask("signoff", office.signed, "--as", "TRƯỞNG NHÓM KIỂM THỬ", "--p12", office.trial / "tester.p12")
    assert again.exit_code == 1
    assert "has signed already" in again.output


def test_sheets_are_signed_by_the_head_of_the_unit_many_at_once(office: Office) -> None:
    sheets = sorted(office.report.parent.glob("sheets/*.pdf"))
    assert len(sheets) == 3
    assert ask("signoff", *sheets, "--as", "unit-head", "--p12", office.trial / "unit-head.p12").exit_code == 0
    code, answer = verify(office, papers.signed_name(sheets[1]))
    assert (code, slugs(answer)) == (0, [])
    wrong = ask("signoff", sheets[1], "--as", "tester", "--p12", office.trial / "tester.p12")
    assert wrong.exit_code == 1
    assert "no field for “Head of testing”" in wrong.output


WRONG = [
    (("--as", "mayor", "--p12", "{trial}/tester.p12"), "--as mayor: should be one of tester, unit-head, province"),
    (("--as", "tester"), "one of --p12 and --pkcs11 is needed"),
    (("--as", "tester", "--p12", "{trial}/gone.p12"), "gone.p12: cannot be read"),
    (("--as", "tester", "--p12", "{trial}/ca.pem"), "ca.pem: the password is wrong, or this is no PKCS#12 file"),
    (("--as", "tester", "--p12", "{trial}/tester.p12", "--tsa", "x"), "--tsa x: should be an address"),
    (("--as", "tester", "--p12", "{trial}/tester.p12", "--tsa", "http://127.0.0.1:1/"), "--tsa: gave no time stamp"),
    (("--as", "tester", "--pkcs11", "/nowhere.so"), "--pkcs11: needs"),
]


@pytest.mark.parametrize(("words", "said"), WRONG, ids=[said for _, said in WRONG])
def test_wrong_usage_of_signoff_ends_with_2(office: Office, tmp_path: Path, words: tuple[str, ...], said: str) -> None:
    paper = changed(tmp_path, office.report.read_bytes())
    done = ask("signoff", paper, *(word.format(trial=office.trial) for word in words))
    assert done.exit_code == 2, done.output
    assert said in done.output
    assert not papers.signed_name(paper).exists()


def test_wrong_usage_of_verify_names_everything_at_once(office: Office, tmp_path: Path) -> None:
    bad = tmp_path / "bad.pem"
    bad.write_text("nothing")
    done = ask("verify", office.signed, "--trust", bad, "--crl", tmp_path / "gone.crl")
    assert done.exit_code == 2
    assert "--trust" in done.output
    assert "should be certificates in PEM" in done.output
    assert "gone.crl: cannot be read" in done.output
    assert ask("verify", office.signed, tmp_path, "--trust", office.trial / "ca.pem").exit_code == 2
    assert ask("trial-ca", "--out", office.trial).exit_code == 2


def test_the_trial_authority_says_what_it_is_and_keeps_its_keys_to_itself(office: Office) -> None:
    root = x509.load_pem_x509_certificate((office.trial / "ca.pem").read_bytes())
    assert MARK in root.subject.rfc4514_string()
    assert {path.stat().st_mode & 0o777 for path in office.trial.glob("*.p12")} == {0o600}
    assert all(SECRET.encode() not in path.read_bytes() for path in office.trial.iterdir())


def test_new_keys_need_a_password(tmp_path: Path) -> None:
    done = CliRunner().invoke(main, ["trial-ca", "--out", str(tmp_path / "trial")], env={PASSWORD: ""})
    assert done.exit_code == 2
    assert "empty; new keys need a password" in done.output
    assert "harness broke" not in done.output
    assert not (tmp_path / "trial").exists()


@pytest.fixture
def tsa() -> Iterator[tuple[str, bytes]]:
    """(address, root in PEM) of an authority for time stamps on this machine."""
    now = datetime.now(UTC)
    stamps = TrialAuthority.new(now - DAY)
    stamping = stamper(stamps, now, fixed=False)

    class Desk(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            answer = stamping.request_tsa_response(tsp.TimeStampReq.load(body)).dump()
            self.send_response(200)
            self.send_header("Content-Type", "application/timestamp-reply")
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, *_: object) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Desk)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/", stamps.certificate.public_bytes(serialization.Encoding.PEM)
    server.shutdown()
    thread.join()
    server.server_close()


def test_a_time_stamp_is_asked_for_over_http(office: Office, tmp_path: Path, tsa: tuple[str, bytes]) -> None:
    address, root = tsa
    paper = changed(tmp_path, office.report.read_bytes())
    (tmp_path / "tsa.pem").write_bytes(root)
    done = ask("signoff", paper, "--as", "tester", "--p12", office.trial / "tester.p12", "--tsa", address)
    assert done.exit_code == 0, done.output
    more = ("--role", "tester", "--trust", tmp_path / "tsa.pem")
    code, answer = verify(office, papers.signed_name(paper), *more)
    assert (code, slugs(answer)) == (0, [])
    assert answer["signatures"][0]["stamped"]
    assert abs(datetime.fromisoformat(answer["signatures"][0]["at"]) - datetime.now(UTC)) < timedelta(minutes=2)
