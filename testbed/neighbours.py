"""How one process of the testbed asks another: by HTTP, within limits, and never anybody else."""

from __future__ import annotations

import hmac
from collections.abc import Mapping
from typing import NamedTuple

import aiohttp

from testbed.visit import RefusedError, Visit

CONNECTIONS_MAX = 32
CONNECT_S_MAX = 2.0
ANSWER_S_MAX = 5.0
ANSWER_BYTES_MAX = 16 * 1024 * 1024
SIGNATURE_HEADER = "X-Signature"


class NeighbourError(Exception):
    """No answer: nobody there, not in time, or not HTTP. What was asked for may have been done all the same."""


class Answer(NamedTuple):
    """What came back, whatever the status."""

    status: int
    body: bytes


def signature(secret: bytes, method: str, path: str, body: bytes) -> str:
    """HMAC over all of the request that means something; `path` with its query, as it is sent."""
    return hmac.digest(secret, f"{method} {path}\n".encode() + body, "sha256").hex()


async def heard(visit: Visit, secret: bytes) -> bytes:
    """The body of a request that only a neighbour may send. Raises RefusedError 401 for everybody else."""
    scope, body = visit.scope, await visit.body()
    query: bytes = scope["query_string"]
    path: bytes = scope["raw_path"] + (b"?" + query if query else b"")
    right = signature(secret, scope["method"], path.decode("latin-1"), body)
    if not hmac.compare_digest(right.encode(), visit.headers.get(SIGNATURE_HEADER.lower().encode(), b"")):
        raise RefusedError(401, "signature-wrong")
    return body


class Neighbours:
    """The way to one process. Every request is signed. Connections are kept and shared; `close` at the end."""

    def __init__(self, base: str, secret: bytes) -> None:
        self.base = base
        self.secret = secret
        self._session: aiohttp.ClientSession | None = None

    async def get(self, path: str, *, seconds: float = ANSWER_S_MAX) -> Answer:
        """Raises NeighbourError without an answer within so many seconds."""
        return await self._ask("GET", path, None, {}, seconds)

    async def post(
        self, path: str, body: bytes, headers: Mapping[str, str] | None = None, *, seconds: float = ANSWER_S_MAX
    ) -> Answer:
        """The body is JSON unless the headers say something else. Raises NeighbourError as `get` does."""
        return await self._ask("POST", path, body, {"Content-Type": "application/json"} | dict(headers or {}), seconds)

    async def close(self) -> None:
        if self._session is not None:
            await self._session.close()

    async def _ask(
        self, method: str, path: str, body: bytes | None, headers: Mapping[str, str], seconds: float
    ) -> Answer:
        session = self._session or self._open()
        headers = {**headers, SIGNATURE_HEADER: signature(self.secret, method, path, body or b"")}
        limits = aiohttp.ClientTimeout(total=seconds, sock_connect=CONNECT_S_MAX)
        try:
            async with session.request(
                method, self.base + path, data=body, headers=headers, timeout=limits, allow_redirects=False
            ) as reply:
                content = await reply.content.read(ANSWER_BYTES_MAX + 1)
                while not reply.content.at_eof() and len(content) <= ANSWER_BYTES_MAX:
                    content += await reply.content.readany()
                if len(content) > ANSWER_BYTES_MAX:
                    raise NeighbourError(f"{method} {path}: more than {ANSWER_BYTES_MAX} bytes")
                return Answer(reply.status, content)
        except (TimeoutError, aiohttp.ClientError, OSError) as error:
            raise NeighbourError(f"{method} {path}: {error or type(error).__name__}") from error

    def _open(self) -> aiohttp.ClientSession:
        # Not in __init__: a session belongs to the loop that runs. Nothing from the environment: no proxy, no netrc.
        connector = aiohttp.TCPConnector(limit=CONNECTIONS_MAX)
        self._session = aiohttp.ClientSession(
            connector=connector, trust_env=False, cookie_jar=aiohttp.DummyCookieJar(), auto_decompress=False
        )
        return self._session
