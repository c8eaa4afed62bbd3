"""The process: open the database, listen, say when ready, end cleanly."""

from __future__ import annotations

import asyncio
import gc
import os
import resource
import secrets
import shutil
import signal
import socket
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import msgspec
import uvicorn
import uvloop
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from testbed.app import ARRIVED, make_app
from testbed.certificates import authority_secret
from testbed.dossiers import Dossiers
from testbed.faults import Faults
from testbed.metrics import Metrics
from testbed.options import Options, parse
from testbed.platform import Platform
from testbed.signer import Signer
from testbed.store import Database, DatabaseError, Store
from testbed.store_postgres import open_postgres
from testbed.store_sqlite import SqliteDatabase
from testbed.strains import Strained
from testbed.tables import TABLES
from testbed.tokens import Tokens
from testbed.uploads import Files

CONNECTIONS_MAX = 10_000
BACKLOG_MAX = 2_048
EXIT_S_MAX = 10
KEEP_ALIVE_S_MAX = 75


class Protocol(HttpToolsProtocol):
    """uvicorn's, plus the moment at which a request arrived: what it then waits for the event loop is queueing."""

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self.scope[ARRIVED] = time.perf_counter_ns()  # type: ignore[literal-required]


class Server(uvicorn.Server):
    """uvicorn's, plus one line of JSON on stdout when connections are accepted."""

    url = ""

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        gc.freeze()  # what is here now stays: the collector need not look at it again
        print(msgspec.json.encode({"ready": True, "url": self.url, "pid": os.getpid()}).decode(), flush=True)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run until a signal. Returns the exit status: 0 after a clean end, 2 for wrong options or no database."""
    options = parse(sys.argv[1:] if arguments is None else arguments)
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))  # a connection needs one; shells allow few
    # uvicorn raises the signal again after its clean end; nothing is left to be done then.
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: None)
    temporary = Path(tempfile.mkdtemp(prefix="testbed-")) if options.data is None else None
    try:
        uvloop.run(_serve(options, options.data or temporary or Path()))
    except (DatabaseError, OSError) as error:
        print(f"testbed: {error}", file=sys.stderr)
        return 2
    finally:
        if temporary is not None:
            shutil.rmtree(temporary, ignore_errors=True)
    return 0


async def _serve(options: Options, data: Path) -> None:
    listener = _listen(options.host, options.port)
    try:
        files = Files(data)
        database: Database = (
            await open_postgres(options.postgres)
            if options.postgres
            else SqliteDatabase(options.sqlite or data / "testbed.sqlite", options.durability)
        )
        faults = Faults(options.faults)
        store = Store(Strained(database, faults), TABLES, _clock(faults), faults.effect)
        try:
            secret = await store.open(secrets.token_hex(32))
            tokens = Tokens(bytes.fromhex(secret))
            dossiers = Dossiers(store, faults)
            await dossiers.open()
            signer = Signer(authority_secret(secret), faults)
            platform = Platform(store, dossiers, files, tokens, faults, Metrics(), signer, options.officer_password)
            try:
                await _run(platform, listener, options)
            finally:
                await signer.close()
        finally:
            await store.close()
    finally:
        listener.close()


async def _run(platform: Platform, listener: socket.socket, options: Options) -> None:
    config = uvicorn.Config(
        make_app(platform),
        http=Protocol,
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
    server = Server(config)
    host, port = listener.getsockname()[:2]
    server.url = f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
    if options.until_stdin_closes:
        threading.Thread(target=_end_with_stdin, args=(server,), daemon=True).start()
    platform.faults.start(asyncio.get_running_loop())
    await server.serve([listener])


def _clock(faults: Faults) -> Callable[[], float]:
    return lambda: time.time() - (faults.value("clock") or 0.0)


def _listen(host: str, port: int) -> socket.socket:
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        listener = socket.socket(family, kind, protocol)
        try:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind(address)
        except OSError:
            listener.close()
            raise
    except OSError as error:
        raise OSError(f"--host {host} --port {port}: cannot listen there: {error.strerror or error}") from error
    return listener


def _end_with_stdin(server: uvicorn.Server) -> None:
    """In its own thread, so that a frozen event loop cannot keep an orphan alive."""
    while os.read(0, 4096):
        pass
    server.should_exit = True
    time.sleep(EXIT_S_MAX + 5)
    os._exit(1)
