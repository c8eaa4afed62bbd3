"""Documents that can be checked are checked."""

from __future__ import annotations

import re
from pathlib import Path

from record.describe import text
from record.rows import ERRORS

ROOT = Path(__file__).parents[2]


def test_the_page_about_the_record_is_printed_from_the_schema() -> None:
    assert (ROOT / "docs/record.md").read_text("utf-8") == text()


def test_every_error_slug_is_explained() -> None:
    page = (ROOT / "docs/messages.md").read_text("utf-8")
    assert [slug for slug in ERRORS if slug and f"`{slug}`" not in page] == []


def test_the_map_names_every_module() -> None:
    page = (ROOT / "docs/whats-here.md").read_text("utf-8")
    packages = ("record", "scenarios", "loadtests", "reports", "testbed", "thongsuot")
    modules = [
        path for package in packages for path in (ROOT / package).rglob("*.py") if not path.name.startswith("__")
    ]
    missing = [path.relative_to(ROOT).as_posix() for path in modules if f"`{path.stem}`" not in page]
    assert missing == []


def test_links_between_documents_lead_somewhere() -> None:
    broken = []
    for page in [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")]:
        for link in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", page.read_text("utf-8")):
            if not (page.parent / link).exists():
                broken.append(f"{page.relative_to(ROOT)}: {link}")
    assert broken == []
