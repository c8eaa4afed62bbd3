"""Whose signatures count: the table [signatures] of a target file, and what goes to and from those who verify."""

from __future__ import annotations

import struct
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, BinaryIO

import msgspec

from scenarios.strict_toml import Table, is_there

FRAME_BYTES_MAX = 32 * 1024 * 1024
HEAD = struct.Struct(">I")


class Signatures(msgspec.Struct, frozen=True):
    """Where roots and lists of the revoked are found: each a whole URL, or a file. `stamped`: time stamps are due."""

    roots: str
    revoked: str
    stamped: bool


class Trust(msgspec.Struct, frozen=True):
    """What signatures are judged by: PEM. Without a list nobody counts as revoked."""

    roots: bytes
    revoked: bytes = b""
    stamped: bool = False


class Judged(msgspec.Struct, frozen=True):
    """What became of one document; `why` "" when every signature on it verifies."""

    why: str = ""


Verify = Callable[[bytes | bytearray], Judged]


def signatures_of(root: Table, bases: Mapping[str, str], folder: Path) -> Signatures | None:
    """The table [signatures]; files are sought from `folder`."""
    if "signatures" not in root.data:
        return None
    table = root.table("signatures")
    system = ""
    if "system" in table.data:
        system = table.take("system", str, right=f"one of {', '.join(bases)}", check=lambda v: v in bases)
    base = bases.get(system, "")
    roots = _place(table, "trust", base, folder, "certificates")
    if not roots:
        table.problem("trust", 'missing; should be trust_url = "/path" on a system, or trust_file = "roots.pem"')
    return Signatures(
        roots, _place(table, "revoked", base, folder, "a list of revoked ones"), table.take("stamped", bool, False)
    )


def _place(table: Table, what: str, base: str, folder: Path, content: str) -> str:
    """Of `what`_url and `what`_file the one that is given."""
    url = table.take(f"{what}_url", str, "", right="a path that begins with /", check=lambda v: v.startswith("/"))
    file = table.take(f"{what}_file", str, "")
    if url and not base:
        table.problem(f"{what}_url", 'on which system? add system = "sign"')
    if url and file:
        table.problem(f"{what}_file", f"beside {what}_url; one of them")
    if file and not is_there(folder / file):
        table.problem(f"{what}_file", f"{folder / file} is not there; should be a file of {content} in PEM")
    return base + url if url else str(folder / file) if file else ""


def frame(message: Any) -> bytes:
    """As it goes to and from a verifying process: four bytes of length, then msgpack."""
    body = msgspec.msgpack.encode(message)
    return HEAD.pack(len(body)) + body


def read_frame(source: BinaryIO) -> bytes | None:
    """The next message, None at the end."""
    head = source.read(HEAD.size)
    if len(head) < HEAD.size:
        return None
    (size,) = HEAD.unpack(head)
    assert size <= FRAME_BYTES_MAX
    body = source.read(size)
    return body if len(body) == size else None
