"""Laws of the store and the tokens that need a clock of their own."""

from __future__ import annotations

import asyncio
import datetime as dt
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import apsw
import pytest
from hypothesis import given
from hypothesis import strategies as st

from testbed import bodies
from testbed.dossiers import Dossiers
from testbed.faults import Effect
from testbed.store import Store
from testbed.store_sqlite import SqliteDatabase
from testbed.tables import OTHERS, TABLES
from testbed.tokens import ROLES, TOKEN_S_MAX, Actor, Tokens, officer
from testbed.visit import RefusedError, Spent

KEPT = ("16234", "1.001193", "038123456789", "Lê Thị Ánh", "{}")


class Wall:
    """A clock that stands where it is put."""

    def __init__(self, text: str) -> None:
        self.seconds = dt.datetime.fromisoformat(text).timestamp()

    def __call__(self) -> float:
        return self.seconds


@pytest.fixture
def wall() -> Wall:
    return Wall("2026-06-30T16:59:59+00:00")


@pytest.fixture
def store(tmp_path: Path, wall: Wall) -> Iterator[Store]:
    made = _open(tmp_path, wall)
    asyncio.run(made.open("00"))
    yield made
    asyncio.run(made.close())


@pytest.fixture
def dossiers(store: Store) -> Dossiers:
    return Dossiers(store)


def _open(folder: Path, wall: Wall) -> Store:
    database = SqliteDatabase(folder / "test.sqlite", "normal", TABLES, OTHERS)
    return Store(database, TABLES, wall, lambda operation: Effect.KEEP)


def _submit(dossiers: Dossiers, key: str) -> str:
    applied = asyncio.run(dossiers.create(Spent(), key, "portal.submit", KEPT, online=True))
    return applied.write.subject


def test_the_day_of_a_code_begins_at_midnight_in_hanoi(dossiers: Dossiers, wall: Wall) -> None:
    assert _submit(dossiers, "a-1") == "000.00.16234.H56-260630-0001"
    assert _submit(dossiers, "a-2") == "000.00.16234.H56-260630-0002"
    wall.seconds += 1
    assert _submit(dossiers, "a-3") == "000.00.16234.H56-260701-0001"


def test_the_counter_goes_on_above_four_digits(dossiers: Dossiers, tmp_path: Path) -> None:
    _submit(dossiers, "a-1")
    with closing(apsw.Connection(str(tmp_path / "test.sqlite"))) as beside:
        beside.execute("UPDATE counters SET n = 9998")
    codes = [_submit(dossiers, f"b-{number}") for number in range(3)]
    assert codes == [f"000.00.16234.H56-260630-{number}" for number in (9999, 10000, 10001)]


def test_a_refusal_inside_a_transaction_takes_nothing_with_it(store: Store, dossiers: Dossiers) -> None:
    code = _submit(dossiers, "a-1")

    def settle() -> None:
        raise RefusedError(507, "storage-full")

    with pytest.raises(RefusedError):
        asyncio.run(dossiers.attach(Spent(), "a-2", "portal.attach", (code, "scan", "00" * 32), 5, settle))
    assert asyncio.run(store.by_keys(Spent(), ["a-2"])) == []
    assert _submit(dossiers, "a-3").endswith("-0002")


def test_counts_are_taken_up_again_when_the_store_is_opened(dossiers: Dossiers, tmp_path: Path, wall: Wall) -> None:
    code = _submit(dossiers, "a-1")
    actor = Actor("officer", "motcua", "16234")
    asyncio.run(dossiers.move(Spent(), "a-2", actor, (code, 2, "")))
    asyncio.run(dossiers.attach(Spent(), "a-3", "portal.attach", (code, "scan", "00" * 32), 5, lambda: None))
    again = _open(tmp_path, wall)
    try:
        assert asyncio.run(again.open("11")) == "00", "the secret of the first opening stays"
        counted = Dossiers(again)
        asyncio.run(counted.open())
        assert {state: n for state, n in dossiers.by_state.items() if n} == dict(counted.by_state) == {2: 1}
        assert dossiers.stored_bytes == counted.stored_bytes == 5
    finally:
        asyncio.run(again.close())


def test_pages_do_not_read_again_what_was_read(store: Store, tmp_path: Path) -> None:
    with closing(apsw.Connection(str(tmp_path / "test.sqlite"))) as beside:
        beside.execute(
            "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 100000) INSERT INTO claims"
            " (key, operation, dossier, commune, officer, at_ms)"
            " SELECT 'run-' || i, 'tthc.claim', '', '16234', 'motcua', 0 FROM n"
        )
    spent, seen, pages = Spent(), 0, 0
    after: tuple[int, int] | None = (0, 0)
    while after is not None:
        page = asyncio.run(store.by_tag(spent, "run", after, 1_000))
        seen, pages = seen + len(page.writes), pages + 1
        after = bodies.cursor(page.next) if page.next else None
    assert (seen, pages) == (100_000, 101)
    assert spent.db_ns < 5e9, "reading all rows for every page takes ten times as long"


@given(st.text(max_size=60))
def test_nothing_but_an_issued_token_is_taken(text: str) -> None:
    tokens = Tokens(b"secret")
    assert tokens.check(f"Bearer {text}".encode(), 0) is None
    assert tokens.check(text.encode(), 0) is None


@given(st.sampled_from(ROLES), st.from_regex(r"[0-9]{5}", fullmatch=True), st.integers(0, 2**33))
def test_a_token_is_good_until_its_time_is_over_and_for_its_maker_only(role: str, commune: str, now: int) -> None:
    actor = officer(f"{commune}.{role}")
    assert actor == Actor("officer", role, commune)
    tokens = Tokens(b"secret")
    header = f"Bearer {tokens.issue(actor, now)}".encode()
    assert tokens.check(header, now + TOKEN_S_MAX - 1) == actor
    assert tokens.check(header, now + TOKEN_S_MAX) is None
    assert Tokens(b"other").check(header, now) is None
    assert tokens.check(header.replace(role.encode(), b"giamdoc"), now) is None
