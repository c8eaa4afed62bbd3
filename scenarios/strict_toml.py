"""Strict TOML: every problem of a file at once, each with file, line, key and what would be right.

A reader asks a Table for each key it knows; keys nobody asked for are problems. `finish` raises ConfigError with all.
"""

from __future__ import annotations

import difflib
import re
import tomllib
from collections.abc import Callable, Iterator, Mapping
from typing import Any, TypeVar

from scenarios.types import ConfigError

T = TypeVar("T")
REQUIRED: Any = object()


class Document:
    """One parsed file. `problems` grows until `finish`."""

    def __init__(self, name: str, text: str, overrides: Mapping[str, str] | None = None) -> None:
        self.name = name
        self.problems: list[str] = []
        self._lines = text.splitlines()
        try:
            data = tomllib.loads(text)
            for dotted, value in (overrides or {}).items():
                self._override(data, dotted, value)
            self.root = Table(self, (), data)
        except tomllib.TOMLDecodeError as error:
            where = re.search(r"line (\d+)", str(error))
            line = f":{where[1]}" if where else ""
            raise ConfigError([f"{name}{line}: not TOML: {error}"]) from error

    def _override(self, data: dict[str, Any], dotted: str, value: str) -> None:
        """Put the value of `--set dotted=value` in place; a number in the key counts into an array of tables.

        A key nobody knows is found by `finish` like any other.
        """
        *parents, last = _split_key(dotted)
        place: Any = data
        for name in parents:
            try:
                place = place[int(name)] if isinstance(place, list) else place.setdefault(name, {})
            except (ValueError, IndexError, AttributeError):
                place = None
        if not isinstance(place, dict):
            self.problems.append(f"--set {dotted}: {self.name} has no such table; keys are written as in the file")
            return
        try:
            place[last] = tomllib.loads(f"value = {value}")["value"]
        except tomllib.TOMLDecodeError:
            place[last] = value

    def problem(self, path: tuple[str | int, ...], what: str) -> None:
        key = ".".join(str(part) for part in path)
        line = self.line_of(path)
        self.problems.append(f"{self.name}{f':{line}' if line else ''}: {f'{key}: ' if key else ''}{what}")

    def finish(self) -> None:
        self.root.unknown()
        if self.problems:
            raise ConfigError(self.problems)

    def line_of(self, path: tuple[str | int, ...]) -> int | None:
        """Line (from 1) where the key stands, found by reading the text; None when absent or written unusually."""
        names = [part for part in path if isinstance(part, str)]
        nth = [part for part in path if isinstance(part, int)]
        section: list[str] = []
        count: dict[str, int] = {}
        inside_nth = True
        best: int | None = None
        for number, line in enumerate(self._lines, 1):
            header = re.match(r"\s*(\[\[?)\s*([^\]]+?)\s*\]", line)
            if header:
                section = _split_key(header[2])
                if header[1] == "[[":
                    joined = ".".join(section)
                    count[joined] = count.get(joined, -1) + 1
                    inside_nth = not nth or count[joined] == nth[0]
                else:
                    inside_nth = True
                if section == names[: len(section)] and inside_nth:
                    best = number
                    if section == names:
                        return number
                continue
            key = re.match(r"\s*((?:\"[^\"]*\"|'[^']*'|[\w-]+)(?:\s*\.\s*(?:\"[^\"]*\"|'[^']*'|[\w-]+))*)\s*=", line)
            if key and inside_nth:
                full = section + _split_key(key[1])
                if full == names:
                    return number
                if full == names[: len(full)] and len(full) > len(section):
                    best = number
        return best


class Table:
    """One table of a document."""

    def __init__(self, document: Document, path: tuple[str | int, ...], data: dict[str, Any]) -> None:
        self.document = document
        self.path = path
        self.data = data
        self._asked: set[str] = set()
        self._children: list[Table] = []

    def problem(self, key: str, what: str) -> None:
        self.document.problem((*self.path, key), what)

    def take(
        self,
        key: str,
        kind: type[T],
        default: Any = REQUIRED,
        *,
        right: str = "",
        check: Callable[[T], bool] | None = None,
    ) -> T:
        """The value of `key`. Wrong type, missing, or `check` false: a problem saying what is `right`."""
        self._asked.add(key)
        fallback = kind() if default is REQUIRED else default
        if key not in self.data:
            if default is REQUIRED:
                self.problem(key, f"missing; {right or _kind_name(kind)}")
            return fallback
        value = self.data[key]
        if kind is float and isinstance(value, int) and not isinstance(value, bool):
            value = float(value)
        if not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool):
            self.problem(key, f"{value!r} is {_kind_name(type(value))}; {right or 'should be ' + _kind_name(kind)}")
            return fallback
        if check is not None and not check(value):
            self.problem(key, f"{value!r} will not do; {right}")
            return fallback
        return value

    def words(self, key: str, default: Any = REQUIRED, *, right: str = "a list of texts") -> tuple[str, ...]:
        values: list[Any] = self.take(key, list, default, right=right)
        if not all(isinstance(value, str) for value in values):
            self.problem(key, f"{values!r} will not do; should be {right}")
            return ()
        return tuple(values)

    def table(self, key: str, *, required: bool = False) -> Table:
        """The sub-table `key`; an empty one when it is not there."""
        self._asked.add(key)
        value = self.data.get(key, {})
        if key not in self.data and required:
            self.problem(key, f"missing; a table [{'.'.join(str(p) for p in (*self.path, key))}]")
        if not isinstance(value, dict):
            self.problem(key, f"{value!r} is {_kind_name(type(value))}; should be a table")
            value = {}
        return self._child(Table(self.document, (*self.path, key), value))

    def tables(self, key: str, *, required: bool = False) -> list[Table]:
        """The array of tables [[key]]."""
        self._asked.add(key)
        value = self.data.get(key, [])
        if not isinstance(value, list) or not all(isinstance(item, dict) for item in value):
            self.problem(key, f"should be one or more [[{key}]]")
            value = []
        elif required and not value:
            self.problem(key, f"missing; at least one [[{key}]]")
        return [self._child(Table(self.document, (*self.path, key, i), item)) for i, item in enumerate(value)]

    def named(self, key: str) -> dict[str, Table]:
        """All sub-tables of [key.*] by name."""
        parent = self.table(key)
        return {name: parent.table(name) for name in parent.data}

    def __iter__(self) -> Iterator[str]:
        return iter(self.data)

    def unknown(self) -> None:
        """Keys that no reader asked for, here and below."""
        for key in self.data:
            if key not in self._asked:
                near = difflib.get_close_matches(key, sorted(self._asked), n=1)
                hint = (
                    f"; did you mean {near[0]}?"
                    if near
                    else f"; known here: {', '.join(sorted(self._asked)) or 'none'}"
                )
                self.problem(key, f"unknown key{hint}")
        for child in self._children:
            child.unknown()

    def _child(self, table: Table) -> Table:
        self._children.append(table)
        return table


def _split_key(text: str) -> list[str]:
    return [part.strip().strip("\"'") for part in re.findall(r"\"[^\"]*\"|'[^']*'|[^.]+", text)]


def _kind_name(kind: type[Any]) -> str:
    return {
        str: "a text",
        int: "a whole number",
        float: "a number",
        bool: "true or false",
        list: "a list",
        dict: "a table",
    }.get(kind, kind.__name__)
