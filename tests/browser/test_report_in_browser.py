"""The page as people open it: offline, with and without scripts, on a phone, on paper, by keyboard, in the dark."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pypdfium2
import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page

BYTES_MAX = 500_000


@contextmanager
def opened(chromium: Browser, path: Path, **options: Any) -> Iterator[Page]:
    """The page; afterwards: it neither complained nor asked anybody for anything."""
    context = chromium.new_context(**options)
    page = context.new_page()
    complaints: list[str] = []
    asked: list[str] = []
    page.on("console", lambda message: complaints.append(message.text))
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("request", lambda request: asked.append(request.url))
    page.goto(path.as_uri())
    page.evaluate("document.fonts.ready")
    yield page
    context.close()
    assert complaints == []
    assert [url for url in asked if url != path.as_uri() and not url.startswith("data:")] == []


def fits(page: Page) -> bool:
    return bool(page.evaluate("document.scrollingElement.scrollWidth <= innerWidth"))


@pytest.mark.parametrize("name", ["province", "vi", "en"])
def test_the_page_is_one_file_that_asks_nobody(chromium: Browser, pages: dict[str, Path], name: str) -> None:
    assert pages[name].stat().st_size < BYTES_MAX
    with opened(chromium, pages[name]) as page:
        assert page.evaluate("document.fonts.check('16px \"Be Vietnam Pro\"', 'ẫ')")
        assert page.locator(".uplot canvas").count() == 3
        assert page.locator(".still").is_hidden()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing(chromium: Browser, pages: dict[str, Path], scheme: str) -> None:
    with opened(chromium, pages["province"], color_scheme=scheme) as page:
        page.locator(".sheets details").first.evaluate("sheet => { sheet.open = true }")
        found = Axe().run(page)
        assert [(one["id"], one["nodes"][0]["html"][:120]) for one in found.response["violations"]] == []


@pytest.mark.parametrize("name", ["province", "vi", "en", "thousand"])
def test_nothing_is_wider_than_a_phone(chromium: Browser, pages: dict[str, Path], name: str) -> None:
    with opened(chromium, pages[name], viewport={"width": 360, "height": 740}) as page:
        assert fits(page)
        page.locator("#all_units").scroll_into_view_if_needed()
        assert fits(page)


def test_a_table_of_a_thousand_units_scrolls_and_is_searched(chromium: Browser, pages: dict[str, Path]) -> None:
    with opened(chromium, pages["thousand"]) as page:
        table = page.locator("#all_units .scroll")
        rows = table.locator("tbody tr")
        assert rows.count() == 1000
        table.scroll_into_view_if_needed()
        table.hover()
        page.mouse.wheel(0, 100_000)
        table.evaluate("async t => { while (t.scrollTop < 10000) await new Promise(requestAnimationFrame) }")
        last = table.evaluate(
            """table => { const row = table.querySelector('tbody tr:last-child').getBoundingClientRect();
               return row.bottom <= table.getBoundingClientRect().bottom + 1 }"""
        )
        assert last
        assert table.locator("thead th").first.is_visible(), "the head stays"
        page.fill("#find", "pu luong")
        shown = page.evaluate(
            "[...document.querySelectorAll('.units tbody tr')].filter(r => r.offsetHeight).map(r => r.innerText)"
        )
        assert shown
        assert all("Pù Luông" in text for text in shown)
        assert page.locator(".search output").inner_text() == str(len(shown))


def test_without_scripts_everything_is_there(chromium: Browser, pages: dict[str, Path]) -> None:
    with opened(chromium, pages["province"], java_script_enabled=False) as page:
        assert page.locator(".units tbody tr").count() == 166
        assert page.locator(".units tbody tr").last.is_visible()
        assert page.locator(".still svg").is_visible()
        assert page.locator(".voronoi").is_visible()
        for selector in (".search", ".live", ".sheets .all"):
            assert page.locator(selector).is_hidden(), f"{selector} would do nothing"
        sheet = page.locator(".sheets details").first
        sheet.locator("summary").click()
        assert sheet.locator("section").is_visible()


def test_languages_are_switched_without_scripts(chromium: Browser, pages: dict[str, Path]) -> None:
    with opened(chromium, pages["province"], java_script_enabled=False) as page:
        heading = page.locator("#verdict")
        assert "NOT READY" in heading.inner_text()
        page.check("#l-vi")
        assert heading.inner_text() == "CHƯA ĐỦ ĐIỀU KIỆN"
        page.check("#l-en")
        assert heading.inner_text() == "NOT READY"


def test_the_map_and_the_table_lead_to_a_unit_s_sheet(chromium: Browser, pages: dict[str, Path]) -> None:
    with opened(chromium, pages["province"]) as page:
        cell = page.locator(".voronoi path[data-u]").nth(80)
        code = cell.get_attribute("data-u")
        cell.dispatch_event("click")
        assert page.locator(f"#u{code}").evaluate("sheet => sheet.open && sheet.contains(document.activeElement)")
        page.locator(".units a").nth(3).click()
        assert page.locator(".sheets details[open]").count() == 2
        page.locator(".sheets button").nth(1).click()
        assert page.locator(".sheets details[open]").count() == 0


def test_the_keyboard_is_enough(chromium: Browser, pages: dict[str, Path]) -> None:
    with opened(chromium, pages["province"]) as page:
        page.keyboard.press("Tab")
        assert page.evaluate("document.activeElement.className") == "skip"
        page.keyboard.press("Enter")
        seen = set()
        for _ in range(40):
            page.keyboard.press("Tab")
            seen.add(page.evaluate("document.activeElement.tagName + '.' + document.activeElement.className"))
        assert {"DIV.scroll", "A."} <= seen


@pytest.mark.parametrize(("name", "signatures"), [("vi", "Ký xác nhận"), ("en", "Signatures")])
def test_paper_has_page_one_on_one_sheet_and_open_sheets_on_theirs(
    chromium: Browser, pages: dict[str, Path], name: str, signatures: str
) -> None:
    with opened(chromium, pages[name]) as page:
        page.emulate_media(media="print")
        assert page.locator(".tiles").is_visible()
        for selector in ("nav", ".voronoi", ".search", ".live", ".sheets"):
            assert page.locator(selector).first.is_hidden()
        assert page.locator(".still svg").is_visible()
        closed = _texts(page)
        page.locator(".sheets details").nth(4).evaluate("sheet => { sheet.open = true }")
        page.locator(".sheets details").nth(5).evaluate("sheet => { sheet.open = true }")
        one, another = (page.locator(".sheets summary").nth(place).inner_text()[2:] for place in (4, 5))
        opened_too = _texts(page)
    assert signatures in closed[0], "what is signed is one sheet of paper"
    assert len(opened_too) == len(closed) + 3  # their heading, and each on a page of its own
    assert one in opened_too[-2]
    assert another in opened_too[-1]


def _texts(page: Page) -> list[str]:
    document = pypdfium2.PdfDocument(page.pdf(prefer_css_page_size=True, print_background=True))
    texts = [document[place].get_textpage().get_text_range() for place in range(len(document))]
    document.close()
    return texts
