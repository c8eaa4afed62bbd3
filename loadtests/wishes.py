"""What an operator asks of a run from outside of its process, through files of its journal: to stop, and to note."""

from __future__ import annotations

import os
from pathlib import Path

import msgspec

from loadtests.worker import STOP_FILE
from record.types import Event

NOTES_FILE = "notes.jsonl"
NOTE_CHARS_MAX = 500
NOTES_BYTES_MAX = 1024 * 1024  # of a run
NOTE = "note"


def ask_to_stop(journal: Path) -> None:
    """As Ctrl-C: nothing new is sent, what is under way drains, the record is sealed."""
    (journal / STOP_FILE).touch()


def asked_to_stop(journal: Path) -> bool:
    return (journal / STOP_FILE).exists()


def leave_note(journal: Path, note: Event) -> None:
    """For the run to take into its events; it alone writes there, so that nothing is added while it is sealed."""
    line = msgspec.json.encode(note) + b"\n"
    fd = os.open(journal / NOTES_FILE, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o644)
    try:
        os.write(fd, line)
    finally:
        os.close(fd)


class Notes:
    """The run's side: notes that were left since it last looked."""

    def __init__(self, journal: Path) -> None:
        self._path = journal / NOTES_FILE
        self._read = 0

    def new(self) -> list[Event]:
        """Whole lines only, each once; what is no note of ours is left out."""
        if not self._path.exists() or self._path.stat().st_size <= self._read or self._read > NOTES_BYTES_MAX:
            return []
        with self._path.open("rb") as file:
            file.seek(self._read)
            data = file.read(NOTES_BYTES_MAX)
        whole = data[: data.rfind(b"\n") + 1]
        self._read += len(whole)
        return [note for line in whole.splitlines() if (note := _note(line)) is not None]


def _note(line: bytes) -> Event | None:
    try:
        note = msgspec.json.decode(line, type=Event)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None
    fits = note.kind == NOTE and 0 <= note.at_ns < 2**62 and len(note.text) <= NOTE_CHARS_MAX
    return note if fits and note.text.isprintable() else None
