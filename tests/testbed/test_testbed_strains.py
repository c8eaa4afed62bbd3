"""Faults of the database, of codes, of files and of the clock: each strikes, and only where it should."""

from __future__ import annotations

import asyncio
import datetime as dt
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager

import httpx
import pytest

from tests.servers import start_testbed
from tests.testbed.people import Office, refused

EARLY = 0.95
"""Share of its time after which a wait may be over: the loop counts whole milliseconds of a clock read earlier."""

HANOI = dt.timezone(dt.timedelta(hours=7))


@pytest.fixture(params=["sqlite", "postgres"])
def options(request: pytest.FixtureRequest) -> list[str]:
    return ["--db", request.getfixturevalue("postgres_url")] if request.param == "postgres" else []


@contextmanager
def _office(options: list[str], *enabled: str) -> Iterator[Office]:
    switches = [word for fault in enabled for word in ("--fault", fault)]
    with start_testbed(*options, *switches) as testbed, httpx.Client(base_url=testbed.url, timeout=20) as client:
        yield Office(client)


def _part_ms(reply: httpx.Response, part: str) -> float:
    return float(re.search(rf"{part};dur=([0-9.]+)", reply.headers["server-timing"])[1])  # type: ignore[index]


def test_a_slow_query_takes_its_time_in_the_database(options: list[str]) -> None:
    with _office(options, "slow-query=400:portal.track") as office:
        code = office.submit().json()["dossier"]
        assert _part_ms(office.client.get(f"/portal/dossiers/{code}"), "db") >= EARLY * 400
        assert _part_ms(office.submit(), "db") < 400


def test_writers_of_a_hot_row_wait_for_each_other(options: list[str]) -> None:
    with _office(options, "hot-row=60:portal.rate") as office:
        codes = [office.submit().json()["dossier"] for _ in range(4)]
        began = time.monotonic()
        waits = [_part_ms(reply, "queue") for reply in _at_once(office, codes)]
        assert time.monotonic() - began >= EARLY * 4 * 0.06, "one after the other, whoever came first"
        assert min(waits) >= EARLY * 60


def test_a_pool_of_two_lets_two_through_at_a_time(options: list[str]) -> None:
    with _office(options, "pool=2,80:portal.rate") as office:
        codes = [office.submit().json()["dossier"] for _ in range(8)]
        began = time.monotonic()
        waits = [_part_ms(reply, "queue") for reply in _at_once(office, codes)]
        assert time.monotonic() - began >= EARLY * 4 * 0.08, "four pairs, one after the other, whoever came first"
        assert min(waits) >= EARLY * 80


def _at_once(office: Office, codes: list[str]) -> list[httpx.Response]:
    headers = [office.headers("038123456789", office.key()) for _ in codes]

    async def send() -> list[httpx.Response]:
        async with httpx.AsyncClient(base_url=office.client.base_url, timeout=20) as client:
            body = {"stars": 5, "comment": ""}
            return await asyncio.gather(
                *(
                    client.post(f"/portal/dossiers/{code}/rating", json=body, headers=own)
                    for code, own in zip(codes, headers, strict=True)
                )
            )

    replies = asyncio.run(send())
    assert {reply.status_code for reply in replies} == {201}
    return replies


def test_codes_are_given_twice_or_left_out(options: list[str]) -> None:
    with _office(options, "code-twice=3") as office:
        numbers = [int(office.submit().json()["dossier"][-4:]) for _ in range(5)]
        assert len(set(numbers)) < 5
    with _office(options, "code-skip=2") as office:
        assert [int(office.submit().json()["dossier"][-4:]) for _ in range(4)] == [1, 3, 4, 6]


def test_a_dropped_file_is_not_there_and_a_truncated_one_is_another(options: list[str]) -> None:
    with _office(options, "upload-drop=1:portal.attach", "upload-truncate=1:tthc.scan") as office:
        code = office.submit().json()["dossier"]
        assert office.attach(code, key=(dropped := office.key())).status_code == 201
        assert office.by_keys(dropped) == []
        reply = office.attach(code, key=(cut := office.key()), who="motcua", content=b"%PDF-1.4 dai hon mot chut")
        assert reply.status_code == 201
        assert office.by_keys(cut)[0].content["sha256"] != reply.json()["sha256"]


def test_a_missing_commune_is_unknown_and_the_others_are_served() -> None:
    with _office([], "commune-missing=14797") as office:
        assert office.submit().status_code == 201
        office.commune = "14797"
        assert refused(office.submit()) == (404, "commune-unknown")


def test_a_clock_that_is_behind_says_so_to_the_audit() -> None:
    with _office([], "clock=3") as office:
        before = time.time()
        page = office.client.get("/audit/observations", params={"tag": office.tag}).json()
        assert before - 0.01 <= page["at_ms"] / 1000 + 3 <= time.time() + 0.01


def test_a_day_behind_codes_carry_yesterdays_date() -> None:
    with _office([], "zone=24") as office:
        before = dt.datetime.now(HANOI)
        code = office.submit().json()["dossier"]
        after = dt.datetime.now(HANOI)
        assert code.split("-")[1] in {f"{day - dt.timedelta(days=1):%y%m%d}" for day in (before, after)}


def test_a_leak_keeps_what_each_request_costs() -> None:
    with _office([], "leak=2000:portal.search") as office:

        def rss_mb() -> float:
            text = office.client.get("/metrics").text
            return float(re.search(r"process_resident_memory_bytes (\d+)", text)[1]) / 1e6  # type: ignore[index]

        office.client.get("/portal/procedures")
        before = rss_mb()
        for _ in range(20):
            office.client.get("/portal/procedures")
        assert rss_mb() - before > 30


def test_what_is_committed_late_is_there_at_once_for_those_who_ask_and_later_for_good(options: list[str]) -> None:
    with _office(options, "commit-late=200") as office:
        keys = [office.key() for _ in range(3)]
        codes = [office.submit(key).json()["dossier"] for key in keys]
        assert len(set(codes)) == 3
        until = time.monotonic() + 10
        while len(office.by_keys(*keys)) < 3 and time.monotonic() < until:
            pass
        assert len(office.by_keys(*keys)) == 3
