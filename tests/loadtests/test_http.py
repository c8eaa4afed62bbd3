"""The client against a well-behaved server: what is sent, what is read, what is kept between requests."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator

import pytest

from loadtests.http import Person
from loadtests.sessions import Sessions
from record.types import Outcome
from scenarios.types import Attachment, Call
from tests.loadtests.clients import person, server, target_text

OWN = """
[own."get"]
system = "sys"
path = "/echo/é {index}"
query = { q = "hộ tịch & {index}", page = 1 }
headers = { "X-Unit" = "xã {index}" }
reply = { path = { pointer = "/path" }, q = { pointer = "/query/q" }, page = { pointer = "/query/page" }, unit = { pointer = "/headers/x-unit" }, code = { header = "x-code" }, http = { regex = '"http":"([0-9.]+)"' }, port = { pointer = "/client_port" }, cookies = { pointer = "/cookies" } }

[own."post"]
system = "sys"
method = "POST"
write = true
path = "/echo"
json = { n = "{index}", text = "số {index} {{x}}", list = [1, "{key}"] }
reply = { text = { pointer = "/text" }, kind = { pointer = "/headers/content-type" }, key = { pointer = "/headers/idempotency-key" } }

[own."form"]
system = "sys"
method = "PUT"
path = "/echo"
form = { a = "{index} &", b = "đ" }
reply = { text = { pointer = "/text" }, method = { pointer = "/method" } }

[own."raw"]
system = "sys"
method = "PATCH"
path = "/echo"
body = "<a>{index}</a>"
headers = { Content-Type = "text/xml", X-Secret = "{env:MAT_KHAU}" }
reply = { text = { pointer = "/text" }, kind = { pointer = "/headers/content-type" }, secret = { pointer = "/headers/x-secret" } }

[own."delete"]
system = "sys"
method = "DELETE"
path = "/echo"
reply.method = { pointer = "/method" }

[own."head"]
system = "sys"
method = "HEAD"
path = "/echo"
reply.code = { header = "X-Code" }

[own."cookie"]
system = "sys"
path = "/cookie"

[own."gzip"]
system = "sys"
path = "/gzip"
reply.number = { pointer = "/number" }

[own."timing"]
system = "sys"
path = "/timing"
"""  # noqa: E501


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    with server("polite_server") as number:
        yield number


@pytest.fixture
def somebody(port: int) -> Iterator[Person]:
    with person(target_text(port, OWN), {"MAT_KHAU": "bí mật"}) as one:
        yield one


def test_a_read_fills_path_query_and_headers_and_reads_pointer_header_and_regex(somebody: Person) -> None:
    exchange = somebody.send(Call("get", {"index": 7}))
    values = dict(exchange.reply.values)
    assert values.pop("port") > 0
    assert exchange.reply.ok
    assert values == {
        "path": "/echo/%C3%A9%207", "q": "hộ tịch & 7", "page": "1", "unit": "xã 7".encode().decode("latin-1"),
        "code": "H56-1", "http": "1.1", "cookies": {},
    }  # fmt: skip


def test_times_and_sizes_are_measured_and_a_kept_connection_is_not_connected_again(somebody: Person) -> None:
    first, second = (somebody.send(Call("get", {"index": 1})) for _ in range(2))
    assert first.connect_us is not None
    assert second.connect_us is None
    for exchange in (first, second):
        assert exchange.first_byte_us is not None
        assert 0 < exchange.first_byte_us <= (exchange.done_ns - exchange.sent_ns) // 1000
        assert exchange.bytes_sent > 150
        assert exchange.bytes_received > 150
    assert first.sent_ns < first.done_ns <= second.sent_ns < second.done_ns


def test_a_write_carries_its_key_and_json_keeps_the_types_of_values(somebody: Person) -> None:
    reply = somebody.send(Call("post", {"index": 5}, key="tag-5")).reply
    assert reply.values == {
        "text": '{"n":5,"text":"số 5 {x}","list":[1,"tag-5"]}', "kind": "application/json", "key": "tag-5",
    }  # fmt: skip


def test_forms_raw_bodies_and_other_methods(somebody: Person) -> None:
    assert somebody.send(Call("form", {"index": 5})).reply.values == {"text": "a=5%20%26&b=%C4%91", "method": "PUT"}
    raw = somebody.send(Call("raw", {"index": 5})).reply.values
    assert raw == {"text": "<a>5</a>", "kind": "text/xml", "secret": "bí mật".encode().decode("latin-1")}
    assert somebody.send(Call("delete", {})).reply.values == {"method": "DELETE"}
    assert somebody.send(Call("head", {})).reply.values == {"code": "H56-1"}
    assert somebody.send(Call("get", {"index": 1})).reply.values["unit"].startswith("x")
    assert somebody.send(Call("post", {"index": 1}, key="k")).reply.values["kind"] == "application/json"


def test_headers_of_one_request_do_not_stick_to_the_next(somebody: Person) -> None:
    somebody.send(Call("raw", {"index": 5}))
    plain = somebody.send(Call("timing", {}))
    again = somebody.send(Call("timing", {}))
    assert plain.bytes_sent == again.bytes_sent < 200


def test_server_timing_is_read_in_microseconds(somebody: Person) -> None:
    exchange = somebody.send(Call("timing", {}))
    assert (exchange.app_us, exchange.db_us, exchange.queue_us) == (12_500, 3_250, 0)
    assert somebody.send(Call("get", {"index": 1})).app_us is None


def test_gzip_is_taken_and_counted_as_it_came_over_the_wire(somebody: Person) -> None:
    exchange = somebody.send(Call("gzip", {}))
    assert exchange.reply.values == {"number": 7}
    assert exchange.bytes_received < 1000


def test_a_new_arrival_has_no_cookies_and_a_connection_of_its_own(somebody: Person) -> None:
    somebody.send(Call("cookie", {}))
    before = somebody.send(Call("get", {"index": 1}))
    assert before.reply.values["cookies"] == {"phien": "abc123"}
    somebody.begin()
    after = somebody.send(Call("get", {"index": 1}))
    assert after.reply.values["cookies"] == {}
    assert after.connect_us is not None
    assert after.reply.values["port"] != before.reply.values["port"]


def test_shared_connections_outlive_the_arrival(port: int) -> None:
    with person(target_text(port, OWN, http='connections = "shared"'), {"MAT_KHAU": "x"}) as one:
        before = one.send(Call("get", {"index": 1}))
        one.begin()
        after = one.send(Call("get", {"index": 1}))
    assert after.connect_us is None
    assert after.reply.values["port"] == before.reply.values["port"]


def test_proxies_of_the_environment_are_ignored(port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "https_proxy", "all_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    with person(target_text(port, OWN), {"MAT_KHAU": "x"}) as one:
        assert one.send(Call("gzip", {})).reply.ok


def test_an_upload_arrives_whole_with_its_fields_and_its_length_known(port: int) -> None:
    data = bytes(range(256)) * 6000
    parts = (data[:100], memoryview(data)[100:1_000_000], data[1_000_000:])
    file = Attachment('tờ "khai".pdf', "application/pdf", parts, len(data), hashlib.sha256(data).hexdigest())
    operation = """
[operation."tthc.scan"]
path = "/form"
upload_field = "tep"
form = { kind = "{kind}", about = "{dossier}" }
reply.sha256 = { pointer = "/fields/tep" }
"""
    with person(target_text(port, operation)) as one:
        values = {"dossier": "d-1", "kind": "tờ khai", "file": file, "sha256": file.sha256}
        exchange = one.send(Call("tthc.scan", values, key="k"))
    assert exchange.reply.values["sha256"] == ["tờ %22khai%22.pdf", "application/pdf", len(data), file.sha256]
    assert exchange.subject == "d-1"
    assert len(data) < exchange.bytes_sent < len(data) + 2000


def test_a_log_in_gives_the_header_of_later_calls_of_the_same_actor(port: int) -> None:
    with person(target_text(port, LOGIN)) as one:
        assert one.send(Call("tthc.login", {"account": "lan"}, actor="lan")).reply.values == {"token": "t-lan"}
        queue = Call("tthc.queue", {"commune": "14797", "state": 1}, actor="lan")
        assert one.send(queue).reply.values == {"dossiers": ["Bearer t-lan"]}
        stranger = one.send(Call("tthc.queue", {"commune": "14797", "state": 1}, actor="mai")).reply
        assert (stranger.outcome, stranger.status, stranger.error) == (Outcome.REFUSED, 401, "status-4xx")
        one.begin()
        assert one.send(queue).reply.status == 401


def test_a_log_in_meant_to_last_is_asked_once_and_dropped_when_refused(port: int) -> None:
    sessions = Sessions()
    with (
        person(target_text(port, LOGIN), sessions=sessions) as one,
        person(target_text(port, LOGIN), sessions=sessions) as two,
    ):
        for account in ("lan", "expired"):
            login = Call("tthc.login", {"account": account}, actor=account, once=True)
            first, second = one.send(login), two.send(login)
            assert (first.cached, second.cached) == (False, True)
            assert second.reply.values == {"token": f"t-{account}"}
            queue = two.send(Call("tthc.queue", {"commune": "14797", "state": 1}, actor=account))
            assert queue.reply.status == (200 if account == "lan" else 401)
            assert one.send(login).cached is (account == "lan")


LOGIN = """
[operation."tthc.login"]
path = "/login"
[operation."tthc.queue"]
path = "/whoami"
"""
