"""The parts of the running outside that its systems share."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import NamedTuple

from testbed.faults import Faults
from testbed.metrics import Metrics
from testbed.neighbours import Neighbours
from testbed.outside.bank import Bank
from testbed.outside.identity import Identity
from testbed.store import Store
from testbed.tokens import Tokens
from testbed.tsa import TimeStamping


class Outside(NamedTuple):
    """One outside. `now` gives seconds since 1970, `platform` leads to the platform's process."""

    store: Store
    tokens: Tokens
    faults: Faults
    metrics: Metrics
    platform: Neighbours
    identity: Identity
    bank: Bank
    stamping: TimeStamping
    now: Callable[[], float] = time.time
