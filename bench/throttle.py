"""A line that carries so many bytes a second towards the client: a TCP relay with one bucket for all connections.

First come, first served in pieces, so that answers share the line as packets do. `python -m bench.throttle` serves it.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import subprocess
import sys
from pathlib import Path
from urllib.parse import urlsplit

PIECE = 4096
relays: set[asyncio.Task[None]] = set()


class Line:
    """Context manager: the relay as a process of its own. `url` leads through it."""

    def __init__(self, url: str, bytes_s: float) -> None:
        port = urlsplit(url).port
        self._command = [sys.executable, "-m", "bench.throttle", "--to", str(port), "--bytes-s", str(bytes_s)]

    def __enter__(self) -> Line:
        self._process = subprocess.Popen(
            self._command, stdout=subprocess.PIPE, text=True, cwd=Path(__file__).parents[1]
        )
        assert self._process.stdout is not None
        self.url = f"http://127.0.0.1:{json.loads(self._process.stdout.readline())['port']}"
        return self

    def __exit__(self, *error: object) -> None:
        self._process.terminate()
        self._process.wait()
        assert self._process.stdout is not None
        self._process.stdout.close()


class Pace:
    """When the next piece may leave: one line for all."""

    def __init__(self, bytes_s: float) -> None:
        self._bytes_s = bytes_s
        self._free_at = 0.0

    async def send(self, size: int) -> None:
        now = asyncio.get_running_loop().time()
        self._free_at = max(self._free_at, now) + size / self._bytes_s
        if self._free_at > now + 0.001:
            await asyncio.sleep(self._free_at - now)


async def relay(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, to: int, pace: Pace) -> None:
    task = asyncio.current_task()
    assert task is not None
    relays.add(task)  # else nobody holds on to one that waits
    task.add_done_callback(relays.discard)
    inner_reader, inner_writer = await asyncio.open_connection("127.0.0.1", to)

    async def up() -> None:
        while data := await reader.read(65536):
            inner_writer.write(data)
        inner_writer.close()

    upward = asyncio.ensure_future(up())
    try:
        while data := await inner_reader.read(PIECE):
            await pace.send(len(data))
            writer.write(data)
            await writer.drain()
    except ConnectionError:
        pass
    finally:
        upward.cancel()
        writer.close()
        inner_writer.close()


async def serve(to: int, bytes_s: float) -> None:
    pace = Pace(bytes_s)
    server = await asyncio.start_server(lambda r, w: relay(r, w, to, pace), "127.0.0.1", 0, backlog=4096)
    print(json.dumps({"port": server.sockets[0].getsockname()[1]}), flush=True)
    await server.serve_forever()


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.throttle", description=__doc__)
    parser.add_argument("--to", type=int, required=True)
    parser.add_argument("--bytes-s", type=float, required=True)
    wanted = parser.parse_args()
    try:
        asyncio.run(serve(wanted.to, wanted.bytes_s))
    except KeyboardInterrupt:
        pass


if __name__ == "__main__":
    main()
