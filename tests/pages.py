"""A page one made by hand, for tests of what prints it."""

from __future__ import annotations

from dataclasses import replace

from reports.page_one import Action, KeyFigure, PageOne, Standing, UnitState
from reports.verdict import Quantity, Text, Verdict

ROLES = ("tester",)


def action(key: str = "objective.fast", **changes: str) -> Action:
    return replace(Action(key, Text("why.fail"), "Xã A", Text("why.fail"), None), **changes)


def unit(code: str = "14800", verdict: Verdict = Verdict.PASS, **changes: object) -> UnitState:
    base = UnitState(
        code, f"Xã {code}", "commune", 20_000, 19.8, 105.7, 60.0, verdict, Text("why.pass"), 1000, 3, 60e6, 1843.2046e6,
        0, 500,
    )  # fmt: skip
    return replace(base, **changes)  # type: ignore[arg-type]


def page_one(**changes: object) -> PageOne:
    figure = KeyFigure(
        "slowest", Text("why.pass"), Quantity(2.0004e9, "ns", 2e9), Quantity(2e9, "ns"), Verdict.FAIL, None
    )
    unmeasured = KeyFigure("capacity", Text("why.pass"), None, None, Verdict.UNDECIDED, None)
    base = PageOne(
        Standing.NOT_READY, Text("why.fail"), (), (unit(), unit("14812", Verdict.FAIL)), (figure, unmeasured),
        (action(), action("integrity.lost", unit="")), (Text("limit.read_only"),), ROLES,
    )  # fmt: skip
    return replace(base, **changes)  # type: ignore[arg-type]
