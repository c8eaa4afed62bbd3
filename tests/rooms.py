"""A plain client of the operations room: server-sent events line by line, and what may be asked there."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any, NamedTuple

import httpx
import msgspec


class Heard(NamedTuple):
    """One event of the stream."""

    number: str
    kind: str
    data: Any


class Listener:
    """Reads the stream in a thread of its own from when it is made until the room closes it."""

    def __init__(self, url: str) -> None:
        self.heard: list[Heard] = []
        self._url = url
        self._thread = threading.Thread(target=self._listen, daemon=True)
        self._thread.start()

    def frames(self) -> list[dict[str, Any]]:
        return [event.data for event in self.heard if event.kind == "frame"]

    def wait(self) -> list[dict[str, Any]]:
        """All frames, when there will be no more."""
        self._thread.join(30)
        assert not self._thread.is_alive(), "the room did not end its stream"
        return self.frames()

    def _listen(self) -> None:
        with httpx.stream("GET", self._url + "events", timeout=60, trust_env=False) as answer:
            self.heard.extend(events_of(answer.iter_lines()))


def events_of(lines: Iterator[str]) -> Iterator[Heard]:
    number = kind = data = ""
    for line in lines:
        if line:
            name, _, value = line.partition(": ")
            number, kind, data = (
                value if name == field else before
                for field, before in (("id", number), ("event", kind), ("data", data))
            )
        elif data:
            yield Heard(number, kind, msgspec.json.decode(data))
            number = kind = data = ""


def ask(url: str, path: str, body: Any = None, **headers: str) -> tuple[int, Any]:
    """Status and JSON of a POST."""
    where = httpx.URL(url).copy_with(path=f"/{path}")
    answer = httpx.post(where, json=body or {}, headers=headers, trust_env=False, timeout=10)
    return answer.status_code, answer.json()
