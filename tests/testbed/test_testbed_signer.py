"""The signing service: what it signs verifies, what a fault has signed does not, and it lives through a death."""

from __future__ import annotations

import asyncio
import io
import os
import signal
from collections.abc import Awaitable, Callable

import psutil
import pytest
from cryptography.hazmat.primitives.serialization import Encoding
from pyhanko.pdf_utils.reader import PdfFileReader
from pyhanko.sign.validation import async_validate_pdf_signature
from pyhanko.sign.validation.status import PdfSignatureStatus
from pyhanko_certvalidator import ValidationContext

from testbed import fault_kinds, signer
from testbed.certificates import Authority, as_asn1, authority_secret
from testbed.faults import Faults
from testbed.signer import Signer
from testbed.visit import RefusedError

SECRET = authority_secret("00" * 32)
ACCOUNT = "14797.lanhdao"
REASON = "Phê duyệt kết quả"


def small_pdf() -> bytes:
    """One empty page."""
    objects = (
        b"<</Type/Catalog/Pages 2 0 R>>",
        b"<</Type/Pages/Kids[3 0 R]/Count 1>>",
        b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 595 842]>>",
    )
    made, places = b"%PDF-1.7\n", []
    for number, each in enumerate(objects, 1):
        places.append(len(made))
        made += b"%d 0 obj%bendobj\n" % (number, each)
    table = b"".join(b"%010d 00000 n \n" % place for place in places)
    tail = b"xref\n0 4\n0000000000 65535 f \n%btrailer<</Size 4/Root 1 0 R>>\nstartxref\n%d\n%%%%EOF\n"
    return made + tail % (table, len(made))


async def statuses(pdf: bytes) -> list[PdfSignatureStatus]:
    """What an independent verifier that trusts the test authority says of each signature."""
    authority = Authority(SECRET)
    found = []
    for one in PdfFileReader(io.BytesIO(pdf)).embedded_signatures:
        crl = authority.revoked(one.self_reported_timestamp.timestamp())
        trust = ValidationContext(
            trust_roots=[as_asn1(authority.root)], crls=[crl.public_bytes(Encoding.DER)], revocation_mode="hard-fail"
        )
        found.append(await async_validate_pdf_signature(one, signer_validation_context=trust))
    return found


def with_signer(work: Callable[[Signer], Awaitable[None]], *faults: str) -> None:
    """Run `work` with a signing service, which has no process left afterwards."""
    enabled, problems = fault_kinds.parse(faults)
    assert problems == []

    async def run() -> None:
        service = Signer(SECRET, Faults(enabled))
        try:
            await work(service)
        finally:
            await service.close()

    asyncio.run(run())
    assert _children() == []


def test_what_is_signed_verifies_and_says_who_and_why() -> None:
    async def work(service: Signer) -> None:
        signed = await service.sign(small_pdf(), ACCOUNT, REASON)
        (status,) = await statuses(signed)
        assert status.bottom_line, status.pretty_print_details()
        assert status.signing_cert.subject.native["user_id"] == ACCOUNT
        assert "THỬ NGHIỆM" in status.signing_cert.subject.native["common_name"]
        (one,) = PdfFileReader(io.BytesIO(signed)).embedded_signatures
        assert one.sig_object["/SubFilter"] == "/ETSI.CAdES.detached"
        assert one.sig_object["/Reason"] == REASON

    with_signer(work)


def test_a_second_signature_leaves_the_first_one_valid() -> None:
    async def work(service: Signer) -> None:
        once = await service.sign(small_pdf(), ACCOUNT, REASON)
        twice = await service.sign(once, "14797", "Phát hành")
        found = await statuses(twice)
        assert [status.bottom_line for status in found] == [True, True]

    with_signer(work)


@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        ("sign-wrong-bytes=1", "intact"),
        ("sign-altered=1", "intact"),
        ("sign-expired=1", "expired"),
        ("sign-revoked=1", "revoked"),
        ("sign-stranger=1", "trusted"),
    ],
)
def test_a_fault_makes_a_signature_that_does_not_verify_for_its_own_reason(fault: str, reason: str) -> None:
    async def work(service: Signer) -> None:
        (status,) = await statuses(await service.sign(small_pdf(), ACCOUNT, REASON))
        assert not status.bottom_line
        problem = status.trust_problem_indic
        why = {
            "intact": not status.intact or not status.valid,
            "expired": problem is not None and problem.name == "OUT_OF_BOUNDS_NO_POE",
            "revoked": problem is not None and problem.name.startswith("REVOKED"),
            "trusted": problem is not None and problem.name == "NO_CERTIFICATE_CHAIN_FOUND",
        }
        assert [name for name, is_so in why.items() if is_so] == [reason], problem

    with_signer(work, fault)


def test_a_dead_process_is_replaced_and_its_order_is_not_lost() -> None:
    async def work(service: Signer) -> None:
        await service.sign(small_pdf(), ACCOUNT, REASON)
        (child,) = _children()
        os.kill(child.pid, signal.SIGSTOP)
        waiting = asyncio.create_task(service.sign(small_pdf(), ACCOUNT, REASON))
        await asyncio.sleep(0)
        os.kill(child.pid, signal.SIGKILL)
        (status,) = await statuses(await waiting)
        assert status.bottom_line

    with_signer(work)


def test_what_is_no_pdf_is_refused_and_the_next_order_is_served() -> None:
    async def work(service: Signer) -> None:
        for wrong in (b"", b"%PDF-1.7", b"GIF89a" * 1000):
            with pytest.raises(RefusedError, match="422 pdf-invalid"):
                await service.sign(wrong, ACCOUNT, REASON)
        assert await service.sign(small_pdf(), ACCOUNT, REASON)

    with_signer(work)


def test_what_waits_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(signer, "WAITING_MAX", 3)

    async def work(service: Signer) -> None:
        orders = [service.sign(small_pdf(), ACCOUNT, REASON) for _ in range(5)]
        results = await asyncio.gather(*orders, return_exceptions=True)
        refused = [str(one) for one in results if isinstance(one, RefusedError)]
        assert refused == ["503 signer-busy"] * 2

    with_signer(work)


def _children() -> list[psutil.Process]:
    return [child for child in psutil.Process().children() if "testbed.signer_process" in child.cmdline()]
