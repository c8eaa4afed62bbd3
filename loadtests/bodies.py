"""Request bodies: bytes, or a file streamed as multipart/form-data with its length known and without joining it.

Everything goes through libcurl's read callback and none can be rewound: so libcurl cannot send a write a second time
by itself when a kept connection dies under it, as it does with a body it may keep.
"""

from __future__ import annotations

import os
from collections.abc import Sequence

from scenarios.types import Attachment

BOUNDARY = "thongsuot" + os.urandom(16).hex()
CONTENT_TYPE = f"multipart/form-data; boundary={BOUNDARY}"
_END = f"\r\n--{BOUNDARY}--\r\n".encode()

Part = bytes | memoryview


class Body:
    """Pieces to be sent one after the other; `size` is the Content-Length."""

    __slots__ = ("pieces", "size")

    def __init__(self, pieces: Sequence[Part], size: int) -> None:
        self.pieces = pieces
        self.size = size


class Source:
    """What libcurl reads from. One per person, started for each request."""

    __slots__ = ("_index", "_offset", "_pieces")

    def __init__(self) -> None:
        self._pieces: Sequence[Part] = ()
        self._index = 0
        self._offset = 0

    def start(self, pieces: Sequence[Part]) -> None:
        self._pieces = pieces
        self._index = 0
        self._offset = 0

    def read(self, size: int) -> bytes:
        """The next at most `size` bytes; empty at the end."""
        while self._index < len(self._pieces):
            piece = self._pieces[self._index]
            offset = self._offset
            if not offset and len(piece) <= size and isinstance(piece, bytes):
                self._index += 1
                if piece:
                    return piece
            elif offset < len(piece):
                self._offset = offset + size
                return bytes(memoryview(piece)[offset : offset + size])
            else:
                self._index += 1
                self._offset = 0
        return b""


def multipart(fields: Sequence[tuple[str, str]], file_field: str, file: Attachment) -> Body:
    """Form fields, then the file (RFC 7578). Names are quoted as browsers do."""
    head = "".join(
        f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="{_quoted(name)}"\r\n\r\n{value}\r\n'
        for name, value in fields
    )
    head += (
        f"--{BOUNDARY}\r\nContent-Disposition: form-data; "
        f'name="{_quoted(file_field)}"; filename="{_quoted(file.name)}"\r\n'
        f"Content-Type: {file.content_type}\r\n\r\n"
    )
    start = head.encode()
    return Body((start, *file.parts, _END), len(start) + file.size + len(_END))


def _quoted(text: str) -> str:
    return text.replace('"', "%22").replace("\r", "%0D").replace("\n", "%0A")
