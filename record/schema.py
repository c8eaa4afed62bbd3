"""The stored format: one Arrow schema per table, and its history. The journals' binary rows are in record.rows.

Format 1 (2026-11): first version. Samples are calls; the end of each arrival is a row of `journeys`.
Format 2 (2026-11): what the linked systems hold at the final read is `observations`; the manifest has `links` and
`moves`. Format 1 is still read, as a run that asked no linked system: all else stands as it was, and a record is kept
to be judged again years later. Since 2026-11-25 a phase may name its `rate`; without it, it is 1.
"""

from __future__ import annotations

import pyarrow as pa

from record.rows import END, END_DTYPE, ERROR_INDEX, ERRORS, NONE_U32, SAMPLE, SAMPLE_DTYPE

__all__ = ["END", "END_DTYPE", "ERRORS", "ERROR_INDEX", "NONE_U32", "SAMPLE", "SAMPLE_DTYPE"]

FORMAT = 2
FORMATS_READ = (1, 2)

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
OBSERVATIONS = pa.schema(
    [
        ("place", WORD),
        ("kind", WORD),
        ("subject", pa.string()),
        ("value", pa.string()),
        ("at_ms", pa.int64()),
        ("key", pa.string()),
        ("digest", pa.string()),
        ("commune", WORD),
    ]
)
TABLES: dict[str, pa.Schema] = {
    "communes": COMMUNES,
    "arrivals": ARRIVALS,
    "samples": SAMPLES,
    "journeys": JOURNEYS,
    "ledger": LEDGER,
    "readings": READINGS,
    "observations": OBSERVATIONS,
}


def tables_of(version: int) -> tuple[str, ...]:
    """The tables that a sealed record of a format has as files."""
    return tuple(name for name in TABLES if version > 1 or name != "observations")
