"""Fees: ordered on the platform, paid at the bank, booked once; what goes lost on the way is found by asking."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from testbed.faults import Effect, Faults
from testbed.neighbours import SIGNATURE_HEADER, Neighbours, signature
from testbed.outside.notices import AGAIN_MS_MAX, TRIES_MAX, again_ms
from testbed.payment_wire import NOTICE_PATH, STATEMENT_PATH, Notice
from testbed.payments import RECONCILE_S, WAITING_S_MIN, Payments
from testbed.store import Database, Store
from testbed.store_postgres import open_postgres
from testbed.store_sqlite import SqliteDatabase
from testbed.tables import OTHERS, TABLES
from testbed.visit import RefusedError, Spent
from tests.servers import RunningTestbed, start_testbed
from tests.testbed.people import CCCD, Office, observed, refused

PROCEDURE, FEE_VND = "1.004873", 15_000
SETTLE_S_MAX = 30.0


@contextmanager
def _office(*options: str) -> Iterator[tuple[Office, RunningTestbed]]:
    with start_testbed(*options) as testbed, httpx.Client(base_url=testbed.url, timeout=20) as client:
        yield Office(client), testbed


def _faults(*faults: str) -> list[str]:
    return [word for fault in faults for word in ("--fault", fault)]


def _submitted(office: Office) -> str:
    code: str = office.submit(procedure=PROCEDURE).json()["dossier"]
    return code


def _ordered(office: Office) -> tuple[str, str]:
    """Dossier and order."""
    code = _submitted(office)
    reply = office.order(code, FEE_VND)
    assert reply.status_code == 201, reply.text
    return code, reply.json()["order"]


def _payments(url: str, office: Office) -> list[tuple[str, str]]:
    """Orders and amounts, as often as they are there."""
    return sorted((one["subject"], one["value"]) for one in observed(url, office.tag, "payment"))


def _settled(office: Office, testbed: RunningTestbed) -> None:
    """Waits until platform and bank agree, which they must in time."""
    until = time.monotonic() + SETTLE_S_MAX
    while (booked := _payments(testbed.url, office)) != (paid := _payments(testbed.outside_url, office)):
        assert time.monotonic() < until, f"booked {booked}, paid {paid}"


def _wait_until_paid(office: Office, code: str) -> None:
    until = time.monotonic() + SETTLE_S_MAX
    while office.paid(code) != "paid":
        assert time.monotonic() < until


def test_a_fee_is_ordered_paid_and_booked(office: Office) -> None:
    code = _submitted(office)
    assert office.paid(code) == "none"
    order = office.order(code, FEE_VND, key := office.key()).json()["order"]
    assert office.order(code, FEE_VND, key).json()["order"] == order, "asked again, it is the same"
    assert office.paid(code) == "waiting"
    paying = office.key()
    assert office.pay(order, FEE_VND, paying).status_code == 201
    assert office.pay(order, FEE_VND, paying).status_code == 201, "the same payment, repeated"
    _wait_until_paid(office, code)
    assert [write.subject for write in office.by_keys(key)] == [order]
    (write,) = httpx.post(f"{office.bank}/audit/keys", json={"keys": [paying]}, trust_env=False).json()["writes"]
    assert (write["subject"], write["content"]) == (order, {"order": order, "amount": str(FEE_VND)})
    (booked,), (paid,) = (observed(url, office.tag, "payment") for url in (str(office.client.base_url), office.bank))
    assert _told(booked) == ("tthc", order, str(FEE_VND), key)
    assert _told(paid) == ("bank", order, str(FEE_VND), paying)


def _told(row: dict[str, Any]) -> tuple[str, str, str, str]:
    return row["place"], row["subject"], row["value"], row["key"]


def test_what_cannot_be_paid_is_refused(office: Office) -> None:
    code, order = _ordered(office)
    assert refused(office.order(code, FEE_VND)) == (409, "order-exists")
    assert refused(office.order(_submitted(office), FEE_VND + 1)) == (422, "amount-wrong")
    free = office.submit().json()["dossier"]
    assert refused(office.order(free, 0)) == (422, "body-invalid")
    assert refused(office.order(code, FEE_VND, who="038123456780")) == (403, "other-applicant")
    assert office.pay(order, FEE_VND).status_code == 201
    assert refused(office.pay(order, FEE_VND)) == (409, "already-paid")
    assert refused(office.pay("%00", FEE_VND)) == (404, "order-unknown")
    assert refused(office.pay(order, FEE_VND, "a b")) == (400, "key-invalid")


def test_two_who_order_at_once_get_one_order(office: Office) -> None:
    code = _submitted(office)
    with ThreadPoolExecutor(8) as pool:
        replies = list(pool.map(lambda key: office.order(code, FEE_VND, key), [office.key() for _ in range(8)]))
    assert sorted(reply.status_code for reply in replies) == [201] + [409] * 7


def test_only_the_bank_tells_what_was_paid_and_only_the_platform_asks() -> None:
    with _office() as (office, testbed):
        code, order = _ordered(office)
        for url, path in ((testbed.url, NOTICE_PATH), (testbed.outside_url, STATEMENT_PATH)):
            body = f'{{"order":"{order}","transaction":"GD-1","amount":{FEE_VND},"orders":[]}}'.encode()
            headers = {SIGNATURE_HEADER: signature(b"guessed", "POST", path, body)}
            reply = httpx.post(url + path, content=body, headers=headers, trust_env=False)
            assert refused(reply) == (401, "signature-wrong")
        assert office.paid(code) == "waiting"


@asynccontextmanager
async def _books(database: str, folder: Path) -> AsyncIterator[tuple[Payments, Store]]:
    """The platform's books in this process; nobody answers at the bank."""
    opened: Database = (
        await open_postgres(database, TABLES, OTHERS)
        if database
        else SqliteDatabase(folder / "test.sqlite", "normal", TABLES, OTHERS)
    )
    bank = Neighbours("http://127.0.0.1:9", b"")
    store = Store(opened, TABLES, time.time, lambda operation: Effect.KEEP)
    try:
        yield Payments(store, bank, Faults()), store
    finally:
        await bank.close()
        await store.close()


@pytest.fixture(params=["sqlite", "postgres"])
def database(request: pytest.FixtureRequest) -> str:
    return str(request.getfixturevalue("postgres_url")) if request.param == "postgres" else ""


def test_amounts_conserve_however_often_and_in_whatever_order_payments_are_told(database: str, tmp_path: Path) -> None:
    tag = f"law-{os.getpid()}"

    async def scene() -> None:
        async with _books(database, tmp_path) as (payments, store):
            orders = []
            for n in range(12):
                kept = (f"{tag}.dossier-{n}", 1_000 * (n + 1))
                applied = await payments.order(Spent(), f"{tag}-{n}", "portal.pay", "16234", kept)
                orders.append(applied.write.subject)
            told = [Notice(order, f"{tag}.{order}", 1_000 * (n + 1)) for n, order in enumerate(orders)]
            for repeats in (5, 1):  # many at once, and once more when all is done
                await asyncio.gather(*(payments.book(Spent(), told[n * 7 % 12]) for n in range(12 * repeats)))
            with pytest.raises(RefusedError, match="order-unknown"):
                await payments.book(Spent(), Notice("TT990101-000001", "x", 5))
            async with store.read(Spent()) as tx:
                sql = "SELECT order_code, amount FROM bookings WHERE key >= $1 AND key < $2 ORDER BY amount"
                booked = await tx.rows(sql, f"{tag}-", f"{tag}.")
            assert booked == [(notice.order, notice.amount) for notice in told]

    asyncio.run(scene())


def test_a_platform_that_is_killed_again_and_again_books_every_payment_once(database: str, tmp_path: Path) -> None:
    options = ["--db", database] if database else []
    with _office("--restart", "--data", str(tmp_path), *options) as (office, testbed):
        office.token(CCCD)
        paid: list[str] = []

        def one(number: int) -> None:
            try:
                _, order = _ordered(office)
                if number % 10 == 5:
                    os.kill(_pid(testbed.url), signal.SIGKILL)
                assert office.pay(order, FEE_VND).status_code == 201
            except httpx.TransportError:
                return  # the platform died over it
            paid.append(order)

        with ThreadPoolExecutor(4) as pool:
            list(pool.map(one, range(40)))
        assert len(paid) >= 20
        _settled(office, testbed)
        assert _payments(testbed.url, office) == sorted((order, str(FEE_VND)) for order in paid)


def _pid(url: str) -> int:
    lines = httpx.get(f"{url}/metrics", timeout=20, trust_env=False).text.splitlines()
    return int(next(line for line in lines if line.startswith("testbed_pid ")).split()[1])


def test_a_notice_that_is_lost_is_found_by_asking_the_bank() -> None:
    with _office(*_faults("callback-lost=1")) as (office, testbed):
        code, order = _ordered(office)
        office.pay(order, FEE_VND)
        assert _payments(testbed.url, office) == []
        _settled(office, testbed)
        assert office.paid(code) == "paid"


def test_lost_notices_and_nobody_who_asks_leave_a_payment_unbooked() -> None:
    with _office(*_faults("callback-lost=2", "reconcile-off")) as (office, testbed):
        orders = [_ordered(office) for _ in range(4)]
        for _, order in orders:
            office.pay(order, FEE_VND)
        until = time.monotonic() + WAITING_S_MIN + 2 * RECONCILE_S
        while time.monotonic() < until:
            assert len(_payments(testbed.url, office)) <= 2
        assert [office.paid(code) for code, _ in orders] == ["paid", "waiting", "paid", "waiting"]


def test_booked_twice_and_amount_changed_do_what_they_say() -> None:
    with _office(*_faults("booked-twice=2", "amount-changed=3")) as (office, testbed):
        orders = []
        for _ in range(3):
            code, order = _ordered(office)
            office.pay(order, FEE_VND)
            _wait_until_paid(office, code)
            orders.append(order)
        amounts = zip([*orders[:2], *orders[1:]], [FEE_VND] * 3 + [FEE_VND + 1_000], strict=True)
        assert _payments(testbed.url, office) == sorted((order, str(amount)) for order, amount in amounts)


def test_bank_down_refuses_payments_and_the_platform_s_questions() -> None:
    with _office(*_faults("bank-down=1")) as (office, testbed):
        _, order = _ordered(office)
        key = office.key()
        assert refused(office.pay(order, FEE_VND, key)) == (503, "bank-down")
        keys = httpx.post(f"{testbed.outside_url}/audit/keys", json={"keys": [key]}, trust_env=False)
        assert keys.json()["writes"] == []
        until = time.monotonic() + SETTLE_S_MAX
        asked = 'testbed_requests_total{operation="bank.statement",status="503"}'
        while asked not in httpx.get(f"{testbed.outside_url}/metrics", trust_env=False).text:
            assert time.monotonic() < until
        assert office.client.get("/healthz").status_code == 200


def test_the_bank_s_patience_grows_and_has_an_end() -> None:
    waits = [again_ms(tries) for tries in range(1, TRIES_MAX)]
    assert waits == sorted(waits)
    assert waits[0] < 1_000
    assert waits[-1] == AGAIN_MS_MAX
    assert 60_000 < sum(waits) < 600_000
