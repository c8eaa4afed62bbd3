"""The workbook: verdict, units, operations, findings, and the actions that people fill in (`filled` reads those back).

Numbers are numbers, so that they can be sorted and summed; everything else is written as text, never as a formula.
The same input gives the same bytes: its time of creation is the record's.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

import xlsxwriter

from record.reader import RunRecord
from reports import catalogue, facts, store, units
from reports.assess import Assessment
from reports.case import Case
from reports.latency import Row
from reports.numbers import show
from reports.page_one import PageOne, Standing
from reports.verdict import NEVER_NS, Finding, Quantity, Text, Verdict

HEADINGS = 3  # rows above the first of the data: title, Vietnamese, English
CELL_CHARS_MAX = 32_000  # a cell takes 32,767
STATES = ("open", "doing", "done")  # of an action, catalogue: action.state.<value>
DATE_FORMAT = "dd/mm/yyyy"
EARLIEST, LATEST = date(2000, 1, 1), date(2099, 12, 31)
ACTIONS_SHEET = "sheet.actions"
ACTION_COLUMNS = (
    "key",
    "unit",
    "what",
    "evidence",
    "effect",
    "owner",
    "deadline",
    "state",
)  # catalogue: sheet.column.…
_MARKS = {Verdict.PASS: "✓", Verdict.UNDECIDED: "?", Verdict.FAIL: "✗", Verdict.VOID: "⊘"}
_COLOURS = {Verdict.PASS: "#DCF2E3", Verdict.UNDECIDED: "#FFF1C9", Verdict.FAIL: "#F9D6D5", Verdict.VOID: "#E3E3E3"}
_SHADES = {
    Standing.READY: Verdict.PASS,
    Standing.CONDITIONAL: Verdict.UNDECIDED,
    Standing.NOT_READY: Verdict.FAIL,
    Standing.INCONCLUSIVE: Verdict.VOID,
}

Shaded = tuple[str, Verdict]  # a word in the colours of a verdict
Cell = str | Text | int | float | date | Verdict | Shaded | None


@dataclass(frozen=True)
class Column:
    """One column. `name` is a catalogue key sheet.column.<name>; `kind`: text, count, ms, share or date."""

    name: str
    width: int
    kind: str = "text"


@dataclass(frozen=True)
class Sheet:
    """One sheet. `title` is a catalogue key; a row has as many cells as there are columns. `notes` stand below."""

    title: str
    columns: tuple[Column, ...]
    rows: tuple[tuple[Cell, ...], ...]
    notes: tuple[str, ...] = ()


def render_xlsx(page: PageOne, assessment: Assessment, record: RunRecord, more: Sequence[Sheet] = ()) -> bytes:
    """The workbook; `more` sheets stand between the findings and the actions."""
    case = Case(record)
    judged = [row for row in assessment.latency if row.phase == units.judged_scope(assessment, case)]
    verdict = _verdict_sheet(page, assessment, case)
    sheets = (verdict, _units(page), _operations(judged), _findings(assessment.findings), *more, _actions(page))
    data = io.BytesIO()
    options = {"in_memory": True, "strings_to_formulas": False, "strings_to_urls": False, "strings_to_numbers": False}
    with xlsxwriter.Workbook(data, options) as book:
        book.set_properties(
            {
                "title": catalogue.word("sheet.book", "vi"),
                "subject": record.manifest.run_id,
                "created": datetime.strptime(record.manifest.created_utc, "%Y-%m-%dT%H:%M:%SZ"),
            }
        )
        pen = _Pen(book)
        for sheet in sheets:
            page_of_it = pen.sheet(sheet, record.manifest.run_id)
            if sheet.title == ACTIONS_SHEET:
                _to_fill_in(page_of_it, len(sheet.rows))
    return data.getvalue()


def both(text: Text) -> str:
    """A sentence in Vietnamese, the English below it."""
    return _lines(*(catalogue.say(text, language) for language in catalogue.LANGUAGES))


def word(key: str, otherwise: str | None = None) -> str:
    """A word of the catalogue in both languages; `otherwise` where it has none."""
    if otherwise is not None and key not in catalogue.words("vi"):
        return otherwise
    return " / ".join(dict.fromkeys(catalogue.word(key, language) for language in catalogue.LANGUAGES))


def verdict_word(verdict: Verdict) -> str:
    """With its mark, so that no colour is needed."""
    return f"{_MARKS[verdict]} {word(f'verdict.{verdict.word}')}"


def sheet_name(title: str) -> str:
    """How the tab of a sheet is called; the catalogue's word, at most 31 characters."""
    return catalogue.word(title, "vi")


def state_word(state: str) -> str:
    """What stands in the state column: both languages, so that the list can be picked from in either."""
    return " / ".join(catalogue.word(f"action.state.{state}", language) for language in catalogue.LANGUAGES)


class _Pen:
    """Writes sheets into one workbook."""

    def __init__(self, book: Any) -> None:
        self._book = book
        plain = {"valign": "top", "text_wrap": True, "font_name": "Times New Roman", "font_size": 11}
        self._title = book.add_format({"bold": True, "font_name": "Times New Roman", "font_size": 14})
        self._quiet = book.add_format(plain | {"italic": True, "font_color": "#555555", "text_wrap": False})
        head = plain | {"bold": True, "bottom": 1, "bg_color": "#EDF1F7"}
        self._vi = book.add_format(head | {"bottom": 0})
        self._en = book.add_format(head | {"bold": False, "italic": True})
        self._formats = {
            kind: book.add_format(plain | ({"num_format": pattern} if pattern else {}))
            for kind, pattern in (
                ("text", "@"), ("count", "#,##0"), ("ms", "#,##0.000"), ("share", "0.00##%"), ("date", DATE_FORMAT),
            )
        }  # fmt: skip
        self._verdicts = {
            verdict: book.add_format(plain | {"bg_color": colour, "bold": True}) for verdict, colour in _COLOURS.items()
        }

    def sheet(self, sheet: Sheet, run_id: str) -> Any:
        page = self._book.add_worksheet(sheet_name(sheet.title))
        titles = " / ".join(catalogue.word(sheet.title, language) for language in catalogue.LANGUAGES)
        page.write_string(0, 0, titles, self._title)
        page.write_string(0, max(1, len(sheet.columns) - 1), run_id, self._quiet)
        for place, column in enumerate(sheet.columns):
            page.set_column(place, place, column.width)
            page.write_string(1, place, catalogue.word(f"sheet.column.{column.name}", "vi"), self._vi)
            page.write_string(2, place, catalogue.word(f"sheet.column.{column.name}", "en"), self._en)
        for row, cells in enumerate(sheet.rows, HEADINGS):
            for place, (column, cell) in enumerate(zip(sheet.columns, cells, strict=True)):
                self._cell(page, row, place, column.kind, cell)
        for row, note in enumerate(sheet.notes, HEADINGS + len(sheet.rows) + 1):
            page.write_string(row, 0, note.replace("\n", " / "), self._quiet)
        page.freeze_panes(HEADINGS, 0)
        page.set_landscape()
        page.set_paper(9)  # A4
        page.fit_to_pages(1, 0)
        page.repeat_rows(1, 2)
        if sheet.rows:
            page.autofilter(HEADINGS - 1, 0, HEADINGS - 1 + len(sheet.rows), len(sheet.columns) - 1)
        return page

    def _cell(self, page: Any, row: int, place: int, kind: str, cell: Cell) -> None:
        shape = self._formats[kind]
        if cell is None:
            page.write_blank(row, place, None, shape)
        elif isinstance(cell, Verdict):
            page.write_string(row, place, verdict_word(cell), self._verdicts[cell])
        elif isinstance(cell, tuple):
            page.write_string(row, place, cell[0], self._verdicts[cell[1]])
        elif isinstance(cell, date):
            page.write_datetime(row, place, cell, shape)
        elif isinstance(cell, str | Text):
            text = cell if isinstance(cell, str) else both(cell)
            page.write_string(row, place, text if len(text) <= CELL_CHARS_MAX else text[:CELL_CHARS_MAX] + "…", shape)
        else:
            page.write_number(row, place, cell, shape)


def _verdict_sheet(page: PageOne, assessment: Assessment, case: Case) -> Sheet:
    """Label, what it says, limit, state: the whole of page one."""
    rows: list[tuple[Cell, ...]] = [
        (word("sheet.standing"), (word(f"standing.{page.standing.value}"), _SHADES[page.standing]), None, None),
        (word("sheet.why"), page.why, None, None),
        *((word("sheet.condition"), condition, None, None) for condition in page.conditions),
    ]
    for figure in page.figures:
        shown = [None if one is None else _both_numbers(one) for one in (figure.value, figure.limit)]
        value = shown[0] or word("page.not_measured")
        rows.append((figure.title, value + (f"\n{both(figure.note)}" if figure.note else ""), shown[1], figure.verdict))
    if page.units:
        rows += [
            (word(f"sheet.units.{verdict.word}"), _both_numbers(Quantity(page.count(verdict), "count")), None, verdict)
            for verdict in (Verdict.PASS, Verdict.UNDECIDED, Verdict.FAIL)
        ]
    rows += [(word("page.untested"), limit, None, None) for limit in page.untested]
    rows += [(word(fact.label), _lines(fact.vi, fact.en), None, None) for fact in facts.of(case, assessment)]
    origin = facts.origin(case, assessment, store.identity(assessment))
    rows += [(word(fact.label), _lines(fact.vi, fact.en), None, None) for fact in origin]
    rows += [(word("sheet.signs"), word(f"role.{role}"), None, None) for role in page.roles]
    columns = (Column("subject", 34), Column("content", 90), Column("limit", 16), Column("verdict", 20))
    return Sheet("sheet.verdict", columns, tuple(rows))


def _units(page: PageOne) -> Sheet:
    columns = (
        Column("code", 9), Column("unit", 26), Column("kind", 12), Column("population", 12, "count"),
        Column("verdict", 20), Column("why", 60), Column("arrivals", 12, "count"), Column("calls", 12, "count"),
        Column("failed", 12, "count"), Column("share", 12, "share"), Column("p50", 12, "ms"), Column("p95", 12, "ms"),
        Column("lost", 12, "count"),
    )  # fmt: skip
    rows = tuple(
        (
            unit.code, unit.name, word(f"sheet.kind.{unit.kind}", unit.kind), unit.population, unit.verdict, unit.why,
            unit.arrivals, unit.calls, unit.failed, unit.failed / unit.calls if unit.calls else None,
            _ms(unit.p50_ns), _ms(unit.p95_ns), unit.lost_writes,
        )
        for unit in page.units
    )  # fmt: skip
    return Sheet("sheet.units", columns, rows)


def _operations(judged: Sequence[Row]) -> Sheet:
    """Per operation over the judged phases, from when a call was due, and (last two) from when it was sent."""
    columns = (
        Column("operation", 26), Column("calls", 12, "count"), Column("failed", 12, "count"),
        Column("share", 12, "share"), Column("p50", 12, "ms"), Column("p90", 12, "ms"), Column("p95", 12, "ms"),
        Column("p95_low", 12, "ms"), Column("p95_high", 12, "ms"), Column("p99", 12, "ms"),
        Column("service_p50", 14, "ms"), Column("service_p95", 14, "ms"),
    )  # fmt: skip
    rows = []
    for row in judged:
        if row.dimension == "operation":
            p50, p90, p95, p99 = row.due
            figures = (p50.value, p90.value, p95.value, p95.low, p95.high, p99.value)
            served = (row.service[0].value, row.service[2].value)
            share = row.failed / row.calls if row.calls else None
            rows.append((row.name, row.calls, row.failed, share, *map(_ms, (*figures, *served))))
    return Sheet("sheet.operations", columns, tuple(rows))


def _findings(findings: Sequence[Finding]) -> Sheet:
    columns = (
        Column("check", 28), Column("verdict", 20), Column("title", 40), Column("summary", 90), Column("more", 50),
    )  # fmt: skip
    worst_first = sorted(findings, key=lambda finding: -finding.verdict)
    rows = tuple((one.check, one.verdict, one.title, one.summary, one.needs_more) for one in worst_first)
    return Sheet("sheet.findings", columns, rows)


def _actions(page: PageOne) -> Sheet:
    widths = dict(zip(ACTION_COLUMNS, (26, 24, 50, 50, 40, 26, 14, 24), strict=True))
    columns = tuple(Column(name, widths[name], "date" if name == "deadline" else "text") for name in ACTION_COLUMNS)
    rows = tuple(
        (
            action.key, action.unit, action.what, action.evidence, action.effect, action.owner or None,
            _date(action.deadline), state_word(action.state),
        )
        for action in page.actions
    )  # fmt: skip
    return Sheet(ACTIONS_SHEET, columns, rows)


def _to_fill_in(page: Any, rows: int) -> None:
    """Excel asks for a date and offers the states; whoever writes past that is told when the file is read back."""
    if not rows:
        return
    last = HEADINGS - 1 + rows
    deadline, state = ACTION_COLUMNS.index("deadline"), ACTION_COLUMNS.index("state")
    page.data_validation(
        HEADINGS, deadline, last, deadline,
        {
            "validate": "date", "criteria": "between", "minimum": EARLIEST, "maximum": LATEST,
            "error_title": catalogue.word("sheet.column.deadline", "vi"),
            "error_message": catalogue.word("sheet.deadline_wrong", "vi"),
        },
    )  # fmt: skip
    page.data_validation(
        HEADINGS, state, last, state, {"validate": "list", "source": [state_word(each) for each in STATES]}
    )


def _date(text: str) -> date | None:
    return datetime.strptime(text, "%d/%m/%Y").date() if text else None


def _ms(ns: float | None) -> float | str | None:
    """Milliseconds to the nanosecond; ∞ for answers that never came."""
    return None if ns is None else "∞" if ns == NEVER_NS else ns / 1e6


def _both_numbers(quantity: Quantity) -> str:
    return _lines(*(show(quantity, language) for language in catalogue.LANGUAGES))


def _lines(*texts: str) -> str:
    return "\n".join(dict.fromkeys(texts))
