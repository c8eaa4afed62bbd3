"""A server that breaks HTTP in one way per path: `python -m tests.loadtests.hostile_server [CERT]`. Prints its port.

With CERT (a PEM of key and chain) it does so over TLS. CUT are bytes after which it closes; KEPT are bytes after which
it waits for the next request; ENDLESS it sends for as long as somebody listens; what remains stands in `serve`.
`/echo/x` is answered correctly: {"n": "x"}. `/count/x`: how often x was asked for.
"""

from __future__ import annotations

import gzip
import socket
import ssl
import struct
import sys
import threading
import time
import zlib
from collections.abc import Callable, Iterator

HEAD = b"HTTP/1.1 200 OK\r\n"
CHUNKED = HEAD + b"Transfer-Encoding: chunked\r\n\r\n"
GZIP = b"Content-Encoding: gzip"
SLOW_S = 0.02  # between two bytes of what comes drop by drop
MUCH = HEAD + b"Content-Length: 100000000\r\n\r\n" + bytes(12_000_000)
PATIENCE_S = 30.0  # of what says nothing
AWAY = b"http://10.255.255.1/"


def whole(body: bytes, *headers: bytes, status: bytes = b"200 OK") -> bytes:
    """A reply with nothing wrong about it but what is in it."""
    return b"\r\n".join([b"HTTP/1.1 " + status, *headers, b"Content-Length: %d" % len(body), b"", body])


def redirect(location: bytes, *headers: bytes, status: bytes = b"302 Found") -> bytes:
    return whole(b"", b"Location: " + location, *headers, status=status)


def says(value: bytes) -> bytes:
    return whole(b'{"n": ' + value + b"}")


OK = says(b'"good"')
CUT = {
    "nothing": b"",
    "half-a-body": HEAD + b"Content-Length: 100\r\n\r\n0123456789",
    "half-a-chunk": CHUNKED + b"5\r\nhel",
    "half-a-header": b"HTTP/1.1 200 OK\r\nX-Ha",
    "only-cr": b"HTTP/1.1 200 OK\rContent-Length: 2\r\r{}",
    "terabyte": HEAD + b"Content-Length: 1099511627776\r\n\r\n{}",
    "bad-chunk": CHUNKED + b"zz\r\nhello\r\n0\r\n\r\n",
    "huge-chunk": CHUNKED + b"F" * 40 + b"\r\nhello\r\n0\r\n\r\n",
    "garbage": b"XIN CHAO\r\n\r\nday khong phai HTTP",
    "binary": bytes(range(256)) * 16,
    "http-0.9": b"<html>HTTP/0.9</html>",
    "http-7.5": b"HTTP/7.5 200 OK\r\nContent-Length: 2\r\n\r\n{}",
    "status-abc": b"HTTP/1.1 abc OK\r\nContent-Length: 2\r\n\r\n{}",
    "status-099": b"HTTP/1.1 099 Low\r\nContent-Length: 2\r\n\r\n{}",
    "status-1000": b"HTTP/1.1 1000 High\r\nContent-Length: 2\r\n\r\n{}",
    "status-999": whole(b"{}", status=b"999 ?"),
    "switching": b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: xyz\r\nConnection: Upgrade\r\n\r\nxyz",
    "big-header": HEAD + b"X-Big: " + b"x" * 1_000_000 + b"\r\nContent-Length: 0\r\n\r\n",
    "many-headers": HEAD + b"X-Some: 0123456789\r\n" * 60_000 + b"Content-Length: 0\r\n\r\n",
    "no-colon": HEAD + b"this is no header\r\nContent-Length: 2\r\n\r\n{}",
    "nul-in-header": HEAD + b"X-Nul: a\x00b\r\nContent-Length: 2\r\n\r\n{}",
    "not-gzip": whole(b"not gzip!", GZIP),
    "unknown-encoding": whole(b"{}", b"Content-Encoding: x-vn"),
    "fifty-encodings": whole(b"{}", b"Content-Encoding: " + b", ".join([b"gzip"] * 50)),
    "bomb": whole(gzip.compress(bytes(24 * 2**20)), GZIP),
    "bomb-in-a-bomb": whole(gzip.compress(gzip.compress(bytes(24 * 2**20))), b"Content-Encoding: gzip, gzip"),
    "length-of-many": HEAD + b"Content-Length: many\r\n\r\n{}",
    "negative-length": HEAD + b"Content-Length: -2\r\n\r\n{}",
    "two-lengths": HEAD + b'Content-Length: 2\r\nContent-Length: 7\r\n\r\n{"a":1}',
    "two-lengths-less": HEAD + b"Content-Length: 7\r\nContent-Length: 2\r\n\r\n{}",
    "two-locations": redirect(b"/echo/1", b"Location: " + AWAY),
    "length-beyond-numbers": HEAD + b"Content-Length: " + b"9" * 40 + b'\r\n\r\n{"n": "good"}',
    "length-and-chunks": HEAD + b"Content-Length: 3\r\n" + CHUNKED[len(HEAD):] + b'6\r\n{"n":1\r\n1\r\n}\r\n0\r\n\r\n',
    "only-lf": b'HTTP/1.1 200 OK\nContent-Length: 13\n\n{"n": "good"}',
    "folded": HEAD + b'X-Fold: a\r\n b\r\nContent-Length: 13\r\n\r\n{"n": "good"}',
}  # fmt: skip
KEPT = {
    "too-short-a-length": HEAD + b'Content-Length: 5\r\n\r\n{"n": "good"}',
    "two-answers": OK + says(b'"stale"'),
    "garbage-after": OK + b"XIN CHAO\r\n" * 100,
    "no-content-with-body": b'HTTP/1.1 204 No Content\r\nContent-Length: 14\r\n\r\n{"n": "stale"}',
    "not-modified-with-body": b'HTTP/1.1 304 Not Modified\r\nContent-Length: 14\r\n\r\n{"n": "stale"}',
    "continue-and-silence": b"HTTP/1.1 100 Continue\r\n\r\n",
    "hint-then-answer": b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n" + OK,
    "deep-list": whole(b"[" * 100_000 + b"]" * 100_000),
    "deep-object": whole(b'{"n":' * 100_000 + b"1" + b"}" * 100_000),
    "deep-enough": says(b"[" * 300 + b"]" * 300),
    "huge-number": says(b"9" * 1_000_000),
    "big-number": says(b"9" * 4000),
    "endless-number": says(b"1e99999"),
    "not-a-number": says(b"NaN"),
    "wide": says(b"[" + b"[]," * 690_000 + b"[]]"),
    "too-wide": says(b"[" + b"[]," * 5_000_000 + b"[]]"),
    "bad-utf-8": says(b'"\xff\xfe"'),
    "utf-16": whole('{"n": 1}'.encode("utf-16")),
    "half-a-surrogate": says(b'"\\ud800"'),
    "nul-in-value": says(b'"a\\u0000b\\r\\nX: y"'),
    "half-a-gzip": whole(gzip.compress(b'{"n": 1}' * 1000)[:20], GZIP),
    "html": whole(b"<html>Xin loi</html>"),
    "other-json": whole(b'["n"]'),
    "empty": whole(b""),
    "server-timing": whole(b'{"n": 1}', *[b"Server-Timing: app" + b";a= " * 480] * 140),
    "server-timing-number": whole(b'{"n": 1}', b"Server-Timing: app;dur=" + b"9" * 90_000),
    "thousands-of-cookies": whole(b'{"n": 1}', *(b"Set-Cookie: c%d=%s" % (n, b"v" * 50) for n in range(3000))),
    "fat-cookies": whole(b'{"n": 1}', *(b"Set-Cookie: c%d=%s" % (n, b"v" * 4000) for n in range(60))),
    "loop": redirect(b"/loop"),
    "away": redirect(AWAY),
    "away-by-user": redirect(b"http://127.0.0.1@10.255.255.1/"),
    "away-by-tab": redirect(b"http://127.0.0.1\t.evil.example/"),
    "away-by-number": redirect(b"http://184549377/"),
    "away-mapped": redirect(b"http://[::ffff:10.255.255.1]/"),
    "away-by-name": redirect("http://xã.vn/".encode()),
    "half-a-bracket": redirect(b"http://[::1/"),
    "port-too-high": redirect(b"http://127.0.0.1:99999999/"),
    "not-utf-8": redirect(b"http://\xff\xfe/\xff"),
    "to-a-script": redirect(b"javascript:alert(1)"),
    "to-a-file": redirect(b"file:///etc/passwd"),
    "to-mail": redirect(b"gopher://127.0.0.1:25/"),
    "to-nowhere": redirect(b""),
    "without-location": whole(b"", status=b"302 Found"),
    "use-proxy": redirect(AWAY, status=b"305 Use Proxy"),
    "to-odd-bytes": redirect("/echo/đ \xff".encode("latin-1", "ignore") + b"\xff"),
    "to-a-long-path": redirect(b"/echo/" + b"a" * 90_000),
}


def again(piece: bytes, first: bytes) -> Callable[[], Iterator[bytes]]:
    """`first`, then the piece for ever."""

    def pieces() -> Iterator[bytes]:
        yield first
        while True:
            yield piece

    return pieces


def drops(data: bytes) -> Callable[[], Iterator[bytes]]:
    """One byte at a time."""

    def pieces() -> Iterator[bytes]:
        for byte in data:
            yield bytes([byte])
            time.sleep(SLOW_S)

    return pieces


def endless_bomb() -> Iterator[bytes]:
    packer = zlib.compressobj(wbits=31)
    yield HEAD + GZIP + b"\r\n\r\n"
    while True:
        yield packer.compress(bytes(2**20))


ENDLESS = {
    "slow-header": drops(b"HTTP/1.1 200 OK\r\nX-Slow: " + b"x" * 10_000),
    "slow-body": drops(HEAD + b"Content-Length: 10000\r\n\r\n" + b"x" * 10_000),
    "endless-headers": again(b"X-Some: 0123456789\r\n" * 50, HEAD),
    "endless-header": again(b"x" * 10_000, HEAD + b"X-One: "),
    "endless-status": again(b"x" * 10_000, b"HTTP/1.1 200 "),
    "endless-body": again(bytes(65536), HEAD + b"\r\n"),
    "endless-chunks": again(b"10000\r\n" + bytes(65536) + b"\r\n", CHUNKED),
    "endless-crumbs": again(b"1\r\nx\r\n" * 1000, CHUNKED),
    "endless-extension": again(b"x" * 10_000, CHUNKED + b"1;"),
    "endless-trailer": again(b"X-Some: 0123456789\r\n" * 50, CHUNKED + b"0\r\n"),
    "endless-bomb": endless_bomb,
    "endless-1xx": again(b"HTTP/1.1 102 Processing\r\n\r\n" * 100, b""),
    "endless-hints": again(b"HTTP/1.1 103 Early Hints\r\nLink: </style.css>; rel=preload\r\n\r\n" * 50, b""),
    "endless-lines": again(b"\r\n" * 1000, b""),
    "endless-zeros": again(bytes(10_000), b""),
}
seen: dict[str, int] = {}


def serve(connection: socket.socket) -> None:
    """Requests of one connection, until either side has enough."""
    answered = 0
    while (data := read_head(connection)) is not None:
        path = data.split(b" ", 2)[1].decode("latin-1").lstrip("/")
        seen[path] = seen.get(path, 0) + 1
        if path == "early-answer":  # while the body may still be on its way
            connection.sendall(whole(b"{}", b"Connection: close", status=b"413 Content Too Large"))
            return
        read_body(connection, data)
        if path.startswith("echo/"):
            connection.sendall(says(b'"%s"' % path[5:].encode()))
        elif path.startswith("count/"):
            connection.sendall(says(b"%d" % seen.get(path[6:], 0)))
        elif path == "second-dies" and answered:
            return
        elif path in ("reset", "reset-in-body"):
            if path == "reset-in-body":
                connection.sendall(CUT["half-a-body"])
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            return
        elif path in ("never", "much-and-silence"):
            connection.sendall(MUCH if path == "much-and-silence" else b"")
            time.sleep(PATIENCE_S)
        elif path == "slow-loop":
            time.sleep(0.1)
            connection.sendall(redirect(b"/slow-loop"))
        elif path in CUT:
            connection.sendall(CUT[path])
            return
        elif path in ENDLESS:
            for piece in ENDLESS[path]():
                connection.sendall(piece)
        else:
            connection.sendall(KEPT.get(path, OK))
        answered += 1


def read_head(connection: socket.socket) -> bytes | None:
    """Bytes up to and beyond the head of a request; None when the peer is gone."""
    data = b""
    while b"\r\n\r\n" not in data:
        more = connection.recv(65536)
        if not more:
            return None
        data += more
    return data


def read_body(connection: socket.socket, data: bytes) -> None:
    head, _, body = data.partition(b"\r\n\r\n")
    for line in head.lower().split(b"\r\n"):
        if line.startswith(b"content-length:"):
            left = int(line.split(b":")[1]) - len(body)
            while left > 0:
                left -= len(connection.recv(65536)) or left


def quietly(connection: socket.socket, context: ssl.SSLContext | None) -> None:
    try:
        with connection:
            if context is None:
                serve(connection)
            else:
                with context.wrap_socket(connection, server_side=True) as secured:
                    serve(secured)
    except OSError:
        return


def main() -> None:
    context = None
    if len(sys.argv) > 1:
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(sys.argv[1])
    listener = socket.create_server(("127.0.0.1", 0), backlog=128)
    print(listener.getsockname()[1], flush=True)
    while True:
        connection, _ = listener.accept()
        threading.Thread(target=quietly, args=(connection, context), daemon=True).start()


if __name__ == "__main__":
    main()
