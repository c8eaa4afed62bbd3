"""The process that is started: it opens the sockets, starts the two that serve, and ends with them.

It forks after everything is imported, so that a child is there in milliseconds. Its children hold the listening sockets
as well; while one is down and will be started again, those who want to connect wait in the socket's queue.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import select
import selectors
import signal
import socket
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple, NoReturn

import msgspec

from testbed import serve
from testbed.child import BACKLOG_MAX, EXIT_S_MAX, READY, Seat
from testbed.faults import CRASH
from testbed.options import Options, parse
from testbed.outside import serve as outside_serve
from testbed.site import Addresses

FAILED_STARTS_MAX = 3  # in a row, of one child
START_AGAIN_S = 1.0  # after a start that failed
GRACE_S = 5.0  # beyond what a child may take to answer its last requests
STATUS_DIED = 1  # a child died and was not to be started again
_SIGNALS = (signal.SIGTERM, signal.SIGINT)


class Part(NamedTuple):
    """One of the processes that serve: `live` is its whole life and gives its exit status."""

    name: str
    listener: socket.socket
    live: Callable[[Options, Seat], int]


class Child(NamedTuple):
    """A part that is running. `ready` is the reading end of the pipe in which it says that it accepts."""

    pid: int
    pidfd: int
    ready: int


def main(arguments: Sequence[str] | None = None) -> int:
    """Run until a signal. Returns the exit status: 0 after a clean end, 2 for wrong options or no database."""
    options = parse(sys.argv[1:] if arguments is None else arguments)
    with contextlib.ExitStack() as stack:
        try:
            listeners = [
                stack.enter_context(_listen(options.host, port, name))
                for name, port in (("--port", options.port), ("--outside-port", options.outside_port))
            ]
        except OSError as error:
            print(f"testbed: {error}", file=sys.stderr)
            return 2
        data = options.data
        if data is None:
            data = Path(stack.enter_context(tempfile.TemporaryDirectory("", "testbed-", ignore_cleanup_errors=True)))
        addresses = Addresses(_url_of(listeners[0]), _url_of(listeners[1]), secrets.token_bytes(32))
        parts = (
            Part("platform", listeners[0], lambda options, seat: serve.live(options, data, addresses, seat)),
            Part("outside", listeners[1], lambda options, seat: outside_serve.live(options, data, addresses, seat)),
        )
        return Supervisor(parts, addresses, options).run()


class Supervisor:
    """Starts the parts, the platform first; `run` ends when all of them have."""

    def __init__(self, parts: Sequence[Part], addresses: Addresses, options: Options) -> None:
        self._parts = parts
        self._addresses = addresses
        self._options = options
        self._children: dict[str, Child] = {}
        self._ready: set[str] = set()
        self._failed_starts = dict.fromkeys((part.name for part in parts), 0)
        self._announced = False
        self._status: int | None = None  # to end with; None: go on
        self._lifeline = os.pipe()
        self._wake = os.pipe()
        self._selector = selectors.PollSelector()  # holds no descriptor that children would inherit

    def run(self) -> int:
        os.set_blocking(self._wake[1], False)
        signal.set_wakeup_fd(self._wake[1])
        for number in _SIGNALS:
            signal.signal(number, lambda *_: None)  # what counts arrives in the pipe
        self._selector.register(self._wake[0], selectors.EVENT_READ, self._signalled)
        if self._options.until_stdin_closes:
            self._selector.register(0, selectors.EVENT_READ, self._stdin)
        for part in self._parts:
            self._start(part)
        while self._status is None:
            key, _ = self._selector.select()[0]  # one at a time: each may close what another was about
            key.data()
        self._end()
        return self._status

    def _start(self, part: Part) -> None:
        ready, ready_in_child = os.pipe()
        signal.pthread_sigmask(signal.SIG_BLOCK, _SIGNALS)
        pid = os.fork()
        if pid == 0:
            os.close(ready)
            self._be(part, Seat(part.listener, ready_in_child, self._lifeline[0]))
        signal.pthread_sigmask(signal.SIG_UNBLOCK, _SIGNALS)
        os.close(ready_in_child)
        child = self._children[part.name] = Child(pid, os.pidfd_open(pid), ready)
        self._selector.register(ready, selectors.EVENT_READ, lambda: self._spoke(part, child))
        self._selector.register(child.pidfd, selectors.EVENT_READ, lambda: self._died(part, child))

    def _be(self, part: Part, seat: Seat) -> NoReturn:
        """In the child, for good: nothing of the supervisor's may be unwound here, nor its pipes be kept."""
        status = STATUS_DIED
        try:
            signal.set_wakeup_fd(-1)
            signal.signal(signal.SIGINT, signal.SIG_IGN)  # a terminal's Ctrl-C goes to all; only the supervisor acts
            signal.signal(signal.SIGTERM, signal.SIG_DFL)
            signal.pthread_sigmask(signal.SIG_UNBLOCK, _SIGNALS)
            os.dup2(2, 1)  # the ready line is all that stdout ever gets
            for other in self._parts:
                if other is not part:
                    other.listener.close()
            for child in self._children.values():
                os.close(child.pidfd)
                if child.ready in self._selector.get_map():
                    os.close(child.ready)
            for fd in (*self._wake, self._lifeline[1]):
                os.close(fd)
            status = part.live(self._options, seat)
        finally:
            if sys.exc_info()[0] is not None:
                sys.excepthook(*sys.exc_info())
            sys.stderr.flush()
            os._exit(status)

    def _spoke(self, part: Part, child: Child) -> None:
        self._selector.unregister(child.ready)
        if os.read(child.ready, 1) == READY:
            self._ready.add(part.name)
            self._failed_starts[part.name] = 0
        os.close(child.ready)
        if not self._announced and len(self._ready) == len(self._parts):
            self._announced = True
            platform = self._children[self._parts[0].name].pid
            line = {"ready": True, "url": self._addresses.url, "outside_url": self._addresses.outside_url}
            print(msgspec.json.encode(line | {"pid": platform}).decode(), flush=True)

    def _died(self, part: Part, child: Child) -> None:
        if child.ready in self._selector.get_map():
            self._spoke(part, child)
        self._selector.unregister(child.pidfd)
        os.close(child.pidfd)
        del self._children[part.name]
        status = os.waitstatus_to_exitcode(os.waitpid(child.pid, 0)[1])
        started = part.name in self._ready
        self._ready.discard(part.name)
        how = f"was killed by signal {-status}" if status < 0 else f"ended with status {status}"
        if not self._announced and status == 2:  # it has said why
            self._status = 2
            return
        if not self._options.restart or not self._announced or self._failed_starts[part.name] >= FAILED_STARTS_MAX:
            print(f"testbed: the {part.name} process {how}", file=sys.stderr, flush=True)
            self._status = STATUS_DIED
            return
        print(f"testbed: the {part.name} process {how}; it is started again", file=sys.stderr, flush=True)
        if not started:
            self._failed_starts[part.name] += 1
            time.sleep(START_AGAIN_S)
        lasting = tuple(fault for fault in self._options.faults if fault.kind.name != CRASH)
        self._options = self._options._replace(faults=lasting)  # nobody is made to crash for ever
        self._start(part)

    def _signalled(self) -> None:
        os.read(self._wake[0], 4096)
        self._status = 0

    def _stdin(self) -> None:
        if not os.read(0, 4096):
            self._status = 0

    def _end(self) -> None:
        """The platform answers what it has at hand, for which it may need the outside; then the outside ends too."""
        for part in self._parts:
            part.listener.close()  # who connects now is refused
        for part in self._parts:
            if child := self._children.get(part.name):
                os.kill(child.pid, signal.SIGTERM)
                if not self._over(child):
                    os.kill(child.pid, signal.SIGKILL)
                os.waitpid(child.pid, 0)

    def _over(self, child: Child) -> bool:
        """Waits for the child's end; False when it takes too long or somebody presses Ctrl-C once more."""
        until = time.monotonic() + EXIT_S_MAX + GRACE_S
        while (left := until - time.monotonic()) > 0:
            readable, _, _ = select.select([child.pidfd, self._wake[0]], [], [], left)
            if child.pidfd in readable:
                return True
            if readable and signal.SIGINT in os.read(self._wake[0], 4096):
                return False
        return False


def _listen(host: str, port: int, option: str) -> socket.socket:
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        listener = socket.socket(family, kind, protocol)
        try:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind(address)
            listener.listen(BACKLOG_MAX)
        except OSError:
            listener.close()
            raise
    except OSError as error:
        raise OSError(f"--host {host} {option} {port}: cannot listen there: {error.strerror or error}") from error
    return listener


def _url_of(listener: socket.socket) -> str:
    """Where this machine reaches it; one that listens everywhere is reached by loopback."""
    host, port = listener.getsockname()[:2]
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
