"""The outside's process: its database is a file of its own beside the platform's, whatever the platform's is."""

from __future__ import annotations

import secrets
import time
from pathlib import Path

from testbed import child
from testbed.certificates import stamping_secret
from testbed.child import Seat
from testbed.faults import Faults, Home
from testbed.metrics import Metrics
from testbed.neighbours import Neighbours
from testbed.options import Options
from testbed.outside.app import make_app
from testbed.outside.bank import Bank
from testbed.outside.identity import Identity
from testbed.outside.notices import Notices
from testbed.outside.outside import Outside
from testbed.outside.tables import OTHERS, TABLES
from testbed.site import Addresses
from testbed.store import Store
from testbed.store_sqlite import SqliteDatabase
from testbed.tokens import Tokens
from testbed.tsa import TimeStamping

FILE = "outside.sqlite"


def live(options: Options, data: Path, addresses: Addresses, seat: Seat) -> int:
    """Returns the exit status."""
    return child.live(_serve(options, data, addresses, seat), seat)


async def _serve(options: Options, data: Path, addresses: Addresses, seat: Seat) -> None:
    data.mkdir(parents=True, exist_ok=True)
    database = SqliteDatabase(data / FILE, options.durability, TABLES, OTHERS)
    faults = Faults(options.faults, Home.OUTSIDE)
    store = Store(database, TABLES, time.time, faults.effect)
    platform = Neighbours(addresses.url, addresses.secret)
    try:
        secret = await store.open(secrets.token_hex(32))
        bank = Bank(store, faults)
        outside = Outside(
            store=store,
            tokens=Tokens(bytes.fromhex(secret)),
            faults=faults,
            metrics=Metrics(),
            platform=platform,
            identity=Identity(store),
            bank=bank,
            stamping=TimeStamping(stamping_secret(secret), time.time),
        )
        notices = Notices(store, bank, platform)
        await child.serve(make_app(outside, controlled=options.control), faults, seat, jobs=(notices.run(),))
    finally:
        await platform.close()
        await store.close()
