"""What the harness itself says of a signed document, for tests that make some."""

from __future__ import annotations

import io
import time

from loadtests.signatures import Trust
from loadtests.verifier_process import Judge
from testbed.certificates import Authority, authority_secret, crl_pem, pem, stamping_secret
from testbed.tsa import TimeStamping

SECRET = "00" * 32  # of a platform


def trust_in(secret: str = SECRET) -> Trust:
    """As a platform with that secret gives it out."""
    authority = Authority(authority_secret(secret))
    stamping = TimeStamping(stamping_secret(secret), time.time)
    revoked = crl_pem(authority.revoked(time.time()))
    return Trust(pem(authority.root) + stamping.roots, revoked, stamped=True)


def judged(pdf: bytes, trust: Trust) -> str:
    """Why it does not verify, "" when it does."""
    return Judge(trust).judge(pdf).why


class Here:
    """stamps.Source without a process of its own."""

    def __init__(self) -> None:
        self._stamping = TimeStamping(stamping_secret(SECRET), time.time)

    async def answer(self, query: bytes) -> bytes:
        return self._stamping.answer(query)

    async def roots(self) -> bytes:
        return self._stamping.roots


def small_pdf(content: bytes = b"") -> bytes:
    """One empty page."""
    objects = (
        b"<</Type/Catalog/Pages 2 0 R>>",
        b"<</Type/Pages/Kids[3 0 R]/Count 1>>",
        b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 595 842]>>",
    )
    out, places = io.BytesIO(), []
    out.write(b"%%PDF-1.7\n%%%b\n" % content)
    for number, each in enumerate(objects, 1):
        places.append(out.tell())
        out.write(b"%d 0 obj%bendobj\n" % (number, each))
    table = out.tell()
    out.write(b"xref\n0 4\n0000000000 65535 f \n" + b"".join(b"%010d 00000 n \n" % place for place in places))
    out.write(b"trailer<</Size 4/Root 1 0 R>>\nstartxref\n%d\n%%%%EOF\n" % table)
    return out.getvalue()
