"""What one person keeps of the pages they have seen, as a browser's own cache does (RFC 9111).

A page that is still fresh is shown without asking; one that is not is asked for with what is known of it, and 304 says
that it is good for longer. Only operations that the contract calls conditional come here.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from email.utils import parsedate_to_datetime

from loadtests.bindings import Headers

KEPT_MAX = 256  # pages and files of one person
LINE_BYTES_MAX = 1_000  # of a validator; a longer one is not worth sending back
LIFETIME_S_MAX = 365 * 86_400
HEURISTIC_SHARE = 0.1  # of a page's age, where the server does not say how long it keeps (RFC 9111, 4.2.2)
NOT_MODIFIED = 304

_NAMES = (b"cache-control", b"etag", b"last-modified", b"expires", b"date", b"age", b"vary")
_VALUE = re.compile(rb"[^\x00-\x08\x0a-\x1f\x7f]*\Z")
_DIRECTIVE = re.compile(rb"(?:^|,)\s*([a-z-]+)(?:\s*=\s*\"?([0-9]{1,12}))?")


class Keeping:
    """How everybody of a process keeps pages, and what came of it so far.

    `compression`: pages age as many times faster as people act. `shown`: without asking; `unchanged`: 304; `sent`: as a
    whole; `keepable`: those of them that may be shown or asked about again.
    """

    __slots__ = ("compression", "keepable", "sent", "shown", "unchanged")

    def __init__(self, compression: float = 1.0) -> None:
        self.compression = compression
        self.shown = self.unchanged = self.sent = self.keepable = 0

    def gauges(self) -> dict[str, float]:
        """None while nobody has asked for a page."""
        if not self.sent:
            return {}
        return {
            "pages_shown": float(self.shown), "pages_unchanged": float(self.unchanged), "pages_sent": float(self.sent),
            "pages_keepable": float(self.keepable),
        }  # fmt: skip


class Kept:
    """One page: until when it is fresh (monotonic ns), and the header lines that ask whether it still is."""

    __slots__ = ("fresh_until_ns", "lines")

    def __init__(self, fresh_until_ns: int, lines: Headers) -> None:
        self.fresh_until_ns = fresh_until_ns
        self.lines = lines


class Shelf:
    """One person's pages by their address."""

    def __init__(self, keeping: Keeping) -> None:
        self._keeping = keeping
        self._kept: dict[str, Kept] = {}

    def __len__(self) -> int:
        return len(self._kept)

    def clear(self) -> None:
        """For somebody new."""
        if self._kept:
            self._kept.clear()

    def get(self, url: str) -> Kept | None:
        return self._kept.get(url)

    def shown(self) -> None:
        """A page was fresh."""
        self._keeping.shown += 1

    def learn(self, url: str, status: int, lines: Sequence[bytes], at_ns: int) -> None:
        """From an answer to a request for this address that came at `at_ns`; of KEPT_MAX pages the oldest goes."""
        before = self._kept.pop(url, None)
        if status != NOT_MODIFIED:
            before = None
            if status != 200:
                return
            self._keeping.sent += 1
        else:
            self._keeping.unchanged += 1
        headers = _headers(lines)
        control = dict(_DIRECTIVE.findall(headers.get(b"cache-control", b"").lower()))
        if b"no-store" in control or b"*" in headers.get(b"vary", b""):
            return
        lifetime_s = 0.0 if b"no-cache" in control else _lifetime_s(headers, control.get(b"max-age", b""))
        asks = _asks(headers) or (before.lines if before else [])
        if lifetime_s <= 0 and not asks:
            return
        self._keeping.keepable += status != NOT_MODIFIED
        if len(self._kept) >= KEPT_MAX:
            del self._kept[next(iter(self._kept))]
        self._kept[url] = Kept(at_ns + round(lifetime_s / self._keeping.compression * 1e9), asks)


def _headers(lines: Sequence[bytes]) -> dict[bytes, bytes]:
    """The headers that matter here, the last of each name."""
    found = {}
    for line in lines:
        name, colon, value = line.partition(b":")
        value = value.strip()
        if colon and (name := name.lower()) in _NAMES and len(value) <= LINE_BYTES_MAX and _VALUE.match(value):
            found[name] = value
    return found


def _lifetime_s(headers: dict[bytes, bytes], max_age: bytes) -> float:
    age = headers.get(b"age", b"")
    spent_s = int(age) if age.isdigit() else 0
    if max_age:
        return min(int(max_age), LIFETIME_S_MAX) - spent_s
    now_s, expires_s, modified_s = (_seconds(headers.get(name)) for name in (b"date", b"expires", b"last-modified"))
    if b"expires" in headers:
        told_s = 0.0 if expires_s is None or now_s is None else expires_s - now_s
    else:
        told_s = 0.0 if modified_s is None or now_s is None else (now_s - modified_s) * HEURISTIC_SHARE
    return min(told_s, LIFETIME_S_MAX) - spent_s


def _seconds(date: bytes | None) -> float | None:
    """Of an HTTP date; None where there is none or it is none."""
    if date is None:
        return None
    try:
        return parsedate_to_datetime(date.decode("latin-1")).timestamp()
    except (ValueError, TypeError, OverflowError):
        return None


def _asks(headers: dict[bytes, bytes]) -> Headers:
    """Header lines for asking again. Browsers send both; who knows the tag goes by it."""
    asks: Headers = []
    if tag := headers.get(b"etag"):
        asks.append(b"If-None-Match: " + tag)
    if modified := headers.get(b"last-modified"):
        asks.append(b"If-Modified-Since: " + modified)
    return asks
