"""The sites: what is found where, rendered once and kept."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from typing import NamedTuple, TypeVar

from scenarios.contract import SITE_ARTICLES
from testbed import catalogue, web_assets, web_pages, web_texts
from testbed.catalogue import Entry, fold
from testbed.representations import Representation
from testbed.web_pages import Figures
from testbed.web_texts import Head

PAGES_MAX = 8_000  # rendered and packed, about 5 kB each
SITES_MAX = 1_000  # of which lists and words are kept
HITS_MAX = 20
HTML = "text/html; charset=utf-8"
CATALOGUE_MADE = int(dt.datetime(2025, 6, 28, 8, 0, tzinfo=web_texts.HANOI).timestamp())
# How long a page may be shown without asking again. The front page carries figures: it is asked for every time.
HOME, NOTICES, ARTICLE, PROCEDURES = "no-cache", "max-age=60", "max-age=600", "max-age=3600"
FOUND = "no-store"
K = TypeVar("K")
V = TypeVar("V")


class Site(NamedTuple):
    """The lists of one site: its articles, the newest first, and the words of each."""

    heads: tuple[Head, ...]
    words: tuple[frozenset[str], ...]


class Websites:
    """Every site by its five digits. What is rendered depends on the site, the article and the figures only."""

    def __init__(self) -> None:
        self._assets = web_assets.make()
        self._pages: dict[tuple[str, str, int, Figures], Representation] = {}
        self._sites: dict[str, Site] = {}

    def home(self, site: str, figures: Figures) -> Representation:
        def render() -> Representation:
            heads = self._site(site).heads
            modified = max(int(heads[0].at.timestamp()), figures.at_ms // 1000)
            return Representation(HTML, web_pages.home(site, heads, figures), modified, HOME, pack=True)

        return _kept(self._pages, (site, "home", 0, figures), render, PAGES_MAX)

    def notices(self, site: str) -> Representation:
        def render() -> Representation:
            heads = self._site(site).heads
            made = int(heads[0].at.timestamp())
            return Representation(HTML, web_pages.notices(site, heads), made, NOTICES, pack=True)

        return _kept(self._pages, (site, "notices", 0, _NONE), render, PAGES_MAX)

    def article(self, site: str, number: int) -> Representation | None:
        """None when there is no such article."""
        if not 1 <= number <= SITE_ARTICLES:
            return None

        def render() -> Representation:
            shown = web_texts.article(site, number)
            page = web_pages.article(site, shown, self._site(site).heads)
            return Representation(HTML, page, int(shown.head.at.timestamp()), ARTICLE, pack=True)

        return _kept(self._pages, (site, "article", number, _NONE), render, PAGES_MAX)

    def procedures(self, site: str) -> Representation:
        def render() -> Representation:
            page = web_pages.procedures(site, self._site(site).heads)
            return Representation(HTML, page, CATALOGUE_MADE, PROCEDURES, pack=True)

        return _kept(self._pages, (site, "procedures", 0, _NONE), render, PAGES_MAX)

    def found(self, site: str, wanted: str, now: float) -> Representation:
        """Articles and procedures that have one of the words, with or without diacritics; most words first."""
        here, words = self._site(site), set(fold(wanted).split())
        scored = [(len(words & known), head) for known, head in zip(here.words, here.heads, strict=True)]
        best = sorted((hit for hit in scored if hit[0]), key=lambda hit: (-hit[0], -hit[1].number))
        hits = [head for _, head in best[:HITS_MAX]]
        entries: list[Entry] = [catalogue.BY_CODE[code] for code in catalogue.search(wanted)] if words else []
        page = web_pages.found(site, wanted, hits, entries, here.heads)
        return Representation(HTML, page, int(now), FOUND, pack=True)

    def asset(self, name: str) -> Representation | None:
        """None when there is no such file."""
        return self._assets.get(name)

    def _site(self, site: str) -> Site:
        def make() -> Site:
            heads = tuple(web_texts.head(site, number) for number in range(SITE_ARTICLES, 0, -1))
            return Site(heads, tuple(frozenset(fold(head.title.replace(",", " ")).split()) for head in heads))

        return _kept(self._sites, site, make, SITES_MAX)


_NONE = Figures()


def _kept(cache: dict[K, V], key: K, make: Callable[[], V], most: int) -> V:
    """From the cache, or made and kept; of `most` the oldest goes."""
    found = cache.get(key)
    if found is None:
        if len(cache) >= most:
            del cache[next(iter(cache))]
        found = cache[key] = make()
    return found
