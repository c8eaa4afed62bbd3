"""Pages and files as HTTP hands them out: packed once, with validators, and only when they are not there already.

RFC 9110, 13: who sends If-None-Match is compared by it alone; If-Modified-Since counts only without.
"""

from __future__ import annotations

import gzip
import hashlib
import re
from email.utils import formatdate, parsedate_to_datetime

from testbed.site import Content, Headers
from testbed.visit import Visit

GZIP_LEVEL = 6
_TAG = re.compile(rb'(?:W/)?("[^"]*")')
_NO_GZIP = re.compile(rb"gzip\s*;\s*q=0(\.0*)?\s*(,|$)")


class Representation:
    """One state of a page or a file. `modified`: seconds since 1970. Packed ones are unpacked for whoever needs it."""

    __slots__ = ("_body", "_headers", "_packed", "_packed_headers", "etag", "modified")

    def __init__(self, kind: str, content: bytes, modified: int, caching: str, *, pack: bool) -> None:
        self.etag = hashlib.sha256(content).hexdigest()[:24]
        self.modified = modified
        self._packed = pack
        self._body = gzip.compress(content, GZIP_LEVEL, mtime=0) if pack else content
        self._headers = self._made(kind, caching, "", vary=pack)
        self._packed_headers = self._made(kind, caching, "gzip", vary=pack)

    def answer(self, visit: Visit, *, cacheable: bool = True) -> Content:
        """Everything, or 304 when the client has it. Not cacheable: a server that knows of no validators."""
        packed = self._packed and _takes_gzip(visit)
        headers = self._packed_headers if packed else self._headers
        body = self._body if packed or not self._packed else gzip.decompress(self._body)
        if not cacheable:
            return Content(body, tuple(line for line in headers if line[0] not in _OF_CACHES))
        if self._is_there(visit, self._tag(packed=packed).encode()):
            return Content(b"", tuple(line for line in headers if line[0] not in _OF_BODIES), 304)
        return Content(body, headers)

    def _is_there(self, visit: Visit, tag: bytes) -> bool:
        known = visit.headers.get(b"if-none-match")
        if known is not None:
            return known.strip() == b"*" or tag in _TAG.findall(known)
        since = visit.headers.get(b"if-modified-since")
        if since is None:
            return False
        try:
            return parsedate_to_datetime(since.decode("latin-1")).timestamp() >= self.modified
        except (ValueError, TypeError):
            return False

    def _tag(self, *, packed: bool) -> str:
        return f'"{self.etag}-gzip"' if packed else f'"{self.etag}"'

    def _made(self, kind: str, caching: str, encoding: str, *, vary: bool) -> Headers:
        lines = {
            "content-type": kind,
            "cache-control": caching,
            "etag": self._tag(packed=bool(encoding)),
            "last-modified": formatdate(self.modified, usegmt=True),
        }
        if encoding:
            lines["content-encoding"] = encoding
        if vary:
            lines["vary"] = "Accept-Encoding"
        return tuple((name.encode(), value.encode()) for name, value in lines.items())


_OF_CACHES = (b"cache-control", b"etag", b"last-modified")
_OF_BODIES = (b"content-type", b"content-encoding")


def _takes_gzip(visit: Visit) -> bool:
    accepted = visit.headers.get(b"accept-encoding", b"")
    return b"gzip" in accepted and not _NO_GZIP.search(accepted)
