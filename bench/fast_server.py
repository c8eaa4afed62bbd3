"""The quickest honest peer for the client bench: answers every request at once with 70 bytes of JSON.

`python -m bench.fast_server` prints its port. GET /count answers how many other requests it has seen.
"""

from __future__ import annotations

import asyncio
import gc
from typing import Any

import uvloop

BODY = b'{"ok":true,"number":1234567890,"text":"thong suot thong suot thong su"}'
HEAD = b"HTTP/1.1 200 OK\r\nServer: bench\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n"
REPLY = HEAD % len(BODY) + BODY


class Answer(asyncio.Protocol):
    """One connection; requests have no body."""

    seen = 0

    def connection_made(self, transport: Any) -> None:
        self._transport = transport
        self._rest = b""

    def data_received(self, data: bytes) -> None:
        data = self._rest + data
        *requests, self._rest = data.split(b"\r\n\r\n")
        if requests and requests[0].startswith(b"GET /count"):
            text = str(Answer.seen).encode()
            self._transport.write(HEAD % len(text) + text)
            return
        Answer.seen += len(requests)
        self._transport.write(REPLY * len(requests))


async def main() -> None:
    server = await asyncio.get_running_loop().create_server(Answer, "127.0.0.1", 0, backlog=1024)
    print(server.sockets[0].getsockname()[1], flush=True)
    gc.freeze()
    await server.serve_forever()


if __name__ == "__main__":
    uvloop.run(main())
