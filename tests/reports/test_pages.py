"""The page and the JUnit file: what they say, in both languages, and what they must never contain."""

from __future__ import annotations

import re
import unicodedata
from html.parser import HTMLParser
from pathlib import Path
from xml.etree import ElementTree as Xml

import msgspec
import pytest

from record.reader import open_record
from record.rows import ERRORS
from record.types import Event, Fact, Outcome, Reading
from reports import catalogue
from reports.assess import CHECKS, assess
from reports.html import render_html
from reports.junit import render_junit
from reports.verdict import Verdict
from tests.records import NATIONAL, S, booked, healthy, held, losing, make_record, manifest, plan, readings, write

VOID_TAGS = {"meta", "br", "input", "path", "use", "rect", "line"}


class Outline(HTMLParser):
    """Tag balance, languages and addresses of a page."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.langs: set[str] = set()
        self.addresses: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        self.langs.add(given.get("lang") or "vi")
        self.addresses += [value for name, value in attrs if name in ("src", "href", "xlink:href") and value]
        if tag not in VOID_TAGS:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.addresses += [value for name, value in attrs if name in ("src", "href", "xlink:href") and value]

    def handle_endtag(self, tag: str) -> None:
        if tag not in VOID_TAGS:
            assert self.open.pop() == tag


def broken_run(folder: Path) -> Path:
    """Errors, a lost write and a commune name that tries to be markup."""
    case = healthy()
    case["samples"] = [
        msgspec.structs.replace(s, outcome=Outcome.REFUSED, status=503, error=ERRORS.index("status-5xx"))
        if s.arrival % 7 == 0
        else s
        for s in case["samples"]
    ]
    ledger = losing("t1-1", booked(case["samples"]))
    case["ledger"] = [msgspec.structs.replace(e, key="t1-<b>") if e.key == "t1-1" else e for e in ledger]
    return make_record(folder, **case)


def page_of(folder: Path, **options: bool) -> str:
    record = open_record(folder, **options)
    return render_html(assess(record), record)


def test_both_catalogues_have_the_same_keys_gaps_and_normal_form() -> None:
    vi, en = catalogue.words("vi"), catalogue.words("en")
    assert set(vi) == set(en)
    for key in vi:
        if key != "objective.title":
            assert set(re.findall(r"{(\w+)}", vi[key])) == set(re.findall(r"{(\w+)}", en[key])), key
        assert unicodedata.is_normalized("NFC", vi[key]), key


def test_every_error_slug_and_every_check_has_words() -> None:
    words = catalogue.words("vi")
    assert {f"error.{slug}" for slug in ERRORS if slug} <= set(words)
    assert {f"{slug}.title" for slug, _ in CHECKS if slug.startswith("validity.")} <= set(words)


def test_a_page_is_whole_offline_small_and_bilingual(tmp_path: Path) -> None:
    page = page_of(make_record(tmp_path / "r", **healthy()))
    outline = Outline(page)
    assert outline.open == []
    assert outline.langs == {"vi", "en"}
    assert all(address.startswith("#") for address in outline.addresses), "nothing is fetched from anywhere"
    assert "url(http" not in page
    assert "@import" not in page
    assert len(page.encode()) < 500_000
    assert unicodedata.is_normalized("NFC", page)
    assert page == page_of(tmp_path / "r"), "the same record gives the same bytes"


@pytest.mark.parametrize(
    ("changes", "vi", "en"),
    [
        ({}, "ĐỦ ĐIỀU KIỆN CÓ ĐIỀU KIỆN", "READY WITH CONDITIONS"),
        ({"meters": readings(cpu=0.99)}, "KẾT QUẢ VÔ HIỆU", "VOID"),
        ({"meters": []}, "KHÔNG KẾT LUẬN ĐƯỢC", "INCONCLUSIVE"),
    ],
)
def test_the_verdict_stands_in_words(tmp_path: Path, changes: dict, vi: str, en: str) -> None:
    page = page_of(make_record(tmp_path / "r", **healthy() | changes))
    assert f'<span lang="vi">{vi}</span> <span lang="en">{en}</span>' in page


def test_a_failed_run_shows_why_with_examples_and_escapes_what_it_shows(tmp_path: Path) -> None:
    page = page_of(broken_run(tmp_path / "r"))
    assert "CHƯA ĐỦ ĐIỀU KIỆN" in page
    assert "t1-&lt;b&gt;" in page
    assert "t1-<b>" not in page
    assert "mã HTTP 5xx" in page
    assert "chưa xác minh" in page
    assert "thongsuot assess runs/r" in page


def test_an_empty_run_and_an_unsealed_one_still_have_a_page(tmp_path: Path) -> None:
    empty = page_of(make_record(tmp_path / "a", manifest(0), arrivals=plan(0)))
    unsealed = page_of(make_record(tmp_path / "b", **healthy() | {"seal": False}), unsealed=True)
    for page in (empty, unsealed):
        assert "KHÔNG KẾT LUẬN ĐƯỢC" in page
        assert Outline(page).open == []
    assert "--unsealed" in unsealed


def test_junit_has_a_case_per_check_and_nothing_open_looks_green(tmp_path: Path) -> None:
    assessment = assess(open_record(broken_run(tmp_path / "r")))
    suite = Xml.fromstring(render_junit(assessment))
    cases = suite.findall("testcase")
    assert len(cases) == len(assessment.findings) == int(suite.get("tests", "0"))
    for case, finding in zip(cases, assessment.findings, strict=True):
        green = case.find("failure") is None and case.find("error") is None
        assert green == (finding.verdict is Verdict.PASS)
    assert suite.get("failures") == str(sum(f.verdict is Verdict.FAIL for f in assessment.findings))


def test_what_a_target_sends_cannot_break_the_junit_file(tmp_path: Path) -> None:
    stranger = write("t1-\x00\x1b\uffff", Fact.OBSERVED)
    case = healthy() | {"ledger": [*healthy()["ledger"], *stranger]}
    suite = Xml.fromstring(render_junit(assess(open_record(make_record(tmp_path / "r", **case)))))
    phantom = next(case for case in suite.findall("testcase") if case.get("name") == "phantom")
    assert "t1-\ufffd\ufffd\ufffd" in (phantom.findtext("failure") or "")


def test_a_void_or_undecided_run_is_never_green_in_junit(tmp_path: Path) -> None:
    for name, changes in (("a", {"meters": []}), ("b", {"meters": readings(lag_ms=900.0)})):
        suite = Xml.fromstring(render_junit(assess(open_record(make_record(tmp_path / name, **healthy() | changes)))))
        assert int(suite.get("errors", "0")) > 0


def test_a_page_of_a_flat_run_has_no_communes_and_a_page_of_the_province_has(tmp_path: Path) -> None:
    province = page_of(make_record(tmp_path / "a", **healthy()))
    flat = page_of(make_record(tmp_path / "b", **healthy() | {"communes": ()}))
    assert "Các xã, phường chậm nhất" in province
    assert "Các xã, phường chậm nhất" not in flat
    assert "Communes and wards" not in flat


def test_what_the_profile_and_the_generator_call_things_is_put_into_words(tmp_path: Path) -> None:
    meters = [*readings(), Reading("generator-0", "requests_out", "count", 6 * 10**9, 3.0)]
    page = page_of(make_record(tmp_path / "r", **healthy() | {"meters": meters}))
    assert "khởi động (warm-up)" in page
    assert "Yêu cầu đang chờ trả lời" in page
    assert "requests_out" not in page
    assert '<span lang="en">a test</span>' in page


def linked_run(folder: Path) -> Path:
    """Two systems of which the mirror lost a dossier, and a fault that everybody felt."""
    rows = [held(place, "state", f"H56-{n}", "9") for n in range(9) for place in ("tthc", "national")]
    rows += [
        held(place, "history", f"H56-{n}", "9", at) for n in range(9) for place, at in (("tthc", 9), ("national", 11))
    ]
    case = healthy()
    case["head"] = msgspec.structs.replace(case["head"], links=(NATIONAL,))
    case["samples"] = [
        msgspec.structs.replace(s, done_ns=s.intended_ns + 3 * S) if 10 * S <= s.intended_ns < 17 * S else s
        for s in case["samples"]
    ]
    events = [Event(10 * S, "fault-begin", "delay=3000:<portal>"), Event(15 * S, "fault-end", "delay=3000:<portal>")]
    return make_record(folder, **case, observations=[*rows, held("tthc", "state", "H56-x", "4")], events=events)


def test_the_links_and_the_recovery_from_faults_have_their_tables(tmp_path: Path) -> None:
    page = page_of(linked_run(tmp_path / "r"))
    assert Outline(page).open == []
    links = page[page.index("Liên thông giữa các hệ thống") :]
    assert "<code>tthc → national</code>" in links
    assert "trạng thái hồ sơ" in links
    faults = page[page.index("Sự cố và khả năng phục hồi") :]
    row = faults[faults.index("delay=3000:&lt;portal&gt;") :]
    assert [cell in row[:600] for cell in ("10\u202fs – 15\u202fs", ">1\u202fs<", ">2\u202fs<")] == [True] * 3
    assert "delay=3000:<portal>" not in page


def test_a_run_without_links_and_faults_has_neither_table(tmp_path: Path) -> None:
    page = page_of(make_record(tmp_path / "r", **healthy()))
    assert "Linked systems" not in page
    assert "Faults and recovery" not in page
    assert "What linked systems hold was not compared" in page


def test_the_caveats_stand_right_under_the_verdict(tmp_path: Path) -> None:
    page = page_of(make_record(tmp_path / "r", **healthy()))
    box = page[page.index('<h2 id="verdict"') : page.index("</section>")]
    assert "So với giới hạn tạm thời chưa được xác minh, không phải quy định." in box
    assert "ran on the generator" in box
