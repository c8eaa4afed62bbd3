"""Files on their way from the wire to the disk: never whole in memory, digest on the way, final place by digest."""

from __future__ import annotations

import errno
import hashlib
import itertools
import os
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header

from testbed.visit import RefusedError, Visit

FILE_BYTES_MAX = 20 * 1024 * 1024
FORM_BYTES_MAX = FILE_BYTES_MAX + 64 * 1024
FIELD_BYTES_MAX = 1_000
FIELDS_MAX = 10
STORED_BYTES_MAX = 20 * 1024**3
_WRITE_BYTES = 256 * 1024


class Files:
    """The folder of attachments: `incoming/` while they arrive, `files/<2 digits>/<sha256>` when they are kept."""

    def __init__(self, folder: Path) -> None:
        self._incoming = folder / "incoming"
        self._files = folder / "files"
        self._numbers = itertools.count()
        self._incoming.mkdir(parents=True, exist_ok=True)
        for number in range(256):
            (self._files / f"{number:02x}").mkdir(parents=True, exist_ok=True)
        for left in self._incoming.iterdir():  # of a process that was killed; nobody was promised these
            left.unlink()

    def next_path(self) -> Path:
        return self._incoming / f"{os.getpid()}-{next(self._numbers)}"

    def digest(self, sha256: str) -> str | None:
        """Of the file that is kept under this digest, as it is on the disk now; None when there is none."""
        try:
            with self.place(sha256).open("rb") as file:
                return hashlib.file_digest(file, "sha256").hexdigest()
        except FileNotFoundError:
            return None

    def keep(self, content: bytes) -> str:
        """Content that was made here, kept like a file that arrived; its digest."""
        sha256 = hashlib.sha256(content).hexdigest()
        path = self.next_path()
        path.write_bytes(content)
        path.replace(self.place(sha256))
        return sha256

    def read(self, sha256: str) -> bytes:
        """Raises RefusedError when no such file is kept."""
        try:
            return self.place(sha256).read_bytes()
        except FileNotFoundError:
            raise RefusedError(404, "file-missing") from None

    def place(self, sha256: str) -> Path:
        return self._files / sha256[:2] / sha256


class Upload:
    """A file that has arrived. `settle` keeps it; `discard` after that does nothing."""

    def __init__(self, path: Path, place: Path, kind: str, sha256: str, size: int) -> None:
        self._path = path
        self.place = place
        self.kind = kind
        self.sha256 = sha256
        self.size = size

    def settle(self) -> None:
        self._path.replace(self.place)

    def discard(self) -> None:
        self._path.unlink(missing_ok=True)


async def receive(visit: Visit, files: Files) -> Upload:
    """Read a multipart form with the fields `kind` and `file`. Raises RefusedError; leaves nothing behind then."""
    if visit.announced_bytes() > FORM_BYTES_MAX:
        raise RefusedError(413, "file-too-large")
    content_type, options = parse_options_header(visit.headers.get(b"content-type", b""))
    boundary = options.get(b"boundary", b"")
    if content_type != b"multipart/form-data" or not boundary:
        raise RefusedError(415, "multipart-expected")
    path = files.next_path()
    try:
        with path.open("wb", buffering=_WRITE_BYTES) as file:
            form = _Form(file)
            await _feed(visit, form, boundary)
        kind = form.kind()
    except OSError as error:
        path.unlink(missing_ok=True)
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise RefusedError(507, "storage-full") from error
        raise
    except BaseException:
        path.unlink(missing_ok=True)
        raise
    sha256 = form.digest.hexdigest()
    return Upload(path, files.place(sha256), kind, sha256, form.size)


async def _feed(visit: Visit, form: _Form, boundary: bytes) -> None:
    seen, more = 0, True
    try:
        parser = MultipartParser(
            boundary,
            {
                "on_part_begin": form.begin,
                "on_header_field": form.header_name,
                "on_header_value": form.header_value,
                "on_header_end": form.header_end,
                "on_headers_finished": form.headers_done,
                "on_part_data": form.data,
                "on_end": form.end,
            },
        )
        while more:
            chunk, more = await visit.chunk()
            seen += len(chunk)
            if seen > FORM_BYTES_MAX:
                raise RefusedError(413, "file-too-large")
            parser.write(chunk)
        parser.finalize()
    except FormParserError as error:
        raise RefusedError(400, "multipart-malformed") from error
    if not form.ended:
        raise RefusedError(400, "multipart-malformed")


class _Form:
    """What the parser finds: small fields in memory, the file to the disk."""

    def __init__(self, file: BinaryIO) -> None:
        self.digest = hashlib.sha256()
        self.size = 0
        self.ended = False
        self._file = file
        self._files_seen = 0
        self._fields: dict[bytes, bytearray] = {}
        self._name = b""
        self._header = (bytearray(), bytearray())
        self._data: Callable[[bytes], None] = self._to_field

    def kind(self) -> str:
        """The field `kind`. Raises RefusedError when it or the file is missing."""
        try:
            kind = bytes(self._fields[b"kind"]).decode()
        except (KeyError, UnicodeDecodeError) as error:
            raise RefusedError(422, "kind-missing") from error
        if not 1 <= len(kind) <= 100 or not kind.isprintable():
            raise RefusedError(422, "kind-invalid")
        if self._files_seen != 1:
            raise RefusedError(422, "file-missing")
        return kind

    def begin(self) -> None:
        self._name = b""

    def header_name(self, data: bytes, start: int, end: int) -> None:
        self._header[0].extend(data[start:end])

    def header_value(self, data: bytes, start: int, end: int) -> None:
        self._header[1].extend(data[start:end])

    def header_end(self) -> None:
        name, value = (bytes(part) for part in self._header)
        self._header = (bytearray(), bytearray())
        if name.lower() == b"content-disposition":
            self._name = parse_options_header(value)[1].get(b"name", b"")

    def headers_done(self) -> None:
        if self._name == b"file":
            self._files_seen += 1
            if self._files_seen > 1:
                raise RefusedError(422, "one-file-expected")
            self._data = self._to_file
            return
        if not self._name or self._name in self._fields or len(self._fields) >= FIELDS_MAX:
            raise RefusedError(422, "form-invalid")
        self._fields[self._name] = bytearray()
        self._data = self._to_field

    def data(self, data: bytes, start: int, end: int) -> None:
        self._data(data if end - start == len(data) else data[start:end])

    def end(self) -> None:
        self.ended = True

    def _to_file(self, data: bytes) -> None:
        self.size += len(data)
        if self.size > FILE_BYTES_MAX:
            raise RefusedError(413, "file-too-large")
        self.digest.update(data)
        self._file.write(data)

    def _to_field(self, data: bytes) -> None:
        field = self._fields[self._name]
        field += data
        if len(field) > FIELD_BYTES_MAX:
            raise RefusedError(413, "field-too-large")
