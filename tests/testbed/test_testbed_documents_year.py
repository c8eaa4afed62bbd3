"""Incoming numbers begin anew with each year, and the year begins at midnight in Hanoi."""

from __future__ import annotations

import asyncio
import datetime as dt
from collections.abc import Iterator
from pathlib import Path

import pytest

from testbed import documents_schema as sql
from testbed.faults import Effect, Faults
from testbed.inbox import Inbox
from testbed.schema import SQLITE
from testbed.store import Store
from testbed.store_sqlite import SqliteDatabase
from testbed.tables import OTHERS, TABLES
from testbed.tokens import Actor
from testbed.uploads import Files
from testbed.visit import Spent

COMMUNE = "16234"
CLERK = Actor("clerk", "vanthu", COMMUNE)


class Wall:
    """A clock that stands where it is put."""

    def __init__(self, text: str) -> None:
        self.seconds = dt.datetime.fromisoformat(text).timestamp()

    def __call__(self) -> float:
        return self.seconds


@pytest.fixture
def wall() -> Wall:
    return Wall("2026-12-31T16:59:59+00:00")


@pytest.fixture
def store(tmp_path: Path, wall: Wall) -> Iterator[Store]:
    database = SqliteDatabase(tmp_path / "test.sqlite", "normal", TABLES, OTHERS)
    made = Store(database, TABLES, wall, lambda operation: Effect.KEEP)
    asyncio.run(made.open("00"))
    yield made
    asyncio.run(made.close())


async def _numbers(store: Store, inbox: Inbox, *documents: str) -> list[str]:
    numbers = []
    for document in documents:
        async with store.write(Spent(), document) as tx:
            await tx.run(sql.deliver(SQLITE, "docs_inbox"), "k", document, "", store.now_ms(), f'["{COMMUNE}"]')
        place = (COMMUNE, document)
        await inbox.confirm(Spent(), f"c-{document}", "docs.confirm", CLERK, (*place, "03"))
        applied = await inbox.register(Spent(), f"r-{document}", "docs.register", CLERK, place)
        numbers.append(applied.write.subject)
    return numbers


def test_the_first_number_of_the_year_is_given_after_midnight_in_hanoi(
    store: Store, wall: Wall, tmp_path: Path
) -> None:
    inbox = Inbox(store, Files(tmp_path), Faults())
    assert asyncio.run(_numbers(store, inbox, "00001-1", "00001-2")) == ["1", "2"]
    wall.seconds += 1
    assert asyncio.run(_numbers(store, inbox, "00001-3", "00001-4")) == ["1", "2"]

    async def series() -> list[str]:
        async with store.read(Spent()) as tx:
            return [name for (name,) in await tx.rows("SELECT series FROM counters ORDER BY series")]

    assert asyncio.run(series()) == [f"H56.{COMMUNE}/2026/den", f"H56.{COMMUNE}/2027/den"]
