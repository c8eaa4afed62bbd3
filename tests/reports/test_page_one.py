"""Page one as data: standing, the one sentence, units, the four numbers, and what must be done first."""

from __future__ import annotations

import json
from pathlib import Path

import msgspec
import pytest

from record.reader import open_record
from record.types import Outcome, RecordError
from reports import capacity_file, catalogue, page_one
from reports.assess import assess
from reports.capacity_file import CapacityAnswer
from reports.case import Case
from reports.page_one import PageOne, Standing
from reports.verdict import Quantity, Text, Verdict
from tests.records import COMMUNES, MS, S, booked, healthy, losing, make_record, manifest, plan, readings

VERIFIED = manifest(3000)
ELSEWHERE = msgspec.structs.replace(
    VERIFIED,
    target=msgspec.structs.replace(VERIFIED.target, bases={"portal": "https://portal.test"}),
    objectives=tuple(msgspec.structs.replace(each, verified=True) for each in VERIFIED.objectives),
)


ENOUGH = CapacityAnswer(True, 200.0, 190.0, 210.0)


def _page(folder: Path, capacity: CapacityAnswer | None = None, **changes: object) -> PageOne:
    case = Case(open_record(make_record(folder / "run", **healthy() | changes), unsealed=True))  # type: ignore[arg-type]
    return page_one.of(assess(case.record, case=case), case, capacity=capacity)


def _refusing(wrong: range, commune: int | None = None) -> dict[str, object]:
    samples = [
        msgspec.structs.replace(each, outcome=Outcome.REFUSED, status=503, error=12)
        if each.arrival in wrong and commune in (None, each.arrival % 3)
        else each
        for each in healthy()["samples"]  # type: ignore[attr-defined]
    ]
    return {"samples": samples, "ledger": booked(samples)}


def _slow(took_ns: int) -> dict[str, object]:
    samples = [
        msgspec.structs.replace(each, done_ns=each.intended_ns + took_ns)
        for each in healthy()["samples"]  # type: ignore[attr-defined]
    ]
    return {"samples": samples}


def _figure(page: PageOne, slug: str) -> page_one.KeyFigure:
    return next(each for each in page.figures if each.slug == slug)


@pytest.mark.parametrize(
    ("changes", "standing"),
    [
        ({"head": ELSEWHERE}, Standing.READY),
        ({}, Standing.CONDITIONAL),
        (_slow(900 * MS), Standing.NOT_READY),
        ({"meters": []}, Standing.INCONCLUSIVE),
        ({"meters": readings(cpu=0.99)}, Standing.INCONCLUSIVE),
        ({"seal": False}, Standing.INCONCLUSIVE),
    ],
)
def test_the_standing_follows_the_gate(tmp_path: Path, changes: dict[str, object], standing: Standing) -> None:
    page = _page(tmp_path, ENOUGH, **changes)
    assert page.standing is standing
    for language in catalogue.LANGUAGES:
        sentence = catalogue.say(page.why, language)
        assert sentence.endswith(".")
        assert len(sentence) < 400


def test_what_somebody_waived_makes_a_pass_conditional(tmp_path: Path) -> None:
    case = Case(open_record(make_record(tmp_path / "run", **healthy() | {"head": ELSEWHERE})))  # type: ignore[arg-type]
    waived = (Text("caveat.unverified"),)
    assert page_one.of(assess(case.record, case=case), case, waived=waived).standing is Standing.CONDITIONAL


def test_the_sentence_names_the_one_thing_that_decides(tmp_path: Path) -> None:
    ledger = losing("t1-1", healthy()["ledger"])  # type: ignore[arg-type]
    said = catalogue.say(_page(tmp_path, **_slow(900 * MS) | {"ledger": ledger}).why, "vi")
    assert "Không mất dữ liệu đã xác nhận" in said
    assert "Tra cứu hồ sơ" not in said


def test_every_unit_has_its_state_and_its_reason(tmp_path: Path) -> None:
    lost = losing("t1-1", healthy()["ledger"])  # type: ignore[arg-type]
    page = _page(tmp_path, ledger=lost, communes=(*COMMUNES, "16999"))
    states = {unit.code: (unit.verdict, unit.why.key) for unit in page.units}
    assert states == {
        "14800": (Verdict.PASS, "unit.pass"),
        "14812": (Verdict.FAIL, "unit.lost"),
        "15001": (Verdict.PASS, "unit.pass"),
        "16999": (Verdict.UNDECIDED, "unit.silent"),
    }
    assert {unit.code: unit.lost_writes for unit in page.units if unit.lost_writes} == {"14812": 1}
    assert sum(unit.arrivals for unit in page.units) == sum(at >= 5 * S for at in plan(3000)["at_ns"].to_pylist())


def test_a_unit_served_worse_than_the_rest_fails_alone_and_an_outage_of_all_fails_all(tmp_path: Path) -> None:
    alone = _page(tmp_path / "a", **_refusing(range(0, 3000, 10), commune=1))
    assert [unit.verdict for unit in alone.units] == [Verdict.PASS, Verdict.FAIL, Verdict.PASS]
    assert "communes.errors:14812" in [action.key for action in alone.actions]
    outage = _page(tmp_path / "b", **_refusing(range(0, 3000, 7)))
    assert {(unit.verdict, unit.why.key) for unit in outage.units} == {(Verdict.FAIL, "unit.beyond")}


@pytest.mark.parametrize(
    ("changes", "why"), [({"meters": readings(cpu=0.99)}, "unit.void"), ({"seal": False}, "unit.unsealed")]
)
def test_a_run_that_cannot_be_judged_by_says_nothing_about_units(
    tmp_path: Path, changes: dict[str, object], why: str
) -> None:
    lost = losing("t1-1", healthy()["ledger"])  # type: ignore[arg-type]
    units = _page(tmp_path, **changes | {"ledger": lost}).units
    assert {(unit.verdict, unit.why.key) for unit in units} == {(Verdict.UNDECIDED, why)}


def test_four_figures_stand_beside_their_limits(tmp_path: Path) -> None:
    page = _page(tmp_path)
    assert [each.slug for each in page.figures] == ["slowest", "errors", "capacity", "lost"]
    assert [each.verdict for each in page.figures] == [Verdict.PASS, Verdict.PASS, Verdict.UNDECIDED, Verdict.PASS]
    assert _figure(page, "capacity").value is None
    assert _figure(page, "lost").value == Quantity(0, "count", 0)


@pytest.mark.parametrize(
    ("answer", "verdict"),
    [
        (ENOUGH, Verdict.PASS),
        (CapacityAnswer(True, 87.0, 80.0, 95.0), Verdict.UNDECIDED),
        (CapacityAnswer(True, 50.0, 45.0, 55.0), Verdict.FAIL),
        (CapacityAnswer(True, 200.0, 190.0, 210.0, generator="late"), Verdict.UNDECIDED),
        (CapacityAnswer(True, 200.0, 190.0, 210.0, sure=False), Verdict.UNDECIDED),
        (CapacityAnswer(False), Verdict.UNDECIDED),
    ],
)
def test_capacity_is_judged_by_its_whole_interval(tmp_path: Path, answer: CapacityAnswer, verdict: Verdict) -> None:
    figure = _figure(_page(tmp_path, capacity=answer), "capacity")
    assert figure.verdict is verdict
    assert figure.at_least


@pytest.mark.parametrize(
    ("answer", "standing"),
    [
        (ENOUGH, Standing.READY),
        (CapacityAnswer(True, 87.0, 80.0, 95.0), Standing.CONDITIONAL),
        (None, Standing.CONDITIONAL),
        (CapacityAnswer(True, 50.0, 45.0, 55.0), Standing.NOT_READY),
    ],
)
def test_a_passed_run_is_ready_only_if_the_forecast_can_be_carried(
    tmp_path: Path, answer: CapacityAnswer | None, standing: Standing
) -> None:
    page = _page(tmp_path, capacity=answer, head=ELSEWHERE)
    assert page.standing is standing
    if standing is not Standing.READY:
        assert "dự báo" in catalogue.say(page.why, "vi")


def test_nothing_measured_is_no_figure_and_no_pass(tmp_path: Path) -> None:
    page = _page(tmp_path, head=manifest(0), arrivals=plan(0), samples=(), ledger=())
    assert [(each.value, each.verdict) for each in page.figures] == [(None, Verdict.UNDECIDED)] * 4
    assert {unit.verdict for unit in page.units} == {Verdict.UNDECIDED}


def test_actions_stand_in_order_of_their_gain(tmp_path: Path) -> None:
    wrong = _refusing(range(0, 3000, 10), commune=1)
    slow = [
        msgspec.structs.replace(each, done_ns=each.intended_ns + 900 * MS)
        for each in wrong["samples"]  # type: ignore[attr-defined]
    ]
    ledger = losing("t1-3", wrong["ledger"])  # type: ignore[arg-type]
    page = _page(tmp_path, samples=slow, ledger=ledger)
    assert [action.key for action in page.actions[:3]] == ["integrity.lost", "objective.fast", "communes.errors:14812"]
    assert page.actions[0].unit == "Xã 14800"
    assert {action.owner + action.deadline for action in page.actions} == {""}
    for language in catalogue.LANGUAGES:
        for action in page.actions:
            assert catalogue.say(action.what, language)
            assert catalogue.say(action.evidence, language)


@pytest.mark.parametrize(
    ("answer", "asked"),
    [
        (ENOUGH, []),
        (None, ["Đo thêm để kết luận: Năng lực tải so với cao điểm dự báo"]),
        (CapacityAnswer(True, 50.0, 45.0, 55.0), ["Khắc phục để đạt mục tiêu: Năng lực tải so với cao điểm dự báo"]),
    ],
)
def test_a_passed_run_asks_for_its_capacity_and_nothing_else(
    tmp_path: Path, answer: CapacityAnswer | None, asked: list[str]
) -> None:
    assert [catalogue.say(each.what, "vi") for each in _page(tmp_path, capacity=answer).actions] == asked


def test_the_file_of_a_search_is_read_and_a_wrong_one_is_named(tmp_path: Path) -> None:
    file = tmp_path / "x-capacity.json"
    one = {"arrivals_per_s": 100.0, "low": 95.0, "high": 106.0, "binding": "fast", "generator": "", "sure": True}
    head, run = {"format": 1, "profile": "test", "target": "testbed", "records": []}, manifest(0)
    step = {"arrivals_per_s": 90.0, "completions_per_s": 90.0, "steady": True, "run": "r"}
    file.write_text(json.dumps(head | {"capacity": one, "segments": [step]}))
    found = capacity_file.read(file, run)
    assert (found.per_s, found.low, found.high, len(found.steps)) == (100.0, 95.0, 106.0, 1)
    file.write_text(json.dumps(head | {"capacity": None}))
    assert not capacity_file.read(file, run).measured
    for text in (
        "",
        "[]",
        '{"format": 2, "capacity": null}',
        json.dumps(head | {"capacity": one | {"low": 120}}),
        json.dumps(head | {"target": "another", "capacity": one}),
    ):
        file.write_text(text)
        with pytest.raises(RecordError, match=r"x-capacity\.json"):
            capacity_file.read(file, run)
    with pytest.raises(RecordError, match="cannot be read"):
        capacity_file.read(tmp_path / "none.json", run)
