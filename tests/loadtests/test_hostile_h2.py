"""The client against a server that breaks HTTP/2 on purpose. Which of two words fits may depend on what comes first."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import trustme

from loadtests.http import BODY_BYTES_MAX, HEADER_BYTES_MAX, Person
from record.types import Outcome
from scenarios.types import Call
from tests.loadtests.clients import person, server, target_text

BROKEN = {"connection-reset", "reply-malformed"}
LARGE = {"reply-too-large"}
LATE = {"total-timeout"}
TABLE: dict[str, set[str]] = {
    "reset": {"connection-reset"},
    "reset-in-body": {"connection-reset"},
    "closed-in-head": {"connection-reset"},
    "closed-in-body": {"connection-reset"},
    "go-away": {"connection-reset"},
    "wrong-length": BROKEN,
    "no-status": BROKEN,
    "upper-case": BROKEN,
    "huge-frame": BROKEN,
    "push": BROKEN,
    "http-1": BROKEN,
    "garbage": BROKEN | LATE,  # libcurl may wait for a better connection
    "bad-compression": BROKEN | LATE,
    "endless-pings": BROKEN,
    "endless-settings": BROKEN,
    "endless-empty": BROKEN,
    "endless-headers": LARGE,
    "endless-hints": LARGE,
    "table-bomb": LARGE,  # a header of 3.5 kB and a byte for each of ten thousand times it is named
    "endless-body": LARGE,
    "never": LATE,
}


@pytest.fixture(scope="module")
def somebody(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Person]:
    folder: Path = tmp_path_factory.mktemp("tls")
    authority = trustme.CA()
    authority.cert_pem.write_to_path(str(folder / "ca.pem"))
    authority.issue_cert("localhost").private_key_and_cert_chain_pem.write_to_path(str(folder / "server.pem"))
    own = '[own.echo]\nsystem = "sys"\npath = "/echo/{index}"\nreply.n = { pointer = "/n" }\n'
    for kind, slugs in TABLE.items():
        same = f'system = "sys"\npath = "/{kind}"\nreply.n = {{ pointer = "/n" }}\n'
        same += "timeout_ms = 300\n" if slugs & LATE else ""
        own += f'[own."read {kind}"]\n{same}[own."write {kind}"]\nmethod = "POST"\nwrite = true\nbody = "x"\n{same}'
    with server("hostile_h2_server", str(folder / "server.pem")) as port:
        http = f'version = "2"\nca_file = "{folder / "ca.pem"}"'
        with person(target_text(port, own, http=http, scheme="https", host="localhost")) as one:
            yield one


@pytest.mark.parametrize("kind", TABLE)
@pytest.mark.parametrize("word", ["read", "write"])
def test_misbehaviour_over_http_2_leaves_a_call_unknown_and_the_next_gets_its_own_answer(
    somebody: Person, kind: str, word: str
) -> None:
    somebody.begin()
    exchange = somebody.send(Call(f"{word} {kind}", {}, key="k" if word == "write" else None))
    assert exchange.reply.outcome is Outcome.UNKNOWN
    assert exchange.reply.error in TABLE[kind]
    assert exchange.bytes_received <= BODY_BYTES_MAX + HEADER_BYTES_MAX
    somebody.begin()  # a connection that is still being flooded answers nothing more
    assert somebody.send(Call("echo", {"index": kind})).reply.values == {"n": kind}
