"""Re-tests: open, fixed, come back, new; what an unfit run may prove and what it may not."""

from __future__ import annotations

import pytest

from record.types import TargetInfo
from reports.assess import Assessment
from reports.page_one import Action
from reports.since import Change, Seen, compare, problems
from reports.verdict import Finding, Text, Verdict
from tests.records import manifest

P, U, F, V = Verdict.PASS, Verdict.UNDECIDED, Verdict.FAIL, Verdict.VOID
CHECK = "objective.fast"


def seen(
    place: int, verdict: Verdict | None, *, actions: tuple[str, ...] = (), sealed: bool = True, void: bool = False
) -> Seen:
    """A run of the chain: one finding, or none; void by another finding."""
    findings = () if verdict is None else (Finding(CHECK, verdict, Text("why.pass"), Text("why.pass")),)
    if void:
        findings = (*findings, Finding("validity.cpu", V, Text("why.void"), Text("why.void")))
    gate = max((one.verdict for one in findings), default=U)
    head = manifest(1, run_id=f"run-{place}", created_utc=f"2025-07-{place + 1:02}T00:00:00Z")
    asked = tuple(Action(key, Text("why.fail"), "", Text("why.fail"), None) for key in actions)
    return Seen(Assessment(head.run_id, gate, findings, (), {}, (), {}), asked, head, sealed)


@pytest.mark.parametrize(
    ("verdicts", "change", "first", "fixed"),
    [
        ((P, F), Change.NEW, "run-1", None),
        ((None, F), Change.NEW, "run-1", None),
        ((F, F), Change.OPEN, "run-0", None),
        ((F, U), Change.OPEN, "run-0", None),  # undecided is not fixed
        ((P, U), Change.NEW, "run-1", None),
        ((F, P), Change.FIXED, "run-0", "run-1"),
        ((F, P, F), Change.COME_BACK, "run-0", None),
        ((F, P, U), Change.COME_BACK, "run-0", None),
        ((F, P, P), Change.FIXED, "run-0", "run-1"),
        ((F, None), Change.OPEN, "run-0", None),  # nobody looked: it is as it was
        ((F, None, P), Change.FIXED, "run-0", "run-2"),
        ((F, None, F), Change.OPEN, "run-0", None),
        ((F, P, None), None, "", None),
        ((P, P), None, "", None),
        ((None, None), None, "", None),
    ],
)
def test_what_became_of_a_finding(
    verdicts: tuple[Verdict | None, ...], change: Change | None, first: str, fixed: str | None
) -> None:
    *before, now = (seen(place, verdict) for place, verdict in enumerate(verdicts))
    found = compare(now, before).items
    assert [(item.key, item.change, item.first, item.fixed) for item in found] == (
        [] if change is None else [(CHECK, change, first, fixed)]
    )


def test_an_unfit_run_shows_what_is_wrong_and_nothing_right() -> None:
    fails, passes = seen(0, F), seen(1, P, void=True)
    found = {item.key: item.change for item in compare(passes, [fails]).items}
    assert found == {CHECK: Change.OPEN, "validity.cpu": Change.NEW}
    unsealed = seen(1, P, sealed=False)
    assert [item.change for item in compare(unsealed, [fails]).items] == [Change.OPEN]
    between = compare(seen(2, F), [fails, unsealed])
    assert [item.change for item in between.items] == [Change.OPEN], "what passed in it does not make it come back"
    assert [note.key for note in between.notes] == ["since.unfit"]
    assert [note.key for note in compare(passes, [fails]).notes] == ["since.unfit_now"]


def test_where_nothing_is_to_be_followed_that_is_said_but_not_of_a_run_that_shows_nothing_right() -> None:
    found = compare(seen(2, P), [seen(0, P), seen(1, P)])
    assert (found.items, [note.key for note in found.notes]) == ((), ["since.none"])
    unfit = compare(seen(2, P, sealed=False), [seen(0, P)])
    assert (unfit.items, [note.key for note in unfit.notes]) == ((), ["since.unfit_now"])


def test_actions_are_followed_by_their_keys() -> None:
    unit = "communes.errors:14800"
    chain = [seen(0, F, actions=(CHECK, unit)), seen(1, P), seen(2, F, actions=(CHECK,))]
    changes = {item.key: item.change for item in compare(chain[2], chain[:2]).items if item.kind == "action"}
    assert changes == {CHECK: Change.COME_BACK, unit: Change.OPEN}, "nobody looked at the communes again"
    fixed = compare(chain[1], chain[:1])
    assert {item.key: item.change for item in fixed.items if item.kind == "action"} == {
        CHECK: Change.FIXED,
        unit: Change.OPEN,
    }
    assert fixed.count(Change.FIXED) == 1
    assert fixed.count(Change.FIXED, "action") == 1


def test_what_makes_runs_hard_to_compare_is_said() -> None:
    other = manifest(1, run_id="run-9", created_utc="2025-08-01T00:00:00Z", profile="soak")
    now = Seen(seen(1, P).assessment, (), other, sealed=True)
    assert [note.key for note in compare(now, [seen(0, F)]).notes] == ["since.other_profile"]
    away = manifest(1, run_id="run-9", target=TargetInfo("x", "", {"portal": "http://127.0.0.1:1"}, "1" * 64))
    now = Seen(seen(1, P).assessment, (), away, sealed=True)
    assert [note.key for note in compare(now, [seen(0, F)]).notes] == ["since.other_target"]


def test_a_chain_is_in_order_and_has_each_run_once() -> None:
    first, second, third = (seen(place, P).manifest for place in range(3))
    assert problems(third, [first, second]) == []
    assert "run-1 is of 2025-07-02T00:00:00Z, after run-0" in problems(third, [second, first])[0]
    assert "run-2 stands there twice" in problems(third, [first, third])[0]
    assert "none after the run that is reported on" in problems(first, [second])[0]
    assert len(problems(first, [third, third, second])) == 3
