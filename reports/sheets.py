"""One sheet for each commune and ward: its own figures under its own head, for its own head of office to sign."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from reports import catalogue, fields
from reports.actions import Action
from reports.assess import Assessment
from reports.case import Case
from reports.page_one import PageOne
from reports.pdf import Words, action_row, common, date, date_line, state
from reports.typesetting import Typesetter
from reports.units import UnitState

ROLES = ("unit-head",)


def render_sheets(
    page: PageOne,
    assessment: Assessment,
    case: Case,
    language: str = "vi",
    codes: tuple[str, ...] | None = None,
    given: tuple[str, ...] = (),
) -> Iterator[tuple[str, bytes]]:
    """(code, PDF) of every unit, or of those named; none where the target has no communes. `given` as in Extras."""
    words, given = Words(language), bearing(given)
    typesetter = Typesetter("sheet")
    shared = common(words, assessment, case, ROLES, given) | _shared(words, page)
    for unit in page.units:
        if codes is None or unit.code in codes:
            own = _of(words, unit, page.actions, date_line(words, case, _place(unit)))
            yield unit.code, fields.reserve(typesetter.set(shared | own, date(case)))


def bearing(given: tuple[str, ...]) -> tuple[str, ...]:
    """Those of the options that a sheet shows anything of."""
    return tuple(option for option in given if option != "--since")


def _place(unit: UnitState) -> str:
    """The bare name, as it stands before the date: "Trung Lý" of "Xã Trung Lý"."""
    kind = catalogue.word(f"unit.kind.{unit.kind}", "vi")
    return unit.name.removeprefix(f"{kind} ")


def _shared(words: Words, page: PageOne) -> dict[str, Any]:
    return {
        "province": words("pdf.sheet.province", standing=words(f"standing.{page.standing.value}")),
        "untested": [words.say(text) for text in page.untested],
        "recipients": [words(f"pdf.recipient.{name}") for name in ("province", "filed")],
    }


def _of(words: Words, unit: UnitState, actions: tuple[Action, ...], dated: str) -> dict[str, Any]:
    rows = {
        "population": words.counted(unit.population),
        "arrivals": words.counted(unit.arrivals),
        "calls": words.counted(unit.calls),
        "failed": words.counted(unit.failed),
        "p50": words.number(unit.p50_ns, "ns"),
        "p95": words.number(unit.p95_ns, "ns"),
        "lost": words.counted(unit.lost_writes),
    }
    return {
        "title": words("pdf.sheet.title", unit=unit.name),
        "paper": f"sheet-{unit.code}:{words.language}",
        "head": {
            "superior": words("pdf.superior"),
            "issuer": words("pdf.sheet.issuer", unit=unit.name.upper()),
            "number": words("pdf.sheet.number"),
            "date": dated,
            "kind": words("pdf.sheet.kind"),
            "subject": words("pdf.sheet.subject"),
        },
        **state(words, unit.verdict),
        "why": words.say(unit.why),
        "rows": [[words(f"pdf.sheet.{name}"), shown] for name, shown in rows.items()],
        "actions": [action_row(words, action) for action in actions if action.unit == unit.name],
    }
