"""A process of its own that verifies signed PDFs: `python -m loadtests.verifier_process`, started by verifiers.py.

The first frame on stdin says whom to trust; each further one is a document, and each frame that goes out says what
became of it. A signature is judged by the bottom line: the digest is of what stands there, the signature fits the
certificate, the certificate leads to a root that is trusted and was valid and not revoked when it was used, a time
stamp is good, and nothing was added later that the signature does not allow.

What a target sends may be anything. Whatever breaks the reading of a document makes it a bad document.
"""

from __future__ import annotations

import asyncio
import io
import logging
import os
import resource
import signal
import sys
import zlib
from datetime import UTC, datetime
from typing import BinaryIO

import msgspec
from asn1crypto import crl, pem, x509
from pyhanko.pdf_utils.misc import PdfError
from pyhanko.pdf_utils.reader import PdfFileReader
from pyhanko.sign.ades.report import AdESFailure, AdESIndeterminate
from pyhanko.sign.general import NonexistentAttributeError, find_unique_cms_attribute
from pyhanko.sign.validation import EmbeddedPdfSignature, async_validate_pdf_signature
from pyhanko.sign.validation.status import PdfSignatureStatus, SignatureCoverageLevel
from pyhanko_certvalidator import ValidationContext
from pyhanko_certvalidator.errors import PathError, ValidationError

from loadtests.signatures import Judged, Trust, frame, read_frame

NICE = 5
CPU_S_MAX = 10.0  # for one document; a usual one takes 20 ms
MEMORY_BYTES_MAX = 1024**3
SIGNATURES_MAX = 50  # on one document

NO_PDF, UNSIGNED, ALTERED, CHANGED_LATER = "no-pdf", "unsigned", "altered", "changed-later"
EXPIRED, REVOKED, UNTRUSTED = "expired", "revoked", "untrusted"
UNSTAMPED, STAMP_INVALID, OTHER = "unstamped", "stamp-invalid", "not-accepted"

MALFORMED = (
    PdfError, PathError, ValidationError, zlib.error, ValueError, TypeError, LookupError, AttributeError,
    ArithmeticError, AssertionError, NotImplementedError, RecursionError, MemoryError, EOFError,
)  # fmt: skip
_OUT_OF_TIME = (AdESIndeterminate.OUT_OF_BOUNDS_NO_POE, AdESIndeterminate.EXPIRED, AdESIndeterminate.NOT_YET_VALID)
_REVOKED = (AdESFailure.REVOKED, AdESIndeterminate.REVOKED_NO_POE, AdESIndeterminate.REVOKED_CA_NO_POE)


class TooLongError(Exception):
    """The document keeps the processor busy for longer than any that is meant to be read."""


class Judge:
    """Knows whom to trust."""

    def __init__(self, trust: Trust) -> None:
        self._roots = [x509.Certificate.load(der) for _, _, der in pem.unarmor(trust.roots, multiple=True)]
        lists = pem.unarmor(trust.revoked, multiple=True) if trust.revoked else ()
        self._revoked = [crl.CertificateList.load(der) for _, _, der in lists]
        self._stamped = trust.stamped

    def judge(self, pdf: bytes) -> Judged:
        signal.setitimer(signal.ITIMER_VIRTUAL, CPU_S_MAX)
        try:
            return Judged(asyncio.run(self._why_not(pdf)))
        except (*MALFORMED, TooLongError):
            return Judged(NO_PDF)
        finally:
            signal.setitimer(signal.ITIMER_VIRTUAL, 0)

    async def _why_not(self, pdf: bytes) -> str:
        signatures = PdfFileReader(io.BytesIO(pdf), strict=False).embedded_regular_signatures
        if not signatures:
            return UNSIGNED
        if len(signatures) > SIGNATURES_MAX:
            return OTHER
        last = None
        for one in signatures:
            last = await self._status(one)
            if why := self._reason(last):
                return why
        assert last is not None
        return "" if last.coverage is SignatureCoverageLevel.ENTIRE_FILE else CHANGED_LATER

    async def _status(self, one: EmbeddedPdfSignature) -> PdfSignatureStatus:
        context = ValidationContext(
            trust_roots=self._roots,
            crls=self._revoked,
            moment=_signed_at(one),
            retroactive_revinfo=True,  # the list was fetched before the run: older than what is signed in it
            revocation_mode="hard-fail" if self._revoked else "soft-fail",
        )
        return await async_validate_pdf_signature(one, signer_validation_context=context)

    def _reason(self, status: PdfSignatureStatus) -> str:
        stamp = status.timestamp_validity
        if not status.intact or not status.valid:
            return ALTERED
        if stamp is not None and not (stamp.intact and stamp.valid and stamp.trusted):
            return STAMP_INVALID
        if not status.trusted:
            problem = status.trust_problem_indic
            return EXPIRED if problem in _OUT_OF_TIME else REVOKED if problem in _REVOKED else UNTRUSTED
        if not status.bottom_line:
            return CHANGED_LATER if not status.docmdp_ok else OTHER
        return UNSTAMPED if stamp is None and self._stamped else ""


def _signed_at(one: EmbeddedPdfSignature) -> datetime:
    """When the time stamp says; who has none proves nothing about the past. Whether it is good is judged with it."""
    try:
        token = find_unique_cms_attribute(one.signer_info["unsigned_attrs"], "signature_time_stamp_token")
    except NonexistentAttributeError:
        return datetime.now(UTC)
    at: datetime = token["content"]["encap_content_info"]["content"].parsed["gen_time"].native
    return at


def _too_long(number: int, stack: object) -> None:
    raise TooLongError


def main(source: BinaryIO, sink: BinaryIO) -> int:
    os.nice(NICE)
    logging.disable()  # pyHanko explains what it refuses over pages
    signal.signal(signal.SIGVTALRM, _too_long)
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES_MAX, MEMORY_BYTES_MAX))
    opening = read_frame(source)
    if opening is None:
        return 0
    judge = Judge(msgspec.msgpack.decode(opening, type=Trust))
    try:
        while (document := read_frame(source)) is not None:
            sink.write(frame(judge.judge(msgspec.msgpack.decode(document, type=bytes))))
            sink.flush()
    except (BrokenPipeError, ConnectionResetError):  # nobody waits for the answer any more
        os._exit(0)
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.stdin.buffer, sys.stdout.buffer))
