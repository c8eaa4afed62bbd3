"""Strict TOML: every problem of a file at once, each with file, line, key and what would be right.

A reader asks a Table for each key it knows; keys nobody asked for are problems. `finish` raises ConfigError with all.
Whatever stands in the file, nothing else is raised, and within limits.
"""

from __future__ import annotations

import difflib
import re
import tomllib
from collections.abc import Callable, Iterator, Mapping
from functools import cached_property
from pathlib import Path
from typing import Any, TypeVar

from scenarios.types import ConfigError

T = TypeVar("T")
REQUIRED: Any = object()
FILE_BYTES_MAX = 1024 * 1024
DEPTH_MAX = 32  # of tables and lists
PROBLEMS_MAX = 100  # told of one file
PROBLEM_CHARS_MAX = 1000
SHOWN_CHARS_MAX = 100  # of a value
NAME_CHARS_MAX = 100
_WORD_CHARS_MAX = 64  # of a word for which a likeness is looked for


def read(path: Path) -> str:
    """The text of a file. Raises ConfigError when it cannot be read, is too large, or is not UTF-8."""
    try:
        with path.open("rb") as file:
            data = file.read(FILE_BYTES_MAX + 1)
        if len(data) <= FILE_BYTES_MAX:
            return data.decode("utf-8").replace("\r\n", "\n")
    except (OSError, ValueError) as error:
        raise ConfigError([f"{path}: cannot be read: {error}"]) from error
    raise ConfigError([f"{path}: cannot be read: larger than {FILE_BYTES_MAX} bytes"])


def is_there(path: Path) -> bool:
    """Whether a path leads to a file or a pipe; no path is too long to ask for."""
    try:
        return path.exists() and not path.is_dir()
    except (OSError, ValueError):
        return False


def is_name(text: str) -> bool:
    """Fit to name something in tables, pages and messages: one line of letters, not too long."""
    return bool(text.strip()) and text.isprintable() and len(text) <= NAME_CHARS_MAX


def shown(value: object) -> str:
    """A value in a message."""
    text = repr(value)
    return text if len(text) <= SHOWN_CHARS_MAX else f"{text[:SHOWN_CHARS_MAX]}…"


class Document:
    """One parsed file. `problems` grows until `finish`."""

    def __init__(self, name: str, text: str, overrides: Mapping[str, str] | None = None) -> None:
        self.name = name
        self.problems: list[str] = []
        self._text = text
        self._told_not = 0
        data = _parsed(name, text)
        for dotted, value in (overrides or {}).items():
            self._override(data, dotted, value)
        self._refuse_beyond(data)
        self.root = Table(self, (), data)

    def _refuse_beyond(self, data: dict[str, Any]) -> None:
        """What readers need not look out for: numbers beyond TOML's 64 bits, and trees they could not walk through."""
        told = len(self.problems)
        layer: list[tuple[tuple[str | int, ...], Any]] = [((), data)]
        for _ in range(DEPTH_MAX):
            below = []
            for path, item in layer:
                for key, value in item.items() if isinstance(item, dict) else enumerate(item):
                    if isinstance(value, dict | list):
                        below.append(((*path, key), value))
                    elif isinstance(value, int) and not -(2**63) <= value < 2**63:
                        self.problem((*path, key), "a whole number beyond 64 bits")
            layer = below
        if layer:
            self.problem((), f"tables and lists within each other, more than {DEPTH_MAX} deep")
        if len(self.problems) > told:
            raise ConfigError(self.problems)

    def _override(self, data: dict[str, Any], dotted: str, value: str) -> None:
        """Put the value of `--set dotted=value` in place; a number in the key counts into an array of tables.

        A key nobody knows is found by `finish` like any other.
        """
        *parents, last = _split_key(dotted) or [""]
        place: Any = data
        for name in parents:
            try:
                place = place[int(name)] if isinstance(place, list) else place.setdefault(name, {})
            except (ValueError, IndexError, AttributeError):
                place = None
        if not isinstance(place, dict):
            self._tell(f"--set {dotted}: {self.name} has no such table; keys are written as in the file")
            return
        try:
            place[last] = tomllib.loads(f"value = {value}")["value"]
        except (ValueError, RecursionError):
            place[last] = value

    def problem(self, path: tuple[str | int, ...], what: str) -> None:
        if self.full:
            self._told_not += 1
            return
        key = ".".join(str(part) for part in path)
        line = self.line_of(path)
        self._tell(f"{self.name}{f':{line}' if line else ''}: {f'{key}: ' if key else ''}{what}")

    @property
    def full(self) -> bool:
        """Enough was told of this file."""
        return len(self.problems) >= PROBLEMS_MAX

    def finish(self) -> None:
        self.root.unknown()
        if self._told_not:
            self.problems.append(f"{self.name}: and {self._told_not} more problems")
        if self.problems:
            raise ConfigError(self.problems)

    def _tell(self, text: str) -> None:
        """One line, whatever the file's words are."""
        text = text if len(text) <= PROBLEM_CHARS_MAX else f"{text[:PROBLEM_CHARS_MAX]}…"
        self.problems.append("".join(c if c.isprintable() else repr(c)[1:-1] for c in text))

    def line_of(self, path: tuple[str | int, ...]) -> int | None:
        """Line (from 1) where the key stands, found by reading the text; None when absent or written unusually."""
        names = [part for part in path if isinstance(part, str)]
        nth = [part for part in path if isinstance(part, int)]
        section: list[str] = []
        inside_nth = True
        best: int | None = None
        for number, array, key in self._keys:
            if array is not None:
                section = key
                inside_nth = array < 0 or not nth or array == nth[0]
                if section == names[: len(section)] and inside_nth:
                    best = number
                    if section == names:
                        return number
            elif inside_nth:
                full = section + key
                if full == names:
                    return number
                if full == names[: len(full)] and len(full) > len(section):
                    best = number
        return best

    @cached_property
    def _keys(self) -> list[tuple[int, int | None, list[str]]]:
        """Line, place in its array (-1: a plain table; None: no header but a key), and words of whatever names one."""
        found: list[tuple[int, int | None, list[str]]] = []
        count: dict[str, int] = {}
        for number, line in enumerate(self._text.splitlines(), 1):
            if header := _HEADER.match(line):
                section = _split_key(header[2])
                joined = ".".join(section)
                count[joined] = count.get(joined, -1) + 1
                found.append((number, count[joined] if header[1] == "[[" else -1, section))
            elif key := _KEY.match(line):
                found.append((number, None, _split_key(key[1])))
        return found


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
            self.problem(
                key, f"{shown(value)} is {_kind_name(type(value))}; {right or 'should be ' + _kind_name(kind)}"
            )
            return fallback
        if check is not None and not check(value):
            self.problem(key, f"{shown(value)} will not do; {right}")
            return fallback
        return value

    def words(self, key: str, default: Any = REQUIRED, *, right: str = "a list of texts") -> tuple[str, ...]:
        values: list[Any] = self.take(key, list, default, right=right)
        if not all(isinstance(value, str) for value in values):
            self.problem(key, f"{shown(values)} will not do; should be {right}")
            return ()
        return tuple(values)

    def table(self, key: str, *, required: bool = False) -> Table:
        """The sub-table `key`; an empty one when it is not there."""
        self._asked.add(key)
        value = self.data.get(key, {})
        if key not in self.data and required:
            self.problem(key, f"missing; a table [{'.'.join(str(p) for p in (*self.path, key))}]")
        if not isinstance(value, dict):
            self.problem(key, f"{shown(value)} is {_kind_name(type(value))}; should be a table")
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
                if self.document.full or len(key) > _WORD_CHARS_MAX:
                    self.problem(key, "unknown key")
                    continue
                known = [word for word in sorted(self._asked) if len(word) <= _WORD_CHARS_MAX]
                near = difflib.get_close_matches(key, known, n=1)
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


_WORD = re.compile(r"[ \t]*[\w\"'-]{1,64}[ \t]*")
_HEADER = re.compile(r"\s*(\[\[?)\s*([^\]]+?)\s*\]")
_KEY = re.compile(r"\s*((?:\"[^\"]*\"|'[^']*'|[\w-]+)(?:\s*\.\s*(?:\"[^\"]*\"|'[^']*'|[\w-]+))*)\s*=")


def _parsed(name: str, text: str) -> dict[str, Any]:
    """Raises ConfigError for what is no TOML, and for what tomllib would need hours for."""
    if len(text) > FILE_BYTES_MAX:
        raise ConfigError([f"{name}: larger than {FILE_BYTES_MAX} characters"])
    run = 0
    for part in text.split("."):  # a key of that many words, or something that looks like one
        run = run + 1 if _WORD.fullmatch(part) else 0
        if run > 4 * DEPTH_MAX:
            raise ConfigError([f"{name}: a key of more than {4 * DEPTH_MAX} words"])
    try:
        return tomllib.loads(text)
    except RecursionError:
        raise ConfigError([f"{name}: tables and lists within each other, more than {DEPTH_MAX} deep"]) from None
    except ValueError as error:  # TOMLDecodeError; or, without a line, a number of thousands of digits
        where = re.search(r"line (\d+)", str(error))
        line = f":{where[1]}" if where else ""
        raise ConfigError([f"{name}{line}: not TOML: {error}"[:PROBLEM_CHARS_MAX]]) from error


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
