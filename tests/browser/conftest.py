"""A real browser, and the pages it looks at. `make test` installs Chromium; where that is impossible it says so and
sets THONGSUOT_NO_BROWSER, the only way to leave these tests out."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, sync_playwright

from record.reader import open_record
from reports.assess import assess
from reports.case import Case
from reports.html import render_html
from tests.provinces import province_run


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    """Not for the whole session: while Playwright is there, its loop runs in this thread and nobody else's can."""
    path = shutil.which("chromium")
    if path is None:
        if os.environ.get("THONGSUOT_NO_BROWSER"):
            pytest.skip("Chromium is not here and cannot be installed")
        pytest.fail("Chromium is not here: apt-get install --no-install-recommends chromium, or run `make test`")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def pages(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Files: the province in both languages and in one, and a province of a thousand units."""
    folder = tmp_path_factory.mktemp("pages")
    files: dict[str, Path] = {}
    for name, count, each, languages in (("province", 166, 30, (None, "vi", "en")), ("thousand", 1000, 10, (None,))):
        case = Case(open_record(province_run(folder / name, count, each)))
        assessment = assess(case.record, case=case)
        for language in languages:
            key = name if language is None else language
            files[key] = folder / f"{key}.html"
            files[key].write_text(render_html(assessment, case.record, case=case, language=language), "utf-8")
    return files
