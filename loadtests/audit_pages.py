"""How a target is asked what it holds: pages of writes and of observations, each within limits."""

from __future__ import annotations

import ssl
from collections.abc import Iterator, Mapping
from types import TracebackType
from typing import Any, TypeVar

import httpx
import msgspec

from loadtests.targets import Target
from scenarios.contract import ObservationsPage, WritesPage

TIMEOUT_S = 30.0  # for one answer, or a part of it
PAGE_ROWS = 2000
PAGES_MAX = 100_000
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
        self._client = httpx.Client(
            timeout=TIMEOUT_S, trust_env=False, verify=trust(target), headers=target.headers(headers)
        )

    def __enter__(self) -> Asking:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._client.close()

    def keys(self, url: str, keys: list[str]) -> WritesPage:
        return self._page(WritesPage, "POST", url, json={"keys": keys})

    def writes(self, url: str, tag: str) -> Iterator[WritesPage]:
        return self._pages(WritesPage, url, tag)

    def observations(self, url: str, tag: str) -> Iterator[ObservationsPage]:
        return self._pages(ObservationsPage, url, tag)

    def _pages(self, kind: type[Page], url: str, tag: str) -> Iterator[Page]:
        after = ""
        for _ in range(PAGES_MAX):
            page = self._page(kind, "GET", url, params={"tag": tag, "after": after, "limit": PAGE_ROWS})
            yield page
            if page.next is None:
                return
            if page.next == after:
                raise AuditError(f"{url}: the page after {after!r} leads to itself", lasting=True)
            after = page.next
        raise AuditError(f"{url}: more than {PAGES_MAX} pages", lasting=True)

    def _page(self, kind: type[Page], method: str, url: str, **question: Any) -> Page:
        body = bytearray()
        try:
            with self._client.stream(method, url, **question) as response:
                response.raise_for_status()
                for part in response.iter_bytes():
                    body += part
                    if len(body) > PAGE_BYTES_MAX:
                        raise AuditError(f"{url}: a page of more than {PAGE_BYTES_MAX} bytes", lasting=True)
            return msgspec.json.decode(body, type=kind)
        except httpx.HTTPStatusError as error:
            raise AuditError(
                f"{url}: status {error.response.status_code}", lasting=not error.response.is_server_error
            ) from error
        except (msgspec.DecodeError, UnicodeDecodeError, httpx.InvalidURL, httpx.UnsupportedProtocol) as error:
            raise AuditError(f"{url}: {error}", lasting=True) from error
        except (httpx.HTTPError, ssl.SSLError) as error:
            raise AuditError(f"{url}: {error or type(error).__name__}", lasting=False) from error


def trust(target: Target) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=target.http.ca_file or None)
