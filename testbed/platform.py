"""The parts of the running platform that its systems share."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from typing import NamedTuple

from testbed.documents import Documents
from testbed.dossiers import Dossiers
from testbed.faults import Faults
from testbed.inbox import Inbox
from testbed.metrics import Metrics
from testbed.neighbours import Neighbours
from testbed.payments import Payments
from testbed.results import Results
from testbed.seats import Seats
from testbed.signer import Signer
from testbed.site import Content as Content
from testbed.site import Served as Served
from testbed.store import Applied, Store
from testbed.tokens import Actor, Tokens
from testbed.uploads import STORED_BYTES_MAX, Files, Upload, receive
from testbed.visit import RefusedError, Visit
from testbed.web_counts import WebCounts
from testbed.websites import Websites


class Platform(NamedTuple):
    """One platform. `now` gives seconds since 1970, `outside` leads to the process outside."""

    store: Store
    dossiers: Dossiers
    files: Files
    tokens: Tokens
    seats: Seats
    faults: Faults
    metrics: Metrics
    outside: Neighbours
    payments: Payments
    signer: Signer
    results: Results
    web_counts: WebCounts
    websites: Websites
    documents: Documents
    inbox: Inbox
    officer_password: str
    now: Callable[[], float] = time.time


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
