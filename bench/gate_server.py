"""A small real HTTP service: each answer costs a fixed amount of counting and a wait of 3 ms.

`python -m bench.gate_server --port 8001 --work 1.1` counts a tenth further, `--wait-ms 3.6` waits longer. How long the
usual `--steps` take is the machine's affair: `steps_of` measures it.
"""

from __future__ import annotations

import argparse
import asyncio
import selectors
from time import perf_counter

STEPS = 85_000
WAIT_MS = 3.0
BODY = b'{"ok":true}'
HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(BODY)


class Answer(asyncio.Protocol):
    """One connection; requests have no body."""

    def __init__(self, steps: int, wait_s: float) -> None:
        self._steps, self._wait_s = steps, wait_s
        self._rest = b""
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        *requests, self._rest = (self._rest + data).split(b"\r\n\r\n")
        for request in requests:
            if b"/ready" not in request.split(b"\r\n", 1)[0]:
                work(self._steps)
            asyncio.get_running_loop().call_later(self._wait_s, self._answer)

    def _answer(self) -> None:
        if self._transport is not None and not self._transport.is_closing():
            self._transport.write(HEAD + BODY)


def work(steps: int) -> int:
    total = 0
    for step in range(steps):
        total += step
    return total


def steps_of(work_s: float) -> int:
    """How many steps take so long here and now: the median of a second's worth of tries."""
    took = []
    while sum(took) < 1.0:
        began = perf_counter()
        work(STEPS)
        took.append(perf_counter() - began)
    return round(STEPS * work_s / sorted(took)[len(took) // 2])


async def serve(port: int, steps: int, wait_s: float) -> None:
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: Answer(steps, wait_s), "127.0.0.1", port, backlog=1024)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--steps", type=int, default=STEPS, help="of counting for each answer")
    parser.add_argument("--work", type=float, default=1.0, help="times these steps")
    parser.add_argument("--wait-ms", type=float, default=WAIT_MS)
    wanted = parser.parse_args()
    # select() and not epoll(), which rounds a wait up to whole milliseconds: 3.6 ms would be 4.
    with asyncio.Runner(loop_factory=lambda: asyncio.SelectorEventLoop(selectors.SelectSelector())) as runner:
        runner.run(serve(wanted.port, round(wanted.steps * wanted.work), wanted.wait_ms / 1000))


if __name__ == "__main__":
    main()
