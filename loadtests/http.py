"""A person's HTTP client: Call → request → Exchange, over libcurl.

One easy handle per person lives as long as the person and is told only what changed since the last request. Redirects
are followed here and not by libcurl, so that none leaves the hosts the target file allows. Every fault of the target or
the network becomes an Outcome (outcomes.py); nothing is raised for them. What a target may cost this process is limited
by the constants below; libcurl has limits of its own for headers, cookies and encodings.
"""

from __future__ import annotations

from collections.abc import Callable
from time import monotonic_ns
from typing import Any

import pycurl

from loadtests.bindings import Binding, Content, Headers, Session
from loadtests.bodies import Body, Source
from loadtests.caching import NOT_MODIFIED, Keeping, Shelf
from loadtests.curl_hub import CurlHub
from loadtests.easy import new_easy
from loadtests.outcomes import UNSENDABLE, judge_failure, judge_status
from loadtests.ports import Exchange
from loadtests.redirects import following
from loadtests.replies import ReplyError, head_is_whole, server_timing, short_text
from loadtests.sessions import Sessions
from loadtests.signatures import Verify
from loadtests.targets import Target
from record.types import Outcome
from scenarios.contract import as_text
from scenarios.types import Arrival, Call, Reply

BODY_BYTES_MAX = 16 * 1024 * 1024  # of one reply, unpacked
PIECES_MAX = 100_000  # in which a body may come; each is a call from libcurl into Python, however short it is
HELD_BYTES_MAX = 256 * 1024 * 1024  # of bodies waiting to be read, all persons of a process together
HEADER_BYTES_MAX = 300 * 1024  # libcurl's own limit for all headers of a reply; one line: 100 KiB
REDIRECTS_MAX = 10
SESSION_CHARS_MAX = 16 * 1024  # of what a log-in gives; servers take no longer header
SUBJECT_CHARS_MAX = 200  # of the number given to a write
UNAUTHORISED = 401

Trace = Callable[[int, int], str]  # arrival, step → header line of its trace context

_BLANK = [b"\r\n"]
_NO_STATUS = 0
_NO_VALUES: dict[str, Any] = {}
_US_MAX = 0xFFFF_FFFE
_RESPONSE_CODE = pycurl.RESPONSE_CODE
_FIRST_BYTE = pycurl.STARTTRANSFER_TIME_T
_REQUEST_SIZE = pycurl.REQUEST_SIZE
_HEADER_SIZE = pycurl.HEADER_SIZE
_DOWNLOADED = pycurl.SIZE_DOWNLOAD_T


class Person:
    """One Locust user's client; `send` is ports.Send. Not to be shared by greenlets."""

    def __init__(
        self,
        target: Target,
        hub: CurlHub,
        sessions: Sessions,
        zero_ns: int,
        keeping: Keeping | None = None,
        verify: Verify | None = None,
        trace: Trace | None = None,
    ) -> None:
        self._target = target
        self._hub = hub
        self._run = hub.run
        self._sessions = sessions
        self._zero_ns = zero_ns
        self._verify = verify
        self._trace = trace
        self._arrival = self._step = 0  # as the samples have them
        self._bindings: dict[str, Binding] = {}
        self._own: dict[tuple[str, str], Session] = {}
        self._shelf = Shelf(keeping or Keeping())
        self._source = Source()
        self._lines: list[bytes] = []
        self._body = bytearray()  # only of an operation that reads it
        self._keep_body = False
        self._body_room = BODY_BYTES_MAX
        self._pieces_room = PIECES_MAX
        self._new_connection = False
        self._share: Any = None
        self._url = ""
        self._headers: Headers = []
        self._method = "GET"
        self._with_body = False
        self._timeout_ms = target.http.total_timeout_ms
        # read and set by the hub
        self.greenlet: Any = None
        self.finished = True
        self.code = 0
        self.message = ""
        self.done_mono_ns = 0
        self.easy: Any = new_easy(target.http)
        self.easy.transfer = self
        self.easy.setopt(pycurl.SOCKOPTFUNCTION, self._on_socket)
        self.easy.setopt(pycurl.HEADERFUNCTION, self._lines.append)
        self.easy.setopt(pycurl.WRITEFUNCTION, self._on_body)
        self.easy.setopt(pycurl.READFUNCTION, self._source.read)
        self._getinfo = self.easy.getinfo

    def begin(self, arrival: Arrival | None = None) -> None:
        """Somebody new: no cookies, no pages kept, nobody logged in but those of `Sessions`, and (connections =
        "journey") no connection."""
        self._arrival, self._step = 0 if arrival is None else arrival.index, 0
        self._own.clear()
        self._shelf.clear()
        self.easy.setopt(pycurl.COOKIELIST, "ALL")
        if self._target.http.connections == "journey":
            self._renew_share()

    def end(self) -> None:
        """They leave: with connections = "journey" theirs close now, instead of idling until somebody else begins."""
        if self._share is not None:
            self.easy.unsetopt(pycurl.SHARE)
            self._share.close()
            self._share = None

    def close(self) -> None:
        """Give handle and connections back."""
        self.end()
        self._drop_body()
        self.easy.transfer = None
        self.easy.close()

    def send(self, call: Call) -> Exchange:
        """Send one call and block this greenlet until its outcome is known."""
        binding = self._bindings.get(call.operation)
        if binding is None:
            binding = self._bindings[call.operation] = self._target.bind(call.operation)
        session = None
        if binding.auth:
            session = self._session(binding.auth, call.actor)
        elif call.once and binding.login_of:
            held = self._sessions.get(binding.login_of, call.actor)
            if held is not None:
                now = monotonic_ns() - self._zero_ns
                return Exchange(Reply(Outcome.OK, 200, "", held.values), now, now, cached=True)
        url, headers, content = binding.request(call.values, call.key, session)
        sent_ns = monotonic_ns() - self._zero_ns
        self._keep_body = not binding.reader.empty or (binding.signed and self._verify is not None)
        if self._trace is not None:
            headers = [*headers, self._trace(self._arrival, self._step)]
        try:
            if binding.conditional:
                exchange = self._if_changed(binding, call, session, sent_ns, url, headers)
            else:
                exchange = self._exchange(binding, call, session, sent_ns, url, headers, content)
            self._step += not exchange.cached
            return exchange
        finally:
            if self._body:
                self._drop_body()

    def _if_changed(
        self, binding: Binding, call: Call, session: Session | None, sent_ns: int, url: str, headers: Headers
    ) -> Exchange:
        """A page that the person may have: fresh, it is not asked for; not modified, it is as good as sent."""
        kept = self._shelf.get(url)
        if kept is not None:
            if sent_ns + self._zero_ns < kept.fresh_until_ns:
                self._shelf.shown()
                return Exchange(Reply(Outcome.OK, 200, "", _NO_VALUES), sent_ns, sent_ns, cached=True)
            headers = [*headers, *kept.lines]
        exchange = self._exchange(binding, call, session, sent_ns, url, headers, None)
        if self._url != url or self.code:  # a redirect led elsewhere, or there is no answer
            return exchange
        status = exchange.reply.status
        self._shelf.learn(url, status, self._lines, self.done_mono_ns)
        if status == NOT_MODIFIED and kept is not None and kept.lines:
            exchange.reply = Reply(Outcome.OK, status, "", _NO_VALUES)
        return exchange

    def _exchange(
        self, binding: Binding, call: Call, session: Session | None, sent_ns: int,
        url: str, headers: Headers, content: Content,
    ) -> Exchange:  # fmt: skip
        """The request, whatever redirects follow, and what it all came to."""
        self._transfer(binding.method, url, headers, content, binding.timeout_ms)
        getinfo = self._getinfo
        if self.code:
            return self._failed(sent_ns)
        status: int = getinfo(_RESPONSE_CODE)
        exchange = Exchange(
            None,  # type: ignore[arg-type]  # judged below, when the last redirect is known
            sent_ns,
            self.done_mono_ns - self._zero_ns,
            getinfo(_REQUEST_SIZE),  # head and body
            getinfo(_HEADER_SIZE) + (getinfo(_DOWNLOADED) if self._pieces_room < PIECES_MAX else 0),
            self._connect_us() if self._new_connection else None,
            min(getinfo(_FIRST_BYTE), _US_MAX),
        )
        if status not in binding.ok:
            if 300 <= status < 400:
                status = self._redirected(status, binding, url, headers, content, exchange)
                if status == _NO_STATUS:
                    return self._failed(sent_ns, exchange)
            if status == UNAUTHORISED and session is not None:
                self._forget(binding.auth, call.actor, session)
        exchange.reply = self._judge(status, binding, call, exchange)
        return exchange

    def _judge(self, status: int, binding: Binding, call: Call, exchange: Exchange) -> Reply:
        for line in self._lines:
            if line[6:7] == b"-" and line[:14].lower() == b"server-timing:":
                self._time(line, exchange)
        if status not in binding.ok:
            outcome, slug = judge_status(status, binding.ok, binding.definite, binding.write)
            return Reply(outcome, status, slug, _NO_VALUES)
        values = _NO_VALUES
        if not binding.reader.empty:
            try:
                values = binding.reader.read(self._lines, self._body)
                if binding.login_of:
                    self._keep(binding.login_of, call, values)
                if binding.subject and values[binding.subject] is not None:
                    exchange.subject = short_text(values[binding.subject], SUBJECT_CHARS_MAX)
            except ReplyError as error:
                return Reply(Outcome.UNKNOWN if binding.write else Outcome.REFUSED, status, error.slug, _NO_VALUES)
        if binding.about and not binding.subject:
            exchange.subject = as_text(call.values[binding.about])[:SUBJECT_CHARS_MAX]
        if binding.signed and self._verify is not None:
            exchange.unsound = self._verify(self._body).why
            exchange.free_ns = monotonic_ns() - self._zero_ns
            if exchange.unsound:
                return Reply(Outcome.REFUSED, status, "signature-invalid", _NO_VALUES)
        return Reply(Outcome.OK, status, "", values)

    def _failed(self, sent_ns: int, exchange: Exchange | None = None) -> Exchange:
        """libcurl gave up. What went out before a redirect failed was sent, whatever became of the rest."""
        getinfo = self._getinfo
        tried = self.code != UNSENDABLE  # else libcurl speaks of the request before
        sent = exchange is not None or (tried and getinfo(_REQUEST_SIZE) > 0)
        outcome, slug = judge_failure(self.code, self.message, sent)
        if exchange is None:
            exchange = Exchange(None, sent_ns, 0)  # type: ignore[arg-type]
        if tried and not exchange.bytes_sent:
            exchange.connect_us = self._connect_us() if self._new_connection else None
            exchange.bytes_sent = getinfo(_REQUEST_SIZE)
            exchange.bytes_received = getinfo(_HEADER_SIZE) + getinfo(_DOWNLOADED)
        exchange.done_ns = self.done_mono_ns - self._zero_ns
        exchange.reply = Reply(outcome, 0, slug, _NO_VALUES)
        return exchange

    def _redirected(
        self, status: int, binding: Binding, url: str, headers: Headers, content: Content, exchange: Exchange
    ) -> int:
        """Follow redirects within the allowed hosts; the last status, _NO_STATUS when one failed or they never end."""
        method = binding.method
        for _ in range(REDIRECTS_MAX):
            there = self._location()
            if not there or not self._target.allows(there):
                return status
            follows = following(status, there, method, url, headers, content)
            if follows is None:
                return status
            method, headers, content = follows
            url = there
            left_ms = binding.timeout_ms - (monotonic_ns() - self._zero_ns - exchange.sent_ns) // 1_000_000
            if left_ms > 0:  # one time-out for the whole way
                self._transfer(method, url, headers, content, left_ms)
            else:
                self.code, self.message = pycurl.E_OPERATION_TIMEDOUT, "redirects took too long"
            if self.code:
                return _NO_STATUS
            status = self._getinfo(_RESPONSE_CODE)
            exchange.done_ns = self.done_mono_ns - self._zero_ns
            exchange.bytes_sent += self._getinfo(_REQUEST_SIZE)
            exchange.bytes_received += self._getinfo(_HEADER_SIZE) + self._getinfo(_DOWNLOADED)
            if status in binding.ok or not 300 <= status < 400:
                return status
        self.code, self.message = pycurl.E_TOO_MANY_REDIRECTS, "too many redirects"
        return _NO_STATUS

    def _transfer(self, method: str, url: str, headers: Headers, content: Content, timeout_ms: int) -> None:
        """One request. Only what differs from the one before is told to libcurl."""
        easy = self.easy
        try:
            if url != self._url:
                easy.setopt(pycurl.URL, url)
                self._url = url
            if headers is not self._headers:
                if headers:
                    easy.setopt(pycurl.HTTPHEADER, headers)
                else:
                    easy.unsetopt(pycurl.HTTPHEADER)  # an empty list would leave the old one
                self._headers = headers
        except (pycurl.error, ValueError) as error:  # an earlier answer's value: megabytes long, or with a NUL
            self.code, self.message, self.done_mono_ns = UNSENDABLE, str(error), monotonic_ns()
            return
        if method != self._method or (content is not None) is not self._with_body:
            self._set_method(method, content is not None)
        if timeout_ms != self._timeout_ms:
            easy.setopt(pycurl.TIMEOUT_MS, timeout_ms)
            self._timeout_ms = timeout_ms
        if content is not None:
            if isinstance(content, Body):
                self._source.start(content.pieces)
                easy.setopt(pycurl.POSTFIELDSIZE_LARGE, content.size)
            else:
                self._source.start((content,))
                easy.setopt(pycurl.POSTFIELDSIZE_LARGE, len(content))
        self._lines.clear()
        if self._pieces_room < PIECES_MAX:
            if self._body:  # of a redirect
                self._drop_body()
            self._body_room = BODY_BYTES_MAX
            self._pieces_room = PIECES_MAX
        self._new_connection = False
        self._run(self)
        if not self.code and self._lines[-1:] != _BLANK and not head_is_whole(self._lines):
            self.code, self.message = pycurl.E_RECV_ERROR, "closed before the head was whole"
        if content is not None:
            self._source.start(())

    def _set_method(self, method: str, with_body: bool) -> None:
        easy = self.easy
        if with_body:
            easy.setopt(pycurl.POST, 1)
        elif method == "HEAD":
            easy.setopt(pycurl.NOBODY, 1)
        else:
            easy.setopt(pycurl.HTTPGET, 1)
        if method in ("GET", "HEAD") or (method == "POST" and with_body):
            easy.unsetopt(pycurl.CUSTOMREQUEST)
        else:
            easy.setopt(pycurl.CUSTOMREQUEST, method)
        self._method = method
        self._with_body = with_body

    def _renew_share(self) -> None:
        """A connection cache (and TLS tickets) of one's own: the old one's connections close with it."""
        self.end()
        self._share = pycurl.CurlShare()
        self._share.setopt(pycurl.SH_SHARE, pycurl.LOCK_DATA_CONNECT)
        self._share.setopt(pycurl.SH_SHARE, pycurl.LOCK_DATA_SSL_SESSION)
        self.easy.setopt(pycurl.SHARE, self._share)

    def _on_socket(self, fd: int, purpose: int) -> int:
        self._new_connection = True
        return self._hub.opened(fd, purpose)

    def _on_body(self, chunk: bytes) -> int | None:
        """A piece from libcurl, which gives the transfer up (E_WRITE_ERROR) when told that none of it was taken."""
        size = len(chunk)
        self._body_room -= size
        self._pieces_room -= 1
        if self._body_room < 0 or self._pieces_room < 0:
            return 0
        if self._keep_body:
            hub = self._hub
            if hub.held_bytes + size > HELD_BYTES_MAX:
                return 0
            hub.held_bytes += size
            self._body += chunk
        return None

    def _drop_body(self) -> None:
        self._hub.held_bytes -= len(self._body)
        self._body.clear()

    def _location(self) -> str:
        """Where a redirect leads, as libcurl understands it; empty when that is nowhere."""
        try:
            return self._getinfo(pycurl.REDIRECT_URL) or ""
        except UnicodeDecodeError:
            return ""

    def _connect_us(self) -> int:
        getinfo = self._getinfo
        micros: int = max(getinfo(pycurl.CONNECT_TIME_T), getinfo(pycurl.APPCONNECT_TIME_T))
        return min(micros, _US_MAX)

    def _session(self, auth: str, actor: str) -> Session | None:
        return self._own.get((auth, actor)) or self._sessions.get(auth, actor)

    def _keep(self, auth: str, call: Call, values: dict[str, Any]) -> None:
        """Raises ReplyError for a log-in whose values nobody could send back."""
        for value in values.values():
            short_text(value, SESSION_CHARS_MAX)
        session = self._target.session(auth, values)
        if call.once:
            self._sessions.put(auth, call.actor, session)
        else:
            self._own[auth, call.actor] = session

    def _forget(self, auth: str, actor: str, session: Session) -> None:
        self._own.pop((auth, actor), None)
        self._sessions.drop(auth, actor, session)

    @staticmethod
    def _time(line: bytes, exchange: Exchange) -> None:
        timing = server_timing(line[14:])
        exchange.app_us = timing.get(b"app", exchange.app_us)
        exchange.db_us = timing.get(b"db", exchange.db_us)
        exchange.queue_us = timing.get(b"queue", exchange.queue_us)
