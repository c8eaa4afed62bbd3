"""The operations room in a real browser: told every second, complains of nothing, asks nobody else."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pyarrow.parquet as pq
import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page

from loadtests.live_server import Room
from loadtests.wishes import Notes
from loadtests.zero import boot_id
from record.journal import EventLog, Journal
from record.rows import ERROR_INDEX
from record.types import Event, Manifest, Outcome, Reading, State, Zero
from record.writer import abort, write_manifest
from tests.provinces import communes
from tests.records import MS, S, call, make_record, manifest, plan
from thongsuot.live import _page

UNITS, EACH = 166, 8


class Played:
    """A run that is played: its journal grows when the test says so, and its notes are taken as a run takes them."""

    def __init__(self, folder: Path) -> None:
        world = communes(UNITS)
        codes = world["code"].to_pylist()
        head = manifest(UNITS * EACH, seconds=600)
        self.folder = make_record(folder, head, arrivals=plan(UNITS * EACH, 600, codes), ends=[], seal=False)
        pq.write_table(world, folder / "communes.parquet")
        self.head: Manifest = msgspec.structs.replace(head, state=State.PLANNED)
        write_manifest(folder, self.head)
        self.journal = Journal(folder / "journal", 3)
        self.events = EventLog(folder / "events.jsonl")
        self.over = threading.Event()
        self.notes = Notes(folder / "journal")
        threading.Thread(target=self._take, daemon=True).start()

    def begin(self, mono_ns: int) -> None:
        self.head = msgspec.structs.replace(self.head, state=State.DRIVING, zero=Zero(0, mono_ns, boot_id()))
        write_manifest(self.folder, self.head)

    def calls(self, first: int, count: int, **changes: object) -> None:
        for arrival in range(first, first + count):
            self.journal.sample(call(arrival, arrival * MS, **changes))
        for metric, value in (("busy", 5.0), ("inbox", 0.0), ("hub_lag_ms", 3.2), ("cpu_share", 0.31)):
            self.journal.reading(Reading("generator-3", metric, "count", S, value))
        self.journal.flush()

    def _take(self) -> None:
        while not self.over.wait(0.05):
            for note in self.notes.new():
                self.events.write(note)


@pytest.fixture
def room(tmp_path: Path) -> Iterator[tuple[Room, Played]]:
    played = Played(tmp_path / "r")
    with Room("127.0.0.1", 0, "", _page) as opened:
        yield opened, played
    played.over.set()


@pytest.fixture
def page(chromium: Browser, room: tuple[Room, Played]) -> Iterator[Page]:
    """The page; afterwards: no complaint, and nobody asked but the room."""
    context = chromium.new_context(viewport={"width": 1280, "height": 900})
    found = context.new_page()
    complaints, asked = list[str](), list[str]()
    found.on("console", lambda message: complaints.append(message.text))
    found.on("pageerror", lambda error: complaints.append(str(error)))
    found.on("request", lambda request: asked.append(request.url))
    found.goto(room[0].url)
    yield found
    context.close()
    assert complaints == []
    assert [url for url in asked if not url.startswith((room[0].url, "data:"))] == []


def test_the_page_follows_a_run_to_its_end(page: Page, room: tuple[Room, Played]) -> None:
    opened, played = room
    assert "Chưa có lần chạy nào" in page.content()
    opened.follow(played.folder)
    page.wait_for_selector("#units li")  # it loads itself anew once there is a run
    played.begin(time.monotonic_ns() - S)
    played.events.write(Event(0, "phase", "warm-up"))
    played.calls(0, 900)
    bad = {"outcome": Outcome.REFUSED, "status": 503, "error": ERROR_INDEX["status-5xx"]}
    for turn in range(4):
        for unit in (7, 90):
            played.calls(unit + UNITS * turn, 1, **bad)
    page.wait_for_selector("#units li.b")
    page.wait_for_selector("#curves path.offered[d^=M]", state="attached")
    assert page.locator("#units li").count() == UNITS
    assert page.locator(".voronoi path.f").count() == page.locator("#units li.b").count()
    assert page.locator("#units li.b .mark").first.text_content() == "✗"
    assert "khởi động (warm-up)" in (page.locator("#stage").text_content() or "")
    assert "mã HTTP 5xx" in (page.locator("#errors").text_content() or "")
    assert page.locator("#c-b").text_content() == "2"
    page.fill("#text", "kiểm tra <b>mạng</b>")
    page.press("#text", "Enter")
    page.wait_for_selector("#marks >> text=kiểm tra <b>mạng</b>")
    assert "Đã ghi vào diễn biến" in (page.locator("#told").text_content() or "")
    if shots := os.environ.get("THONGSUOT_SHOTS"):
        page.screenshot(path=f"{shots}/live.png", full_page=True)
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
        found = Axe().run(page)
        assert [(one["id"], one["nodes"][0]["html"][:120]) for one in found.response["violations"]] == []
    page.set_viewport_size({"width": 360, "height": 740})
    assert page.evaluate("document.scrollingElement.scrollWidth <= innerWidth")
    page.click("#drain")
    assert "Bấm lần nữa để dừng" in (page.locator("#drain").text_content() or "")
    assert not (played.folder / "journal/stop").exists(), "one press is no wish"
    page.click("#drain")
    page.wait_for_selector("#told >> text=Đã yêu cầu dừng")
    assert (played.folder / "journal/stop").exists()
    abort(played.folder, played.head, "the test is over")
    page.wait_for_selector("#link >> text=Lần chạy đã kết thúc")
    seen = page.evaluate("window.framesSeen")
    assert seen == list(range(seen[0], seen[-1] + 1)), "no second is missed"
