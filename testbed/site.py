"""What every process of the testbed has, and how it says what it serves."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, NamedTuple, Protocol

from scenarios.contract import Operation
from testbed.faults import Faults
from testbed.metrics import Metrics
from testbed.store import Store
from testbed.tokens import Tokens
from testbed.visit import Visit


class Addresses(NamedTuple):
    """Where the two processes are reached, and the secret by which they know each other."""

    url: str
    outside_url: str
    secret: bytes


class Site(Protocol):
    """One process: the platform, or the outside. `now` gives seconds since 1970."""

    @property
    def store(self) -> Store: ...
    @property
    def tokens(self) -> Tokens: ...
    @property
    def faults(self) -> Faults: ...
    @property
    def metrics(self) -> Metrics: ...
    @property
    def now(self) -> Callable[[], float]: ...


Headers = tuple[tuple[bytes, bytes], ...]
JSON: Headers = ((b"content-type", b"application/json"),)


class Content(NamedTuple):
    """An answer that is no JSON, as it goes out; its type is among the headers. `status` 0: the operation's own."""

    body: bytes
    headers: Headers
    status: int = 0


# What an operation answers to (site, visit): a value to encode as JSON, content as it is, or a write as it stands.
Handler = Callable[[Any, Visit], Awaitable[Any]]


class Served(NamedTuple):
    """One operation and who serves it. `shared`: the handler finds out which operation it is.

    `inner`: not of the contract, between the processes of the testbed; faults leave it alone unless asked for there.
    """

    operation: Operation
    handler: Handler
    status: int = 200
    shared: bool = False
    inner: bool = False
