"""The client against a server that breaks HTTP on purpose: one table, and whoever met it goes on as before."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from loadtests.http import PIECES_MAX, SESSION_CHARS_MAX, SUBJECT_CHARS_MAX, Person
from record.types import Outcome
from scenarios.types import Call
from tests.loadtests import hostile_server
from tests.loadtests.clients import person, server, target_text
from tests.loadtests.hostile_table import TABLE, Row, operations


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    with server("hostile_server") as number:
        yield number


@pytest.fixture(scope="module")
def somebody(port: int) -> Iterator[Person]:
    with person(target_text(port, operations())) as one:
        yield one


@pytest.mark.parametrize("row", TABLE, ids=[row.kind for row in TABLE])
def test_misbehaviour_becomes_its_outcome_and_the_next_request_its_own_answer(somebody: Person, row: Row) -> None:
    somebody.begin()
    for number, (word, came) in enumerate((("read", row.read), ("write", row.write))):
        reply = somebody.send(Call(f"{word} {row.kind}", {}, key="k" if word == "write" else None)).reply
        assert (reply.outcome, reply.status, reply.error) == came
        assert ("n" in reply.values) is (reply.outcome is Outcome.OK)
        echo = somebody.send(Call("echo", {"index": f"{row.kind}-{number}"})).reply
        assert echo.values == {"n": f"{row.kind}-{number}"}
    assert somebody._hub.held_bytes == 0


def test_the_table_has_a_row_for_everything_the_server_can_do() -> None:
    can = {*hostile_server.CUT, *hostile_server.KEPT, *hostile_server.ENDLESS}
    assert can <= {row.kind for row in TABLE}
    assert len(TABLE) == len({row.kind for row in TABLE})


def test_one_timeout_holds_for_all_redirects_together(somebody: Person) -> None:
    exchange = somebody.send(Call("read slow-loop", {}))
    assert exchange.reply.error == "total-timeout", "ten redirects of 0.1 s each, no single one of which is too late"
    assert exchange.done_ns - exchange.sent_ns > 0.29e9


def test_a_body_that_nobody_reads_is_counted_and_not_kept(port: int) -> None:
    own = '[own.get]\nsystem = "sys"\npath = "/too-wide"\n[own.crumbs]\nsystem = "sys"\npath = "/endless-crumbs"\n'
    with person(target_text(port, own)) as one:
        exchange = one.send(Call("get", {}))
        assert exchange.reply.ok
        assert exchange.bytes_received > 15_000_000
        crumbs = one.send(Call("crumbs", {}))
    assert crumbs.reply.error == "reply-too-large"
    assert PIECES_MAX <= crumbs.bytes_received < PIECES_MAX * 8


def test_what_an_answer_gave_may_make_the_next_request_unsendable_and_then_nothing_was_sent(port: int) -> None:
    own = """
[operation."tthc.login"]
path = "/nul-in-value"
reply.token = { pointer = "/n" }
[operation."tthc.claim"]
path = "/echo/1"
reply.dossier = { pointer = "/n" }
[own.long]
system = "sys"
path = "/echo/{index}"
"""
    with person(target_text(port, own)) as one:
        assert one.send(Call("tthc.login", {"account": "a"}, actor="a")).reply.values == {"token": "a\0b\r\nX: y"}
        for call in (
            Call("tthc.claim", {"commune": "1"}, key="k", actor="a"),
            Call("long", {"index": "x" * 9_000_000}),
        ):
            exchange = one.send(call)
            assert (exchange.reply.outcome, exchange.reply.error) == (Outcome.REFUSED, "send-failed")
            assert (exchange.bytes_sent, exchange.bytes_received) == (0, 0)
            assert exchange.done_ns >= exchange.sent_ns
        assert one.send(Call("long", {"index": 1})).reply.ok


@pytest.mark.parametrize("chars", [SESSION_CHARS_MAX, SESSION_CHARS_MAX + 1])
def test_a_log_in_of_absurd_size_is_no_good_for_it_would_be_kept_and_sent_again(port: int, chars: int) -> None:
    own = f'[operation."tthc.login"]\npath = "/echo/{"x" * chars}"\nreply.token = {{ pointer = "/n" }}\n'
    with person(target_text(port, own)) as one:
        reply = one.send(Call("tthc.login", {"account": "a"}, actor="a", once=True)).reply
        assert reply.error == ("" if chars == SESSION_CHARS_MAX else "reply-too-large")
        assert one.send(Call("tthc.login", {"account": "a"}, actor="a", once=True)).cached is reply.ok


@pytest.mark.parametrize("chars", [SUBJECT_CHARS_MAX, SUBJECT_CHARS_MAX + 1])
def test_a_number_of_absurd_size_leaves_the_write_unknown_and_the_ledger_small(port: int, chars: int) -> None:
    own = f'[operation."tthc.claim"]\npath = "/echo/{"x" * chars}"\nreply.dossier = {{ pointer = "/n" }}\n'
    with person(target_text(port, own)) as one:
        exchange = one.send(Call("tthc.claim", {"commune": "1"}, key="k"))
    good = chars == SUBJECT_CHARS_MAX
    assert (exchange.reply.outcome, exchange.reply.error) == (
        (Outcome.OK, "") if good else (Outcome.UNKNOWN, "reply-too-large")
    )
    assert exchange.subject == ("x" * chars if good else None)


def test_a_number_nested_too_deeply_to_be_written_down_leaves_the_write_unknown(port: int) -> None:
    own = '[operation."tthc.claim"]\npath = "/deep-enough"\nreply.dossier = { pointer = "/n" }\n'
    with person(target_text(port, own)) as one:
        reply = one.send(Call("tthc.claim", {"commune": "1"}, key="k")).reply
    assert (reply.outcome, reply.error) == (Outcome.UNKNOWN, "reply-too-large")
