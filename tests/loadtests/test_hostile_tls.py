"""Certificates that do not hold, handshakes that come to nothing, and misbehaviour inside good TLS."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import trustme

from record.types import Outcome
from scenarios.types import Call
from tests.loadtests.clients import person, server, target_text
from tests.loadtests.hostile_table import TABLE, operations

SOON = "connect_timeout_ms = 500"  # only for who must run out of it: others may find the machine busy
DAY = timedelta(days=1)
BY_KIND = {row.kind: row for row in TABLE}
INSIDE = ("reset-in-body", "half-a-body", "nothing", "bad-chunk", "bomb", "endless-body", "endless-1xx", "two-answers")


class Authority:
    """A CA whose certificate lies in a file; others can be had from one that nobody knows."""

    def __init__(self, folder: Path) -> None:
        self.known, self.unknown = trustme.CA(), trustme.CA()
        self.file = folder / "ca.pem"
        self.known.cert_pem.write_to_path(str(self.file))
        now = datetime.now(UTC)
        self.certificates = {
            "good": self.known.issue_cert("localhost"),
            "wrong-name": self.known.issue_cert("tthc.example.vn"),
            "wrong-number": self.known.issue_cert("127.0.0.2"),
            "expired": self.known.issue_cert("localhost", not_before=now - 2 * DAY, not_after=now - DAY),
            "not-yet": self.known.issue_cert("localhost", not_before=now + DAY, not_after=now + 2 * DAY),
            "self-signed": self.unknown.issue_cert("localhost"),
        }
        for name, certificate in self.certificates.items():
            certificate.private_key_and_cert_chain_pem.write_to_path(str(folder / f"{name}.pem"))


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("tls"))


@contextmanager
def listening(act: Callable[[socket.socket], object]) -> Iterator[int]:
    """Somebody who does something else to each connection than TLS."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            while True:
                try:
                    connection = listener.accept()[0]
                except OSError:
                    return
                with connection:
                    act(connection)

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield listener.getsockname()[1]
        finally:
            listener.shutdown(socket.SHUT_RDWR)
            thread.join()


def write(port: int, ca_file: Path, http: str = "") -> tuple[Outcome, int, str]:
    own = '[own.write]\nsystem = "sys"\nmethod = "POST"\nwrite = true\npath = "/"\n'
    http = f'{http}\nca_file = "{ca_file}"'
    with person(target_text(port, own, http=http, scheme="https", host="localhost")) as one:
        reply = one.send(Call("write", {}, key="k")).reply
    return reply.outcome, reply.status, reply.error


@pytest.mark.parametrize("name", ["wrong-name", "wrong-number", "expired", "not-yet", "self-signed"])
def test_a_certificate_that_does_not_hold_refuses_the_call_before_it_is_sent(authority: Authority, name: str) -> None:
    with server("hostile_server", str(authority.file.with_name(f"{name}.pem"))) as port:
        assert write(port, authority.file) == (Outcome.REFUSED, 0, "tls-failed")


@pytest.mark.parametrize(
    ("act", "slug"),
    [
        (lambda connection: None, "tls-failed"),  # closes
        (lambda connection: (connection.recv(4096), connection.sendall(b"HTTP/1.1 400 Bad\r\n\r\n")), "tls-failed"),
        (lambda connection: (connection.recv(4096), connection.sendall(bytes(range(256)))), "tls-failed"),
        (lambda connection: (connection.recv(4096), connection.recv(4096)), "connect-timeout"),  # silence
    ],
)
def test_a_handshake_that_comes_to_nothing_refuses_the_call(
    authority: Authority, act: Callable[[socket.socket], object], slug: str
) -> None:
    with listening(act) as port:
        outcome, _, error = write(port, authority.file, SOON if slug == "connect-timeout" else "")
    assert (outcome, error) == (Outcome.REFUSED, slug)


def test_misbehaviour_inside_tls_comes_to_the_same(authority: Authority) -> None:
    with server("hostile_server", str(authority.file.with_name("good.pem"))) as port:
        http = f'ca_file = "{authority.file}"'
        with person(target_text(port, operations(), http=http, scheme="https", host="localhost")) as one:
            for kind in INSIDE:
                one.begin()
                reply = one.send(Call(f"write {kind}", {}, key="k")).reply
                assert (kind, reply.outcome, reply.status, reply.error) == (kind, *BY_KIND[kind].write)
                assert one.send(Call("echo", {"index": kind})).reply.values == {"n": kind}
