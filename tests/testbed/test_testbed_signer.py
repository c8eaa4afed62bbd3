"""The signing service: what it signs verifies, what a fault has signed does not, and it lives through a death."""

from __future__ import annotations

import asyncio
import io
import os
import signal
import time
from collections.abc import Awaitable, Callable
from typing import TypeVar

import psutil
import pytest
from asn1crypto import tsp
from pyhanko.pdf_utils.reader import PdfFileReader

from testbed import fault_kinds, signer, stamps
from testbed.certificates import Authority, authority_secret, stamping_secret, status_of
from testbed.faults import Faults
from testbed.neighbours import NeighbourError
from testbed.signer import Signer
from testbed.stamps import Source, Stamps
from testbed.tsa import TimeStamping
from testbed.visit import RefusedError
from tests.signatures import SECRET, Here, judged, small_pdf, trust_in

ACCOUNT = "14797.lanhdao"
REASON = "Phê duyệt kết quả"
T = TypeVar("T")


def stamping() -> TimeStamping:
    return TimeStamping(stamping_secret(SECRET), time.time)


class Unwell:
    """A time-stamping authority that fails the first so many times, each in its own way."""

    def __init__(self, failures: int) -> None:
        self.asked = 0
        self.most = 0
        self._now = 0
        self._failures = failures

    async def answer(self, query: bytes) -> bytes:
        self.asked += 1
        self._now += 1
        self.most = max(self.most, self._now)
        await asyncio.sleep(0)
        self._now -= 1
        if self.asked > self._failures:
            return stamping().answer(query)
        if self.asked % 3 == 0:
            raise NeighbourError("connection refused")
        return b"<html>" if self.asked % 3 == 1 else stamping().answer(_for_another_digest(query))

    async def roots(self) -> bytes:
        return stamping().roots


def _for_another_digest(query: bytes) -> bytes:
    asked = tsp.TimeStampReq.load(query)
    asked["message_imprint"]["hashed_message"] = b"\0" * 32
    other: bytes = asked.dump()
    return other


def with_signer(work: Callable[[Signer], Awaitable[T]], *faults: str, source: Source | None = None) -> T:
    """What `work` makes with a signing service, which has no process left afterwards."""
    enabled, problems = fault_kinds.parse(faults)
    assert problems == []

    async def run() -> T:
        service = Signer(authority_secret(SECRET), Faults(enabled), Stamps(source or Here()))
        try:
            return await work(service)
        finally:
            await service.close()

    made = asyncio.run(run())
    assert _children() == []
    return made


async def signed_once(service: Signer) -> bytes:
    return await service.sign(small_pdf(), ACCOUNT, REASON)


def test_what_is_signed_verifies_and_says_who_and_why() -> None:
    signed = with_signer(signed_once)
    assert judged(signed, trust_in()) == ""
    (one,) = PdfFileReader(io.BytesIO(signed)).embedded_signatures
    assert one.signer_cert.subject.native["user_id"] == ACCOUNT
    assert "THỬ NGHIỆM" in one.signer_cert.subject.native["common_name"]
    assert one.sig_object["/SubFilter"] == "/ETSI.CAdES.detached"
    assert one.sig_object["/Reason"] == REASON


def test_a_second_signature_leaves_the_first_one_valid() -> None:
    async def work(service: Signer) -> bytes:
        return await service.sign(await signed_once(service), "14797", "Phát hành")

    twice = with_signer(work)
    assert len(PdfFileReader(io.BytesIO(twice)).embedded_signatures) == 2
    assert judged(twice, trust_in()) == ""


@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        ("sign-wrong-bytes=1", "altered"),
        ("sign-altered=1", "altered"),
        ("sign-expired=1", "expired"),
        ("sign-revoked=1", "revoked"),
        ("sign-stranger=1", "untrusted"),
    ],
)
def test_a_fault_makes_a_signature_that_does_not_verify_for_its_own_reason(fault: str, reason: str) -> None:
    assert judged(with_signer(signed_once, fault), trust_in()) == reason


def test_a_fault_of_one_operation_leaves_the_signatures_of_others_alone() -> None:
    async def work(service: Signer) -> list[bytes]:
        operations = ("sign.result", "docs.sign", "sign.result")
        return [await service.sign(small_pdf(), ACCOUNT, REASON, operation) for operation in operations]

    made = with_signer(work, "sign-altered=2:sign.result")
    assert [judged(pdf, trust_in()) for pdf in made] == ["", "", "altered"]


def test_a_dead_process_is_replaced_and_its_order_is_not_lost() -> None:
    async def work(service: Signer) -> bytes:
        await signed_once(service)
        (child,) = _children()
        os.kill(child.pid, signal.SIGSTOP)
        waiting = asyncio.create_task(signed_once(service))
        await asyncio.sleep(0)
        os.kill(child.pid, signal.SIGKILL)
        return await waiting

    assert judged(with_signer(work), trust_in()) == ""


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


def test_a_time_stamp_is_asked_for_three_times_and_only_one_that_fits_is_taken() -> None:
    source = Unwell(2)
    assert judged(with_signer(signed_once, source=source), trust_in()) == ""
    assert source.asked == 3


def test_without_a_time_stamp_nothing_is_signed() -> None:
    with pytest.raises(RefusedError, match="503 tsa-failed"):
        with_signer(signed_once, source=Unwell(3))


def test_no_more_than_four_time_stamps_are_asked_for_at_once() -> None:
    source = Unwell(0)

    async def stamp_all() -> None:
        asking = Stamps(source)
        await asyncio.gather(*(asking.token(bytes(32)) for _ in range(20)))

    asyncio.run(stamp_all())
    assert (source.asked, source.most) == (20, stamps.CONCURRENT_MAX)


def test_the_same_secret_makes_the_same_authority_and_another_one_another() -> None:
    one, same, other = (Authority(authority_secret(secret)) for secret in (SECRET, SECRET, "11" * 32))
    assert one.root == same.root
    assert one.holder(ACCOUNT).certificate == same.holder(ACCOUNT).certificate
    assert one.root.public_key() != other.root.public_key()
    assert one.serial(ACCOUNT) != one.serial("14800.lanhdao")


@pytest.mark.parametrize(
    ("account", "status"),
    [(ACCOUNT, "good"), (f"expired.{ACCOUNT}", "expired"), ("former.lanhdao", "revoked"), ("14797", "good")],
)
def test_certificates_know_how_they_stand(account: str, status: str) -> None:
    assert status_of(account, time.time()) == status


@pytest.mark.parametrize("query", [b"", b"abc", b"\x30\x03\x02\x01\x01", b"\x30\x80" * 500])
def test_a_question_that_is_none_is_refused_by_the_authority_in_its_own_form(query: bytes) -> None:
    assert _refusal(stamping().answer(query)) == ("rejection", {"bad_data_format"})


def test_a_digest_that_nobody_should_use_is_not_stamped() -> None:
    imprint = {"hash_algorithm": {"algorithm": "sha1"}, "hashed_message": bytes(20)}
    query = tsp.TimeStampReq({"version": 1, "message_imprint": imprint}).dump()
    assert _refusal(stamping().answer(query)) == ("rejection", {"bad_alg"})


def _refusal(answer: bytes) -> tuple[str, set[str]]:
    """Status and reason of a reply that is nothing else."""
    status = tsp.PKIStatusInfo.load(answer[2:], strict=True)
    return status["status"].native, status["fail_info"].native


def _children() -> list[psutil.Process]:
    return [child for child in psutil.Process().children() if "testbed.signer_process" in child.cmdline()]
