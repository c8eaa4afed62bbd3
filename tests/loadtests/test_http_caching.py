"""A person's own cache: what is kept, for how long, and what is asked anew."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loadtests.caching import KEPT_MAX, LINE_BYTES_MAX, Keeping, Shelf
from loadtests.driver import drive
from loadtests.ports import Exchange
from record.types import JourneyEnd, LedgerEntry, Outcome
from scenarios.contract import OPERATIONS
from scenarios.types import Arrival, Call, Journey
from tests.loadtests.clients import person, server, target_text

S = 1_000_000_000
AT_NS = 1_000 * S
DATE = b"Date: Mon, 30 Jun 2025 08:00:00 GMT"
AN_HOUR_LATER = b"Expires: Mon, 30 Jun 2025 09:00:00 GMT"
TEN_DAYS_BEFORE = b"Last-Modified: Fri, 20 Jun 2025 08:00:00 GMT"
TAG = b'ETag: "a"'

KEPT = [  # (why, header lines, fresh for seconds, how it is asked for later)
    ("max-age", (b"Cache-Control: max-age=60", TAG), 60, [b'If-None-Match: "a"']),
    ("in any case", (b"CACHE-CONTROL: Public,MAX-AGE=60", b'etag: "a"'), 60, [b'If-None-Match: "a"']),
    ("spent elsewhere", (b"Cache-Control: max-age=60", b"Age: 20", TAG), 40, [b'If-None-Match: "a"']),
    ("longer spent than good", (b"Cache-Control: max-age=60", b"Age: 90", TAG), -30, [b'If-None-Match: "a"']),
    ("s-maxage is not for us", (b"Cache-Control: s-maxage=60", TAG), 0, [b'If-None-Match: "a"']),
    ("no-cache asks every time", (b"Cache-Control: no-cache, max-age=60", TAG), 0, [b'If-None-Match: "a"']),
    ("an age alone", (b"Cache-Control: max-age=60",), 60, []),
    ("a tag alone", (TAG,), 0, [b'If-None-Match: "a"']),
    ("a weak tag", (b'ETag: W/"a"',), 0, [b'If-None-Match: W/"a"']),
    ("Expires", (DATE, AN_HOUR_LATER), 3600, []),
    ("max-age before Expires", (b"Cache-Control: max-age=60", DATE, AN_HOUR_LATER), 60, []),
    ("Expires that is no date", (DATE, b"Expires: 0", TAG), 0, [b'If-None-Match: "a"']),
    ("a tenth of its age", (DATE, TEN_DAYS_BEFORE), 86_400, [b"If-Modified-Since: Fri, 20 Jun 2025 08:00:00 GMT"]),
    ("for years", (b"Cache-Control: max-age=999999999999", TAG), 365 * 86_400, [b'If-None-Match: "a"']),
]  # fmt: skip
NOT_KEPT = [
    ("no-store", (b"Cache-Control: no-store, max-age=60", TAG)),
    ("nothing known of it", (b"Content-Type: text/html",)),
    ("every request another page", (b"Cache-Control: max-age=60", b"Vary: *", TAG)),
    ("a tag that no header can hold", (b'ETag: "\0"',)),
    ("a tag too long to send back", (b'ETag: "' + b"a" * LINE_BYTES_MAX + b'"',)),
    ("no longer good when it came", (b"Cache-Control: max-age=0",)),
]


@pytest.mark.parametrize(("lines", "fresh_s", "asks"), [case[1:] for case in KEPT], ids=[case[0] for case in KEPT])
def test_a_page_is_kept_as_long_as_the_server_says(lines: tuple[bytes, ...], fresh_s: int, asks: list[bytes]) -> None:
    shelf = Shelf(Keeping())
    shelf.learn("/a", 200, (b"HTTP/1.1 200 OK\r\n", *(line + b"\r\n" for line in lines), b"\r\n"), AT_NS)
    kept = shelf.get("/a")
    assert kept is not None
    assert (kept.fresh_until_ns - AT_NS, kept.lines) == (fresh_s * S, asks)


@pytest.mark.parametrize("lines", [case[1] for case in NOT_KEPT], ids=[case[0] for case in NOT_KEPT])
def test_what_must_not_or_cannot_be_kept_is_not(lines: tuple[bytes, ...]) -> None:
    shelf = Shelf(Keeping())
    shelf.learn("/a", 200, (b'ETag: "old"',), AT_NS)
    shelf.learn("/a", 200, lines, AT_NS)
    assert shelf.get("/a") is None


def test_pages_age_as_much_faster_as_the_person_acts() -> None:
    shelf = Shelf(Keeping(60.0))
    shelf.learn("/a", 200, (b"Cache-Control: max-age=600",), AT_NS)
    kept = shelf.get("/a")
    assert kept is not None
    assert kept.fresh_until_ns == AT_NS + 10 * S


def test_a_304_makes_a_page_fresh_again_and_an_error_ends_it() -> None:
    shelf = Shelf(Keeping())
    shelf.learn("/a", 200, (b"Cache-Control: max-age=60", TAG), AT_NS)
    shelf.learn("/a", 304, (b"Cache-Control: max-age=60",), 2 * AT_NS)
    kept = shelf.get("/a")
    assert kept is not None
    assert (kept.fresh_until_ns, kept.lines) == (2 * AT_NS + 60 * S, [b'If-None-Match: "a"'])
    shelf.learn("/a", 404, (TAG,), 2 * AT_NS)
    assert shelf.get("/a") is None


def test_of_too_many_pages_the_oldest_goes() -> None:
    shelf = Shelf(Keeping())
    for number in range(KEPT_MAX + 10):
        shelf.learn(f"/{number}", 200, (TAG,), AT_NS)
    assert len(shelf) == KEPT_MAX
    assert shelf.get("/9") is None
    assert shelf.get("/10") is not None


@given(st.lists(st.binary(max_size=60), max_size=8), st.sampled_from([200, 304, 500]))
def test_no_header_breaks_the_cache(lines: list[bytes], status: int) -> None:
    names = (b"", b"Cache-Control:", b"Date:", b"Expires:", b"Last-Modified:", b"Age:", b"Vary:")
    named = [name + line for line in lines for name in names]
    shelf = Shelf(Keeping())
    shelf.learn("/a", 200, (b"Cache-Control: max-age=60", TAG), AT_NS)
    shelf.learn("/a", status, named, AT_NS)
    assert len(shelf) <= 1


def web_text(port: int, control: str = "", tag: str = '"{article}"') -> str:
    """A target whose articles are pages of the polite server; their number is their state."""
    etag = f", etag = '{tag}'" if tag else ""
    headers = f', "cache-control" = "{control}"' if control else ""
    return target_text(port).replace("[systems]\n", f'[systems]\nweb = "http://127.0.0.1:{port}"\n') + (
        f'[operation."web.article"]\npath = "/kept"\nquery = {{ page = "{{site}}"{etag}{headers} }}\n'
        f'[operation."web.home"]\npath = "/status/304"\n'
    )


def article(number: int = 1, site: str = "14797") -> Call:
    return Call("web.article", {"site": site, "article": number})


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    with server("polite_server") as number:
        yield number


def test_a_fresh_page_is_shown_without_asking(port: int) -> None:
    with person(web_text(port, "max-age=60")) as one:
        first, second, other = one.send(article()), one.send(article()), one.send(article(2))
    assert [(e.cached, e.reply.status, e.reply.ok) for e in (first, second, other)] == [
        (False, 200, True), (True, 200, True), (False, 200, True),
    ]  # fmt: skip
    assert (second.bytes_sent, second.bytes_received) == (0, 0)
    assert first.bytes_received > 3000


@pytest.mark.parametrize("tag", ['"{article}"', ""], ids=["by its tag", "by its date"])
def test_a_page_that_is_no_longer_fresh_is_asked_for_and_304_is_as_good_as_200(port: int, tag: str) -> None:
    with person(web_text(port, "no-cache", tag)) as one:
        found = [one.send(article()) for _ in range(3)]
    assert [(e.cached, e.reply.status, e.reply.outcome, e.reply.error) for e in found] == [
        (False, 200, Outcome.OK, ""), (False, 304, Outcome.OK, ""), (False, 304, Outcome.OK, ""),
    ]  # fmt: skip
    assert found[0].bytes_received > 3000 > 500 > found[1].bytes_received > 50
    assert found[1].bytes_sent > found[0].bytes_sent


def test_pages_age_with_the_run(port: int) -> None:
    """A page good for a minute is old at once for a person who lives a thousand million times faster."""
    with person(web_text(port, "max-age=60"), keeping=Keeping(1e9)) as one:
        assert [one.send(article()).reply.status for _ in range(2)] == [200, 304]


def test_somebody_new_has_seen_nothing(port: int) -> None:
    with person(web_text(port, "max-age=60")) as one:
        assert not one.send(article()).cached
        one.begin()
        again = one.send(article())
    assert (again.cached, again.reply.status) == (False, 200)


def test_what_must_not_be_stored_is_sent_every_time(port: int) -> None:
    with person(web_text(port, "no-store")) as one:
        assert [one.send(article()).reply.status for _ in range(2)] == [200, 200]


def test_a_304_that_nobody_asked_for_is_no_page(port: int) -> None:
    with person(web_text(port)) as one:
        found = [one.send(Call("web.home", {"site": "14797"})).reply for _ in range(2)]
    assert [(reply.outcome, reply.error) for reply in found] == [(Outcome.REFUSED, "status-other")] * 2


def test_what_became_of_pages_is_counted_for_the_whole_process(port: int) -> None:
    keeping = Keeping()
    assert keeping.gauges() == {}
    for control, times in (("max-age=60", 3), ("no-cache", 3), ("no-store", 2)):
        with person(web_text(port, control), keeping=keeping) as one:
            for _ in range(times):
                one.send(article())
    counted = {"pages_sent": 1 + 1 + 2, "pages_keepable": 1 + 1 + 0, "pages_shown": 2, "pages_unchanged": 2}
    assert keeping.gauges() == counted


def test_an_operation_that_is_not_conditional_never_asks_with_a_condition(port: int) -> None:
    query = """query = { etag = '"1"', "cache-control" = "max-age=60" }"""
    operation = f'[own."seen"]\nsystem = "sys"\npath = "/kept"\n{query}\n'
    with person(target_text(port, operation)) as one:
        found = [one.send(Call("seen", {"index": 1})) for _ in range(2)]
    assert [(e.cached, e.reply.status) for e in found] == [(False, 200)] * 2


def test_a_page_from_the_cache_leaves_no_sample_and_takes_no_time(port: int) -> None:
    class Sink:
        def __init__(self) -> None:
            self.statuses: list[int] = []
            self.steps = -1

        def sample(self, arrival: Arrival, step: int, call: Call, intended_ns: int, exchange: Exchange) -> None:
            self.statuses.append(exchange.reply.status)

        def end(self, end: JourneyEnd) -> None:
            self.steps = end.steps

        def ledger(self, entry: LedgerEntry) -> None:
            raise AssertionError("nothing here writes")

    class Clock:
        def now(self) -> int:
            return 0

        def sleep_until(self, at_ns: int) -> None:
            pass

    def journey() -> Journey:
        for number in (1, 1, 2, 1):
            yield article(number)

    sink = Sink()
    with person(web_text(port, "max-age=60")) as one:
        assert drive(Arrival(0, 0, "web", "14797", "web.visit"), journey(), one.send, Clock(), sink) is Outcome.OK
    assert (sink.statuses, sink.steps) == ([200, 200], 2)


def test_conditional_operations_are_reads_that_give_nothing_since_a_304_has_no_body() -> None:
    conditional = [operation for operation in OPERATIONS if operation.conditional]
    assert conditional
    assert {(operation.method, operation.gives, operation.write) for operation in conditional} == {("GET", (), False)}
