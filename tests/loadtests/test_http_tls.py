"""TLS with verification, and HTTP/2, against a real server."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import gevent
import pytest
import trustme

from scenarios.types import Attachment, Call
from tests.loadtests.clients import crowd, person, server, target_text

OWN = """
[own.get]
system = "sys"
path = "/echo"
reply = { http = { pointer = "/http" }, port = { pointer = "/client_port" }, kind = { header = "content-type" } }
[own.write]
system = "sys"
method = "POST"
write = true
path = "/echo"
json = { n = "{index}" }
reply = { text = { pointer = "/text" } }
"""


class Peer(NamedTuple):
    port: int
    ca_file: Path


@pytest.fixture(scope="module")
def peer(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Peer]:
    """HTTP/2 and 1.1 over TLS; the certificate is for localhost only."""
    folder = tmp_path_factory.mktemp("tls")
    authority = trustme.CA()
    authority.cert_pem.write_to_path(str(folder / "ca.pem"))
    authority.issue_cert("localhost").private_key_and_cert_chain_pem.write_to_path(str(folder / "server.pem"))
    with server("polite_server", str(folder / "server.pem")) as port:
        yield Peer(port, folder / "ca.pem")


def text(peer: Peer, *, version: str = "2", operations: str = OWN) -> str:
    http = f'version = "{version}"\nca_file = "{peer.ca_file}"'
    return target_text(peer.port, operations, http=http, scheme="https", host="localhost")


@pytest.mark.parametrize(("version", "spoken"), [("1.1", "1.1"), ("2", "2")])
def test_the_version_of_the_target_file_is_spoken_and_the_connection_kept(
    peer: Peer, version: str, spoken: str
) -> None:
    with person(text(peer, version=version)) as one:
        first, second = (one.send(Call("get", {})) for _ in range(2))
        write = one.send(Call("write", {"index": 5}, key="k"))
    assert first.reply.values["http"] == spoken
    assert first.reply.values["kind"] == "application/json"
    assert first.reply.values["port"] == second.reply.values["port"]
    assert first.connect_us is not None
    assert second.connect_us is None
    assert write.reply.values == {"text": '{"n":5}'}
    for exchange in (first, second, write):
        assert exchange.bytes_sent > 50
        assert exchange.bytes_received > 100


def test_a_person_connects_to_tls_anew_for_each_arrival(peer: Peer) -> None:
    with person(text(peer)) as one:
        before = one.send(Call("get", {}))
        one.begin()
        after = one.send(Call("get", {}))
    assert after.connect_us is not None
    assert before.reply.values["port"] != after.reply.values["port"]


def test_many_people_share_one_connection_over_http_2_when_the_target_says_shared(peer: Peer) -> None:
    with crowd(text(peer).replace('version = "2"', 'version = "2"\nconnections = "shared"'), 20) as people:
        first = people[0].send(Call("get", {}))
        done = [gevent.spawn(one.send, Call("write", {"index": number}, key="k")) for number, one in enumerate(people)]
        gevent.joinall(done, raise_error=True)
        replies = [greenlet.value.reply.values for greenlet in done]
        assert people[0]._hub.sockets == 1
    assert first.reply.ok
    assert replies == [{"text": f'{{"n":{number}}}'} for number in range(20)]


def test_an_upload_over_http_2_arrives_whole(peer: Peer) -> None:
    data = b"ho so " * 100_000
    file = Attachment(
        "a.pdf", "application/pdf", (data[:1000], data[1000:]), len(data), hashlib.sha256(data).hexdigest()
    )
    operation = '[operation."tthc.scan"]\npath = "/form"\nreply.sha256 = { pointer = "/fields/file/3" }'
    with person(text(peer, operations=operation)) as one:
        exchange = one.send(Call("tthc.scan", {"dossier": "d-1", "kind": "khac", "file": file}, key="k"))
    assert exchange.reply.values == {"sha256": file.sha256}
    assert len(data) < exchange.bytes_sent < len(data) + 2000
