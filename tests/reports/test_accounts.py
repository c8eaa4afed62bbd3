"""Arrivals whose plan, ends and calls do not agree, each counted for what is wrong with it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from record import schema
from record.reader import open_record
from reports import accounts
from reports.accounts import Accounts
from tests.records import healthy_run, shuffle

N = 60
RIGHT = {"rows": N, "never": 0, "twice": 0, "unknown": 0, "strangers": 0, "astray": 0}
Rows = list[dict[str, Any]]


def changed(folder: Path, table: str, change: Callable[[Rows], object]) -> Accounts:
    path = healthy_run(folder, N) / f"{table}.parquet"
    rows = pq.read_table(path).to_pylist()
    change(rows)
    pq.write_table(pa.Table.from_pylist(rows, schema.TABLES[table]), path)
    return accounts.lay(open_record(folder, check_digests=False))


@pytest.mark.parametrize(
    ("table", "change", "wrong"),
    [
        ("samples", lambda rows: None, {}),
        ("journeys", lambda rows: rows.pop(7), {"never": 1, "astray": 1}),
        ("journeys", lambda rows: rows[7].update(outcome=None), {"never": 1}),
        ("journeys", lambda rows: rows.append(rows[7] | {"steps": 0}), {"twice": 1}),
        ("journeys", lambda rows: rows.append(rows[7] | {"arrival": 4_000_000_000, "steps": 0}), {"unknown": 1}),
        ("journeys", lambda rows: rows[7].update(outcome="dropped"), {"astray": 1}),
        ("journeys", lambda rows: rows[7].update(steps=2), {"astray": 1}),
        ("samples", lambda rows: rows.pop(7), {"astray": 1}),
        ("samples", lambda rows: rows[7].update(step=1), {"astray": 1}),
        ("samples", lambda rows: rows[7].update(arrival=8), {"astray": 2}),
        ("samples", lambda rows: rows.append(rows[7] | {"arrival": N}), {"strangers": 1, "astray": 1}),
        ("samples", lambda rows: rows.append(rows[7] | {"arrival": 4_000_000_000}), {"strangers": 1, "astray": 1}),
    ],
)
def test_what_does_not_add_up_is_counted(tmp_path: Path, table: str, change: Any, wrong: dict[str, int]) -> None:
    assert changed(tmp_path / "run", table, change) == Accounts(**RIGHT | wrong)


def test_arrivals_that_are_neither_planned_nor_small_meet_their_own_ends(tmp_path: Path) -> None:
    folder = healthy_run(tmp_path / "run", N)
    for table in ("arrivals", "journeys", "samples"):
        rows = pq.read_table(folder / f"{table}.parquet").to_pylist()
        rows[7]["arrival"] = 4_000_000_000
        pq.write_table(pa.Table.from_pylist(rows, schema.TABLES[table]), folder / f"{table}.parquet")
    assert accounts.lay(open_record(folder, check_digests=False)) == Accounts(**RIGHT)


def test_the_order_of_rows_does_not_matter(tmp_path: Path) -> None:
    folder = healthy_run(tmp_path / "run", N)
    for table in ("arrivals", "journeys", "samples"):
        shuffle(folder, table, 3)
    assert accounts.lay(open_record(folder, check_digests=False)) == Accounts(**RIGHT)
