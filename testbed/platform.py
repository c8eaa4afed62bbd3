"""The parts of the running platform that its systems share."""

from __future__ import annotations

import os
import time
from collections.abc import Awaitable, Callable
from typing import Any, NamedTuple

from scenarios.contract import Operation
from testbed.dossiers import Dossiers
from testbed.faults import Faults
from testbed.metrics import Metrics
from testbed.signer import Signer
from testbed.store import Applied, Store
from testbed.tokens import Actor, Tokens
from testbed.uploads import STORED_BYTES_MAX, Files, Upload, receive
from testbed.visit import RefusedError, Visit


class Platform(NamedTuple):
    """One platform. `now` gives seconds since 1970."""

    store: Store
    dossiers: Dossiers
    files: Files
    tokens: Tokens
    faults: Faults
    metrics: Metrics
    signer: Signer
    officer_password: str
    now: Callable[[], float] = time.time


Headers = tuple[tuple[bytes, bytes], ...]


class Content(NamedTuple):
    """An answer that is no JSON, as it goes out; its type is among the headers. `status` 0: the operation's own."""

    body: bytes
    headers: Headers
    status: int = 0


# What an operation answers: a value to encode as JSON, content as it is, or a write as it stands.
Handler = Callable[[Platform, Visit], Awaitable[Any]]


class Served(NamedTuple):
    """One operation and who serves it. `shared`: the handler finds out which operation it is."""

    operation: Operation
    handler: Handler
    status: int = 200
    shared: bool = False


def acting(visit: Visit) -> Actor:
    """Who is asking, in an operation that demands a token."""
    assert visit.actor is not None, f"{visit.operation} must be declared with auth"
    return visit.actor


async def attach(platform: Platform, visit: Visit) -> Applied:
    """Take a file into a dossier: an applicant into their own, an officer into those of their commune."""
    code, key, actor = visit.dossier(), visit.key(), acting(visit)
    dossier = await platform.dossiers.dossier(visit.spent, code)
    if actor.kind == "citizen" and dossier.cccd != actor.name:
        raise RefusedError(403, "other-applicant")
    if actor.kind == "officer" and dossier.commune != actor.commune:
        raise RefusedError(403, "other-commune")
    if platform.dossiers.stored_bytes + visit.announced_bytes() > STORED_BYTES_MAX:
        raise RefusedError(507, "storage-full")
    upload = await receive(visit, platform.files)
    try:
        kept = (code, upload.kind, upload.sha256)
        return await platform.dossiers.attach(
            visit.spent, key, visit.operation, kept, upload.size, lambda: _settle(platform, visit, upload)
        )
    finally:
        upload.discard()


def _settle(platform: Platform, visit: Visit, upload: Upload) -> None:
    upload.settle()
    if platform.faults.hit("upload-drop", visit.operation):
        upload.place.unlink()
    elif platform.faults.hit("upload-truncate", visit.operation):
        os.truncate(upload.place, upload.size // 2)
