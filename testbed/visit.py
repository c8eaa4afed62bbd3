"""One request on its way through the rooms: what it brought, what it cost so far, and how it is turned away."""

from __future__ import annotations

import re
import time
import urllib.parse
from typing import Any, TypeVar

import msgspec
from starlette.types import Receive, Scope

from scenarios.contract import KEY_HEADER
from testbed.tokens import Actor

BODY_BYTES_MAX = 256 * 1024
QUERY_BYTES_MAX = 8 * 1024
KEY = re.compile(r"[!-~]{1,200}\Z")
CODE = re.compile(r"[0-9A-Z.]{1,40}-[0-9]{6}-[0-9]{4,9}\Z")
T = TypeVar("T")


class RefusedError(Exception):
    """The request ends here, with this status and {"error": slug}."""

    def __init__(self, status: int, slug: str) -> None:
        super().__init__(f"{status} {slug}")
        self.status = status
        self.slug = slug


class Spent:
    """Where the time of one request went, in nanoseconds. `queue`: for its turn; `body`: for the client's bytes."""

    __slots__ = ("body_ns", "db_ns", "operation", "queue_ns")

    def __init__(self, queue_ns: int = 0, operation: str = "") -> None:
        self.operation = operation  # on whose behalf
        self.queue_ns = queue_ns
        self.db_ns = 0
        self.body_ns = 0


class Visit:
    """A request. `actor` is set where a token is due."""

    __slots__ = ("_receive", "actor", "headers", "scope", "spent")

    def __init__(self, scope: Scope, receive: Receive, spent: Spent) -> None:
        self.scope = scope
        self.headers: dict[bytes, bytes] = dict(scope["headers"])
        self.spent = spent
        self.actor: Actor | None = None
        self._receive = receive

    @property
    def operation(self) -> str:
        """The contract's name; of operations that share an address that of the address until it is known."""
        return self.spent.operation

    @operation.setter
    def operation(self, name: str) -> None:
        self.spent.operation = name

    def dossier(self) -> str:
        """The dossier code of the path; what cannot be a code is a dossier that does not exist."""
        code: str = self.scope["path_params"]["dossier"]
        if not CODE.match(code):
            raise RefusedError(404, "dossier-unknown")
        return code

    def key(self) -> str:
        """The idempotency key, which every write must carry."""
        raw = self.headers.get(KEY_HEADER.lower().encode())
        if raw is None:
            raise RefusedError(400, "key-missing")
        key = raw.decode("latin-1")
        if not KEY.match(key):
            raise RefusedError(400, "key-invalid")
        return key

    def query(self, shape: type[T]) -> T:
        """The query as `shape`; numbers may be written as text, as queries do."""
        raw: bytes = self.scope["query_string"]
        if len(raw) > QUERY_BYTES_MAX:
            raise RefusedError(413, "query-too-large")
        values = dict(urllib.parse.parse_qsl(raw.decode("latin-1"), keep_blank_values=True))
        if any("\0" in value for value in values.values()):
            raise RefusedError(422, "query-invalid")
        try:
            return msgspec.convert(values, shape, strict=False)
        except msgspec.ValidationError as error:
            raise RefusedError(422, "query-invalid") from error

    async def json(self, decoder: msgspec.json.Decoder[T]) -> T:
        """The body as the decoder's type: 400 when it is not JSON, 422 when it is not that type, 413 when too large."""
        raw = await self.body()
        if b"\\u0000" in raw:  # no text here has a reason to hold one, and PostgreSQL cannot store it
            raise RefusedError(422, "body-invalid")
        try:
            return decoder.decode(raw)
        except msgspec.ValidationError as error:
            raise RefusedError(422, "body-invalid") from error
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise RefusedError(400, "body-not-json") from error

    async def chunk(self) -> tuple[bytes, bool]:
        """The next bytes of the body, and whether more will come. Raises RefusedError when the client went away."""
        asked = time.perf_counter_ns()
        message: Any = await self._receive()
        self.spent.body_ns += time.perf_counter_ns() - asked
        if message["type"] == "http.disconnect":
            raise RefusedError(400, "client-gone")
        return message.get("body", b""), message.get("more_body", False)

    def announced_bytes(self) -> int:
        """Content-Length, 0 when the client did not say."""
        raw = self.headers.get(b"content-length", b"0")
        return int(raw) if raw.isdigit() else 0

    async def body(self) -> bytes:
        """All of it; it can be taken once."""
        if self.announced_bytes() > BODY_BYTES_MAX:
            raise RefusedError(413, "body-too-large")
        body, more = await self.chunk()
        while more:
            part, more = await self.chunk()
            body += part
            if len(body) > BODY_BYTES_MAX:
                break
        if len(body) > BODY_BYTES_MAX:
            raise RefusedError(413, "body-too-large")
        return body
