"""The platform's process: open the database, put the systems together, serve."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable
from pathlib import Path

from testbed import child, jobs
from testbed.app import make_app
from testbed.certificates import authority_secret
from testbed.child import Seat
from testbed.documents import Documents
from testbed.dossiers import Dossiers
from testbed.faults import Faults
from testbed.inbox import Inbox
from testbed.metrics import Metrics
from testbed.neighbours import Neighbours
from testbed.options import Options
from testbed.payments import RECONCILE_S, Payments
from testbed.platform import Platform
from testbed.results import Results
from testbed.seats import Seats
from testbed.signer import Signer
from testbed.site import Addresses
from testbed.stamps import Elsewhere, Stamps
from testbed.store import Database, Store
from testbed.store_postgres import open_postgres
from testbed.store_sqlite import SqliteDatabase
from testbed.strains import Strained
from testbed.synchronisation import Synchronisation
from testbed.tables import OTHERS, TABLES
from testbed.tokens import Tokens
from testbed.uploads import Files
from testbed.web_counts import WebCounts
from testbed.websites import Websites


def live(options: Options, data: Path, addresses: Addresses, seat: Seat) -> int:
    """Returns the exit status."""
    return child.live(_serve(options, data, addresses, seat), seat)


async def _serve(options: Options, data: Path, addresses: Addresses, seat: Seat) -> None:
    files = Files(data)
    database: Database = (
        await open_postgres(options.postgres, TABLES, OTHERS)
        if options.postgres
        else SqliteDatabase(options.sqlite or data / "testbed.sqlite", options.durability, TABLES, OTHERS)
    )
    faults = Faults(options.faults)
    store = Store(Strained(database, faults), TABLES, _clock(faults), faults.effect)
    outside = Neighbours(addresses.outside_url, addresses.secret)
    try:
        secret = await store.open(secrets.token_hex(32))
        tokens = Tokens(bytes.fromhex(secret))
        dossiers = Dossiers(store, faults)
        await dossiers.open()
        signer = Signer(authority_secret(secret), faults, Stamps(Elsewhere(outside)))
        payments = Payments(store, outside, faults)
        counts = WebCounts(store, dossiers, faults)
        await counts.open()
        platform = Platform(
            store=store,
            dossiers=dossiers,
            files=files,
            tokens=tokens,
            seats=Seats(),
            faults=faults,
            metrics=Metrics(),
            outside=outside,
            payments=payments,
            signer=signer,
            results=Results(store, files),
            web_counts=counts,
            websites=Websites(),
            documents=Documents(store, files, signer, faults),
            inbox=Inbox(store, files, faults),
            officer_password=options.officer_password,
        )
        synchronisation = Synchronisation(dossiers.outbox, outside, faults)
        reconciling = jobs.repeat(RECONCILE_S, payments.reconcile, "asking the bank")
        try:
            work = (counts.run(), synchronisation.run(), reconciling)
            await child.serve(make_app(platform, controlled=options.control), faults, seat, jobs=work)
        finally:
            await signer.close()
    finally:
        await outside.close()
        await store.close()


def _clock(faults: Faults) -> Callable[[], float]:
    return lambda: time.time() - (faults.value("clock") or 0.0)
