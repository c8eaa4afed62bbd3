"""Reads the journals of a run while they are written: each byte once, whole rows only.

Files are held open, so that what stands in them can be read to the end after the run has sealed and removed them.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TypeVar

import msgspec
import numpy as np

Row = TypeVar("Row")
CHUNK_BYTES = 4 * 1024 * 1024


class Tail:
    """The journals in one folder. `close` when done."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._files: dict[str, _File] = {}

    def rows(self, name: str, dtype: np.dtype[Any]) -> Iterator[tuple[int, np.ndarray]]:
        """New rows of <name>-<worker>.bin, with the number of the worker; large ones in several pieces."""
        for file in self._those(f"{name}-*.bin"):
            while data := file.whole(dtype.itemsize):
                yield file.worker, np.frombuffer(data, dtype)

    def lines(self, pattern: str, kind: type[Row]) -> Iterator[Row]:
        """New lines of the files that a pattern matches; a line that is no such row is left out."""
        decode = msgspec.json.Decoder(kind).decode
        for file in self._those(pattern):
            while data := file.whole(0):
                for line in data.splitlines():
                    try:
                        yield decode(line)
                    except (msgspec.DecodeError, UnicodeDecodeError):
                        continue

    def close(self) -> None:
        for file in self._files.values():
            file.close()
        self._files.clear()

    def _those(self, pattern: str) -> list[_File]:
        for path in sorted(self._folder.glob(pattern)):
            if path.name not in self._files:
                try:
                    self._files[path.name] = _File(path)
                except FileNotFoundError:
                    continue  # sealed and gone since
        return [file for name, file in sorted(self._files.items()) if Path(name).match(pattern)]


class _File:
    def __init__(self, path: Path) -> None:
        self._fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        self._rest = b""
        digits = path.stem.rpartition("-")[2]
        self.worker = int(digits) if digits.isdigit() else 0

    def whole(self, size: int) -> bytes:
        """The next whole rows of `size` bytes, or (0) whole lines; empty when there are none yet."""
        while data := os.read(self._fd, CHUNK_BYTES):
            data = self._rest + data
            end = len(data) - len(data) % size if size else data.rfind(b"\n") + 1
            self._rest = data[end:]
            if end:
                return data[:end]
        return b""

    def close(self) -> None:
        os.close(self._fd)
