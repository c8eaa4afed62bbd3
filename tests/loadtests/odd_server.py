"""A server that breaks HTTP in one way per path: `python -m tests.loadtests.odd_server`. Prints its port."""

from __future__ import annotations

import socket
import struct
import threading
import time

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"
PLAIN = {
    b"/half": b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n0123456789",
    b"/bad-chunk": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nhello\r\n0\r\n\r\n",
    b"/half-chunk": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhel",
    b"/garbage": b"XIN CHAO\r\n\r\nday khong phai HTTP",
    b"/big-header": b"HTTP/1.1 200 OK\r\nX-Big: " + b"x" * 1_000_000 + b"\r\nContent-Length: 0\r\n\r\n",
    b"/many-headers": b"HTTP/1.1 200 OK\r\n" + b"X-Some: 0123456789\r\n" * 60_000 + b"Content-Length: 0\r\n\r\n",
    b"/bad-gzip": b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 9\r\n\r\nnot gzip!",
    b"/bad-length": b"HTTP/1.1 200 OK\r\nContent-Length: many\r\n\r\n{}",
    b"/nothing": b"",
}
seen: dict[bytes, int] = {}


def serve(connection: socket.socket) -> None:
    answered = 0
    with connection:
        while request := read_request(connection):
            path = request.split(b" ", 2)[1]
            seen[path] = seen.get(path, 0) + 1
            if path.startswith(b"/count"):
                body = str(seen.get(path.removeprefix(b"/count"), 0)).encode()
                connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body) + body)
            elif path == b"/second-dies" and answered:
                return
            elif path == b"/reset":
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                return
            elif path == b"/never":
                time.sleep(30)
            elif path in PLAIN:
                connection.sendall(PLAIN[path])
                return
            else:
                connection.sendall(OK)
            answered += 1


def read_request(connection: socket.socket) -> bytes:
    """Head and body of one request; empty when the peer is gone."""
    data = b""
    while b"\r\n\r\n" not in data:
        try:
            more = connection.recv(65536)
        except OSError:
            return b""
        if not more:
            return b""
        data += more
    head, _, body = data.partition(b"\r\n\r\n")
    for line in head.lower().split(b"\r\n"):
        if line.startswith(b"content-length:"):
            while len(body) < int(line.split(b":")[1]):
                body += connection.recv(65536)
    return data


def quietly(connection: socket.socket) -> None:
    try:
        serve(connection)
    except OSError:
        return


def main() -> None:
    listener = socket.create_server(("127.0.0.1", 0), backlog=128)
    print(listener.getsockname()[1], flush=True)
    while True:
        connection, _ = listener.accept()
        threading.Thread(target=quietly, args=(connection,), daemon=True).start()


if __name__ == "__main__":
    main()
