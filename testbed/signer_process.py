"""A process of its own that signs: `python -m testbed.signer_process`, started by signer.py, ended with its stdin.

Orders come in and answers go out as frames: four bytes of length, then msgpack. One order at a time. A signature here
is PAdES B-B; the time stamp that makes it B-T is put into its place by the platform, which may wait for it longer than
anybody would let a processor wait.
"""

from __future__ import annotations

import asyncio
import io
import os
import sys
from typing import BinaryIO

import msgspec
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.ec import ECDSA
from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter
from pyhanko.pdf_utils.misc import PdfError
from pyhanko.sign.fields import SigSeedSubFilter
from pyhanko.sign.signers import PdfSignatureMetadata, PdfSigner, Signer
from pyhanko.sign.signers.pdf_cms import PdfCMSSignedAttributes

from testbed.certificates import Authority, Held, as_asn1
from testbed.signer_frames import Answer, Opening, Order, read_frame, write_frame

HOLDERS_MAX = 2_000
NICE = 5
DIGEST = "sha256"
# As hex digits: 2,600 bytes measured for the signature, its certificate and a time stamp with another. Whoever reads
# the document reads each of these digits one by one.
RESERVED_DIGITS = 2 * 4 * 1024


class HeldKeySigner(Signer):
    """pyHanko's own signer loads the key anew for each signature; this one holds it."""

    def __init__(self, held: Held) -> None:
        super().__init__(signing_cert=as_asn1(held.certificate))
        self._key = held.key

    async def async_sign_raw(self, data: bytes, digest_algorithm: str, dry_run: bool = False) -> bytes:
        assert digest_algorithm == DIGEST
        return self._key.sign(data, ECDSA(hashes.SHA256()))


class Signing:
    """Whoever has been asked to sign once is kept in memory."""

    def __init__(self, opening: Opening) -> None:
        self._authorities = {
            "": Authority(opening.secret),
            "stranger": Authority(opening.stranger, "Cơ quan không ai biết"),
        }
        self._signers: dict[tuple[str, str], HeldKeySigner] = {}

    def answer(self, order: Order) -> Answer:
        try:
            return asyncio.run(self._sign(order))
        except (PdfError, ValueError) as error:  # of the PDF that was handed in, which may be anything
            return Answer(wrong=f"{type(error).__name__}: {error}"[:500])

    async def _sign(self, order: Order) -> Answer:
        signer = self._signer(order.authority, order.account)
        writer = IncrementalPdfFileWriter(io.BytesIO(order.pdf))
        number = 1 + len(writer.prev.embedded_signatures)
        meta = PdfSignatureMetadata(
            field_name=f"ChuKySo{number}",
            md_algorithm=DIGEST,
            subfilter=SigSeedSubFilter.PADES,
            reason=order.reason,
            name=order.account,
        )
        prepared, _, output = await PdfSigner(meta, signer).async_digest_doc_for_signing(
            writer, bytes_reserved=RESERVED_DIGITS
        )
        digest = prepared.document_digest
        if order.other_bytes:
            digest = bytes(reversed(digest))
        signed = await signer.async_sign(digest, DIGEST, use_pades=True, signed_attr_settings=PdfCMSSignedAttributes())
        output.seek(0)
        return Answer(
            pdf=output.read(),
            cms=signed.dump(),
            start=prepared.reserved_region_start,
            end=prepared.reserved_region_end,
        )

    def _signer(self, which: str, account: str) -> HeldKeySigner:
        signer = self._signers.get((which, account))
        if signer is None:
            if len(self._signers) >= HOLDERS_MAX:
                del self._signers[next(iter(self._signers))]
            held = self._authorities[which].holder(account)
            signer = self._signers[which, account] = HeldKeySigner(held)
        return signer


def main(source: BinaryIO, sink: BinaryIO) -> int:
    os.nice(NICE)
    opening = read_frame(source)
    if opening is None:
        return 0
    signing = Signing(msgspec.msgpack.decode(opening, type=Opening))
    orders = msgspec.msgpack.Decoder(Order)
    while (frame := read_frame(source)) is not None:
        write_frame(sink, signing.answer(orders.decode(frame)))
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.stdin.buffer, sys.stdout.buffer))
