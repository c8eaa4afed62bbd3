"""Verification: what a bad document is bad for, and that nobody but who waits for it is held up."""

from __future__ import annotations

import asyncio
import os
import signal
import time
import zlib
from collections.abc import Iterator

import gevent
import psutil
import pytest

from loadtests import verifier_process
from loadtests.signatures import Trust
from loadtests.verifiers import VerifierError, Verifiers
from testbed.certificates import authority_secret
from testbed.faults import Faults
from testbed.signer import Signer
from testbed.stamps import Stamps
from tests.signatures import SECRET, Here, judged, small_pdf, trust_in

END = b"-----END CERTIFICATE-----\n"


@pytest.fixture(scope="module")
def signed() -> bytes:
    async def make() -> bytes:
        service = Signer(authority_secret(SECRET), Faults(), Stamps(Here()))
        try:
            return await service.sign(small_pdf(b"page"), "14797.lanhdao", "Phê duyệt")
        finally:
            await service.close()

    return asyncio.run(make())


@pytest.fixture
def verifiers() -> Iterator[Verifiers]:
    made = Verifiers(trust_in())
    yield made
    made.close()
    assert _children() == []


def test_a_good_signature_verifies_and_each_flaw_has_its_name(signed: bytes) -> None:
    trust = trust_in()
    assert judged(signed, trust) == ""
    assert judged(small_pdf(), trust) == "unsigned"
    assert judged(signed.replace(b"%page", b"%pgae"), trust) == "altered"
    assert judged(signed, trust_in("11" * 32)) in ("untrusted", "stamp-invalid")
    only_signers = trust.roots[: trust.roots.index(END) + len(END)]
    assert judged(signed, Trust(only_signers)) == "stamp-invalid"


def test_what_is_added_behind_the_signature_is_found(signed: bytes) -> None:
    page = b"\n3 0 obj<</Type/Page/Parent 2 0 R/MediaBox[0 0 595 842]/Rotate 90>>endobj\n"
    start = len(signed) + 1
    before = signed.rstrip().rsplit(b"startxref", 1)[1].split()[0]
    table = b"xref\n3 1\n%010d 00000 n \ntrailer<</Size 9/Root 1 0 R/Prev %b>>\nstartxref\n%d\n%%%%EOF\n"
    grown = signed + page + table % (start, before, start + len(page) - 1)
    assert judged(grown, trust_in()) == "changed-later"
    assert judged(signed + b"\n% something more\n", trust_in()) == "changed-later"


@pytest.mark.parametrize(
    "body",
    [b"", b"{}", b"%PDF-1.7\n", b"%PDF-1.7\n" + b"\xff" * 5000, b"<html>" * 1000, b"[" * 200_000],
)
def test_what_is_no_pdf_is_a_bad_document_and_not_our_mistake(body: bytes) -> None:
    assert judged(body, trust_in()) == "no-pdf"


def test_every_cut_and_every_flipped_byte_leads_to_an_answer(signed: bytes) -> None:
    trust = trust_in()
    size = len(signed)
    for place in range(0, size, size // 40):
        assert judged(signed[:place], trust) != ""
        flipped = signed[:place] + bytes((signed[place] ^ 0x55,)) + signed[place + 1 :]
        judged(flipped, trust)  # a digit of padding may be flipped without harm


def test_a_document_that_keeps_the_processor_busy_is_a_bad_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(verifier_process, "CPU_S_MAX", 0.2)
    before = signal.signal(signal.SIGVTALRM, verifier_process._too_long)
    try:
        bomb = zlib.compress(b"0 " * 30_000_000)
        stream = b"5 0 obj<</Type/XRef/Size 1/W[1 1 1]/Filter/FlateDecode/Length %d>>stream\n%b\nendstream\nendobj\n"
        pdf = b"%PDF-1.7\n" + stream % (len(bomb), bomb) + b"startxref\n9\n%%EOF\n"
        began = time.process_time()
        assert judged(pdf, trust_in()) == "no-pdf"
        assert time.process_time() - began < 5
    finally:
        signal.signal(signal.SIGVTALRM, before)


def test_the_hub_goes_on_while_documents_are_verified(verifiers: Verifiers, signed: bytes) -> None:
    verifiers.verify(signed)
    (child,) = _children()
    child.suspend()  # it takes as long as this test likes
    first, *others = [gevent.spawn(verifiers.verify, document) for document in [signed, small_pdf()] * 10]
    for _ in range(20):
        gevent.sleep(0.001)
    assert not first.ready()
    child.resume()
    gevent.joinall([first, *others], timeout=60)
    assert [job.value.why for job in (first, *others)] == ["", "unsigned"] * 10
    assert verifiers.waiting == 0
    assert 1 <= len(_children()) <= 2


def test_a_process_that_dies_is_a_mistake_of_ours(verifiers: Verifiers, signed: bytes) -> None:
    verifiers.verify(signed)
    (child,) = _children()
    child.suspend()
    waiting = gevent.spawn(verifiers.verify, signed)
    gevent.sleep(0)
    os.kill(child.pid, signal.SIGKILL)
    waiting.join(20)
    assert isinstance(waiting.exception, VerifierError)


def test_who_is_taken_off_while_waiting_leaves_no_half_answer_behind(verifiers: Verifiers, signed: bytes) -> None:
    verifiers.verify(signed)
    (child,) = _children()
    child.suspend()
    waiting = gevent.spawn(verifiers.verify, small_pdf())
    gevent.sleep(0)
    waiting.kill()
    assert not child.is_running() or child.status() == psutil.STATUS_ZOMBIE
    assert verifiers.verify(signed).why == ""


def _children() -> list[psutil.Process]:
    return [child for child in psutil.Process().children() if "loadtests.verifier_process" in child.cmdline()]
