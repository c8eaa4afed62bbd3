"""Reads back the actions of a workbook that people filled in: who, until when, how far. Nothing of the rest is read."""

from __future__ import annotations

import io
import unicodedata
import zipfile
import zlib
from collections.abc import Collection
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Any

import openpyxl
from openpyxl.utils import get_column_letter
from openpyxl.utils.exceptions import InvalidFileException

from reports import catalogue, xlsx
from reports.page_one import Action

BYTES_MAX = 16 * 1024 * 1024
UNPACKED_BYTES_MAX = 16 * 1024 * 1024  # ours have 1 MiB; the reader takes sixty times as much memory
ROWS_MAX = 10_000
OWNER_CHARS_MAX = 200
PROBLEMS_MAX = 100
# What the reader of a damaged file may come to: whatever it is, the file is not one of ours.
_UNREADABLE = (
    zipfile.BadZipFile, zipfile.LargeZipFile, zlib.error, InvalidFileException, SyntaxError, OSError, EOFError,
    KeyError, ValueError, TypeError, AttributeError, IndexError, RuntimeError,
)  # fmt: skip


@dataclass(frozen=True)
class Filled:
    """One row. `deadline` is dd/mm/yyyy or empty, `state` one of xlsx.STATES."""

    key: str
    owner: str
    deadline: str
    state: str


def read(name: str, data: bytes, keys: Collection[str], runs: Collection[str]) -> tuple[tuple[Filled, ...], list[str]]:
    """The rows, and every problem with its sheet, row and column; with a problem there is no row worth having.

    `name` is the file's, for messages; `keys` are the actions there may be, `runs` whose workbook it may be.
    """
    problems: list[str] = []
    title = xlsx.sheet_name(xlsx.ACTIONS_SHEET)
    ours = f"should be report.xlsx of this run, filled in and saved as .xlsx, with its sheet {title!r}"
    try:
        if len(data) > BYTES_MAX or _unpacked(data) > UNPACKED_BYTES_MAX:
            return (), [f"{name}: larger than any workbook of ours; {ours}"]
        book = openpyxl.load_workbook(io.BytesIO(data), data_only=False)
        sheet = book[title] if title in book.sheetnames else None
    except _UNREADABLE as error:
        return (), [f"{name}: not a workbook that can be read ({type(error).__name__}: {error}); {ours}"]
    if sheet is None:
        return (), [f"{name}: no sheet {title!r}, only {', '.join(map(repr, book.sheetnames))}; {ours}"]
    if problem := _not_ours(sheet, runs):
        return (), [f"{name}: sheet {title!r}: {problem}"]
    if sheet.max_row > ROWS_MAX:
        return (), [f"{name}: sheet {title!r}: {sheet.max_row} rows, at most {ROWS_MAX}; {ours}"]
    reader = _Reader(f"{name}: sheet {title!r}", set(keys), problems)
    rows = [reader.row(cells) for cells in sheet.iter_rows(min_row=xlsx.HEADINGS + 1, max_col=len(xlsx.ACTION_COLUMNS))]
    more = len(problems) - PROBLEMS_MAX
    told = problems[:PROBLEMS_MAX] + ([f"{name}: and {more} more problems"] if more > 0 else [])
    return tuple(row for row in rows if row is not None), told


def applied(actions: tuple[Action, ...], rows: tuple[Filled, ...]) -> tuple[Action, ...]:
    """The actions with what people wrote beside them; a row without its action is left out."""
    by_key = {row.key: row for row in rows}
    return tuple(
        replace(action, owner=row.owner, deadline=row.deadline, state=row.state)
        if (row := by_key.get(action.key)) is not None
        else action
        for action in actions
    )


class _Reader:
    """Row by row; `problems` grows."""

    def __init__(self, place: str, keys: set[str], problems: list[str]) -> None:
        self._place = place
        self._keys = keys
        self._problems = problems
        self._seen: dict[str, int] = {}
        words = {catalogue.word(f"action.state.{s}", language): s for s in xlsx.STATES for language in ("vi", "en")}
        self._states = {word.casefold(): state for word, state in words.items()}
        self._states |= {xlsx.state_word(state).casefold(): state for state in xlsx.STATES}
        self._states |= {state: state for state in xlsx.STATES}

    def row(self, cells: tuple[Any, ...]) -> Filled | None:
        """None for an empty row, and for one that cannot be used."""
        told = len(self._problems)
        given = dict(zip(xlsx.ACTION_COLUMNS, cells, strict=True))
        if all(cell.value is None for cell in cells):
            return None
        for name in ("key", "owner", "deadline", "state"):
            if given[name].data_type in ("f", "e"):
                self._problem(given[name], f"{given[name].value!s:.60} is a formula or an error; write a plain value")
        if len(self._problems) > told:
            return None
        key = self._key(given["key"])
        filled = Filled(
            key, self._owner(given["owner"]), self._deadline(given["deadline"]), self._state(given["state"])
        )
        return filled if len(self._problems) == told else None

    def _key(self, cell: Any) -> str:
        key = str(cell.value or "").strip()
        if not key:
            self._problem(cell, "empty; every row keeps the key it came with")
        elif key not in self._keys:
            self._problem(cell, f"{key!r:.80} is no action of this run; keys are not edited, new actions need no row")
        elif key in self._seen:
            self._problem(cell, f"{key!r:.80} stands in row {self._seen[key]} too; one row for each action")
        self._seen.setdefault(key, cell.row)
        return key

    def _owner(self, cell: Any) -> str:
        owner = " ".join(_nfc("" if cell.value is None else cell.value).split())
        if len(owner) > OWNER_CHARS_MAX or not owner.isprintable():
            self._problem(cell, f"{owner!r:.60} will not do; a name of at most {OWNER_CHARS_MAX} characters")
        return owner

    def _deadline(self, cell: Any) -> str:
        value = cell.value
        if value is None or (isinstance(value, str) and not value.strip()):
            return ""
        found = value.date() if isinstance(value, datetime) else value if isinstance(value, date) else None
        if isinstance(value, str):
            try:
                found = datetime.strptime(value.strip(), "%d/%m/%Y").date()
            except ValueError:
                found = None
        if found is None or not xlsx.EARLIEST <= found <= xlsx.LATEST:
            self._problem(cell, f"{value!s:.60} is no date from {xlsx.EARLIEST.year} on; write it as 15/06/2026")
            return ""
        return found.strftime("%d/%m/%Y")

    def _state(self, cell: Any) -> str:
        word = _nfc(cell.value or "").strip()
        state = self._states.get(word.casefold(), "" if word else xlsx.STATES[0])
        if not state:
            right = ", ".join(repr(xlsx.state_word(each)) for each in xlsx.STATES)
            self._problem(cell, f"{word!r:.60} is no state; one of {right}")
        return state

    def _problem(self, cell: Any, what: str) -> None:
        heading = catalogue.word(f"sheet.column.{xlsx.ACTION_COLUMNS[cell.column - 1]}", "vi")
        self._problems.append(
            f"{self._place}, row {cell.row}, column {get_column_letter(cell.column)} ({heading}): {what}"
        )


def _nfc(value: object) -> str:
    """Some keyboards write the marks of Vietnamese letters as letters of their own."""
    return unicodedata.normalize("NFC", str(value))


def _not_ours(sheet: Any, runs: Collection[str]) -> str:
    """Whose workbook it is stands in its first row, what its columns are in the second."""
    width = len(xlsx.ACTION_COLUMNS)
    run = sheet.cell(1, width).value
    if run not in runs:
        right = " or ".join(sorted(runs))
        return f"row 1, column {get_column_letter(width)}: filled in for {run!s:.80}; should be {right}"
    for place, name in enumerate(xlsx.ACTION_COLUMNS, 1):
        heading = catalogue.word(f"sheet.column.{name}", "vi")
        if sheet.cell(2, place).value != heading:
            found, letter = sheet.cell(2, place).value, get_column_letter(place)
            return f"row 2, column {letter}: {found!s:.60} where {heading!r} was; columns stay as they are"
    return ""


def _unpacked(data: bytes) -> int:
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        return sum(item.file_size for item in archive.infolist())
