"""Time stamps on signatures, from an authority that is somebody else's and may be slow: asked a few at a time, again
when it fails, and never for longer than anybody would wait."""

from __future__ import annotations

import asyncio
import hashlib
import secrets
from typing import Protocol

from asn1crypto import cms, core, tsp

from testbed.neighbours import NeighbourError, Neighbours
from testbed.tsa import CONTENT_TYPE_ASKED
from testbed.visit import RefusedError

# Field practice: at most 4 at once, 3 attempts, 180 s each. Rehearsals squeeze an hour into a minute: ours is shorter.
CONCURRENT_MAX = 4
TRIES_MAX = 3
TRY_S_MAX = 15.0
WAITING_MAX = 64

_SEQUENCE, _SET, _UNSIGNED_ATTRIBUTES = 0x30, 0x31, 0xA1
_STAMP_OID = core.ObjectIdentifier("1.2.840.113549.1.9.16.2.14").dump()  # id-aa-signatureTimeStampToken, RFC 3161
_DEPTH_OF_SIGNER = 4  # ContentInfo → [0] → SignedData → signerInfos → SignerInfo; each is the last of the one before


class Source(Protocol):
    """Where time stamps come from. NeighbourError: nobody answers."""

    async def answer(self, query: bytes) -> bytes: ...
    async def roots(self) -> bytes: ...


class Elsewhere:
    """The authority outside of the platform."""

    def __init__(self, outside: Neighbours) -> None:
        self._outside = outside

    async def answer(self, query: bytes) -> bytes:
        headers = {"Content-Type": CONTENT_TYPE_ASKED}
        return (await self._outside.post("/tsa", query, headers, seconds=TRY_S_MAX)).body

    async def roots(self) -> bytes:
        reply = await self._outside.get("/tsa/ca")
        if reply.status != 200:
            raise NeighbourError(f"/tsa/ca: status {reply.status}")
        return reply.body


class Stamps:
    """`stamp` puts a token of RFC 3161 on a signature, which makes PAdES B-T of B-B."""

    def __init__(self, source: Source) -> None:
        self._source = source
        self._turns = asyncio.Semaphore(CONCURRENT_MAX)
        self._waiting = 0

    async def stamp(self, signed: bytes) -> bytes:
        """The CMS with the token as its unsigned attribute. Raises RefusedError 503 when none can be had."""
        signature = cms.ContentInfo.load(signed)["content"]["signer_infos"][0]["signature"].native
        token = await self.token(hashlib.sha256(signature).digest())
        attribute = _der(_SEQUENCE, _STAMP_OID + _der(_SET, token))
        return _appended(signed, _DEPTH_OF_SIGNER, _der(_UNSIGNED_ATTRIBUTES, attribute))

    async def roots(self) -> bytes:
        """Whom to trust for the time, in PEM. Raises RefusedError 503 when nobody says."""
        try:
            return await self._source.roots()
        except NeighbourError as error:
            raise RefusedError(503, "tsa-failed") from error

    async def token(self, digest: bytes) -> bytes:
        """A token for a SHA-256 digest, as DER. Raises RefusedError 503."""
        if self._waiting >= WAITING_MAX:
            raise RefusedError(503, "tsa-busy")
        self._waiting += 1
        try:
            for _ in range(TRIES_MAX):
                nonce = secrets.randbits(63)
                try:
                    async with self._turns:
                        answer = await self._source.answer(_query(digest, nonce))
                except NeighbourError:
                    continue
                token = _token_in(answer, digest, nonce)
                if token is not None:
                    return token
        finally:
            self._waiting -= 1
        raise RefusedError(503, "tsa-failed")


def _query(digest: bytes, nonce: int) -> bytes:
    imprint = {"hash_algorithm": {"algorithm": "sha256"}, "hashed_message": digest}
    query: bytes = tsp.TimeStampReq({"version": 1, "message_imprint": imprint, "nonce": nonce, "cert_req": True}).dump()
    return query


def _token_in(answer: bytes, digest: bytes, nonce: int) -> bytes | None:
    """The token, when it is about what was asked; whether its signature is good is for whoever verifies to say."""
    try:
        reply = tsp.TimeStampResp.load(answer, strict=True)
        if reply["status"]["status"].native not in ("granted", "granted_with_mods"):
            return None
        token = reply["time_stamp_token"]
        info = token["content"]["encap_content_info"]["content"].parsed
        if info["nonce"].native != nonce or info["message_imprint"]["hashed_message"].native != digest:
            return None
    except (ValueError, TypeError, KeyError):
        return None
    der: bytes = token.dump()
    return der


def _der(tag: int, content: bytes) -> bytes:
    size = len(content)
    if size < 0x80:
        return bytes((tag, size)) + content
    length = size.to_bytes((size.bit_length() + 7) // 8, "big")
    return bytes((tag, 0x80 | len(length))) + length + content


def _appended(der: bytes, depth: int, last: bytes) -> bytes:
    """`last` as the new last child of the last child of … (`depth` times) of a value, all lengths set right.

    asn1crypto can do that too, in minutes: it encodes every level again and again.
    """
    start = _content_start(der, 0)
    if depth == 0:
        return _der(der[0], der[start:] + last)
    place, child = start, start
    while place < len(der):
        child = place
        place = _end(der, place)
    return _der(der[0], der[start:child] + _appended(der[child:], depth - 1, last))


def _content_start(der: bytes, place: int) -> int:
    short = der[place + 1]
    return place + 2 + (short & 0x7F if short & 0x80 else 0)


def _end(der: bytes, place: int) -> int:
    start = _content_start(der, place)
    size = der[place + 1] if start == place + 2 else int.from_bytes(der[place + 2 : start], "big")
    return start + size
