"""Log-ins go by the identity provider outside: codes work once, and what happens when it is slow, full or closed."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from testbed.faults import Effect
from testbed.neighbours import SIGNATURE_HEADER, signature
from testbed.outside.identity import CODE_S_MAX, Identity, Person, known
from testbed.outside.tables import OTHERS, TABLES
from testbed.seats import SEAT_S, Seats
from testbed.store import Store
from testbed.store_sqlite import SqliteDatabase
from testbed.tokens import Actor
from testbed.visit import Spent
from tests.servers import OFFICER_PASSWORD, start_testbed
from tests.testbed.people import CCCD, NAME, Office, authorize, log_in, refused

LOGIN_FAILED = (401, "login-failed")


@contextmanager
def _office(*faults: str) -> Iterator[Office]:
    switches = [word for fault in faults for word in ("--fault", fault)]
    with start_testbed(*switches) as testbed, httpx.Client(base_url=testbed.url, timeout=20) as client:
        yield Office(client)


def _login(client: httpx.Client, cccd: str, code: str) -> httpx.Response:
    return client.post("/portal/login", json={"cccd": cccd, "applicant": NAME, "code": code})


def test_a_code_logs_in_the_person_to_whom_it_was_given_and_nobody_else(client: httpx.Client) -> None:
    code = authorize(client, CCCD)
    assert refused(_login(client, "038123456780", code)) == LOGIN_FAILED
    assert refused(_login(client, CCCD, code)) == LOGIN_FAILED, "it was redeemed, for whomever"
    assert _login(client, CCCD, authorize(client, CCCD)).status_code == 200
    for nonsense in ("", "0" * 32, "x' OR 1=1 --"):
        assert refused(_login(client, CCCD, nonsense)) == LOGIN_FAILED
    assert refused(client.post("/portal/login", json={"cccd": CCCD, "applicant": NAME})) == LOGIN_FAILED


def test_a_code_is_redeemed_once_however_many_ask_at_once(client: httpx.Client) -> None:
    with ThreadPoolExecutor(8) as pool:
        for _ in range(5):
            code = authorize(client, CCCD)
            statuses = [reply.status_code for reply in pool.map(_login, [client] * 8, [CCCD] * 8, [code] * 8)]
            assert sorted(statuses) == [200] + [401] * 7


def test_only_a_neighbour_redeems_codes_and_asks_for_people() -> None:
    with start_testbed() as testbed, httpx.Client(base_url=testbed.outside_url, timeout=20) as outside:
        stranger = (401, "signature-wrong")
        body = b'{"code":"00"}'
        wrong = {SIGNATURE_HEADER: signature(b"guessed", "POST", "/identity/token", body)}
        assert refused(outside.post("/identity/token", content=body)) == stranger
        assert refused(outside.post("/identity/token", content=body, headers=wrong)) == stranger
        assert refused(outside.get(f"/identity/people/{CCCD}")) == stranger


def test_the_population_data_know_numbers_that_somebody_could_have(office: Office) -> None:
    def lookup(cccd: str) -> object:
        reply = office.client.get(f"/tthc/people/{cccd}", headers=office.headers("motcua"))
        return reply.json().get("known", refused)

    assert lookup(CCCD) is True
    assert lookup("000123456789") is False, "the province that nobody has"
    assert lookup("038923456789") is False, "the century that has not come"
    assert [known(number) for number in ("001012345678", "096312345678", "097012345678")] == [True, True, False]
    reply = office.client.get("/tthc/people/12", headers=office.headers("motcua"))
    assert refused(reply) == (404, "cccd-invalid")
    assert refused(office.client.get(f"/tthc/people/{CCCD}")) == (401, "token-missing-or-invalid")


def test_identity_down_refuses_log_ins_and_leaves_the_look_up_without_an_answer() -> None:
    with _office("identity-down=0.5") as office:
        way = office.client.get("/portal/login").json()["authorize"]
        person = {"cccd": CCCD, "applicant": NAME}
        first, second = (httpx.post(way, json=person, trust_env=False) for _ in range(2))
        assert refused(second) == (503, "identity-down")
        # the platform's own question is the third, which is answered; the next one is not
        assert _login(office.client, CCCD, first.json()["code"]).status_code == 200
        reply = office.client.get(f"/tthc/people/{CCCD}", headers=office.headers("motcua"))
        assert (reply.status_code, reply.json()) == (200, {"known": None})


def test_the_portal_says_that_nobody_can_log_in_while_identity_is_down() -> None:
    with _office("identity-down=1") as office:
        assert refused(_login(office.client, CCCD, "00")) == (503, "identity-unavailable")


def test_identity_slow_delays_and_the_look_up_gives_up() -> None:
    with _office("identity-slow=3500") as office:
        headers = office.headers("motcua")
        began = time.monotonic()
        reply = office.client.get(f"/tthc/people/{CCCD}", headers=headers)
        assert reply.json() == {"known": None}
        assert 1.9 < time.monotonic() - began < 3.5
        began = time.monotonic()
        assert log_in(office.client, CCCD).status_code == 200, "a log-in waits longer"
        assert time.monotonic() - began > 6.9


def test_identity_quota_refuses_what_a_second_has_no_room_for() -> None:
    with _office("identity-quota=5") as office:
        way = office.client.get("/portal/login").json()["authorize"]
        person = {"cccd": CCCD, "applicant": NAME}
        began = time.monotonic()
        with httpx.Client(trust_env=False) as people:
            replies = [people.post(way, json=person) for _ in range(60)]
        seconds = time.monotonic() - began
        admitted = [reply for reply in replies if reply.status_code == 200]
        assert 5 <= len(admitted) <= 5 * (int(seconds) + 2)
        assert {refused(reply) for reply in replies if reply not in admitted} == {(429, "identity-quota")}


def test_accounts_max_lets_so_many_accounts_of_a_commune_work_at_once() -> None:
    with _office("accounts-max=2") as office:
        assert office.token("motcua")
        assert office.token("chuyenvien")
        account = {"account": f"{office.commune}.lanhdao", "password": OFFICER_PASSWORD}
        assert refused(office.client.post("/tthc/login", json=account)) == (403, "accounts-full")
        again = {"account": f"{office.commune}.motcua", "password": OFFICER_PASSWORD}
        assert office.client.post("/tthc/login", json=again).status_code == 200
        assert Office(office.client).token("lanhdao"), "another commune has seats of its own"


def test_a_seat_is_free_again_after_its_time() -> None:
    seats, clerk, leader = Seats(), Actor("officer", "motcua", "16234"), Actor("officer", "lanhdao", "16234")
    assert seats.take(clerk, 0.0, 1)
    assert not seats.take(leader, SEAT_S - 1.0, 1)
    assert seats.take(leader, SEAT_S, 1)


@pytest.mark.parametrize(
    ("age_s", "expected"), [(0, Person(CCCD, NAME)), (CODE_S_MAX, Person(CCCD, NAME)), (CODE_S_MAX + 1, None)]
)
def test_a_code_that_is_too_old_is_none(tmp_path: Path, age_s: int, expected: Person | None) -> None:
    now = [1_751_850_000.0]
    database = SqliteDatabase(tmp_path / "test.sqlite", "normal", TABLES, OTHERS)
    store = Store(database, TABLES, lambda: now[0], lambda operation: Effect.KEEP)
    identity = Identity(store)

    async def scene() -> Person | None:
        code = await identity.authorize(Spent(), Person(CCCD, NAME))
        now[0] += age_s
        await identity.authorize(Spent(), Person("038123456780", NAME))  # forgets what is too old
        found = await identity.redeem(Spent(), code)
        await store.close()
        return found

    assert asyncio.run(scene()) == expected
