"""The files that every page of every site refers to: style, script, emblem, pictures, in sizes as such sites have."""

from __future__ import annotations

import datetime as dt
import hashlib
import struct
import zlib
from collections.abc import Callable

from scenarios.contract import SITE_ASSETS
from testbed.representations import Representation

CACHING = "public, max-age=604800"
MADE = int(dt.datetime(2025, 6, 27, 8, 0, tzinfo=dt.UTC).timestamp())  # a release as any other


def make() -> dict[str, Representation]:
    """All of them, by name."""
    return {name: _made(name) for name in SITE_ASSETS}


def _made(name: str) -> Representation:
    kind, content = _CONTENT[name]
    return Representation(kind, content(), MADE, CACHING, pack=not name.endswith(".png"))


def _css() -> bytes:
    """About 28 kB."""
    head = (
        ":root{--do:#b5121b;--vang:#f4c430;--chu:#1f2933}"
        "*{box-sizing:border-box}body{margin:0;color:var(--chu);font:16px/1.55 'Be Vietnam Pro',Arial,sans-serif}"
        "header{border-bottom:4px solid var(--do)}header img{display:block;width:100%;height:auto}"
        "nav ul{display:flex;flex-wrap:wrap;gap:1rem;margin:0;padding:.6rem 1rem;list-style:none;background:var(--do)}"
        "nav a{color:#fff;text-decoration:none}main{max-width:72rem;margin:0 auto;padding:1rem}"
        "aside{max-width:72rem;margin:0 auto;padding:0 1rem 1rem}footer{padding:1rem;background:#eef1f4;font-size:14px}"
    )
    rules = (
        f".o-{n}{{margin:{n % 5}rem {n % 7}px;padding:{n % 9 * 2}px;color:#{_word(f'css{n}') % 0xFFFFFF:06x};"
        f"grid-column:span {n % 12 + 1}}}@media(max-width:{480 + n}px){{.o-{n}{{display:block;width:{n % 100}%}}}}"
        for n in range(205)
    )
    return (head + "\n".join(rules)).encode()


def _js() -> bytes:
    """About 96 kB."""
    parts = ['"use strict";(function(){var tra={};']
    parts += [
        f"tra.f{n}=function(a,b){{var s={_word(f'js{n}') % 10**9};for(var i=0;i<a.length;i++)"
        f"{{s=(s*31+a.charCodeAt(i)+{n})>>>0;}}return s%(b||{n + 7});}};"
        for n in range(720)
    ]
    parts.append("window.trangThongTin=tra;}());")
    return "\n".join(parts).encode()


def _svg(name: str, shapes: int) -> bytes:
    body = "".join(
        f'<path d="M{_word(f"{name}{n}") % 200} {_word(f"{name}y{n}") % 200}q{n % 30} {n % 17} {n % 23} {n % 11}z"'
        f' fill="#{_word(f"{name}c{n}") % 0xFFFFFF:06x}" fill-opacity="0.{n % 9 + 1}"/>'
        for n in range(shapes)
    )
    return f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 200 200">{body}</svg>'.encode()


def _png(name: str, width: int, height: int, noise: int) -> bytes:
    """A picture of three colours with grain, which is what makes it large."""
    grain = hashlib.shake_128(name.encode()).digest(width * height)
    rows = bytearray()
    for y in range(height):
        rows.append(0)  # no filter
        for x in range(width):
            level = grain[y * width + x] % noise
            rows += bytes((170 - y % 60 + level, 30 + x * 90 // width + level, 40 + level))
    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    chunks = ((b"IHDR", head), (b"IDAT", zlib.compress(bytes(rows), 6)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(_chunk(kind, data) for kind, data in chunks)


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def _word(text: str) -> int:
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=6).digest())


_CONTENT: dict[str, tuple[str, Callable[[], bytes]]] = {
    "site.css": ("text/css; charset=utf-8", _css),
    "site.js": ("text/javascript; charset=utf-8", _js),
    "emblem.svg": ("image/svg+xml", lambda: _svg("emblem", 90)),
    "icons.svg": ("image/svg+xml", lambda: _svg("icons", 220)),
    "banner.png": ("image/png", lambda: _png("banner", 400, 180, 24)),
    "map.png": ("image/png", lambda: _png("map", 200, 140, 12)),
}
