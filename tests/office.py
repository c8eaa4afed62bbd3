"""A run with its report, three people who sign it, and what they ask of the command line."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from click.testing import CliRunner, Result

from thongsuot.cli import main
from thongsuot.keys import PASSWORD

SECRET = "một mật khẩu"


class Office(NamedTuple):
    """A run with its report, and an authority for trials."""

    run: Path
    trial: Path
    report: Path  # that nobody signed
    signed: Path  # by all three


def ask(*words: str | Path) -> Result:
    return CliRunner().invoke(main, [str(word) for word in words], env={PASSWORD: SECRET})


def changed(folder: Path, paper: bytes) -> Path:
    path = folder / "paper.pdf"
    path.write_bytes(paper)
    return path


def flipped(data: bytes, place: int) -> bytes:
    return data[:place] + bytes([data[place] ^ 1]) + data[place + 1 :]
