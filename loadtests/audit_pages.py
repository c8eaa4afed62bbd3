"""How a target is asked what it holds: pages of writes and of observations, each within limits."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import chain
from types import TracebackType
from typing import TypeVar

import msgspec

from loadtests.asking import Answer, Asker, AskError
from loadtests.targets import Target
from scenarios.contract import ObservationsPage, WritesPage

PAGE_S_MAX = 60.0
PAGE_ROWS = 2000
PAGES_MAX = 100_000
PAGE_ROWS_MAX = 100_000  # of one page, whatever was asked for
TEXT_CHARS_MAX = 1000  # of one text that goes into the record
AT_MS_MAX = 253_402_300_799_999  # the last millisecond of the year 9999
PAGE_BYTES_MAX = 64 * 1024 * 1024

Page = TypeVar("Page", WritesPage, ObservationsPage)


class AuditError(Exception):
    """The target could not be asked, or did not answer as its target file promises."""

    def __init__(self, text: str, *, lasting: bool) -> None:
        super().__init__(text)
        self.lasting = lasting  # asking again will not help


class Asking:
    """A client of one address of the final read. Everything it raises is an AuditError that names the address."""

    def __init__(self, target: Target, headers: Mapping[str, str]) -> None:
        sent = target.headers(headers)
        self._asker = Asker(target.http.trusted, sent, within_s=PAGE_S_MAX, bytes_max=PAGE_BYTES_MAX)

    def __enter__(self) -> Asking:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._asker.close()

    def keys(self, url: str, keys: list[str]) -> WritesPage:
        return self._page(WritesPage, url, content={"keys": keys})

    def writes(self, url: str, tag: str) -> Iterator[WritesPage]:
        return self._pages(WritesPage, url, tag)

    def observations(self, url: str, tag: str) -> Iterator[ObservationsPage]:
        return self._pages(ObservationsPage, url, tag)

    def _pages(self, kind: type[Page], url: str, tag: str) -> Iterator[Page]:
        after = ""
        for _ in range(PAGES_MAX):
            page = self._page(kind, url, query={"tag": tag, "after": after, "limit": PAGE_ROWS})
            yield page
            if page.next is None:
                return
            if page.next == after:
                raise AuditError(f"{url}: the page after {after!r} leads to itself", lasting=True)
            after = page.next
        raise AuditError(f"{url}: more than {PAGES_MAX} pages", lasting=True)

    def _page(
        self, kind: type[Page], url: str, *, query: Mapping[str, object] | None = None, content: object = None
    ) -> Page:
        try:
            answer: Answer = self._asker.ask(url, query=query, content=content)
        except AskError as error:
            raise AuditError(f"{url}: {error}", lasting=error.lasting) from error
        if not 200 <= answer.status < 300:
            raise AuditError(f"{url}: status {answer.status}", lasting=answer.status < 500)
        try:
            page = msgspec.json.decode(answer.body, type=kind)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise AuditError(f"{url}: {error}", lasting=True) from error
        except RecursionError:
            raise AuditError(f"{url}: JSON nested deeper than anybody can follow", lasting=True) from None
        wrong = _too_much(page)
        if wrong:
            raise AuditError(f"{url}: {wrong}", lasting=True)
        return page


def _too_much(page: WritesPage | ObservationsPage) -> str:
    """What the record could not hold."""
    rows: Iterator[tuple[str | None, ...]]
    if isinstance(page, WritesPage):
        count = len(page.writes)
        rows = ((write.key, write.operation, write.subject) for write in page.writes)
    else:
        count = len(page.observations) + len(page.places)
        rows = ((o.place, o.kind, o.subject, o.value, o.key, o.digest, o.commune) for o in page.observations)
        times = [page.at_ms, *(seen.at_ms for seen in page.observations if seen.at_ms is not None)]
        if not all(0 <= at_ms <= AT_MS_MAX for at_ms in times):
            return f"an at_ms that is not from 0 to {AT_MS_MAX}"
        rows = chain(rows, [tuple(page.places)])
    if count > PAGE_ROWS_MAX:
        return f"a page of more than {PAGE_ROWS_MAX} rows"
    if any(text is not None and len(text) > TEXT_CHARS_MAX for row in chain(rows, [(page.next,)]) for text in row):
        return f"a text of more than {TEXT_CHARS_MAX} characters"
    return ""
