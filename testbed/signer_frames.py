"""What the platform and its signing processes say to each other."""

from __future__ import annotations

import struct
from typing import Any, BinaryIO

import msgspec

FRAME_BYTES_MAX = 64 * 1024 * 1024
HEAD = struct.Struct(">I")


class Opening(msgspec.Struct, frozen=True, array_like=True):
    """The first frame: the secrets of the authority and of one that nobody trusts."""

    secret: bytes
    stranger: bytes


class Order(msgspec.Struct, frozen=True, array_like=True):
    """Sign this. `authority` "": the right one. `other_bytes`: the signature is over something else, as a fault."""

    pdf: bytes
    account: str
    reason: str
    authority: str = ""
    other_bytes: bool = False


class Answer(msgspec.Struct, frozen=True, array_like=True):
    """The PDF with room left from `start` to `end` and the CMS that goes there; or what is `wrong` with the order."""

    pdf: bytes = b""
    cms: bytes = b""
    start: int = 0
    end: int = 0
    wrong: str = ""


def frame(message: Any) -> bytes:
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


def write_frame(sink: BinaryIO, message: Any) -> None:
    sink.write(frame(message))
    sink.flush()
