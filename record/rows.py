"""The fixed binary rows of the journals. No Arrow here: load workers import this."""

from __future__ import annotations

import struct

import numpy as np

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
    "stopped",
    "status-other",
    "signature-invalid",
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
