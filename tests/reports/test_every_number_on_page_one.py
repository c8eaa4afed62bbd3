"""Every number on page one against a query of the Parquet files written here: DuckDB and plain arithmetic, none of the
judgement's own code. The page is read as text, as a person would."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from html.parser import HTMLParser
from math import ceil
from pathlib import Path
from typing import Any

import duckdb
import pytest

from record.reader import open_record
from reports.assess import assess
from reports.capacity_file import CapacityAnswer
from reports.extras import Extras
from reports.html import render_html
from tests.provinces import province_run

Ask = Callable[[str], list[tuple[Any, ...]]]
JUDGED = "BETWEEN 5000000000 AND 64999999999"  # the record's phases after its warm-up
CAPACITY = CapacityAnswer(True, 100.0, 95.0, 106.0)


class Reader(HTMLParser):
    """The words of a page, one line per piece of text, without styles and scripts."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.lines: list[str] = []
        self.skipping = 0
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.skipping += tag in ("style", "script", "svg")

    def handle_endtag(self, tag: str) -> None:
        self.skipping -= tag in ("style", "script", "svg")

    def handle_data(self, data: str) -> None:
        if data.strip() and not self.skipping:
            self.lines.append(" ".join(data.split()))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return province_run(tmp_path_factory.mktemp("numbers") / "run")


@pytest.fixture(scope="module")
def ask(folder: Path) -> Ask:
    connection = duckdb.connect()
    for name in ("communes", "arrivals", "samples", "journeys", "ledger"):
        connection.execute(f"CREATE VIEW {name} AS SELECT * FROM read_parquet('{folder}/{name}.parquet')")
    return lambda sql: connection.execute(sql).fetchall()


@pytest.fixture(scope="module")
def page(folder: Path) -> str:
    record = open_record(folder)
    return render_html(assess(record), record, extras=Extras(capacity=CAPACITY), language="vi")


@pytest.fixture(scope="module")
def one(page: str) -> str:
    """Page one as running text."""
    return " ".join(Reader(page[: page.index('id="evidence"')]).lines)


def vi(value: float, digits: int = 2) -> str:
    """A number as Vietnamese write it."""
    return f"{value:,.{digits}f}".translate(str.maketrans(",.", ".,"))


def figure(one: str, title: str) -> str:
    """What stands after the title of one of the four numbers, up to the next."""
    titles = [
        "Thao tác quan trọng chậm nhất",
        "Tỷ lệ lỗi",
        "Năng lực tải so với",
        "Số lần ghi bị mất",
        "Các xã, phường",
    ]
    following = titles[titles.index(title) + 1]
    begin = one.index(title)
    return one[begin : one.index(following, begin + 1)]


def rank(times: list[int], share: float) -> int:
    return sorted(times)[ceil(share * len(times)) - 1]


def test_the_slowest_important_operation(ask: Ask, one: str, folder: Path) -> None:
    promises = [p for p in json.loads((folder / "manifest.json").read_text())["objectives"] if p["metric"] == "latency"]
    found = []
    for promise in promises:
        (pattern,) = promise["operations"]
        times = [
            row[0]
            for row in ask(f"""SELECT done_ns - intended_ns FROM samples WHERE outcome = 'ok'
            AND operation LIKE '{pattern.replace("*", "%")}' AND intended_ns {JUDGED}""")
        ]
        limit = promise["limit"] * {"ms": 1e6, "s": 1e9}[promise["unit"]]
        found.append((rank(times, 0.95) / limit, rank(times, 0.95), len(times), promise["title_vi"]))
    _, p95, calls, title = max(found)
    said = figure(one, "Thao tác quan trọng chậm nhất")
    assert f"{p95 / 1e6:.0f} ms ✓ Đạt" in said
    assert "giới hạn: không quá 900 ms" in said
    assert f"{title}: p95 trên {vi(calls, 0)} yêu cầu." in said


def test_errors_against_the_strictest_promise(ask: Ask, one: str) -> None:
    ((failed, calls),) = ask(f"""SELECT count(*) FILTER (outcome IN ('refused', 'unknown')), count(*) FROM samples
        WHERE operation LIKE 'tthc.%' AND intended_ns {JUDGED}""")
    said = figure(one, "Tỷ lệ lỗi")
    assert f"{vi(100 * failed / calls)} % ✓ Đạt" in said
    assert "không quá 2,00 %" in said
    assert f"{failed} trên {vi(calls, 0)} yêu cầu" in said


def test_capacity_over_the_forecast(ask: Ask, one: str) -> None:
    ((planned,),) = ask(f"SELECT count(*) FROM arrivals WHERE at_ns {JUDGED}")
    forecast = planned / 60
    said = figure(one, "Năng lực tải so với")
    assert f"× {vi(100 / forecast)}" in said or f"×{vi(100 / forecast)}" in said
    assert f"dự báo {vi(forecast)} /s" in said
    assert "chịu được 100 /s" in said
    assert "95 /s – 106 /s" in said
    assert "✓ Đạt" in said, "95 is more than the forecast"


def test_lost_writes(ask: Ask, one: str) -> None:
    ((acked, lost),) = ask("""SELECT count(*), count(*) FILTER (NOT seen) FROM
        (SELECT key, bool_or(fact = 'acked') AS acked, bool_or(fact = 'observed') AS seen FROM ledger GROUP BY key)
        WHERE acked""")
    ((read,),) = ask("SELECT count(DISTINCT key) FROM ledger WHERE fact IN ('observed', 'absent')")
    said = figure(one, "Số lần ghi bị mất")
    assert f"{lost} ✗ Không đạt" in said
    assert f"Trên {vi(acked, 0)} lần ghi đã được xác nhận; đã đọc lại {vi(read, 0)} lần ghi." in said
    assert f"{lost} trên {vi(acked, 0)} lần ghi đã được xác nhận nhưng lần đọc cuối không tìm thấy." in one


def _units(ask: Ask) -> dict[str, dict[str, Any]]:
    rows = ask(f"""
        SELECT code, name, population,
               (SELECT count(*) FROM arrivals WHERE commune = code AND at_ns {JUDGED}),
               (SELECT count(*) FROM samples WHERE commune = code AND intended_ns {JUDGED}),
               (SELECT count(*) FROM samples WHERE commune = code AND intended_ns {JUDGED} AND outcome <> 'ok'),
               (SELECT count(*) FROM (SELECT key FROM ledger WHERE commune = code GROUP BY key
                                      HAVING bool_or(fact = 'acked') AND NOT bool_or(fact = 'observed')))
        FROM communes ORDER BY code""")
    names = ("code", "name", "population", "arrivals", "calls", "failed", "lost")
    return {row[0]: dict(zip(names, row, strict=True)) for row in rows}


def test_the_counts_of_units(ask: Ask, one: str) -> None:
    units = _units(ask).values()
    silent = sum(not unit["calls"] for unit in units)
    bad = sum(unit["lost"] > 0 or (unit["calls"] > 0 and unit["failed"] / unit["calls"] > 0.2) for unit in units)
    assert f"{len(units) - silent - bad} ✓ đạt {bad} ✗ không đạt {silent} ? chưa rõ" in one
    assert f"{silent} trên {len(units)} xã, phường không có yêu cầu nào." in one


def test_the_numbers_of_the_actions_in_order(ask: Ask, one: str) -> None:
    units = _units(ask)
    total = sum(unit["calls"] for unit in units.values())
    failing = [unit for unit in units.values() if unit["failed"]]
    failing.sort(key=lambda unit: (-unit["failed"], unit["code"]))
    loser = next(unit for unit in units.values() if unit["lost"])
    place = one.index("Việc phải làm")
    for unit in [loser, *failing]:
        place = one.index(f"{unit['name']} ", place) + 1
    for unit in failing:
        share = vi(100 * unit["failed"] / unit["calls"])
        assert f"{unit['failed']} trên {unit['calls']} yêu cầu bị lỗi ({share} %)" in one
        assert f"Tối đa {vi(100 * unit['failed'] / total)} % tổng số yêu cầu không còn lỗi." in one


def test_the_load_that_was_tried(ask: Ask, one: str) -> None:
    ((planned,),) = ask(f"SELECT count(*) FROM arrivals WHERE at_ns {JUDGED}")
    assert f"trung bình {vi(planned / 60)} lượt mỗi giây" in one
    assert "nén 60 lần" in one


def test_no_number_on_page_one_comes_from_elsewhere(ask: Ask, one: str, folder: Path) -> None:
    """Each is a figure of the tests above, a limit of the manifest, or counts lines."""
    units = _units(ask)
    total = sum(unit["calls"] for unit in units.values())
    failing = [unit for unit in units.values() if unit["failed"]]
    ((planned,),) = ask(f"SELECT count(*) FROM arrivals WHERE at_ns {JUDGED}")
    ((acked, read),) = ask("""SELECT count(DISTINCT key) FILTER (fact = 'acked'),
                              count(DISTINCT key) FILTER (fact IN ('observed', 'absent')) FROM ledger""")
    by_system = ask(f"SELECT system, count(*) FILTER (outcome = 'ok'), count(*) FROM samples "
                    f"WHERE intended_ns {JUDGED} GROUP BY ALL")  # fmt: skip
    failed = sum(unit["failed"] for unit in units.values())
    known = {vi(count, 0) for _, ok, calls in by_system for count in (ok, calls, calls - ok)}
    known |= {vi(count, 0) for count in (acked, read, failed, len(units), total)}
    known |= {
        vi(planned / 60),
        vi(100 / (planned / 60)),
        "100",
        "95",
        "106",
        "90",
        "1",
        "60",
        "0",
        "900",
        "2,00",
        "318",
    }
    known |= {vi(100 * (calls - ok) / calls) for _, ok, calls in by_system}
    for unit in failing:
        known |= {str(unit["failed"]), str(unit["calls"])}
        known |= {vi(100 * unit["failed"] / unit["calls"]), vi(100 * unit["failed"] / total)}
    known |= {str(count) for count in (157, 5, 4)}  # units by state: as in the test of their counts
    known |= {str(line) for line in range(1, len(failing) + 2)}  # actions
    places = one[one.index("Bốn con số") : one.index("Ký xác nhận")]
    said = {found.rstrip(".,") for found in re.findall(r"(?<!\w)\d[\d.,]*", places)}
    assert said - known == set()


def test_every_unit_s_sheet_and_row(ask: Ask, page: str) -> None:
    times: dict[str, list[int]] = {}
    for code, took in ask(f"""SELECT commune, done_ns - intended_ns FROM samples
                              WHERE outcome = 'ok' AND intended_ns {JUDGED}"""):
        times.setdefault(code, []).append(took)
    units = _units(ask)
    assert len(units) == 166
    for code, unit in units.items():
        sheet = page[page.index(f'<details id="u{code}"') :]
        sheet = " ".join(sheet[: sheet.index("</details>")].split())
        numbers = {name: vi(unit[name], 0) for name in ("population", "arrivals", "calls", "failed", "lost")}
        assert f"Dân số {numbers['population']}." in sheet
        assert f"{numbers['arrivals']} lượt người, {numbers['calls']} yêu cầu, {numbers['failed']} bị lỗi" in sheet
        assert f"{numbers['lost']} lần ghi bị mất, 0 lần ghi bị sai" in sheet
        p50 = re.search(r"p50 ([\d.,]+) (ms|s),", sheet)
        if p50:
            ns = rank(times[code], 0.5)
            value = float(p50[1].replace(".", "").replace(",", ".")) * {"ms": 1e6, "s": 1e9}[p50[2]]
            assert value == pytest.approx(ns, rel=0.005)
