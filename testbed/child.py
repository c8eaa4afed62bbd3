"""What the processes of the testbed have in common: how one begins, serves and ends."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import os
import resource
import signal
import socket
import sys
import threading
import time
from collections.abc import Coroutine, Iterator, Sequence
from typing import Any, NamedTuple

import uvicorn
import uvloop
from starlette.types import ASGIApp
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from testbed.endpoint import ARRIVED
from testbed.faults import Faults
from testbed.store import DatabaseError

CONNECTIONS_MAX = 10_000
BACKLOG_MAX = 2_048
EXIT_S_MAX = 10
KEEP_ALIVE_S_MAX = 75
READY = b"1"


class Seat(NamedTuple):
    """What the supervisor leaves to a child: where it listens, where it says that it does, and the supervisor's life.

    `lifeline` is the reading end of a pipe whose other end only the supervisor holds.
    """

    listener: socket.socket
    ready: int
    lifeline: int


def live(work: Coroutine[Any, Any, None], seat: Seat) -> int:
    """A child's whole life. Returns the exit status: 0 after a clean end, 2 without a database it can use."""
    threading.Thread(target=_die_with, args=(seat.lifeline,), daemon=True).start()
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))  # a connection needs one; shells allow few
    try:
        uvloop.run(work)
    except (DatabaseError, OSError) as error:
        print(f"testbed: {error}", file=sys.stderr)
        return 2
    return 0


async def serve(app: ASGIApp, faults: Faults, seat: Seat, jobs: Sequence[Coroutine[Any, Any, None]] = ()) -> None:
    """Answer requests until SIGTERM, then those at hand. `jobs` go on meanwhile; one that breaks breaks the process."""
    config = uvicorn.Config(
        app,
        http=_Protocol,
        ws="none",
        lifespan="off",
        log_level="warning",
        access_log=False,
        server_header=False,
        limit_concurrency=CONNECTIONS_MAX,
        backlog=BACKLOG_MAX,
        timeout_keep_alive=KEEP_ALIVE_S_MAX,
        timeout_graceful_shutdown=EXIT_S_MAX,
    )
    faults.start(asyncio.get_running_loop())
    tasks = [asyncio.create_task(job) for job in jobs]
    for task in tasks:
        task.add_done_callback(_unless_cancelled)
    try:
        await _Server(config, seat.ready).serve([seat.listener])
    finally:
        for task in tasks:
            task.cancel()


class _Protocol(HttpToolsProtocol):
    """uvicorn's, plus the moment at which a request arrived: what it then waits for the event loop is queueing."""

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self.scope[ARRIVED] = time.perf_counter_ns()  # type: ignore[literal-required]


class _Server(uvicorn.Server):
    """uvicorn's, plus a word to the supervisor when connections are accepted; SIGINT is the supervisor's matter."""

    def __init__(self, config: uvicorn.Config, ready: int) -> None:
        super().__init__(config)
        self._ready = ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        gc.freeze()  # what is here now stays: the collector need not look at it again
        os.write(self._ready, READY)
        os.close(self._ready)

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        signal.signal(signal.SIGTERM, self.handle_exit)
        yield


def _unless_cancelled(task: asyncio.Task[None]) -> None:
    if not task.cancelled() and (error := task.exception()) is not None:
        sys.excepthook(type(error), error, error.__traceback__)
        os._exit(1)


def _die_with(lifeline: int) -> None:
    """In its own thread, so that a frozen event loop cannot keep an orphan alive."""
    while os.read(lifeline, 4096):
        pass
    os._exit(1)
