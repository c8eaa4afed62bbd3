"""Strategies for fuzzing: files that are nearly right, and values that no file should hold. Used with hypothesis."""

from __future__ import annotations

import re

from hypothesis import strategies as st

from scenarios.strict_toml import PROBLEM_CHARS_MAX, PROBLEMS_MAX

NASTY = (
    "0", "-1", "1", "0.1", "100", "600", "9223372036854775807", "9223372036854775808", "1" + "0" * 400, "9" * 4400,
    "0x7fffffffffffffff", "0x" + "f" * 9000, "1e9", "1e308", "-1e308", "5e-324", "nan", "inf", "-inf", "true", "false",
    "1979-05-27", "1979-05-27T07:32:00Z", "07:32:00", "[]", "[[]]", "[1]", '["x"]', "[nan]", "{}", "{ x = 1 }",
    "{ x = {} }", "[" * 200 + "]" * 200, "[" * 3000 + "]" * 3000, '""', "''", '"x"', '" "', '"\\u0000"', '"\\u007f"',
    '"a\\nb"', '"""\n"""', '"{"', '"{}"', '"{x}"', '"{env:X}"', '"{key}"', '"{{index}}"', '"đường"', '"\\U0001F600"',
    '"' + "x" * 3000 + '"', '"/"', '"//"', '"/a b%00"', '"http://"', '"http://[::1"', '"http://127.0.0.1:99999"',
    '"http://a b/"', '"ftp://x"', '"../x"', '"*"', '"[a-"', '"(a"', '"a{99999999999999999999}"',
    '"' + "(" * 1500 + ")" * 1500 + '"', '"60s"', '"0s"', '"999999s"', '"tthc.login"', '"08:00"',
)  # fmt: skip
_ACTS = ("value", "value", "value", "inner", "key", "drop", "double", "move", "cut", "letter", "table")
_NEW_KEYS = ("x", '""', '"a.b"', "name", "system", "weight", "json", "a.b.c")
_NEW_TABLES = ("[x]", "[[phase]]", "[own]", "[own.a]", "[systems]", "[[fault]]", "[reply]", "[[x]]", "[")
_INNER = re.compile(r'([\w-]+ = )("[^"]*"|[\d.]+|\[[^\[\]]*\])')
_KEY = re.compile(r"^(\s*[^=#\[]+=\s*)(.+)$")


def well_told(problems: list[str], *starts: str) -> bool:
    """Each problem one line of bounded length that says where it is."""
    return 0 < len(problems) <= PROBLEMS_MAX + 1 and all(
        problem.startswith(starts) and problem.isprintable() and len(problem) <= PROBLEM_CHARS_MAX + 1
        for problem in problems
    )


@st.composite
def damaged_toml(draw: st.DrawFn, text: str) -> str:
    """A right file with one to four things done to it."""
    lines = text.splitlines()
    for _ in range(draw(st.integers(1, 4))):
        if not lines:
            break
        place = draw(st.integers(0, len(lines) - 1))
        line = lines.pop(place)
        lines[place:place] = _done_to(draw, draw(st.sampled_from(_ACTS)), line)
    return "\n".join(lines)


def _done_to(draw: st.DrawFn, act: str, line: str) -> list[str]:
    """What stands in the place of a line."""
    nasty = draw(st.sampled_from(NASTY))
    at = draw(st.integers(0, len(line)))
    if act == "value" and (match := _KEY.match(line)):
        return [match[1] + nasty]
    if act == "inner" and (inner := list(_INNER.finditer(line))):
        one = draw(st.sampled_from(inner))
        return [line[: one.start(2)] + nasty + line[one.end(2) :]]
    if act == "key":
        return [line, f"{draw(st.sampled_from(_NEW_KEYS))} = {nasty}"]
    if act == "table":
        return [draw(st.sampled_from(_NEW_TABLES)), line]
    if act == "letter":
        return [line[:at] + draw(st.characters(codec="utf-8")) + line[at + 1 :]]
    return {"drop": [], "double": [line, line], "move": [line[at:], line[:at]]}.get(act, [line[:at]])


def trees(*words: str) -> st.SearchStrategy[str]:
    """A TOML text of tables that nobody has thought of; the words are keys that mean something."""
    keys = st.sampled_from(words) | st.text(min_size=1, max_size=6)
    values = st.recursive(
        st.sampled_from(NASTY),
        lambda inner: (
            st.lists(inner, max_size=3).map(lambda items: f"[{', '.join(items)}]")
            | st.dictionaries(keys, inner, max_size=3).map(_inline)
        ),
        max_leaves=6,
    )
    tables = st.dictionaries(keys, st.dictionaries(keys, values, max_size=5), max_size=5)
    return st.builds(_text, st.dictionaries(keys, values, max_size=4), tables, st.booleans())


def _quoted(key: str) -> str:
    return '"' + "".join(c if c.isalnum() and c.isascii() else f"\\U{ord(c):08x}" for c in key) + '"'


def _inline(table: dict[str, str]) -> str:
    return "{ " + ", ".join(f"{_quoted(key)} = {value}" for key, value in table.items()) + " }"


def _text(top: dict[str, str], tables: dict[str, dict[str, str]], array: bool) -> str:
    lines = [f"{_quoted(key)} = {value}" for key, value in top.items()]
    for name, table in tables.items():
        lines.append(f"[[{_quoted(name)}]]" if array else f"[{_quoted(name)}]")
        lines += [f"{_quoted(key)} = {value}" for key, value in table.items()]
    return "\n".join(lines)
