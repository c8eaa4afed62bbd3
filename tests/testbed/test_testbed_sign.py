"""Signing the results of dossiers, on both databases: by whom and when, exactly once, and to be fetched by whom."""

from __future__ import annotations

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest

from loadtests.signatures import Trust
from scenarios.contract import digest
from testbed.outside.tsa import SLOW_S_MAX, SLOW_S_P50, SLOW_S_P99, slow_s
from tests.servers import start_testbed
from tests.signatures import judged
from tests.testbed.people import CCCD, Office, refused

OTHER = "038987654321"


def trust(client: httpx.Client) -> Trust:
    roots, revoked = client.get("/sign/ca"), client.get("/sign/crl")
    assert (roots.status_code, revoked.status_code) == (200, 200)
    return Trust(roots.content, revoked.content, stamped=True)


def test_the_leader_signs_and_clerk_and_applicant_fetch_what_verifies(office: Office) -> None:
    code = office.approved()
    assert office.result(code).status_code == 404
    assert office.client.get("/portal/results", headers=office.headers(CCCD)).json() == {"dossiers": []}
    reply = office.sign(code)
    assert (reply.status_code, reply.json()) == (201, {})
    fetched = office.result(code)
    assert (fetched.status_code, fetched.headers["content-type"]) == (200, "application/pdf")
    assert judged(fetched.content, trust(office.client)) == ""
    assert office.move(code, 10, "motcua").status_code == 200
    assert office.client.get("/portal/results", headers=office.headers(CCCD)).json() == {"dossiers": [code]}
    assert office.result(code, CCCD).content == fetched.content


def test_a_signature_is_written_once_however_often_it_is_sent(office: Office) -> None:
    code = office.approved()
    with ThreadPoolExecutor(4) as pool:
        replies = list(pool.map(lambda _: office.sign(code, key=f"{office.tag}-once"), range(4)))
    assert [(reply.status_code, reply.json()) for reply in replies] == [(201, {})] * 4
    before = office.result(code).content
    assert office.move(code, 10, "motcua").status_code == 200
    assert office.sign(code, key=f"{office.tag}-once").status_code == 201, "what was signed stays so, whatever follows"
    assert office.result(code).content == before
    (write,) = office.by_keys(f"{office.tag}-once")
    assert (write.operation, write.subject, write.content) == ("sign.result", code, {"dossier": code})
    assert digest("sign.result", write.content) == digest("sign.result", {"dossier": code})
    assert [write.operation for write in office.writes()].count("sign.result") == 1


def test_who_may_not_sign_is_told_why_and_nothing_is_signed(office: Office) -> None:
    code = office.approved()
    started = office.submit().json()["dossier"]
    assert refused(office.sign(code, who="motcua")) == (403, "role-wrong")
    assert refused(Office(office.client).sign(code)) == (403, "other-commune")
    assert refused(office.sign(started)) == (409, "not-approved")
    assert refused(office.sign("000.00.00000.H56-260101-0001")) == (404, "dossier-unknown")
    assert office.result(code).status_code == 404
    assert office.sign(code).status_code == 201
    assert refused(office.sign(code)) == (409, "already-signed")


def test_a_result_is_shown_to_its_applicant_and_its_commune_only(office: Office) -> None:
    code = office.approved()
    office.sign(code)
    assert refused(office.result(code, OTHER)) == (403, "other-applicant")
    assert refused(Office(office.client).result(code)) == (403, "other-commune")
    assert office.client.get(f"/portal/dossiers/{code}/result").status_code == 401


@pytest.mark.parametrize(
    ("account", "status"),
    [("14797.lanhdao", "good"), ("former.lanhdao", "revoked"), ("expired.14797.lanhdao", "expired")],
)
def test_a_certificate_is_looked_up_by_account(office: Office, account: str, status: str) -> None:
    reply = office.client.get(f"/sign/certificates/{account}", headers=office.headers("lanhdao"))
    assert (reply.status_code, reply.json()["status"]) == (200, status)
    assert int(reply.json()["serial"], 16) > 0


def test_what_cannot_be_an_account_has_no_certificate(office: Office) -> None:
    reply = office.client.get("/sign/certificates/Lãnh đạo", headers=office.headers("lanhdao"))
    assert refused(reply) == (404, "account-unknown")


@pytest.mark.parametrize("database", ["sqlite", "postgres"])
def test_what_was_signed_survives_kill_9_and_still_verifies(
    tmp_path: Path, database: str, request: pytest.FixtureRequest
) -> None:
    options = ["--data", str(tmp_path)]
    options += ["--db", request.getfixturevalue("postgres_url")] if database == "postgres" else []
    with start_testbed(*options) as testbed, httpx.Client(base_url=testbed.url, timeout=30) as client:
        office = Office(client)
        code = office.approved()
        office.sign(code, key=f"{office.tag}-signed")
        before, trusted = office.result(code).content, trust(client)
        testbed.process.kill()
        testbed.process.wait()
    with start_testbed(*options) as testbed, httpx.Client(base_url=testbed.url, timeout=30) as client:
        again = Office(client)
        again.commune, again.tag = office.commune, office.tag
        assert again.result(code).content == before
        assert judged(before, trusted) == ""
        assert len(again.by_keys(f"{office.tag}-signed")) == 1
        assert judged(before, trust(client)) == "", "the authority is the same as before"


@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        ("sign-wrong-bytes=1", "altered"),
        ("sign-altered=1", "altered"),
        ("sign-expired=1", "expired"),
        ("sign-revoked=1", "revoked"),
        ("sign-stranger=1", "untrusted"),
    ],
)
def test_a_client_sees_each_fault_of_signing(fault: str, reason: str) -> None:
    with start_testbed("--fault", fault) as testbed, httpx.Client(base_url=testbed.url, timeout=30) as client:
        office = Office(client)
        code = office.approved()
        assert office.sign(code).status_code == 201
        assert judged(office.result(code).content, trust(client)) == reason


def test_without_the_time_stamping_authority_nothing_is_signed() -> None:
    with start_testbed("--fault", "tsa-down=1") as testbed, httpx.Client(base_url=testbed.url, timeout=30) as client:
        office = Office(client)
        code = office.approved()
        assert refused(office.sign(code)) == (503, "tsa-failed")
        assert office.result(code).status_code == 404
        assert 'fault="tsa-down=1"} 3' in httpx.get(f"{testbed.outside_url}/metrics").text, "three attempts"


def test_an_authority_that_fails_now_and_then_is_asked_again() -> None:
    with start_testbed("--fault", "tsa-down=2") as testbed, httpx.Client(base_url=testbed.url, timeout=30) as client:
        office = Office(client)
        for _ in range(3):
            code = office.approved()
            assert office.sign(code).status_code == 201
            assert judged(office.result(code).content, trust(client)) == ""


def test_a_slow_authority_makes_signing_slow_and_nothing_else() -> None:
    with start_testbed("--fault", "tsa-slow=1") as testbed, httpx.Client(base_url=testbed.url, timeout=30) as client:
        office = Office(client)
        code = office.approved()
        began = time.monotonic()
        assert office.sign(code).status_code == 201
        assert time.monotonic() - began > 0.95 * slow_s(1)
        assert judged(office.result(code).content, trust(client)) == ""


def test_the_tail_of_a_slow_authority_is_as_heavy_as_in_the_field() -> None:
    times = sorted(slow_s(number) for number in range(1, 10_001))
    assert times[4_999] == pytest.approx(SLOW_S_P50, rel=0.05)
    assert times[9_899] == pytest.approx(SLOW_S_P99, rel=0.05)
    assert 20 < times[-1] <= SLOW_S_MAX


@pytest.mark.parametrize(
    ("kind", "body", "expected"), [("text/plain", b"", 415), ("application/timestamp-query", b"0" * 20_000, 413)]
)
def test_the_authority_answers_in_its_own_form_only(kind: str, body: bytes, expected: int, outside_url: str) -> None:
    reply = httpx.post(f"{outside_url}/tsa", content=body, headers={"Content-Type": kind})
    assert reply.status_code == expected


@pytest.fixture(scope="module")
def outside_url() -> Iterator[str]:
    with start_testbed() as testbed:
        yield testbed.outside_url
