"""A hand-written server whose answers are a function of the test; it ends with the block."""

from __future__ import annotations

import contextlib
import json
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, NamedTuple
from urllib.parse import parse_qsl, urlsplit


class Asked(NamedTuple):
    """One request. `body` is the JSON of a POST."""

    path: str
    query: dict[str, str]
    body: Any
    headers: dict[str, str]


Answer = Callable[[Asked], tuple[int, Any]]  # status and what is sent as JSON; bytes are sent as they are


class Scripted(NamedTuple):
    """Where it listens and what it was asked so far."""

    url: str
    asked: list[Asked]


@contextlib.contextmanager
def scripted(answer: Answer) -> Iterator[Scripted]:
    asked: list[Asked] = []

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            parts = urlsplit(self.path)
            length = int(self.headers.get("content-length", 0))
            body = json.loads(self.rfile.read(length)) if length else None
            one = Asked(parts.path, dict(parse_qsl(parts.query)), body, dict(self.headers.items()))
            asked.append(one)
            status, content = answer(one)
            data = content if isinstance(content, bytes) else json.dumps(content).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def do_POST(self) -> None:
            self.do_GET()

        def log_message(self, *_: object) -> None:
            """Silence."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield Scripted(f"http://127.0.0.1:{server.server_port}", asked)
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
