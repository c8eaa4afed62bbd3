"""Strategies that damage a run record: bytes of a file, a file as a whole, values of the manifest."""

from __future__ import annotations

import copy
import json
import shutil
from pathlib import Path
from typing import Any, NamedTuple

from hypothesis import strategies as st

VALUES: tuple[Any, ...] = (
    None, True, 0, -1, 1, 3, 2**31, 2**63, 2**70, 10**400, 0.0, 1e-300, -1.5, 99.999999, 1e11, 1e308,
    "", "x", "\0", "a'b", "é" * 50, "{x}", "%s", "<b>", "9" * 50, "NaN", "a" * 3000, "sealed", "aborted", "driving",
    "errors", "latency", "lag", "tthc.receive", "peak", "0000-01-01T00:00:00Z", "2025-02-31T00:00:00Z",
    "9999-12-31T23:59:59Z", [], [1], [[]], {}, {"x": 1},
)  # fmt: skip


class Blow(NamedTuple):
    """One thing done to the bytes of a file; places are shares of its length."""

    kind: str
    at: float
    length: int
    filling: bytes

    def on(self, data: bytes) -> bytes:
        place = int(self.at * len(data))
        rest = place + self.length
        return {
            "flip": data[:place] + self.filling + data[place + len(self.filling) :],
            "cut": data[:place],
            "gap": data[:place] + data[rest:],
            "twice": data[:rest] + data[place:],
            "longer": data + self.filling,
            "zeros": data[:place] + bytes(len(data[place:rest])) + data[rest:],
        }[self.kind]


BLOWS = st.builds(
    Blow,
    st.sampled_from(["flip", "flip", "flip", "cut", "gap", "twice", "longer", "zeros"]),
    st.floats(0, 1, exclude_max=True),
    st.integers(1, 300),
    st.binary(min_size=1, max_size=60),
)
WHOLE = st.sampled_from(["gone", "folder", "empty"])
DAMAGE = st.lists(BLOWS, min_size=1, max_size=3) | WHOLE


def damage(path: Path, how: list[Blow] | str) -> None:
    """What `how` says, to one file."""
    if isinstance(how, str):
        path.unlink()
        if how == "folder":
            path.mkdir()
        elif how == "empty":
            path.touch()
        return
    data = path.read_bytes()
    for blow in how:
        data = blow.on(data)
    path.write_bytes(data)


@st.composite
def changed_manifest(draw: st.DrawFn, text: str) -> str:
    """A manifest with one to three values replaced, removed or doubled."""
    tree = json.loads(text)
    for _ in range(draw(st.integers(1, 3))):
        holder, key = draw(st.sampled_from(list(_places(tree))))
        act = draw(st.sampled_from(["replace", "replace", "replace", "near", "remove", "double"]))
        value = holder[key]
        if act == "remove":
            del holder[key]
        elif act == "double" and isinstance(holder, list):
            holder.append(copy.deepcopy(value))
        elif act == "near" and isinstance(value, int | float):
            holder[key] = draw(st.sampled_from([value + 1, value - 1, value * 2, value * 1000, -value]))
        else:
            holder[key] = copy.deepcopy(draw(st.sampled_from(VALUES)))  # a later turn may change it
        if not tree:
            break
    return json.dumps(tree)


def _places(tree: Any) -> list[tuple[Any, Any]]:
    found: list[tuple[Any, Any]] = []
    for key, value in tree.items() if isinstance(tree, dict) else enumerate(tree):
        found.append((tree, key))
        if isinstance(value, dict | list):
            found += _places(value)
    return found


def a_copy(folder: Path, to: Path) -> Path:
    """Of a whole record, in a place where one may have been before."""
    shutil.rmtree(to, ignore_errors=True)
    return Path(shutil.copytree(folder, to))
