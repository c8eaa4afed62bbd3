"""One question at a time of the harness itself: what the target holds, its meters, its switches. Never load.

Over libcurl like everything that meets a target, because it can limit the whole of an answer: bytes, headers, and the
time until it is there. Redirects are not followed; what the environment says of proxies does not count.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple
from urllib.parse import quote, urlencode

import msgspec
import pycurl

from loadtests.bindings import header_line
from loadtests.outcomes import judge_failure

PARTS_MAX = 200_000  # in which an answer may come
LOOK_S = 0.2  # how long an interrupt may go unheard


class AskError(Exception):
    """No whole answer. `reached`: somebody may have understood the question. `lasting`: asking again will not help."""

    def __init__(self, text: str, *, reached: bool, lasting: bool) -> None:
        super().__init__(text)
        self.reached = reached
        self.lasting = lasting


class Answer(NamedTuple):
    status: int
    body: bytearray


class Asker:
    """Keeps its connection. To be used by one thread and closed by it."""

    def __init__(self, trusted: str, headers: Mapping[str, str], *, within_s: float, bytes_max: int) -> None:
        self._headers = [header_line(f"{name}: {value}") for name, value in headers.items()]
        self._bytes_max = bytes_max
        self._body = bytearray()
        self._parts_room = 0
        self._multi: Any = pycurl.CurlMulti()  # a plain perform() would not hear an interrupt until it is over
        self._easy: Any = pycurl.Curl()
        for option, value in (
            (pycurl.NOSIGNAL, 1),
            (pycurl.PROXY, ""),
            (pycurl.NOPROXY, "*"),
            (pycurl.ACCEPT_ENCODING, "gzip"),
            (pycurl.TIMEOUT_MS, round(within_s * 1000)),
            (pycurl.CONNECTTIMEOUT_MS, round(within_s * 1000)),
            (pycurl.CAINFO, trusted),
            (pycurl.WRITEFUNCTION, self._on_body),
        ):
            self._easy.setopt(option, value)

    def __enter__(self) -> Asker:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self._easy.close()
        self._multi.close()

    def ask(self, url: str, *, query: Mapping[str, object] | None = None, content: object = None) -> Answer:
        """GET, or POST of `content` as JSON. Raises AskError when no whole answer comes."""
        easy = self._easy
        headers = self._headers
        self._body = bytearray()
        self._parts_room = PARTS_MAX
        try:
            if content is None:
                easy.setopt(pycurl.HTTPGET, 1)
            else:
                easy.setopt(pycurl.POSTFIELDS, msgspec.json.encode(content))
                headers = [*headers, "Content-Type: application/json", "Expect:"]
            easy.setopt(pycurl.HTTPHEADER, headers)
            easy.setopt(pycurl.URL, f"{url}?{urlencode(query, quote_via=quote)}" if query else url)
        except (pycurl.error, ValueError) as error:
            raise AskError(f"cannot be asked: {error}", reached=False, lasting=True) from error
        code, words = self._perform()
        if code:
            reached = easy.getinfo(pycurl.REQUEST_SIZE) > 0
            slug = judge_failure(code, words, reached)[1]
            too_large = slug == "reply-too-large"
            text = f"a page of more than {self._bytes_max} bytes" if code == pycurl.E_WRITE_ERROR else words
            raise AskError(f"{slug}: {text}", reached=reached, lasting=too_large)
        return Answer(easy.getinfo(pycurl.RESPONSE_CODE), self._body)

    def _perform(self) -> tuple[int, str]:
        """libcurl's code and words; 0 when the answer came whole."""
        multi = self._multi
        multi.add_handle(self._easy)
        try:
            while multi.perform()[1]:
                multi.select(LOOK_S)
            _, _, failed = multi.info_read()
        finally:
            multi.remove_handle(self._easy)
        return (failed[0][1], failed[0][2]) if failed else (0, "")

    def _on_body(self, part: bytes) -> int | None:
        self._parts_room -= 1
        if self._parts_room < 0 or len(self._body) + len(part) > self._bytes_max:
            return 0
        self._body += part
        return None
