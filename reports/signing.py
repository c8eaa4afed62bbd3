"""PAdES signatures on a paper: whoever signs first certifies it, each signs in the field that waits for their role.

The visible stamp is drawn by typst: pyHanko's own spoils Vietnamese letters and PDF/A. The key is loaded once:
pyHanko's signer loads and checks it anew each time, which takes ten times as long as signing.
"""

from __future__ import annotations

import asyncio
import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any

from asn1crypto import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from pyhanko.pdf_utils.content import PdfContent
from pyhanko.pdf_utils.layout import AxisAlignment, BoxConstraints, SimpleBoxLayoutRule
from pyhanko.pdf_utils.misc import PdfError
from pyhanko.pdf_utils.reader import PdfFileReader
from pyhanko.sign.fields import MDPPerm, SigSeedSubFilter, enumerate_sig_fields
from pyhanko.sign.signers import PdfSignatureMetadata, PdfSigner, Signer
from pyhanko.sign.signers.pdf_cms import PdfCMSSignedAttributes
from pyhanko.sign.timestamps import TimeStamper
from pyhanko.stamp import StaticStampStyle
from pyhanko_certvalidator.registry import SimpleCertificateStore

from reports.fields import Update
from reports.typesetting import Typesetter
from reports.verdict import Param, Quantity, Text, Word

DIGEST = "sha256"
RSA_BITS_MIN = 2048
_ALGORITHMS: dict[str, hashes.HashAlgorithm] = {
    "sha256": hashes.SHA256(),
    "sha384": hashes.SHA384(),
    "sha512": hashes.SHA512(),
}
DIGEST_OF_CURVE = {"secp384r1": "sha384", "secp521r1": "sha512"}
# As hex digits. Measured: 2,100 bytes of CMS with a trial certificate, 7,000 with a time stamp and a chain of three.
RESERVED_DIGITS = 2 * 12 * 1024
_WHOLE = SimpleBoxLayoutRule(AxisAlignment.ALIGN_MID, AxisAlignment.ALIGN_MID)
PrivateKey = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey


class SigningError(Exception):
    """A paper that cannot be signed so; `why` is a sentence of the catalogue."""

    def __init__(self, why: Text) -> None:
        super().__init__(why.key)
        self.why = why


@dataclass(frozen=True)
class Place:
    """A field for a signature. `box` is its width and height in points."""

    role: str
    signed: bool
    box: tuple[float, float]


class HeldKeySigner(Signer):
    """Signs with a key that stays in memory; the same document and time give the same signature."""

    def __init__(self, certificate: x509.Certificate, key: PrivateKey, chain: Sequence[x509.Certificate] = ()) -> None:
        store = SimpleCertificateStore()  # type: ignore[no-untyped-call]
        store.register_multiple([certificate, *chain])
        super().__init__(signing_cert=certificate, cert_registry=store)
        self._key = key

    async def async_sign_raw(self, data: bytes, digest_algorithm: str, dry_run: bool = False) -> bytes:
        algorithm = _ALGORITHMS[digest_algorithm]
        if isinstance(self._key, rsa.RSAPrivateKey):
            return self._key.sign(data, padding.PKCS1v15(), algorithm)
        return self._key.sign(data, ec.ECDSA(algorithm, deterministic_signing=True))


def places(pdf: bytes) -> tuple[Place, ...]:
    """The fields of a paper in the order of signing. Raises SigningError when it is no PDF or has none."""
    try:
        reader = PdfFileReader(io.BytesIO(pdf))
        found = [_place(name, value, ref.get_object()) for name, value, ref in enumerate_sig_fields(reader)]
    except (PdfError, ValueError, KeyError) as error:
        raise SigningError(Text("signing.no_pdf")) from error
    if not found:
        raise SigningError(Text("signing.no_fields"))
    return tuple(found)


def waiting(pdf: bytes, role: str) -> Place:
    """The field that waits for a role. Raises SigningError when there is none, or another signs before it."""
    fields = places(pdf)
    empty = [place for place in fields if not place.signed]
    place = next((each for each in empty if each.role == role), None)
    if place is None:
        done = any(each.role == role for each in fields)
        raise SigningError(Text("signing.done" if done else "signing.no_field", {"role": Word(f"role.{role}", role)}))
    if place is not empty[0]:
        raise SigningError(Text("signing.order", {"role": Word(f"role.{empty[0].role}", empty[0].role)}))
    return place


def sign(
    pdf: bytes,
    role: str,
    signer: Signer,
    at: datetime,
    *,
    label: Callable[[str], str],
    language: str = "vi",
    stamper: TimeStamper | None = None,
) -> bytes:
    """The paper with one more signature. `at` (to the second) is the signer's time, `label` a word of the catalogue.

    Raises SigningError as `waiting` does.
    """
    at = at.replace(microsecond=0)
    fields, place = places(pdf), waiting(pdf, role)
    assert signer.signing_cert is not None
    lines = [
        (label("pdf.stamp.signed_by"), holder(signer.signing_cert)),
        (label("pdf.stamp.role"), label(f"role.{role}")),
        (label("pdf.stamp.at"), at.isoformat(timespec="seconds")),
    ]
    drawn = _Drawn(_stamp(lines, place.box, at, language))
    stamp = StaticStampStyle(border_width=0, background=drawn, background_layout=_WHOLE)
    meta = PdfSignatureMetadata(
        field_name=role,
        md_algorithm=_digest(signer.signing_cert),
        subfilter=SigSeedSubFilter.PADES,
        reason=label(f"role.{role}"),
        certify=not any(each.signed for each in fields),
        docmdp_permissions=MDPPerm.FILL_FORMS,
    )
    return asyncio.run(_signed(pdf, PdfSigner(meta, signer, timestamper=stamper, stamp_style=stamp), at))


def unfit(pdf: bytes, certificate: x509.Certificate, at: datetime) -> Text | None:
    """Why a signature with this certificate would not be accepted on this paper; None when nothing speaks against it.

    Whether an authority that is trusted stands behind it is not known here.
    """
    name: dict[str, Param] = {"name": holder(certificate)}
    key = certificate.public_key
    if certificate.ca:
        return Text("signing.authority", name)
    if not certificate.not_valid_before <= at <= certificate.not_valid_after:
        days = (certificate.not_valid_before, certificate.not_valid_after)
        start, end = (day.astimezone(at.tzinfo).strftime("%d/%m/%Y") for day in days)
        return Text("signing.expired", name | {"start": start, "end": end})
    if key.algorithm == "rsa" and key.bit_size < RSA_BITS_MIN:
        bits: dict[str, Param] = {"bits": Quantity(key.bit_size, "count"), "right": Quantity(RSA_BITS_MIN, "count")}
        return Text("signing.weak", name | bits)
    earlier = PdfFileReader(io.BytesIO(pdf)).embedded_regular_signatures
    role = next((one.field_name for one in earlier if one.signer_cert.sha256 == certificate.sha256), None)
    return None if role is None else Text("signing.same", name | {"role": Word(f"role.{role}", role)})


def holder(certificate: x509.Certificate) -> str:
    """The name on a certificate: whom it was made out to."""
    native = certificate.subject.native
    return str(native.get("common_name") or certificate.subject.human_friendly)


async def _signed(pdf: bytes, signer: PdfSigner, at: datetime) -> bytes:
    writer = Update(io.BytesIO(pdf))
    session = signer.init_signing_session(writer, existing_fields_only=True)
    session.system_time = at
    document = session.prepare_tbs_document(validation_info=None, bytes_reserved=RESERVED_DIGITS)
    prepared, output = document.digest_tbs_document()
    await document.perform_signature(
        document_digest=prepared.document_digest, pdf_cms_signed_attrs=PdfCMSSignedAttributes()
    )
    output.seek(0)
    data: bytes = output.read()
    return data


def _place(name: str, value: Any, field: Any) -> Place:
    left, low, right, high = (float(number) for number in field["/Rect"])
    return Place(name, value is not None, (right - left, high - low))


def _digest(certificate: x509.Certificate) -> str:
    if certificate.public_key.algorithm != "ec":
        return DIGEST
    return DIGEST_OF_CURVE.get(certificate.public_key.curve[1], DIGEST)


@cache
def _stamps() -> Typesetter:
    return Typesetter("stamp")


def _stamp(lines: list[tuple[str, str]], box: tuple[float, float], at: datetime, language: str) -> bytes:
    data = {
        "title": lines[0][1],
        "date": {"year": at.year, "month": at.month, "day": at.day},
        "width": box[0],
        "height": box[1],
        "language": language,
        "lines": lines,
    }
    return _stamps().set(data, at, tagged=False).pdf


class _Drawn(PdfContent):
    """A page of another PDF as the picture of a stamp."""

    def __init__(self, pdf: bytes) -> None:
        super().__init__()
        self._pdf = pdf

    def render(self) -> bytes:
        page = self._ensure_writer.import_page_as_xobject(PdfFileReader(io.BytesIO(self._pdf)))
        self.resources.xobject["/Stamp"] = page
        left, low, right, high = (float(number) for number in page.get_object()["/BBox"])
        self.box = BoxConstraints(width=right - left, height=high - low)
        return b"/Stamp Do"
