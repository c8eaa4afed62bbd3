"""Verifies signed documents in processes of their own: whoever waits for an answer, the hub goes on.

Who is verified for waits; nobody else does, and latency is what it was when the reply was there. At most as many wait
as there are users. A process that breaks is a mistake of ours and raises VerifierError, which stops the run.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys
from typing import Any

import gevent
import msgspec
from gevent import socket
from gevent.queue import LifoQueue

from loadtests.signatures import HEAD, Judged, Trust, frame

PROCESSES_MAX = 2  # the second starts when the first has too much to do
ANSWER_S_MAX = 60.0  # a document may use 10 s of a processor that others want too
COMMAND = (sys.executable, "-m", "loadtests.verifier_process")


class VerifierError(Exception):
    """A verifying process did not answer."""


class Verifiers:
    """The verifying processes of one worker. `waiting` documents are not judged yet."""

    def __init__(self, trust: Trust) -> None:
        self.waiting = 0
        self._processes = [_Process(trust) for _ in range(PROCESSES_MAX)]
        self._idle = LifoQueue(items=list(reversed(self._processes)))
        self._processes[0].start()  # before the run: importing takes a second of processor time

    def verify(self, document: bytes | bytearray) -> Judged:
        """Blocks this greenlet. Raises VerifierError."""
        self.waiting += 1
        try:
            process: _Process = self._idle.get()
            try:
                return process.ask(document)
            finally:
                self._idle.put(process)
        finally:
            self.waiting -= 1

    def close(self) -> None:
        for process in self._processes:
            process.end()


class _Process:
    """One verifying process, or its place."""

    def __init__(self, trust: Trust) -> None:
        self._trust = trust
        self._pid = 0
        self._socket: Any = None

    def start(self) -> None:
        # Not fork: copying the page tables of a worker would hold up everybody in it for tens of milliseconds.
        ours, theirs = socket.socketpair()
        there = theirs.fileno()
        os.set_blocking(there, True)  # gevent's are not
        actions = [(os.POSIX_SPAWN_DUP2, there, 0), (os.POSIX_SPAWN_DUP2, there, 1)]
        environment = os.environ | {"PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
        self._pid = os.posix_spawn(COMMAND[0], COMMAND, environment, file_actions=actions)
        theirs.close()
        self._socket = ours
        ours.sendall(frame(self._trust))

    def ask(self, document: bytes | bytearray) -> Judged:
        answered = False
        try:
            with gevent.Timeout(ANSWER_S_MAX, VerifierError(f"no answer within {ANSWER_S_MAX:g} s")):
                if self._socket is None:
                    self.start()
                self._socket.sendall(frame(document))
                (size,) = HEAD.unpack(self._read(HEAD.size))
                judged = msgspec.msgpack.decode(self._read(size), type=Judged)
            answered = True
        except OSError as error:
            raise VerifierError(f"a process that verifies signatures ended: {error}") from error
        finally:
            if not answered:  # also when the person was taken off: half an answer would be taken for the next one
                self.end()
        return judged

    def end(self) -> None:
        """It is over by itself when its stdin is; this is for certain and at once.

        The socket goes last: who is still answering would complain of it, in the worker's log.
        """
        if self._socket is None:
            return
        with contextlib.suppress(ProcessLookupError):
            os.kill(self._pid, signal.SIGKILL)
        os.waitpid(self._pid, 0)
        self._socket.close()
        self._socket = None

    def _read(self, size: int) -> bytes:
        data = bytearray()
        while len(data) < size:
            chunk = self._socket.recv(size - len(data))
            if not chunk:
                raise OSError("nothing more comes from it")
            data += chunk
        return bytes(data)
