"""A server that breaks HTTP/2 in one way per path: `python -m tests.loadtests.hostile_h2_server CERT`. Prints its port.

CERT is a PEM of key and chain. Frames are written by hand (RFC 9113): a library would not let us. `/echo/x` is answered
correctly: {"n": "x"}.
"""

from __future__ import annotations

import socket
import ssl
import struct
import sys
import threading
from collections.abc import Iterator

import hpack

DATA, HEADERS, RST, SETTINGS, PUSH, PING, GOAWAY, WINDOW, CONTINUATION = 0, 1, 3, 4, 5, 6, 7, 8, 9
END_STREAM, END_HEADERS, ACK = 1, 4, 1
PREFACE = 24
CLOSED = ("closed-in-body", "closed-in-head", "go-away", "http-1")  # after what is sent
OK = b"\x88"  # :status 200, from the static table


def frame(kind: int, flags: int, stream: int, body: bytes = b"") -> bytes:
    return struct.pack(">I", len(body))[1:] + bytes([kind, flags]) + struct.pack(">I", stream) + body


def literal(name: bytes, value: bytes) -> bytes:
    """A header that enters no table (RFC 7541, 6.2.2)."""
    return b"\x00" + _text(name) + _text(value)


def _text(data: bytes) -> bytes:
    length = len(data)
    if length < 127:
        return bytes([length]) + data
    length -= 127
    head = b"\x7f"
    while length >= 128:
        head += bytes([length % 128 + 128])
        length //= 128
    return head + bytes([length]) + data


def good(stream: int, body: bytes) -> bytes:
    return frame(HEADERS, END_HEADERS, stream, OK) + frame(DATA, END_STREAM, stream, body)


def answer(path: str, stream: int) -> Iterator[bytes]:
    """What is sent for a request. `/never` and whatever is not here gets no answer."""
    begun = frame(HEADERS, END_HEADERS, stream, OK)
    if path.startswith("echo/"):
        yield good(stream, b'{"n": "%s"}' % path[5:].encode())
    elif path == "reset":
        yield frame(RST, 0, stream, struct.pack(">I", 2))
    elif path == "reset-in-body":
        yield begun + frame(DATA, 0, stream, b'{"n"') + frame(RST, 0, stream, struct.pack(">I", 2))
    elif path == "closed-in-body":
        yield begun + frame(DATA, 0, stream, b'{"n"')
    elif path == "closed-in-head":
        yield frame(HEADERS, 0, stream, OK)
    elif path == "go-away":
        yield frame(GOAWAY, 0, 0, struct.pack(">II", stream, 2))
    elif path == "wrong-length":
        yield frame(HEADERS, END_HEADERS, stream, OK + literal(b"content-length", b"99"))
        yield frame(DATA, END_STREAM, stream, b"{}")
    elif path == "garbage":
        yield bytes(range(256)) * 20
    elif path == "http-1":
        yield b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"
    elif path == "bad-compression":
        yield frame(HEADERS, END_HEADERS, stream, b"\xff\xff\xff\xff\xff\xff\xff")
    elif path == "no-status":
        yield frame(HEADERS, END_HEADERS | END_STREAM, stream, literal(b"x", b"y"))
    elif path == "upper-case":
        yield frame(HEADERS, END_HEADERS | END_STREAM, stream, OK + literal(b"X-Upper", b"y"))
    elif path == "huge-frame":
        yield frame(DATA, 0, stream, bytes(1 << 20))
    elif path == "push":
        yield frame(PUSH, END_HEADERS, stream, struct.pack(">I", 2) + OK)
    elif path == "endless-body":
        yield begun
        while True:
            yield frame(DATA, 0, stream, bytes(16000))
    elif path == "endless-empty":
        yield begun
        while True:
            yield frame(DATA, 0, stream) * 100
    elif path == "endless-headers":
        yield frame(HEADERS, 0, stream, OK)
        while True:
            yield frame(CONTINUATION, 0, stream, literal(b"x-some", b"0123456789") * 500)
    elif path == "endless-hints":
        while True:
            yield frame(HEADERS, END_HEADERS, stream, hpack.Encoder().encode([(":status", "103")])) * 50
    elif path == "table-bomb":  # one long header in the table, then a byte for each time it is named
        entry = b"\x40" + _text(b"x-long") + _text(b"v" * 3500)
        yield frame(HEADERS, END_HEADERS | END_STREAM, stream, OK + entry + b"\xbe" * 10_000)
    elif path == "endless-pings":
        while True:
            yield frame(PING, 0, 0, bytes(8)) * 100
    elif path == "endless-settings":
        while True:
            yield frame(SETTINGS, 0, 0, struct.pack(">HI", 4, 65535)) * 100


def serve(connection: ssl.SSLSocket) -> None:
    """Frames of one connection. Windows are of no concern: bodies are small or are not meant to be taken."""
    data = connection.recv(65536)
    while len(data) < PREFACE:
        data += connection.recv(65536)
    data = data[PREFACE:]
    connection.sendall(frame(SETTINGS, 0, 0) + frame(WINDOW, 0, 0, struct.pack(">I", 1 << 20)))
    decoder = hpack.Decoder()
    paths: dict[int, str] = {}
    while True:
        while len(data) < 9 or len(data) < 9 + int.from_bytes(data[:3], "big"):
            more = connection.recv(65536)
            if not more:
                return
            data += more
        length, kind, flags = int.from_bytes(data[:3], "big"), data[3], data[4]
        stream, body = int.from_bytes(data[5:9], "big"), data[9 : 9 + length]
        data = data[9 + length :]
        if kind == SETTINGS and not flags & ACK:
            connection.sendall(frame(SETTINGS, ACK, 0))
        elif kind == HEADERS:
            body = body[5:] if flags & 0x20 else body
            paths[stream] = dict(decoder.decode(body))[":path"].lstrip("/")
        if kind in (HEADERS, DATA) and flags & END_STREAM:
            for piece in answer(paths[stream], stream):
                connection.sendall(piece)
            if paths[stream] in CLOSED:
                return


def quietly(connection: socket.socket, context: ssl.SSLContext) -> None:
    try:
        with connection, context.wrap_socket(connection, server_side=True) as secured:
            serve(secured)
            connection.shutdown(socket.SHUT_WR)
            while secured.recv(65536):  # closing with something unread would be a reset
                pass
    except OSError:
        return


def main() -> None:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(sys.argv[1])
    context.set_alpn_protocols(["h2"])
    listener = socket.create_server(("127.0.0.1", 0), backlog=128)
    print(listener.getsockname()[1], flush=True)
    while True:
        connection, _ = listener.accept()
        threading.Thread(target=quietly, args=(connection, context), daemon=True).start()


if __name__ == "__main__":
    main()
