"""How promised values are read from a reply: JSON pointer (RFC 6901), header, or regular expression.

Nothing is parsed that no operation asks for.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import msgspec

_decode = msgspec.json.Decoder().decode
_UNITS_US = 1000.0
_U32_MAX = 0xFFFF_FFFE
_TIMING_BYTES_MAX = 2000
_TIMING = re.compile(
    rb"(?:^|[,:])\s*(app|db|queue)"
    rb"(?:;(?!\s*dur\s*=)[^;,=\"]*(?:=\s*(?:\"[^\"]*\"|[^;,\"]*))?)*"  # other parameters, some of them quoted
    rb"\s*;\s*dur\s*=\s*\"?([0-9]+(?:\.[0-9]*)?|\.[0-9]+)"
)


class ReplyError(Exception):
    """The reply does not hold what was promised. `slug` is one of record.schema.ERRORS."""

    def __init__(self, slug: str) -> None:
        super().__init__(slug)
        self.slug = slug


class Reader:
    """Where the promised values of one operation stand. `sources`: name → ("pointer" | "header" | "regex", where)."""

    def __init__(self, sources: dict[str, tuple[str, str]]) -> None:
        self._members: list[tuple[str, str]] = []
        self._pointers: list[tuple[str, list[str]]] = []
        self._headers: list[tuple[str, bytes]] = []
        self._patterns: list[tuple[str, re.Pattern[str]]] = []
        for name, (kind, where) in sources.items():
            if kind == "header":
                self._headers.append((name, where.lower().encode("ascii") + b":"))
            elif kind == "regex":
                self._patterns.append((name, re.compile(where)))
            else:
                parts = [part.replace("~1", "/").replace("~0", "~") for part in where.split("/")[1:]]
                if len(parts) == 1 and not parts[0].isdigit():
                    self._members.append((name, parts[0]))
                else:
                    self._pointers.append((name, parts))
        self._json = bool(self._members or self._pointers)
        self.empty = not sources

    def read(self, headers: Sequence[bytes], body: bytes) -> dict[str, Any]:
        """All promised values. Raises ReplyError: reply-malformed (not JSON at all), value-missing."""
        values: dict[str, Any] = {}
        if self._json:
            self._read_json(body, values)
        for name, prefix in self._headers:
            values[name] = header_value(headers, prefix)
        if self._patterns:
            text = body.decode("utf-8", "replace")
            for name, pattern in self._patterns:
                match = pattern.search(text)
                if match is None:
                    raise ReplyError("value-missing")
                values[name] = match[1] if pattern.groups else match[0]
        return values

    def _read_json(self, body: bytes, values: dict[str, Any]) -> None:
        try:
            tree = _decode(body)
        except (msgspec.DecodeError, UnicodeDecodeError):
            raise ReplyError("reply-malformed") from None
        try:
            for name, member in self._members:
                values[name] = tree[member]
            for name, parts in self._pointers:
                at = tree
                for part in parts:
                    at = at[int(part) if isinstance(at, list) else part]
                values[name] = at
        except (KeyError, IndexError, TypeError, ValueError):
            raise ReplyError("value-missing") from None


def header_value(headers: Sequence[bytes], prefix: bytes) -> str:
    """The value of the header whose name, lower case and with its colon, is `prefix`. Raises ReplyError."""
    for line in headers:
        if line[: len(prefix)].lower() == prefix:
            return line[len(prefix) :].strip().decode("utf-8", "replace")
    raise ReplyError("value-missing")


def server_timing(line: bytes) -> dict[bytes, int]:
    """app, db and queue of one Server-Timing header line (`app;dur=1.5, db;dur=0.2`), in microseconds.

    Source: W3C Server Timing, durations in milliseconds. What is not a number is left out.
    """
    return {
        name: min(int(float(value) * _UNITS_US), _U32_MAX) for name, value in _TIMING.findall(line[:_TIMING_BYTES_MAX])
    }
