"""The time-stamping authority as a service: a form of its own over HTTP (RFC 3161, 3.4), and two faults."""

from __future__ import annotations

import asyncio
import math
from statistics import NormalDist

from testbed.outside.outside import Outside
from testbed.site import Content
from testbed.tsa import CONTENT_TYPE, CONTENT_TYPE_ASKED, QUERY_BYTES_MAX
from testbed.visit import RefusedError, Visit

PATH, ROOTS_PATH = "/tsa", "/tsa/ca"
# How long a slow authority takes, as published of the field: 2 to 131 s for one call in a hundred. Log-normal through
# these two; the fault's value multiplies both, so 0.1 makes one call in a hundred last longer than 2 s.
SLOW_S_P50, SLOW_S_P99, SLOW_S_MAX = 0.5, 20.0, 131.0
_STEP = (math.sqrt(5) - 1) / 2  # of a sequence that fills 0…1 evenly, in the same order every time


async def stamp(outside: Outside, visit: Visit) -> Content:
    if outside.faults.hit("tsa-down"):
        raise RefusedError(503, "fault")
    if slow := outside.faults.hit("tsa-slow"):
        await asyncio.sleep(slow_s(slow.struck) * float(slow.numbers[0]))
    if visit.headers.get(b"content-type", b"").decode("latin-1") != CONTENT_TYPE_ASKED:
        raise RefusedError(415, "timestamp-query-expected")
    query = await visit.body()
    if len(query) > QUERY_BYTES_MAX:
        raise RefusedError(413, "body-too-large")
    return Content(outside.stamping.answer(query), ((b"content-type", CONTENT_TYPE.encode()),))


async def roots(outside: Outside, visit: Visit) -> Content:
    return Content(outside.stamping.roots, ((b"content-type", b"application/x-pem-file"),))


def slow_s(number: int) -> float:
    """How long the call of that number takes at a slow authority."""
    share = min(max(number * _STEP % 1.0, 1e-6), 1 - 1e-6)
    spread = math.log(SLOW_S_P99 / SLOW_S_P50) / NormalDist().inv_cdf(0.99)
    return min(SLOW_S_P50 * math.exp(spread * NormalDist().inv_cdf(share)), SLOW_S_MAX)
