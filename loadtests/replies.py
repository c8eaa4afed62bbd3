"""How promised values are read from a reply: JSON pointer (RFC 6901), header, or regular expression.

Nothing is parsed that no operation asks for.
"""

from __future__ import annotations

import gc
import re
from collections.abc import Sequence
from typing import Any

import msgspec

from scenarios.contract import as_text

JSON_BYTES_MAX = 2 * 1024 * 1024  # parsed it may be twenty-four times as large, and nobody else runs meanwhile
LARGE_BYTES = 64 * 1024  # of JSON, from where on the collector would walk through the growing tree again and again
TIMING_BYTES_MAX = 2000  # of one Server-Timing line
_decode = msgspec.json.Decoder().decode
_UNITS_US = 1000.0
_U32_MAX = 0xFFFF_FFFE
_METRICS = (b"app", b"db", b"queue")
_QUOTED = re.compile(rb'"([^"]*)"')
_NUMBER = re.compile(rb"\s*([0-9]+(?:\.[0-9]*)?|\.[0-9]+)")


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

    def read(self, headers: Sequence[bytes], body: bytes | bytearray) -> dict[str, Any]:
        """All promised values. Raises ReplyError: reply-malformed (no JSON that could be read), reply-too-large,
        value-missing."""
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

    def _read_json(self, body: bytes | bytearray, values: dict[str, Any]) -> None:
        if len(body) > JSON_BYTES_MAX:
            raise ReplyError("reply-too-large")
        large = len(body) > LARGE_BYTES and gc.isenabled()
        try:
            if large:
                gc.disable()
            tree = _decode(body)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            raise ReplyError("reply-malformed") from None
        finally:
            if large:
                gc.enable()
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


def head_is_whole(lines: Sequence[bytes]) -> bool:
    """Whether the last head ended with its empty line: libcurl takes one that was cut off for an answer."""
    for line in reversed(lines):  # the very last, unless trailers follow the body
        if line in (b"\r\n", b"\n"):
            return True
        if line.startswith(b"HTTP/"):
            break
    return False


def header_value(headers: Sequence[bytes], prefix: bytes) -> str:
    """The value of the header whose name, lower case and with its colon, is `prefix`. Raises ReplyError."""
    for line in headers:
        if line[: len(prefix)].lower() == prefix:
            return line[len(prefix) :].strip().decode("utf-8", "replace")
    raise ReplyError("value-missing")


def server_timing(line: bytes) -> dict[bytes, int]:
    """app, db and queue of one Server-Timing header line (`app;dur=1.5, db;dur=0.2`), in microseconds.

    Source: W3C Server Timing, durations in milliseconds. What is not a number is left out. Takes time in proportion to
    the length of the line, whatever stands in it.
    """
    line = line[:TIMING_BYTES_MAX]
    if b'"' in line:
        line = _QUOTED.sub(_bare_number, line)
    found = {}
    for metric in line.split(b","):
        name, *parameters = metric.split(b";")
        if name.strip() not in _METRICS:
            continue
        for parameter in parameters:
            key, _, value = parameter.partition(b"=")
            if key.strip() == b"dur":
                number = _NUMBER.match(value)
                if number:
                    found[name.strip()] = int(min(float(number[1]) * _UNITS_US, _U32_MAX))
                break
    return found


def _bare_number(quoted: re.Match[bytes]) -> bytes:
    return quoted[1] if _NUMBER.fullmatch(quoted[1]) else b""


def short_text(value: Any, chars_max: int) -> str:
    """A value as text. Raises ReplyError when it is nested too deeply or longer than that."""
    try:
        text = as_text(value)
    except RecursionError:
        raise ReplyError("reply-malformed") from None
    if len(text) > chars_max:
        raise ReplyError("reply-too-large")
    return text
