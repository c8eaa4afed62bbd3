"""The parts of the client that are pure: judgement, templates, bodies, reading of replies."""

from __future__ import annotations

import json
from typing import Any

import pycurl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from loadtests.bodies import Source
from loadtests.outcomes import SLUG_OF_CODE, judge_failure, judge_status
from loadtests.replies import JSON_BYTES_MAX, Reader, ReplyError, head_is_whole, server_timing, short_text
from loadtests.templates import Template, TemplateError, compile_tree
from record.rows import ERROR_INDEX
from record.types import Outcome

OK = frozenset({200, 201})
DEFINITE = frozenset({409, 422})
TEXT = st.text(st.characters(exclude_categories=("Cs",)), max_size=30)


@pytest.mark.parametrize(
    ("status", "write", "expected"),
    [
        (200, False, (Outcome.OK, "")),
        (201, True, (Outcome.OK, "")),
        (202, True, (Outcome.UNKNOWN, "status-other")),  # not promised, so nobody can tell what it means
        (302, False, (Outcome.REFUSED, "status-other")),
        (409, True, (Outcome.REFUSED, "status-4xx")),  # the contract says it was not done
        (418, True, (Outcome.UNKNOWN, "status-4xx")),
        (500, False, (Outcome.REFUSED, "status-5xx")),  # a read has no after-effects
        (500, True, (Outcome.UNKNOWN, "status-5xx")),  # may have been done before it broke
    ],
)
def test_what_a_status_means(status: int, write: bool, expected: tuple[Outcome, str]) -> None:
    assert judge_status(status, OK, DEFINITE, write) == expected


@pytest.mark.parametrize(
    ("code", "message", "sent", "expected"),
    [
        (pycurl.E_OPERATION_TIMEDOUT, "", True, (Outcome.UNKNOWN, "total-timeout")),
        (pycurl.E_OPERATION_TIMEDOUT, "", False, (Outcome.REFUSED, "connect-timeout")),
        (pycurl.E_RECV_ERROR, "Recv failure: Connection reset by peer", True, (Outcome.UNKNOWN, "connection-reset")),
        (pycurl.E_RECV_ERROR, "Too large response headers", True, (Outcome.UNKNOWN, "reply-too-large")),
        (pycurl.E_RECV_ERROR, "Too many response headers, 5000 is max", True, (Outcome.UNKNOWN, "reply-too-large")),
        (pycurl.E_SEND_ERROR, "Send failure: Broken pipe", True, (Outcome.UNKNOWN, "send-failed")),
        (pycurl.E_SEND_ERROR, "SSL_read: unexpected eof while reading", True, (Outcome.UNKNOWN, "connection-reset")),
        (pycurl.E_SEND_ERROR, "Send failure: Connection reset by peer", True, (Outcome.UNKNOWN, "connection-reset")),
        (pycurl.E_COULDNT_CONNECT, "", False, (Outcome.REFUSED, "connect-refused")),
        (pycurl.E_OUT_OF_MEMORY, "", False, (Outcome.REFUSED, "network-other")),
        (99_998, "a code of a later libcurl", True, (Outcome.UNKNOWN, "network-other")),
    ],
)
def test_what_a_failure_means(code: int, message: str, sent: bool, expected: tuple[Outcome, str]) -> None:
    assert judge_failure(code, message, sent) == expected


@given(st.integers(0, 200), TEXT, st.booleans())
def test_every_failure_has_a_slug_of_the_record_and_only_unsent_calls_are_definite(
    code: int, message: str, sent: bool
) -> None:
    outcome, slug = judge_failure(code, message, sent)
    assert slug in ERROR_INDEX
    assert (outcome is Outcome.REFUSED) is not sent
    assert set(SLUG_OF_CODE.values()) <= set(ERROR_INDEX)


@given(st.lists(st.binary(max_size=300), max_size=6), st.integers(1, 64), st.booleans())
def test_a_body_is_read_whole_in_pieces_no_larger_than_asked(pieces: list[bytes], size: int, view: bool) -> None:
    source, got = Source(), []
    source.start([memoryview(piece) if view else piece for piece in pieces])
    while chunk := source.read(size):
        got.append(chunk)
    assert b"".join(got) == b"".join(pieces)
    assert all(len(chunk) <= size for chunk in got)
    assert source.read(size) == b""


@given(TEXT, TEXT)
def test_a_template_puts_the_value_in_and_leaves_the_rest_alone(text: str, value: str) -> None:
    escaped = text.replace("{", "{{").replace("}", "}}")
    render = Template(escaped + "{ten}" + escaped).compile({})
    assert callable(render)
    assert render({"ten": value}) == text + value + text
    assert Template(escaped).compile({}) == text


@pytest.mark.parametrize("text", ["{", "}", "{ten", "{1}", "{a b}", "{env:}", "{{}", "{}"])
def test_what_is_no_template_is_refused(text: str) -> None:
    with pytest.raises(TemplateError):
        Template(text)


def test_json_keeps_types_and_a_tree_without_placeholders_is_made_once() -> None:
    tree = {"a": ["{n}", "số {n}", True], "b": {"c": "{env:K}"}}
    build = compile_tree(tree, {"K": "bí mật"})
    assert build({"n": 5}) == {"a": [5, "số 5", True], "b": {"c": "bí mật"}}
    constant = {"a": [1, "{{x}}"]}
    assert compile_tree(constant, {}) == {"a": [1, "{x}"]}


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=8,
)


@given(JSON)
def test_every_place_of_a_json_reply_has_a_pointer(tree: Any) -> None:
    body = json.dumps(tree).encode()

    def visit(value: Any, pointer: str) -> None:
        if pointer:
            assert Reader({"x": ("pointer", pointer)}).read([], body) == {"x": value}
        for key, inner in (
            value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else []
        ):
            visit(inner, f"{pointer}/{str(key).replace('~', '~0').replace('/', '~1')}")

    visit(tree, "")


@pytest.mark.parametrize(
    ("source", "body", "slug"),
    [
        (("pointer", "/a"), b"<html>", "reply-malformed"),
        (("pointer", "/a"), b"", "reply-malformed"),
        (("pointer", "/a"), b"\xff\xfe", "reply-malformed"),
        (("pointer", "/a"), b'{"a":' * 100_000, "reply-malformed"),  # nested deeper than anybody can follow
        (("pointer", "/a"), b" " * JSON_BYTES_MAX + b"{}", "reply-too-large"),
        (("pointer", "/a"), b"[1]", "value-missing"),
        (("pointer", "/a"), b'"text"', "value-missing"),
        (("pointer", "/a/b"), b'{"a": 1}', "value-missing"),
        (("pointer", "/0"), b"[]", "value-missing"),
        (("header", "X-A"), b"", "value-missing"),
        (("regex", "a(b)"), b"\xff", "value-missing"),
    ],
)
def test_a_reply_without_the_promised_value_is_told_apart_from_one_nobody_can_read(
    source: tuple[str, str], body: bytes, slug: str
) -> None:
    with pytest.raises(ReplyError) as caught:
        Reader({"x": source}).read([b"HTTP/1.1 200 OK\r\n", b"X-B: 1\r\n"], body)
    assert caught.value.slug == slug


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        (b" app;dur=1.5, db;dur=.25,queue;dur=0\r\n", {b"app": 1500, b"db": 250, b"queue": 0}),
        (b' db;desc="a,b";dur=2', {b"db": 2000}),
        (b" app;dur=99999999999999", {b"app": 0xFFFF_FFFE}),
        (b" app;dur=" + b"9" * 1000, {b"app": 0xFFFF_FFFE}),  # more than a float holds
        (b' app;dur="7", db;desc="x;dur=9";dur=2', {b"app": 7000, b"db": 2000}),
        (b" dbx;dur=1, xapp;dur=2, app", {}),
        (b" app;dur=abc, db;dur=-1", {}),
    ],
)
def test_server_timing(line: bytes, expected: dict[bytes, int]) -> None:
    assert server_timing(line) == expected


@pytest.mark.parametrize("piece", [b";a= ", b";a", b" ", b";", b"=", b'"', b",", b'";', b"app;dur=1"])
def test_server_timing_takes_no_longer_for_a_line_made_to_confuse_it(piece: bytes) -> None:
    """An expression that tries all ways to divide such a line would need longer than this test may run."""
    assert set(server_timing(b" app" + piece * 2000)) <= {b"app"}


@given(st.binary(max_size=200))
def test_no_server_timing_upsets_the_client(line: bytes) -> None:
    assert all(0 <= micros <= 0xFFFF_FFFE for micros in server_timing(b"app;dur=1," + line).values())


def test_a_value_as_text_is_short_or_no_good() -> None:
    assert short_text("ab", 2) == "ab"
    assert short_text({"b": 1, "a": None}, 99) == '{"a":null,"b":1}'
    with pytest.raises(ReplyError, match="reply-too-large"):
        short_text("abc", 2)
    deep: list[Any] = []
    for _ in range(100_000):
        deep = [deep]
    with pytest.raises(ReplyError, match="reply-malformed"):
        short_text(deep, 10**6)


@pytest.mark.parametrize(
    ("lines", "whole"),
    [
        ([b"HTTP/1.1 200 OK\r\n", b"\r\n"], True),
        ([b"HTTP/1.1 200 OK\n", b"\n"], True),
        ([b"HTTP/1.1 200 OK\r\n", b"\r\n", b"X-Trailer: 1\r\n"], True),
        ([b"HTTP/1.1 200 OK\r\n", b"X-Ha"], False),
        ([b"HTTP/1.1 103 Hints\r\n", b"\r\n", b"HTTP/1.1 200 OK\r\n", b"X-Ha"], False),
        ([], False),
    ],
)
def test_a_head_ends_with_an_empty_line(lines: list[bytes], whole: bool) -> None:
    assert head_is_whole(lines) is whole
