"""Each fault does what it says and nothing else, and only a start-up switch enables it."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from fractions import Fraction

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from testbed import fault_kinds, faults
from tests.servers import start_testbed
from tests.testbed.people import CCCD, NAME, Office, refused


@contextmanager
def _office(options: list[str], *enabled: str) -> Iterator[Office]:
    switches = [word for fault in enabled for word in ("--fault", fault)]
    with start_testbed(*options, *switches) as testbed, httpx.Client(base_url=testbed.url, timeout=20) as client:
        yield Office(client)


@pytest.fixture(params=["sqlite", "postgres"])
def options(request: pytest.FixtureRequest) -> list[str]:
    return ["--db", request.getfixturevalue("postgres_url")] if request.param == "postgres" else []


def test_lose_acknowledges_every_nth_write_and_does_not_store_it(options: list[str]) -> None:
    with _office(options, "lose=3:portal.submit") as office:
        keys = [office.key() for _ in range(9)]
        replies = [office.submit(key) for key in keys]
        assert {reply.status_code for reply in replies} == {201}
        assert len({reply.json()["dossier"] for reply in replies}) == 9
        assert [write.key for write in office.writes()] == [key for n, key in enumerate(keys, 1) if n % 3]
        assert 'testbed_fault_strikes_total{fault="lose=3:portal.submit"} 3' in office.client.get("/metrics").text


def test_double_stores_every_nth_write_twice_under_its_key(options: list[str]) -> None:
    with _office(options, "double=2") as office:
        code = office.submit(key := office.key()).json()["dossier"]
        office.submit(twice := office.key())
        assert [write.subject for write in office.by_keys(key)] == [code]
        first, second = office.by_keys(twice)
        assert first.subject != second.subject
        assert first.content == second.content
        assert office.attach(code).status_code == 201
        office.attach(code, b"khac", twice := office.key())
        assert len(office.by_keys(twice)) == 2


def test_change_stores_other_content_than_was_sent(options: list[str]) -> None:
    with _office(options, "change=2") as office:
        code = office.submit().json()["dossier"]
        office.attach(code, key=(attach := office.key()))
        office.move(code, 2, "motcua")
        office.move(code, 4, "chuyenvien", move := office.key())
        office.submit()
        office.submit(key := office.key())
        assert office.by_keys(key)[0].content == office.application(applicant=f"{NAME} *") | {
            "form": '{"Họ tên trẻ":"Lê Gia Bảo","Ngày sinh":"2026-06-01"}'
        }
        assert office.by_keys(attach)[0].content["kind"].endswith(" *")
        assert office.by_keys(move)[0].content["note"].endswith(" *")
        assert office.state(code) == 4


def test_refuse_kept_answers_a_definite_refusal_and_keeps_the_write(options: list[str]) -> None:
    with _office(options, "refuse-kept=2:portal.submit") as office:
        assert office.submit().status_code == 201
        assert refused(office.submit(key := office.key())) == (409, "fault")
        assert len(office.by_keys(key)) == 1
        assert office.submit(key).status_code == 201, "asked again, it is there"


def test_status_answers_500_without_applying_and_status_after_with(options: list[str]) -> None:
    with _office(options, "status=0.5:portal.submit", "status-after=0.5:tthc.receive") as office:
        kept = []
        for send in (office.submit, office.receive):
            keys = [office.key() for _ in range(4)]
            kept.append([(send(key).status_code, len(office.by_keys(key))) for key in keys])
        assert kept[0] == [(201, 1), (500, 0), (201, 1), (500, 0)]
        assert kept[1] == [(201, 1), (500, 1), (201, 1), (500, 1)]


def test_delay_makes_the_operation_late_and_no_other() -> None:
    with _office([], "delay=300:tthc.accept") as office:
        code = office.submit().json()["dossier"]
        assert _app_ms(office.move(code, 2, "motcua")) >= 295
        assert _app_ms(office.move(code, 4, "chuyenvien")) < 300


def test_a_stall_freezes_everything_and_comes_back() -> None:
    with _office([], "stall=0.2,0.4,0.8") as office:
        slow = 0
        until = time.monotonic() + 15
        while slow < 2 and time.monotonic() < until:
            asked = time.monotonic()
            assert office.client.get("/healthz").status_code == 200
            slow += time.monotonic() - asked > 0.3
        assert slow == 2


def test_faults_leave_the_final_read_and_the_monitoring_alone() -> None:
    with _office([], "status=1") as office:
        assert refused(office.client.post("/portal/login", json={"cccd": CCCD, "applicant": NAME})) == (500, "fault")
        assert office.writes() == []
        assert office.by_keys("a") == []
        assert office.client.get("/healthz").status_code == 200
        assert 'fault="status=1"' in office.client.get("/metrics").text


def test_without_a_switch_there_is_no_fault(client: httpx.Client) -> None:
    assert "testbed_fault_strikes_total{" not in client.get("/metrics").text


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("lose", "expected a whole number"),
        ("lose=-1", "expected a whole number"),
        ("lose=1.5", "expected a whole number"),
        ("double=٣", "expected a whole number"),
        ("status=0", "expected a share above 0 and at most 1"),
        ("status=1.01", "expected a share above 0 and at most 1"),
        ("status=nan", "expected a share"),
        ("status=1e-3", "expected a share"),
        ("delay=60001", "at most 60000"),
        ("stall=1", "expected two or three numbers"),
        ("stall=1,61", "at most 60"),
        ("stall=1,2,2", "must be shorter than its interval"),
        ("stall=1,2:portal.submit", "takes no operation"),
        ("change=2:tthc.login", "is not a write"),
        ("nothing=1", "known are: lose"),
    ],
)
def test_a_wrong_fault_is_named(text: str, problem: str) -> None:
    enabled, problems = fault_kinds.parse([text])
    assert enabled == []
    assert len(problems) == 1
    assert problem in problems[0]
    assert text in problems[0]


@given(share=st.fractions(min_value=Fraction(1, 1000), max_value=1, max_denominator=1000), seen=st.integers(1, 300))
def test_a_fault_strikes_exactly_its_share_whatever_the_number(share: Fraction, seen: int) -> None:
    fault = faults.Fault("status", fault_kinds.KINDS["status"], (share,), "")
    assert sum(fault.strikes("portal.submit") for _ in range(seen)) == seen * share // 1


def _app_ms(reply: httpx.Response) -> float:
    return float(reply.headers["server-timing"].split("app;dur=")[1].split(",")[0])
