"""Templates of a target file: `{value}` from the call, `{key}`, and `{env:NAME}` for secrets.

A template is compiled once; rendering is a join. Secrets are looked up when compiling and appear in no repr. `{{` and
`}}` stand for braces.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from scenarios.contract import as_text

Values = Mapping[str, Any]
Render = Callable[[Values], Any]

_PIECE = re.compile(r"\{\{|\}\}|\{(env:)?([A-Za-z_][A-Za-z0-9_]*)\}|[{}]")


class TemplateError(Exception):
    """The text is not a template; the message says where."""


class Template:
    """One text with placeholders. `names` are values it needs, `secrets` environment variables."""

    def __init__(self, source: str) -> None:
        self._pieces: list[tuple[str, str]] = list(_parse(source))  # (kind, text): literal, value or env

    def __add__(self, other: Template) -> Template:
        return _made(self._pieces + other._pieces)

    def with_literals(self, change: Callable[[str], str]) -> Template:
        """The same with its standing text changed, e.g. percent-encoded; values are not touched."""
        return _made([(kind, change(text) if kind == "literal" else text) for kind, text in self._pieces])

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(text for kind, text in self._pieces if kind == "value")

    @property
    def secrets(self) -> tuple[str, ...]:
        return tuple(text for kind, text in self._pieces if kind == "env")

    def compile(self, environ: Mapping[str, str], text: Callable[[Any], str] = as_text) -> str | Render:
        """A constant text, or a function of the values; `text` writes one value (as it is by default)."""
        pieces: list[tuple[str, str]] = []
        for kind, piece in self._pieces:
            literal = kind != "value"
            piece = environ[piece] if kind == "env" else piece
            if literal and pieces and pieces[-1][0] == "literal":
                pieces[-1] = ("literal", pieces[-1][1] + piece)
            else:
                pieces.append(("literal" if literal else "value", piece))
        if not pieces:
            return ""
        if len(pieces) == 1:
            kind, piece = pieces[0]
            return piece if kind == "literal" else lambda values: text(values[piece])
        return lambda values: "".join([text(values[p]) if kind == "value" else p for kind, p in pieces])

    def compile_raw(self, environ: Mapping[str, str]) -> str | Render:
        """As `compile`, but a template that is one placeholder and nothing else keeps the value's own type (JSON)."""
        if len(self._pieces) == 1 and self._pieces[0][0] == "value":
            name = self._pieces[0][1]
            return lambda values: values[name]
        return self.compile(environ)


def walk(tree: Any) -> Iterator[Template]:
    """Every template in a tree of tables, lists and texts. Raises TemplateError."""
    if isinstance(tree, str):
        yield Template(tree)
    elif isinstance(tree, dict):
        for value in tree.values():
            yield from walk(value)
    elif isinstance(tree, list):
        for value in tree:
            yield from walk(value)


def compile_tree(tree: Any, environ: Mapping[str, str]) -> Any:
    """The tree itself when nothing in it varies, else a function of the values that builds it."""
    if isinstance(tree, str):
        return Template(tree).compile_raw(environ)
    if isinstance(tree, dict):
        made = {name: compile_tree(value, environ) for name, value in tree.items()}
        if not any(map(callable, made.values())):
            return made
        return lambda values: {name: value(values) if callable(value) else value for name, value in made.items()}
    if isinstance(tree, list):
        items = [compile_tree(value, environ) for value in tree]
        if not any(map(callable, items)):
            return items
        return lambda values: [value(values) if callable(value) else value for value in items]
    return tree


def _made(pieces: list[tuple[str, str]]) -> Template:
    template = Template("")
    template._pieces = pieces
    return template


def _parse(source: str) -> Iterator[tuple[str, str]]:
    at = 0
    literal = ""
    for match in _PIECE.finditer(source):
        literal += source[at : match.start()]
        at = match.end()
        if match[0] in ("{{", "}}"):
            literal += match[0][0]
        elif match[2] is None:
            raise TemplateError(f"a stray {match[0]} in {source!r}; write {match[0] * 2} for a brace")
        else:
            if literal:
                yield "literal", literal
                literal = ""
            yield ("env" if match[1] else "value"), match[2]
    literal += source[at:]
    if literal:
        yield "literal", literal
