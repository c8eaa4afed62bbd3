"""The client against servers that are gone, refuse, or send it elsewhere. What breaks HTTP itself: test_hostile."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Iterator

import pytest

from loadtests.http import Person
from record.schema import ERRORS
from record.types import Outcome
from scenarios.types import Call
from tests.loadtests.clients import person, server, target_text

SOON = (
    "connect_timeout_ms = 200\ntotal_timeout_ms = 400"  # only for what must run out: others may find the machine busy
)
DEFINITELY, NOBODY_KNOWS = Outcome.REFUSED, Outcome.UNKNOWN


@pytest.fixture(scope="module")
def hostile() -> Iterator[int]:
    with server("hostile_server") as number:
        yield number


@pytest.fixture(scope="module")
def polite() -> Iterator[int]:
    with server("polite_server") as number:
        yield number


@contextlib.contextmanager
def asker(port: int, path: str, *, extra: str = "", host: str = "127.0.0.1", http: str = "") -> Iterator[Person]:
    """Somebody with a read and a write of one path."""
    table = f'system = "sys"\npath = "{path}"\n{extra}\n'
    own = f'[own.read]\n{table}\n[own.write]\nmethod = "POST"\nwrite = true\nbody = "x"\n{table}'
    with person(target_text(port, own, http=http, host=host)) as one:
        yield one


def both(
    port: int, path: str, *, extra: str = "", host: str = "127.0.0.1", http: str = ""
) -> list[tuple[Outcome, int, str]]:
    """What a read and then a write of one path come to."""
    with asker(port, path, extra=extra, host=host, http=http) as one:
        replies = [one.send(Call("read", {})).reply, one.send(Call("write", {}, key="k")).reply]
    assert all(reply.error in ERRORS for reply in replies)
    return [(reply.outcome, reply.status, reply.error) for reply in replies]


def test_nothing_was_sent_when_nobody_listens() -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        assert both(unused.getsockname()[1], "/") == [(DEFINITELY, 0, "connect-refused")] * 2


def test_nothing_was_sent_when_the_connection_cannot_be_made_in_time() -> None:
    with contextlib.ExitStack() as stack:
        full = stack.enter_context(socket.create_server(("127.0.0.1", 0), backlog=0))
        for _ in range(3):  # fill the queue of a listener that never accepts
            waiting = stack.enter_context(socket.socket())
            waiting.setblocking(False)
            waiting.connect_ex(full.getsockname())
        assert both(full.getsockname()[1], "/", http=SOON) == [(DEFINITELY, 0, "connect-timeout")] * 2


def test_nothing_was_sent_when_the_name_is_unknown() -> None:
    assert both(80, "/", host="khong-co.invalid") == [(DEFINITELY, 0, "dns-failed")] * 2


def test_statuses_decide_reads_at_once_and_writes_only_when_they_are_definite(polite: int) -> None:
    assert both(polite, "/status/409") == [(DEFINITELY, 409, "status-4xx")] * 2
    assert both(polite, "/status/503") == [(DEFINITELY, 503, "status-5xx"), (NOBODY_KNOWS, 503, "status-5xx")]
    assert both(polite, "/status/304") == [(DEFINITELY, 304, "status-other"), (NOBODY_KNOWS, 304, "status-other")]
    assert both(polite, "/status/503", extra="definite = [503]")[1] == (DEFINITELY, 503, "status-5xx")
    assert both(polite, "/status/200", extra="ok = [201]")[1] == (NOBODY_KNOWS, 200, "status-other")
    assert both(polite, "/status/404", extra="ok = [200, 404]") == [(Outcome.OK, 404, "")] * 2


def test_a_promised_value_that_is_missing_is_an_error_even_with_a_good_status(polite: int, hostile: int) -> None:
    pointer = 'reply.code = { pointer = "/no/such" }'
    assert both(polite, "/echo", extra=pointer) == [
        (DEFINITELY, 200, "value-missing"),
        (NOBODY_KNOWS, 200, "value-missing"),
    ]
    header = 'reply.code = { header = "X-None" }'
    assert both(polite, "/echo", extra=header)[0] == (DEFINITELY, 200, "value-missing")
    regex = 'reply.code = { regex = "no such ([0-9]+)" }'
    assert both(polite, "/echo", extra=regex)[0] == (DEFINITELY, 200, "value-missing")
    assert both(polite, "/status/204", extra=pointer)[0] == (DEFINITELY, 204, "reply-malformed")


def test_a_write_is_never_sent_twice_when_a_kept_connection_dies(hostile: int) -> None:
    own = (
        '[own.warm]\nsystem = "sys"\npath = "/"\n'
        '[own.write]\nsystem = "sys"\nmethod = "POST"\nwrite = true\npath = "/second-dies"\njson = { n = 1 }\n'
        '[own.read]\nsystem = "sys"\npath = "/second-dies"\n'
        '[own.count]\nsystem = "sys"\npath = "/count/second-dies"\nreply.n = { regex = "[0-9]+" }\n'
    )
    with person(target_text(hostile, own)) as one:
        one.send(Call("warm", {}))
        write = one.send(Call("write", {}, key="k")).reply
        assert (write.outcome, write.error) == (NOBODY_KNOWS, "connection-reset")
        assert one.send(Call("count", {})).reply.values == {"n": "1"}
        assert one.send(Call("read", {})).reply.ok  # a read may be, as browsers do: sent again on a new connection
        assert one.send(Call("count", {})).reply.values == {"n": "3"}


def test_redirects_are_followed_as_browsers_do(polite: int) -> None:
    own = """
[own.hops]
system = "sys"
path = "/hop/3"
headers = { X-Unit = "1" }
reply = { path = { pointer = "/path" }, unit = { pointer = "/headers/x-unit" } }
"""
    for status, method in ((302, "GET"), (307, "POST")):
        own += f"""
[own.write{status}]
system = "sys"
method = "POST"
write = true
path = "/forward"
query = {{ to = "/echo", status = {status} }}
json = {{ a = 1 }}
reply = {{ method = {{ pointer = "/method" }}, text = {{ pointer = "/text" }}, key = {{ pointer = "/headers/idempotency-key" }} }}
"""  # noqa: E501
        with person(target_text(polite, own)) as one:
            text = '{"a":1}' if method == "POST" else ""
            reply = one.send(Call(f"write{status}", {}, key="k")).reply
            assert reply.values == {"method": method, "text": text, "key": "k"}
            assert one.send(Call("hops", {})).reply.values == {"path": "/echo", "unit": "1"}


def test_redirects_that_never_end_end_after_the_limit(polite: int) -> None:
    assert both(polite, "/hop/11") == [(NOBODY_KNOWS, 0, "redirect-loop")] * 2


def test_no_redirect_leaves_the_allowed_hosts(polite: int, hostile: int) -> None:
    away = "/forward?status=302&to=http://10.255.255.1/"
    assert both(polite, away) == [(DEFINITELY, 302, "status-other"), (NOBODY_KNOWS, 302, "status-other")]
    script = "/forward?status=302&to=file:///etc/passwd"
    assert both(polite, script)[0] == (DEFINITELY, 302, "status-other")


def test_what_a_log_in_gave_does_not_follow_a_redirect_to_another_server(polite: int) -> None:
    with server("polite_server") as other:
        own = f"""
[own.get]
system = "sys"
path = "/forward?status=302&to=http://127.0.0.1:{other}/echo"
headers = {{ Authorization = "Basic {{env:MAT_KHAU}}" }}
reply = {{ headers = {{ pointer = "/headers" }} }}
"""
        with person(target_text(polite, own), {"MAT_KHAU": "abc"}) as one:
            headers = one.send(Call("get", {})).reply.values["headers"]
    assert "authorization" not in headers
