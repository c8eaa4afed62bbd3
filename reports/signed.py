"""Is a signed paper good? Each signature, who is missing, and whether anything came later that no signature allows.

Judged by the bottom line: a signature may be intact over bytes to which something was added. Nothing is fetched; lists
of revoked certificates are given, or lie in the paper.
"""

from __future__ import annotations

import asyncio
import io
import logging
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from asn1crypto import crl, pem, x509
from pyhanko.pdf_utils.misc import PdfError
from pyhanko.pdf_utils.reader import PdfFileReader
from pyhanko.sign.ades.report import AdESFailure, AdESIndeterminate
from pyhanko.sign.general import NonexistentAttributeError, find_unique_cms_attribute
from pyhanko.sign.validation import EmbeddedPdfSignature, async_validate_pdf_signature
from pyhanko.sign.validation.status import PdfSignatureStatus, SignatureCoverageLevel
from pyhanko_certvalidator import ValidationContext
from pyhanko_certvalidator.errors import PathError, ValidationError

from reports.signing import SigningError, holder, places
from reports.verdict import Param, Text, Word

# Whatever breaks the reading of a paper makes it a bad one.
MALFORMED = (
    PdfError, PathError, ValidationError, zlib.error, ValueError, TypeError, LookupError, AttributeError,
    ArithmeticError, AssertionError, NotImplementedError, RecursionError, EOFError,
)  # fmt: skip
_OUT_OF_TIME = (AdESIndeterminate.OUT_OF_BOUNDS_NO_POE, AdESIndeterminate.EXPIRED, AdESIndeterminate.NOT_YET_VALID)
_REVOKED = (AdESFailure.REVOKED, AdESIndeterminate.REVOKED_NO_POE, AdESIndeterminate.REVOKED_CA_NO_POE)
_UNLISTED = (
    AdESIndeterminate.CERTIFICATE_CHAIN_GENERAL_FAILURE, AdESIndeterminate.REVOCATION_OUT_OF_BOUNDS_NO_POE,
    AdESIndeterminate.TRY_LATER,
)  # fmt: skip


@dataclass(frozen=True)
class Trust:
    """Whom to believe: roots and lists of revoked certificates, each in PEM or DER."""

    roots: tuple[x509.Certificate, ...]
    revoked: tuple[crl.CertificateList, ...] = ()


@dataclass(frozen=True)
class Signature:
    """One signature as it stands in the paper. `stamped`: its time is a time stamp's, not the signer's own."""

    role: str
    name: str
    at: datetime
    stamped: bool


@dataclass(frozen=True)
class Signed:
    """What became of a paper; without problems it is good. `notes` do not make it bad."""

    signatures: tuple[Signature, ...]
    problems: tuple[Text, ...]
    notes: tuple[Text, ...] = ()


def certificates(data: bytes) -> tuple[x509.Certificate, ...]:
    """Of a PEM or DER file. Raises ValueError."""
    return tuple(x509.Certificate.load(der) for der in _ders(data))


def lists(data: bytes) -> tuple[crl.CertificateList, ...]:
    """Of a PEM or DER file. Raises ValueError."""
    return tuple(crl.CertificateList.load(der) for der in _ders(data))


def check(pdf: bytes, trust: Trust, now: datetime, roles: Sequence[str] = ()) -> Signed:
    """Judge a paper. `roles` must have signed; without any, all for whom it has a field.

    A signature without a time stamp is judged by whether its certificate is good now.
    """
    before = logging.root.manager.disable
    logging.disable()  # pyHanko explains what it refuses over pages
    try:
        return asyncio.run(_check(pdf, trust, now, roles))
    except SigningError as error:
        return Signed((), (error.why,))
    except MALFORMED:
        return Signed((), (Text("signing.no_pdf"),))
    finally:
        logging.disable(before)


def broken(pdf: bytes, now: datetime) -> tuple[Text, ...]:
    """What was done to a paper after it was signed, whoever signed it."""
    return tuple(why for why in check(pdf, Trust(()), now).problems if why.key in ("signed.altered", "signed.added"))


async def _check(pdf: bytes, trust: Trust, now: datetime, roles: Sequence[str]) -> Signed:
    fields = places(pdf)
    found = PdfFileReader(io.BytesIO(pdf)).embedded_regular_signatures
    statuses = [await _status(one, trust, now) for one in found]
    signatures = tuple(_signature(one, status, now) for one, status in zip(found, statuses, strict=True))
    problems = [
        why
        for one, status in zip(signatures, statuses, strict=True)
        for why in _problems(one, status, one.at if one.stamped else now, bool(trust.revoked))
    ]
    missing = [role for role in roles or [place.role for place in fields] if role not in {s.role for s in signatures}]
    problems += [Text("signed.missing", {"role": Word(f"role.{role}", role)}) for role in missing]
    if statuses and statuses[-1].intact and statuses[-1].coverage is not SignatureCoverageLevel.ENTIRE_FILE:
        problems.append(Text("signed.added"))
    if found and not _certified(found[0]):
        problems.append(Text("signed.uncertified"))
    problems += _same_holder(found, signatures)
    notes = () if trust.revoked or not found else (Text("signed.no_list"),)
    return Signed(signatures, tuple(problems), notes)


async def _status(one: EmbeddedPdfSignature, trust: Trust, now: datetime) -> PdfSignatureStatus:
    shared: dict[str, Any] = {"trust_roots": list(trust.roots), "retroactive_revinfo": True, "allow_fetching": False}
    moment = _stamped_at(one) or now
    signer = ValidationContext(
        **shared,
        moment=moment,
        crls=list(trust.revoked),
        revocation_mode="require" if trust.revoked else "soft-fail",
    )
    stamp = ValidationContext(**shared, moment=moment, crls=list(trust.revoked), revocation_mode="soft-fail")
    return await async_validate_pdf_signature(one, signer_validation_context=signer, ts_validation_context=stamp)


def _signature(one: EmbeddedPdfSignature, status: PdfSignatureStatus, now: datetime) -> Signature:
    stamped = _stamped_at(one)
    said = one.self_reported_timestamp
    return Signature(one.field_name, holder(status.signing_cert), stamped or said or now, stamped is not None)


def _problems(one: Signature, status: PdfSignatureStatus, moment: datetime, listed: bool) -> Iterator[Text]:
    """Why a signature is not good at that moment; the first reason alone, the others follow from it."""
    shown: dict[str, Param] = {"role": Word(f"role.{one.role}", one.role), "name": one.name}
    stamp = status.timestamp_validity
    if not status.intact or not status.valid:
        yield Text("signed.altered", dict(shown))
    elif stamp is not None and not (stamp.intact and stamp.valid and stamp.trusted):
        yield Text("signed.stamp", dict(shown))
    elif status.signing_cert.ca:
        yield Text("signing.authority", dict(shown))
    elif not status.trusted:
        yield Text(f"signed.{_distrust(status, moment, listed)}", dict(shown))
    elif not status.bottom_line:
        yield Text("signed.changed_later" if not status.docmdp_ok else "signed.other", dict(shown))


def _distrust(status: PdfSignatureStatus, moment: datetime, listed: bool) -> str:
    problem, certificate = status.trust_problem_indic, status.signing_cert
    if problem in _REVOKED:
        return "revoked"
    if problem in _OUT_OF_TIME or not certificate.not_valid_before <= moment <= certificate.not_valid_after:
        return "expired"
    return "unlisted" if listed and problem in _UNLISTED else "untrusted"


def _certified(one: EmbeddedPdfSignature) -> bool:
    """The first signature says what may follow it; without that, anything might."""
    return one.docmdp_level is not None


def _same_holder(found: Sequence[EmbeddedPdfSignature], signatures: Sequence[Signature]) -> list[Text]:
    """Two roles signed with one certificate: nobody looked over anybody's shoulder."""
    seen: dict[bytes, str] = {}
    problems = []
    for one, signature in zip(found, signatures, strict=True):
        digest = one.signer_cert.sha256
        if digest in seen:
            roles = {
                "first": Word(f"role.{seen[digest]}", seen[digest]),
                "second": Word(f"role.{signature.role}", signature.role),
            }
            problems.append(Text("signed.same", {**roles, "name": signature.name}))
        seen[digest] = signature.role
    return problems


def _stamped_at(one: EmbeddedPdfSignature) -> datetime | None:
    """When its time stamp says; whether that is good is judged with the signature."""
    try:
        token = find_unique_cms_attribute(one.signer_info["unsigned_attrs"], "signature_time_stamp_token")
    except NonexistentAttributeError:
        return None
    at: datetime = token["content"]["encap_content_info"]["content"].parsed["gen_time"].native
    return at


def _ders(data: bytes) -> list[bytes]:
    return [der for _, _, der in pem.unarmor(data, multiple=True)] if pem.detect(data) else [data]
