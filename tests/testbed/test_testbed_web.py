"""The websites: pages, caches, search, look-up and figures, on both databases where the database matters."""

from __future__ import annotations

import re
import struct
import time
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from lxml import etree

from scenarios.contract import PROVINCE_OFFICE, SITE_ARTICLES, SITE_ASSETS
from scenarios.province import communes
from testbed import web_texts
from testbed.catalogue import fold
from testbed.web_counts import REFRESH_S
from tests.servers import start_testbed
from tests.testbed.people import Office, refused

PAGES = ("", "notices", "procedures", "articles/1", f"articles/{SITE_ARTICLES}", "search?q=khai+sinh")


@pytest.fixture(scope="module")
def web() -> Iterator[httpx.Client]:
    """A testbed of its own: what does not touch the database need not be tried on both."""
    with start_testbed() as testbed, httpx.Client(base_url=testbed.url, timeout=20) as client:
        yield client


@contextmanager
def _office(options: list[str], *enabled: str) -> Iterator[Office]:
    switches = [word for fault in enabled for word in ("--fault", fault)]
    with start_testbed(*options, *switches) as testbed, httpx.Client(base_url=testbed.url, timeout=20) as client:
        yield Office(client)


@pytest.fixture(params=["sqlite", "postgres"])
def options(request: pytest.FixtureRequest) -> list[str]:
    return ["--db", request.getfixturevalue("postgres_url")] if request.param == "postgres" else []


def _tree(reply: httpx.Response) -> etree._Element:
    """The page as XML, which takes nothing that is open, crossed or unquoted."""
    assert reply.status_code == 200, reply.text
    assert reply.headers["content-type"] == "text/html; charset=utf-8"
    return etree.fromstring(reply.content)


def _soon(found: Callable[[], bool], within_s: float = 10 * REFRESH_S) -> bool:
    """Whether it comes true within the time that a refresh may take, on a busy machine too."""
    until = time.monotonic() + within_s
    while not found():
        if time.monotonic() > until:
            return False
        time.sleep(0.1)
    return True


def _received(office: Office) -> int:
    count: int = office.client.get(f"/sites/{office.commune}/statistics").json()["received"]
    return count


def test_every_commune_and_the_province_have_a_site_with_correct_pages_that_lead_somewhere(web: httpx.Client) -> None:
    for site in (PROVINCE_OFFICE, *(commune.code for commune in communes()[::40])):
        links: set[str] = set()
        for page in PAGES:
            tree = _tree(web.get(f"/sites/{site}/{page}"))
            assert tree.get("lang") == "vi"
            links |= {str(place) for place in tree.xpath("//a/@href | //img/@src | //script/@src | //link/@href")}
        assert {f"/assets/{name}" for name in SITE_ASSETS} <= links
        assert {web.get(link).status_code for link in links} == {200}


def test_an_article_is_the_same_every_time_and_another_on_another_site(web: httpx.Client) -> None:
    for number in range(1, SITE_ARTICLES + 1):
        here = web_texts.article("14797", number)
        text = " ".join(_tree(web.get(f"/sites/14797/articles/{number}")).itertext())
        assert here.head.title in text
        assert all(paragraph in text for paragraph in here.paragraphs)
        assert here.paragraphs != web_texts.article("16234", number).paragraphs
    days = [web_texts.head("14797", number).at.date() for number in range(1, SITE_ARTICLES + 1)]
    assert days == sorted(days)


@given(st.from_regex(r"[0-9]{5}", fullmatch=True), st.integers(1, SITE_ARTICLES))
def test_any_five_digits_have_articles_without_a_gap_in_their_words(site: str, number: int) -> None:
    shown = web_texts.article(site, number)
    text = " ".join((shown.head.title, shown.lead, *shown.paragraphs))
    assert not set("{}") & set(text)
    assert len(text) > 1_500


def test_what_is_not_there_is_said_to_be_unknown(web: httpx.Client) -> None:
    for site in ("1479", "147970", "abcde", "１４７９７"):
        assert refused(web.get(f"/sites/{site}/")) == (404, "site-unknown")
        assert refused(web.get(f"/sites/{site}/statistics")) == (404, "site-unknown")
    for article in ("0", str(SITE_ARTICLES + 1), "x", "99999999999999999999"):
        assert refused(web.get(f"/sites/14797/articles/{article}")) == (404, "article-unknown")
    assert refused(web.get("/assets/none.css")) == (404, "asset-unknown")
    assert refused(web.get("/sites/14797/search", params={"q": "x" * 201})) == (422, "query-invalid")


def test_the_search_finds_articles_and_procedures_with_and_without_diacritics(web: httpx.Client) -> None:
    def found(words: str) -> tuple[list[str], list[str]]:
        tree = _tree(web.get("/sites/14797/search", params={"q": words}))
        main = tree.find("body/main")
        assert main is not None
        return [str(link) for link in main.xpath("ol//a/@href")], [
            str(code) for code in main.xpath("table//td[1]/text()")
        ]

    head = web_texts.head("14797", 7)
    for words in (head.title, fold(head.title), fold(head.title).upper()):
        titles = [web_texts.head("14797", int(link.rpartition("/")[2])).title for link in found(words)[0]]
        assert titles[0] == head.title
    assert found("khai sinh")[1][0] == found("KHAI SINH")[1][0] == "1.001193"
    assert found("zzz") == ([], []) == found("")
    assert "<script>" not in web.get("/sites/14797/search", params={"q": "<script>alert(1)</script>"}).text


@pytest.mark.parametrize(
    "path", ["/sites/14797/", "/sites/14797/notices", "/sites/14797/articles/3", "/assets/site.js"]
)
def test_who_has_a_page_is_told_so_in_a_few_bytes(web: httpx.Client, path: str) -> None:
    first = web.get(path)
    assert first.headers["content-encoding"] == "gzip"
    assert first.headers["vary"] == "Accept-Encoding"
    tag, modified = first.headers["etag"], first.headers["last-modified"]
    for known in (
        {"If-None-Match": tag},
        {"If-None-Match": f'"x", W/{tag}'},
        {"If-None-Match": "*"},
        {"If-Modified-Since": modified},
        {"If-None-Match": tag, "If-Modified-Since": "Thu, 01 Jan 1970 00:00:00 GMT"},
    ):
        again = web.get(path, headers=known)
        assert (again.status_code, again.content) == (304, b""), known
        assert again.headers["etag"] == tag
        assert again.headers["cache-control"] == first.headers["cache-control"]
        assert "content-type" not in again.headers
    for unknown in (
        {"If-None-Match": '"x"'},
        {"If-None-Match": '"x"', "If-Modified-Since": modified},
        {"If-Modified-Since": "Thu, 01 Jan 1970 00:00:00 GMT"},
        {"If-Modified-Since": "yesterday"},
    ):
        assert web.get(path, headers=unknown).content == first.content, unknown


def test_packed_and_plain_are_two_representations_of_one_content(web: httpx.Client) -> None:
    packed = web.get("/sites/14797/articles/3")
    for accepted in ("identity", "br", "gzip;q=0"):
        plain = web.get("/sites/14797/articles/3", headers={"Accept-Encoding": accepted})
        assert "content-encoding" not in plain.headers
        assert plain.content == packed.content
        assert plain.headers["etag"] != packed.headers["etag"]
    with web.stream("GET", "/sites/14797/articles/3") as raw:
        assert sum(len(part) for part in raw.iter_raw()) < len(packed.content) / 2


def test_assets_are_of_real_kinds_and_sizes_and_may_be_kept_for_a_week(web: httpx.Client) -> None:
    for name in SITE_ASSETS:
        reply = web.get(f"/assets/{name}")
        assert 5_000 <= len(reply.content) <= 200_000, name
        assert reply.headers["cache-control"] == "public, max-age=604800"
        if name.endswith(".svg"):
            assert etree.fromstring(reply.content).tag == "{http://www.w3.org/2000/svg}svg"
        if name.endswith(".png"):
            assert "content-encoding" not in reply.headers
            assert _pixels(reply.content) > 10_000


def _pixels(png: bytes) -> int:
    """Of a PNG whose chunks and whose rows are whole."""
    assert png[:8] == b"\x89PNG\r\n\x1a\n"
    width, height = struct.unpack(">II", png[16:24])
    at, data = 8, b""
    while at < len(png):
        (length,) = struct.unpack(">I", png[at : at + 4])
        kind, body = png[at + 4 : at + 8], png[at + 8 : at + 8 + length]
        assert struct.unpack(">I", png[at + 8 + length : at + 12 + length])[0] == zlib.crc32(kind + body)
        data += body if kind == b"IDAT" else b""
        at += 12 + length
    assert len(zlib.decompress(data)) == height * (1 + 3 * width)
    return int(width * height)


def test_pages_are_the_same_after_a_restart(web: httpx.Client) -> None:
    with start_testbed() as other:
        for path in (*(f"/sites/14797/{page}" for page in PAGES), *(f"/assets/{name}" for name in SITE_ASSETS)):
            assert httpx.get(f"{other.url}{path}").content == web.get(path).content, path


def test_anybody_may_look_a_dossier_up(office: Office) -> None:
    code = office.submit().json()["dossier"]
    for site in (office.commune, PROVINCE_OFFICE):
        assert office.client.get(f"/sites/{site}/dossiers/{code}").json() == {"dossier": code, "state": 1}
        for unknown in (f"{code}9", "x", "' OR 1=1 --"):
            reply = office.client.get(f"/sites/{site}/dossiers/{unknown}")
            assert (reply.status_code, reply.json()["state"]) == (200, None)


def test_the_figures_follow_the_dossiers_and_the_front_page_changes_with_them(office: Office) -> None:
    def front() -> httpx.Response:
        return office.client.get(f"/sites/{office.commune}/")

    def statistics(site: str = office.commune) -> dict[str, int | list[str]]:
        found: dict[str, int | list[str]] = office.client.get(f"/sites/{site}/statistics").json()
        return found

    assert statistics() == {"received": 0, "processed": 0, "dossiers": []}
    before, of_all = front(), statistics(PROVINCE_OFFICE)["received"]
    codes = [office.submit().json()["dossier"] for _ in range(3)]
    assert _soon(lambda: _received(office) == 3)
    assert statistics() == {"received": 3, "processed": 0, "dossiers": codes[::-1]}
    assert statistics(PROVINCE_OFFICE)["received"] >= of_all + 3  # type: ignore[operator]
    after = front()
    assert after.headers["etag"] != before.headers["etag"]
    assert after.headers["last-modified"] != before.headers["last-modified"]
    again = office.client.get(f"/sites/{office.commune}/", headers={"If-None-Match": before.headers["etag"]})
    assert again.status_code == 200
    for to, role in ((2, "motcua"), (4, "chuyenvien"), (9, "lanhdao")):
        office.move(codes[0], to, role)
    assert _soon(lambda: statistics()["processed"] == 1)
    assert statistics()["received"] == 3


def test_the_audit_sees_the_counts_of_both_sides_for_the_communes_of_the_run(office: Office) -> None:
    neighbour = Office(office.client)
    for _ in range(2):
        office.submit()
    neighbour.submit()
    assert _soon(lambda: _received(office) == 2)
    assert {count[:3] for count in _counts(office)} == {("tthc", office.commune, "2"), ("web", office.commune, "2")}
    assert all(abs(at_ms / 1000 - time.time()) < 60 for *_, at_ms in _counts(office))


def _counts(office: Office) -> list[tuple[str, str, str, int]]:
    found, after = [], ""
    while after is not None:
        page = office.client.get("/audit/observations", params={"tag": office.tag, "after": after, "limit": 2}).json()
        assert {"tthc", "web"} <= set(page["places"])
        found += [
            (o["place"], o["subject"], o["value"], o["at_ms"]) for o in page["observations"] if o["kind"] == "count"
        ]
        after = page["next"]
    return found


def test_figures_are_taken_up_again_by_the_next_process(options: list[str], tmp_path: object) -> None:
    database = options or ["--db", f"sqlite:///{tmp_path}/a.sqlite"]
    with _office(database) as office:
        code = office.submit().json()["dossier"]
        assert _soon(lambda: _received(office) == 1)
        office.submit()  # and the process ends before the next refresh
    with start_testbed(*database) as testbed:
        found = httpx.get(f"{testbed.url}/sites/{office.commune}/statistics").json()
    assert (found["received"], found["dossiers"]) == (2, [code]), (
        "counted when opened; codes are remembered, not searched"
    )


def test_counts_stuck_stops_the_refresh(options: list[str]) -> None:
    with _office(options, "counts-stuck") as office:
        office.submit()
        assert not _soon(lambda: _received(office) == 1, 3 * REFRESH_S)
        assert [count[0] for count in _counts(office)] == ["tthc"]


def test_counts_wrong_makes_every_figure_so_much_too_high(options: list[str]) -> None:
    with _office(options, "counts-wrong=7") as office:
        office.submit()
        assert _soon(lambda: _received(office) == 8)
        assert {count[0]: count[2] for count in _counts(office)} == {"tthc": "1", "web": "8"}


def test_site_missing_takes_one_commune_away_and_no_other(options: list[str]) -> None:
    with _office(options, "site-missing=20999") as office:
        gone = Office(office.client)
        gone.commune = "20999"
        gone.submit()
        office.submit()
        assert _soon(lambda: _received(office) == 1)
        for page in (*PAGES, "statistics", "dossiers/x"):
            assert refused(office.client.get(f"/sites/20999/{page}")) == (404, "site-unknown")
            assert office.client.get(f"/sites/{office.commune}/{page}").status_code == 200
        assert [count[0] for count in _counts(gone)] == ["tthc"]


def test_cache_off_sends_everything_anew_and_says_nothing_of_caches() -> None:
    with _office([], "cache-off") as office:
        for path in ("/sites/14797/", "/sites/14797/articles/3", "/assets/site.js"):
            for known in ({}, {"If-None-Match": "*"}, {"If-Modified-Since": "Fri, 01 Jan 2100 00:00:00 GMT"}):
                reply = office.client.get(path, headers=known)
                assert reply.status_code == 200
                assert not {"etag", "last-modified", "cache-control"} & set(reply.headers)
                assert len(reply.content) > 5_000


def test_the_counters_on_the_front_page_are_written_as_in_vietnam(office: Office) -> None:
    office.submit()
    assert _soon(lambda: _received(office) == 1)
    text = office.client.get(f"/sites/{office.commune}/").text
    assert re.search(r"<dt>Hồ sơ đã tiếp nhận</dt><dd>1</dd>", text)
