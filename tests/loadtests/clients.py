"""Servers and persons for client tests. The servers are processes of their own and end with the `with`."""

from __future__ import annotations

import contextlib
import subprocess
import sys
from collections.abc import Iterator, Mapping

from loadtests import targets
from loadtests.caching import Keeping
from loadtests.curl_hub import CurlHub
from loadtests.http import Person, Trace
from loadtests.sessions import Sessions


@contextlib.contextmanager
def server(name: str, *arguments: str) -> Iterator[int]:
    """A server of this folder; gives its port."""
    command = [sys.executable, "-W", "ignore", "-m", f"tests.loadtests.{name}", *arguments]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            yield int(process.stdout.readline())
        finally:
            process.kill()


@contextlib.contextmanager
def person(
    text: str,
    environ: Mapping[str, str] | None = None,
    sessions: Sessions | None = None,
    keeping: Keeping | None = None,
    trace: Trace | None = None,
) -> Iterator[Person]:
    """Somebody who uses the target of this text, on a hub of their own."""
    with crowd(text, 1, environ, sessions, keeping, trace) as people:
        yield people[0]


@contextlib.contextmanager
def crowd(
    text: str,
    count: int,
    environ: Mapping[str, str] | None = None,
    sessions: Sessions | None = None,
    keeping: Keeping | None = None,
    trace: Trace | None = None,
) -> Iterator[list[Person]]:
    """Several people on one hub."""
    target = targets.parse("target.toml", text, environ or {})
    hub = CurlHub()
    people = [Person(target, hub, sessions or Sessions(), 0, keeping, trace=trace) for _ in range(count)]
    try:
        for one in people:
            one.begin()
        yield people
    finally:
        for one in people:
            one.close()
        hub.close()


def target_text(
    port: int, operations: str = "", *, http: str = "", scheme: str = "http", host: str = "127.0.0.1"
) -> str:
    """A target file with the system "sys" and, where operations say so, the contract's tthc."""
    base = f"{scheme}://{host}:{port}"
    return (
        f'name = "thu"\n[systems]\nsys = "{base}"\ntthc = "{base}"\n'
        f'[http]\n{http}\n[auth.officer]\nlogin = "tthc.login"\n'
        f'header = "Authorization: Bearer {{token}}"\n{operations}'
    )
