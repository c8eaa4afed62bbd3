"""The stored format: one Arrow schema per table, the fixed binary rows of the journals, and their history.

Format 1 (2026-11): first version. Samples are calls; the end of each arrival is a row of `journeys`.
"""

from __future__ import annotations

import struct

import numpy as np
import pyarrow as pa

FORMAT = 1

# Append only: journals store the index. docs/messages.md explains each slug.
ERRORS: tuple[str, ...] = (
    "",
    "dns-failed",
    "connect-refused",
    "connect-timeout",
    "total-timeout",
    "tls-failed",
    "connection-reset",
    "reply-malformed",
    "reply-too-large",
    "redirect-loop",
    "send-failed",
    "network-other",
    "status-4xx",
    "status-5xx",
    "value-missing",
    "drained",
    "inbox-full",
    "journey-broke",
)
ERROR_INDEX = {slug: index for index, slug in enumerate(ERRORS)}

NONE_U32 = 0xFFFF_FFFF
SAMPLE = struct.Struct("<IHHqqqHBBIIIIIII")
SAMPLE_DTYPE = np.dtype(
    [
        ("arrival", "<u4"),
        ("step", "<u2"),
        ("operation", "<u2"),
        ("intended_ns", "<i8"),
        ("sent_ns", "<i8"),
        ("done_ns", "<i8"),
        ("status", "<u2"),
        ("outcome", "u1"),
        ("error", "u1"),
        ("bytes_sent", "<u4"),
        ("bytes_received", "<u4"),
        ("connect_us", "<u4"),
        ("first_byte_us", "<u4"),
        ("app_us", "<u4"),
        ("db_us", "<u4"),
        ("queue_us", "<u4"),
    ]
)
END = struct.Struct("<IHBBqq")
END_DTYPE = np.dtype(
    [
        ("arrival", "<u4"),
        ("steps", "<u2"),
        ("outcome", "u1"),
        ("error", "u1"),
        ("started_ns", "<i8"),
        ("done_ns", "<i8"),
    ]
)
assert SAMPLE.size == SAMPLE_DTYPE.itemsize
assert END.size == END_DTYPE.itemsize

WORD = pa.dictionary(pa.int32(), pa.string())

COMMUNES = pa.schema(
    [
        ("code", pa.string()),
        ("name", pa.string()),
        ("kind", pa.string()),
        ("population", pa.int32()),
        ("zone", pa.string()),
        ("latitude", pa.float64()),
        ("longitude", pa.float64()),
        ("area_km2", pa.float64()),
    ]
)
ARRIVALS = pa.schema(
    [
        ("arrival", pa.uint32()),
        ("at_ns", pa.int64()),
        ("system", WORD),
        ("commune", WORD),
        ("journey", WORD),
    ]
)
SAMPLES = pa.schema(
    [
        ("arrival", pa.uint32()),
        ("step", pa.uint16()),
        ("operation", WORD),
        ("system", WORD),
        ("commune", WORD),
        ("intended_ns", pa.int64()),
        ("sent_ns", pa.int64()),
        ("done_ns", pa.int64()),
        ("outcome", WORD),
        ("status", pa.uint16()),
        ("error", WORD),
        ("bytes_sent", pa.uint32()),
        ("bytes_received", pa.uint32()),
        ("connect_us", pa.uint32()),
        ("first_byte_us", pa.uint32()),
        ("app_us", pa.uint32()),
        ("db_us", pa.uint32()),
        ("queue_us", pa.uint32()),
        ("worker", pa.uint16()),
    ]
)
JOURNEYS = pa.schema(
    [
        ("arrival", pa.uint32()),
        ("steps", pa.uint16()),
        ("outcome", WORD),
        ("error", WORD),
        ("started_ns", pa.int64()),
        ("done_ns", pa.int64()),
        ("worker", pa.uint16()),
    ]
)
LEDGER = pa.schema(
    [
        ("key", pa.string()),
        ("fact", WORD),
        ("at_ns", pa.int64()),
        ("operation", WORD),
        ("commune", WORD),
        ("arrival", pa.uint32()),
        ("digest", pa.string()),
        ("subject", pa.string()),
    ]
)
READINGS = pa.schema(
    [("source", WORD), ("metric", WORD), ("unit", WORD), ("at_ns", pa.int64()), ("value", pa.float64())]
)
TABLES: dict[str, pa.Schema] = {
    "communes": COMMUNES,
    "arrivals": ARRIVALS,
    "samples": SAMPLES,
    "journeys": JOURNEYS,
    "ledger": LEDGER,
    "readings": READINGS,
}
