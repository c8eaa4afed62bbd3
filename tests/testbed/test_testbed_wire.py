"""Requests that are wrong, large or many, and what is said about every one, on both databases."""

from __future__ import annotations

import re
from collections import defaultdict
from typing import Any

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from scenarios.contract import BY_NAME, KEY_HEADER, OPERATIONS, as_text
from scenarios.procedures import catalogue
from scenarios.province import fold
from testbed.faults import SYSTEMS_OUTSIDE
from tests.testbed.people import CCCD, FORM, Office, outside_of, refused

MIB = 1024 * 1024


def test_every_operation_of_the_contract_is_served(client: httpx.Client) -> None:
    outside = outside_of(client)
    for operation in OPERATIONS:
        base = outside if operation.system in SYSTEMS_OUTSIDE else ""
        reply = client.request(operation.method, base + operation.path.format_map(defaultdict(lambda: "x")))
        assert '"path-unknown"' not in reply.text, operation.name
        assert '"method-wrong"' not in reply.text, operation.name


def test_every_procedure_of_the_world_is_served_and_found(client: httpx.Client) -> None:
    for procedure in catalogue():
        assert client.get(f"/portal/procedures/{procedure.code}").status_code == 200, procedure.code
        words = " ".join(fold(procedure.name).split()[:3])
        assert procedure.code in client.get("/portal/procedures", params={"q": words}).json()["procedures"]


@pytest.mark.parametrize(
    ("why", "body", "expected"),
    [
        ("not JSON", b"{", (400, "body-not-json")),
        ("not text", b"\xff\xfe", (400, "body-not-json")),
        ("no object", b"[]", (422, "body-invalid")),
        ("nothing in it", b"{}", (422, "body-invalid")),
        ("a commune of letters", {"commune": "abcde"}, (422, "body-invalid")),
        ("a line end after the commune", {"commune": "16234\n"}, (422, "body-invalid")),
        ("a CCCD too short", {"cccd": "03812345678"}, (422, "body-invalid")),
        ("nobody", {"applicant": ""}, (422, "body-invalid")),
        ("a number in the form", {"form": {"a": 1}}, (422, "body-invalid")),
        ("a NUL, which PostgreSQL cannot store", {"form": {"a": "\0"}}, (422, "body-invalid")),
        ("a field too long", {"form": {"a": "x" * 4_001}}, (422, "body-invalid")),
        ("too large", {"form": {str(n): "x" * 3_000 for n in range(100)}}, (413, "body-too-large")),
        ("no such procedure", {"procedure": "7.777777"}, (422, "procedure-unknown")),
    ],
)
def test_a_wrong_body_is_refused_and_nothing_is_stored(
    office: Office, why: str, body: bytes | dict[str, Any], expected: tuple[int, str]
) -> None:
    headers = office.headers(CCCD, office.key())
    if isinstance(body, bytes):
        reply = office.client.post("/portal/dossiers", content=body, headers=headers)
    else:
        reply = office.client.post("/portal/dossiers", json=office.application(**body), headers=headers)
    assert refused(reply) == expected, why
    assert office.writes() == []


def test_a_write_needs_a_key_that_can_be_stored(office: Office) -> None:
    headers, body = office.headers(CCCD), office.application()
    assert refused(office.client.post("/portal/dossiers", json=body, headers=headers)) == (400, "key-missing")
    for key in ("", "a b", "ký", "x" * 201):
        raw = {name: value.encode() for name, value in (headers | {KEY_HEADER: key}).items()}
        assert refused(office.client.post("/portal/dossiers", json=body, headers=raw)) == (400, "key-invalid")


def test_what_does_not_exist_is_said_to_be_unknown(office: Office) -> None:
    unknown = (404, "dossier-unknown")
    for code in (f"000.00.{office.commune}.H56-260701-0001", "%00", "x' OR 1=1 --"):
        assert refused(office.client.get(f"/portal/dossiers/{code}")) == unknown
        assert refused(office.attach(code)) == unknown
        assert refused(office.move(code, 2, "motcua")) == unknown
        assert refused(office.rate(code)) == unknown
    assert refused(office.client.get("/nowhere")) == (404, "path-unknown")
    assert refused(office.client.delete("/portal/dossiers")) == (405, "method-wrong")


@pytest.mark.parametrize("size", [0, 1, 65_535, 65_536, 65_537, 5 * MIB, 20 * MIB])
def test_a_file_of_any_permitted_size_arrives_unchanged(office: Office, size: int) -> None:
    code = office.submit().json()["dossier"]
    content = (b"\r\n--\r\n-" * (size // 7 + 1))[:size]  # looks like boundaries all the way
    reply = office.attach(code, content, key := office.key())
    assert reply.status_code == 201
    assert office.by_keys(key)[0].content["sha256"] == reply.json()["sha256"]


def test_a_file_too_large_is_refused_with_and_without_an_announced_length(office: Office) -> None:
    code = office.submit().json()["dossier"]
    too_large = (413, "file-too-large")
    assert refused(office.attach(code, bytes(20 * MIB + 1))) == too_large

    def unannounced() -> Any:
        yield b'--x\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\n'
        for _ in range(21):
            yield bytes(MIB)

    headers = office.headers(CCCD, office.key()) | {"Content-Type": "multipart/form-data; boundary=x"}
    reply = office.client.post(f"/portal/dossiers/{code}/attachments", content=unannounced(), headers=headers)
    assert refused(reply) == too_large


FILE_PART = b'--x\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\nabc\r\n'
KIND_PART = b'--x\r\nContent-Disposition: form-data; name="kind"\r\n\r\nscan\r\n'
MULTIPART = "multipart/form-data; boundary=x"


@pytest.mark.parametrize(
    ("why", "content_type", "body", "expected"),
    [
        ("no multipart", "application/json", b"{}", (415, "multipart-expected")),
        ("no boundary", "multipart/form-data", b"", (415, "multipart-expected")),
        ("nothing", MULTIPART, b"", (400, "multipart-malformed")),
        ("cut off", MULTIPART, KIND_PART + FILE_PART, (400, "multipart-malformed")),
        ("garbage", MULTIPART, b"garbage", (400, "multipart-malformed")),
        ("no file", MULTIPART, KIND_PART + b"--x--\r\n", (422, "file-missing")),
        ("no kind", MULTIPART, FILE_PART + b"--x--\r\n", (422, "kind-missing")),
        ("two files", MULTIPART, KIND_PART + FILE_PART * 2 + b"--x--\r\n", (422, "one-file-expected")),
        ("two kinds", MULTIPART, KIND_PART * 2 + FILE_PART + b"--x--\r\n", (422, "form-invalid")),
        ("a long kind", MULTIPART, KIND_PART.replace(b"scan", b"s" * 1_001) + b"--x--\r\n", (413, "field-too-large")),
        ("an empty kind", MULTIPART, KIND_PART.replace(b"scan", b"") + FILE_PART + b"--x--\r\n", (422, "kind-invalid")),
    ],
)
def test_a_wrong_form_is_refused(
    office: Office, why: str, content_type: str, body: bytes, expected: tuple[int, str]
) -> None:
    code = office.submit().json()["dossier"]
    headers = office.headers(CCCD, office.key()) | {"Content-Type": content_type}
    reply = office.client.post(f"/portal/dossiers/{code}/attachments", content=body, headers=headers)
    assert refused(reply) == expected, why
    assert len(office.writes()) == 1


def test_a_dossier_holds_only_so_many_files(office: Office) -> None:
    code = office.submit().json()["dossier"]
    assert {office.attach(code, str(number).encode()).status_code for number in range(50)} == {201}
    assert refused(office.attach(code)) == (409, "attachments-full")


@given(form=st.dictionaries(st.text(min_size=1, max_size=20), st.text(max_size=50), max_size=8))
@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_form_comes_back_from_the_final_read_as_it_was_sent(office: Office, form: dict[str, str]) -> None:
    reply = office.submit(key := office.key(), form=form)
    if "\0" in "".join((*form, *form.values())):
        assert refused(reply) == (422, "body-invalid")
    else:
        assert office.by_keys(key)[0].content["form"] == as_text(form)


def test_pages_of_any_size_give_every_write_of_the_tag_once(office: Office) -> None:
    other = Office(office.client)
    other.tag = office.tag + "x"  # begins like the tag, and is another
    for _ in range(4):
        code = office.submit().json()["dossier"]
        other.submit(other.key())
        office.attach(code)
        office.move(code, 2, "motcua")
    office.claim()
    everything = office.writes()
    assert len(everything) == len({write.key for write in everything}) == 13
    for limit in (1, 2, 3, 4, 5, 13, 5_000):
        assert office.writes(limit=limit) == everything
    assert len(other.writes()) == 4
    assert office.writes(tag="nobody") == []


@pytest.mark.parametrize(
    "query",
    [
        {},
        {"tag": ""},
        {"tag": "a b"},
        {"tag": "a", "limit": "0"},
        {"tag": "a", "limit": "5001"},
        {"tag": "a", "after": "x"},
    ],
)
def test_a_wrong_question_to_the_final_read_is_refused(client: httpx.Client, query: dict[str, str]) -> None:
    assert refused(client.get("/audit/writes", params=query)) == (422, "query-invalid")


def test_the_final_read_takes_only_so_many_keys(client: httpx.Client) -> None:
    assert refused(client.post("/audit/keys", json={"keys": ["k"] * 501})) == (422, "body-invalid")
    assert client.post("/audit/keys", json={"keys": []}).json() == {"writes": [], "next": None}


def test_every_answer_says_where_its_time_went(office: Office) -> None:
    parts = re.compile(r"app;dur=(\d+\.\d{3}), db;dur=(\d+\.\d{3}), queue;dur=(\d+\.\d{3})")
    for reply in (office.submit(), office.client.get("/portal/procedures"), office.submit(procedure="?")):
        match = parts.fullmatch(reply.headers["server-timing"])
        assert match is not None
        assert float(match[2]) >= 0
    assert float(parts.fullmatch(office.submit().headers["server-timing"])[2]) > 0, "a write costs the database time"  # type: ignore[index]


def test_metrics_count_requests_time_and_dossiers(office: Office) -> None:
    def metric(name: str) -> float:
        text = office.client.get("/metrics").text
        match = re.search(rf"^{re.escape(name)} (\S+)$", text, re.MULTILINE)
        return float(match[1]) if match else 0.0

    names = (
        'testbed_requests_total{operation="portal.submit",status="201"}',
        'testbed_requests_total{operation="portal.submit",status="422"}',
        'testbed_request_seconds_bucket{operation="portal.submit",le="+Inf"}',
        'testbed_requests_total{operation="tthc.accept",status="200"}',
        'testbed_dossiers{state="1"}',
        'testbed_dossiers{state="2"}',
    )
    before = [metric(name) for name in names]
    code = office.submit(form=FORM).json()["dossier"]
    office.submit()
    office.submit(procedure="?")
    office.move(code, 2, "motcua")
    assert [metric(name) - old for name, old in zip(names, before, strict=True)] == [2, 1, 3, 1, 1, 1]
    assert metric("testbed_in_flight") == 0
    assert metric("process_resident_memory_bytes") > 10 * MIB
    assert metric("process_cpu_seconds_total") > 0
    assert metric("process_open_fds") > 5
    assert metric('testbed_db_seconds_total{operation="portal.submit"}') > 0
    assert office.client.get("/healthz").text == "ok\n"
    assert BY_NAME["portal.submit"].write
