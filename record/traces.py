"""The trace context of a call (W3C Trace Context 1, `traceparent`), so that a record can be joined with an APM.

One trace for each arrival, one span for each of its calls. The ids follow from the run's tag and seed with the numbers
under which the record has arrival and step; the tag keeps runs of one seed apart.
"""

from __future__ import annotations

import hashlib

VERSION, SAMPLED = "00", "01"


def trace_id(tag: str, seed: int, arrival: int) -> str:
    """32 hex digits."""
    return hashlib.blake2b(f"{tag}/{seed}/{arrival}".encode(), digest_size=16).hexdigest()


def span_id(tag: str, seed: int, arrival: int, step: int) -> str:
    """16 hex digits."""
    return hashlib.blake2b(f"{tag}/{seed}/{arrival}/{step}".encode(), digest_size=8).hexdigest()


def traceparent(tag: str, seed: int, arrival: int, step: int) -> str:
    """What the header says."""
    return f"{VERSION}-{trace_id(tag, seed, arrival)}-{span_id(tag, seed, arrival, step)}-{SAMPLED}"
