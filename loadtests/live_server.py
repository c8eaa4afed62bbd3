"""The operations room: a page fed by server-sent events while a run goes, from a thread of its own.

It reads the run's folder and writes two files there (loadtests.wishes); the run does not know it. On loopback whoever
reaches it may drain and note; elsewhere only with the token, and without it one may look.
"""

from __future__ import annotations

import asyncio
import contextlib
import hmac
import re
import socket
import threading
from collections import deque
from collections.abc import AsyncIterator, Callable, Sequence
from pathlib import Path
from types import TracebackType
from urllib.parse import urlsplit

import msgspec
import uvicorn
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, PlainTextResponse, Response, StreamingResponse
from starlette.routing import Route

from loadtests import wishes
from loadtests.live_frame import Frame, encode, prometheus
from loadtests.live_tally import Tally, noted
from loadtests.targets import is_loopback
from record.types import Event, Manifest, RecordError, State, Unit
from scenarios.types import ConfigError

EVERY_S = 1.0
FRAMES_MAX = 900  # kept for who comes back after a lost connection: a quarter of an hour
HISTORY_MAX = 7200  # points of the curves
CLIENTS_MAX = 64
BODY_BYTES_MAX = 8192
NOTE_S_MAX = 3.0  # for the run to take a note
LAST_S_MAX = 3.0  # for those who look to be told the end
_HEADERS = {
    "Cache-Control": "no-store",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; "
    "font-src data:; img-src data:; connect-src 'self'; base-uri 'none'; form-action 'none'",
}

# manifest and units (None before there is a run), the last frame, and whether this reader may drain and note
Page = Callable[[Manifest | None, Sequence[Unit], Frame | None, bool], str]


class Room:
    """Context manager: inside it the page is served. `follow` names the run's folder as soon as there is one.

    Raises ConfigError when the address cannot be had. Leaving waits a moment, so that everybody is told the end.
    """

    def __init__(self, host: str, port: int, token: str, page: Page) -> None:
        self._open = is_loopback(host)
        assert token or self._open, "whoever serves elsewhere gives a token"
        self._token = token
        self._page = page
        self._socket = _listening(host, port)
        self._folder: Path | None = None
        self._tally: Tally | None = None
        self._frames: deque[tuple[int, bytes]] = deque(maxlen=FRAMES_MAX)
        self._history: deque[tuple[float, int, int, int, float | None]] = deque(maxlen=HISTORY_MAX)
        self._last: Frame | None = None
        self._news = asyncio.Condition()
        self._clients = 0
        self._leaving = False
        self._ended = False  # the last frame is published
        self.trouble = ""  # why there are no more frames, where that was not the end of the run
        routes = [
            Route("/", self._get_page),
            Route("/events", self._get_events),
            Route("/metrics", self._get_metrics),
            Route("/drain", self._post_drain, methods=["POST"]),
            Route("/note", self._post_note, methods=["POST"]),
        ]
        app = Starlette(routes=routes, lifespan=self._lifespan)
        config = uvicorn.Config(app, log_level="warning", access_log=False, timeout_graceful_shutdown=1, lifespan="on")
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(target=self._server.run, args=([self._socket],), name="live", daemon=True)

    @property
    def url(self) -> str:
        """Where the page is; with the token where one is needed."""
        host, port = self._socket.getsockname()[:2]
        shown = f"[{host}]" if ":" in host else host
        return f"http://{shown}:{port}/" + (f"?token={self._token}" if not self._open else "")

    def follow(self, folder: Path) -> None:
        self._folder = folder

    def __enter__(self) -> Room:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._leaving = True
        self._thread.join(LAST_S_MAX + 2 * EVERY_S)
        self._server.should_exit = True
        self._thread.join()

    @contextlib.asynccontextmanager
    async def _lifespan(self, app: Starlette) -> AsyncIterator[None]:
        ticking = asyncio.create_task(self._tick())
        yield
        ticking.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await ticking
        if self._tally is not None:
            self._tally.close()

    async def _tick(self) -> None:
        try:
            await self._tell()
        except (RecordError, OSError) as error:
            self.trouble = str(error)
        async with self._news:
            self._ended = True
            self._news.notify_all()
        while not self._leaving:
            await asyncio.sleep(0.1)
        until = asyncio.get_running_loop().time() + LAST_S_MAX
        while self._clients and asyncio.get_running_loop().time() < until:
            await asyncio.sleep(0.05)
        self._server.should_exit = True

    async def _tell(self) -> None:
        """A frame a second until the run is over or the room is left."""
        loop = asyncio.get_running_loop()
        due = loop.time()
        while True:
            leaving = self._leaving  # before the look: what it sees is then the end
            frame = await run_in_threadpool(self._look)
            if frame is not None:
                await self._publish(frame)
            if leaving:
                break
            if self._last is not None and self._last.over:
                break
            due = max(due + EVERY_S, loop.time())
            while loop.time() < due and not self._leaving:
                await asyncio.sleep(min(0.1, max(0.0, due - loop.time())))

    def _look(self) -> Frame | None:
        """None while there is no run yet."""
        if self._tally is None:
            if self._folder is None:
                return None
            self._tally = Tally(self._folder)
        return self._tally.frame()

    async def _publish(self, frame: Frame) -> None:
        self._frames.append((frame.number, encode(frame)))
        self._history.append((frame.at_s, frame.planned, frame.offered, frame.completed, frame.p95_ms))
        async with self._news:
            self._last = frame
            self._news.notify_all()

    async def _get_page(self, request: Request) -> Response:
        refusal = self._refusal(request)
        if refusal is not None:
            return refusal
        tally = self._tally
        manifest, units = (None, ()) if tally is None else (tally.manifest, tally.units)
        return HTMLResponse(self._page(manifest, units, self._last, self._may_write(request)), headers=_HEADERS)

    async def _get_metrics(self, request: Request) -> Response:
        refusal = self._refusal(request)
        if refusal is not None:
            return refusal
        if self._last is None:
            return PlainTextResponse("", headers=_HEADERS)
        return PlainTextResponse(prometheus(self._last), media_type="text/plain; version=0.0.4", headers=_HEADERS)

    async def _get_events(self, request: Request) -> Response:
        """First what was so far (event `history`), then a `frame` a second; ends with the run."""
        refusal = self._refusal(request)
        if refusal is not None:
            return refusal
        if self._clients >= CLIENTS_MAX:
            return _said(503, f"{CLIENTS_MAX} pages are open already")
        seen = request.headers.get("last-event-id", "")
        after = int(seen) if seen.isascii() and seen.isdigit() and len(seen) < 10 else None
        return StreamingResponse(self._stream(after), media_type="text/event-stream", headers=_HEADERS)

    async def _stream(self, after: int | None) -> AsyncIterator[bytes]:
        self._clients += 1
        try:
            at = after
            if at is None or (self._frames and at < self._frames[0][0] - 1):
                at = self._frames[-1][0] - 1 if self._frames else 0
                yield b"event: history\ndata: " + msgspec.json.encode(list(self._history)) + b"\n\n"
            while True:
                for number, data in [frame for frame in self._frames if frame[0] > at]:
                    yield b"id: %d\nevent: frame\ndata: %s\n\n" % (number, data)
                    at = number
                async with self._news:
                    if self._last is not None and self._last.number > at:
                        continue
                    if self._ended:
                        return
                    try:
                        await asyncio.wait_for(self._news.wait(), EVERY_S)
                    except TimeoutError:
                        pass
                yield b": \n\n"
        finally:
            self._clients -= 1

    async def _post_drain(self, request: Request) -> Response:
        refusal = self._write_refusal(request)
        if refusal is not None:
            return refusal
        tally = self._tally
        if tally is None or tally.manifest.state not in (State.PLANNED, State.DRIVING):
            return _said(409, "nothing is driven that could be stopped")
        try:
            wishes.ask_to_stop(tally.folder / "journal")
        except OSError as error:
            return _said(409, f"the run cannot be told: {error.strerror}")
        return JSONResponse({"draining": True}, 202, headers=_HEADERS)

    async def _post_note(self, request: Request) -> Response:
        """202 when the note is in the run's events; 409 when the drive is over and nothing is written any more."""
        refusal = self._write_refusal(request)
        if refusal is not None:
            return refusal
        text = await _text_of(request)
        if text is None:
            right = f'{{"text": "…"}}, one line of at most {wishes.NOTE_CHARS_MAX} characters'
            return _said(400, f"a note should be {right}")
        tally = self._tally
        now = None if tally is None else tally.now_ns()
        if tally is None or now is None or now < 0 or tally.manifest.state is not State.DRIVING:
            return _said(409, "no run is driven now; the note was not taken")
        note = Event(now, wishes.NOTE, text)
        try:
            wishes.leave_note(tally.folder / "journal", note)
            until = asyncio.get_running_loop().time() + NOTE_S_MAX
            while asyncio.get_running_loop().time() < until:
                if await run_in_threadpool(noted, tally.folder, note):
                    return JSONResponse({"at_s": round(now * 1e-9, 3)}, 202, headers=_HEADERS)
                await asyncio.sleep(0.1)
        except (OSError, RecordError):
            pass  # the journal is sealed and gone
        return _said(409, "the drive is over; the note was not taken")

    def _refusal(self, request: Request) -> Response | None:
        """Why this reader may not even look: a wrong token, or (on loopback) a name that is not this machine's."""
        given = _token_of(request)
        if given and not hmac.compare_digest(given.encode(), self._token.encode()):
            return _said(403, "wrong token")
        if self._open and not is_loopback(_host_of(request)):
            return _said(403, "this page is for this machine only")
        return None

    def _write_refusal(self, request: Request) -> Response | None:
        """Another site's page in this machine's browser must not drain a run: it cannot send JSON unasked."""
        refusal = self._refusal(request)
        if refusal is not None:
            return refusal
        if not self._may_write(request):
            return _said(403, "without the token one may only look")
        if request.headers.get("content-type", "").split(";")[0].strip() != "application/json":
            return _said(415, "should be application/json")
        origin = request.headers.get("origin")
        if origin is not None and urlsplit(origin).netloc != request.headers.get("host"):
            return _said(403, "asked from another site")
        return None

    def _may_write(self, request: Request) -> bool:
        return self._open or bool(_token_of(request))  # a wrong one was refused before


def _listening(host: str, port: int) -> socket.socket:
    found = None
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        found = socket.socket(family, kind, protocol)
        found.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        found.bind(address)
        found.listen(128)
    except (OSError, UnicodeError) as error:
        if found is not None:
            found.close()
        why = error.strerror if isinstance(error, OSError) else "no name of a host"
        raise ConfigError([f"--live-host {host} --live-port {port}: cannot listen there: {why}"]) from error
    return found


def _token_of(request: Request) -> str:
    bearer = re.fullmatch(r"Bearer (\S+)", request.headers.get("authorization", ""))
    return bearer[1] if bearer else request.query_params.get("token", "")


def _host_of(request: Request) -> str:
    try:
        return urlsplit(f"//{request.headers.get('host', '')}").hostname or ""
    except ValueError:
        return ""


async def _text_of(request: Request) -> str | None:
    """The text of a note; None when it will not do."""
    body = b""
    async for chunk in request.stream():
        body += chunk
        if len(body) > BODY_BYTES_MAX:
            return None
    try:
        text = msgspec.json.decode(body, type=dict[str, str]).get("text", "").strip()
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None
    return text if text and text.isprintable() and len(text) <= wishes.NOTE_CHARS_MAX else None


def _said(status: int, why: str) -> Response:
    return JSONResponse({"error": why}, status, headers=_HEADERS)
