"""Two systems that should hold the same: each way of disagreeing is named by its own class, and agreement by none."""

from __future__ import annotations

import random
from pathlib import Path

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from record.reader import open_record
from record.types import Observation
from reports import catalogue, limits, linked
from reports.case import Case
from reports.verdict import EVIDENCE_ROWS_MAX, Finding, Verdict, Word
from tests.records import COMMUNES, NATIONAL, OPERATIONS, PAYMENTS, held, make_record, manifest, shuffle
from tests.words import spoken

BOTH = ("tthc", "national")
DIGEST, OTHER = "d" * 32, "e" * 32


def state(place: str, subject: str, value: str = "9", digest: str | None = DIGEST, at_s: float = 10.0) -> Observation:
    return held(place, "state", subject, value, at_s, digest=digest)


def agreeing(*subjects: str) -> list[Observation]:
    return [state(place, subject) for subject in subjects for place in BOTH]


WHOLE = agreeing(*(f"H56-{index}" for index in range(20)))


def case_of(folder: Path, rows: list[Observation], places: tuple[str, ...] = BOTH, **head: object) -> Case:
    head = {"links": (NATIONAL,)} | head
    return Case(open_record(make_record(folder, manifest(0, **head), observations=rows, places=places)))


def judged(folder: Path, rows: list[Observation], **options: object) -> Finding:
    (finding,) = spoken(linked.check(case_of(folder, rows, **options)))  # type: ignore[arg-type]
    return finding


def classes(finding: Finding) -> dict[str, int]:
    return {
        name: int(finding.summary.params[name].value) for name in linked.CLASSES if finding.summary.params[name].value
    }


def test_what_is_on_both_sides_alike_passes(tmp_path: Path) -> None:
    finding = judged(tmp_path / "r", WHOLE)
    assert (finding.check, finding.verdict, classes(finding)) == ("linked.national", Verdict.PASS, {})


@pytest.mark.parametrize(
    ("name", "rows", "reason"),
    [
        ("lost", [state("tthc", "x")], "never arrived"),
        ("lost", [state("tthc", "x"), *agreeing("x")], "the source has two, the mirror one"),
        ("doubled", [*agreeing("x"), state("national", "x")], "a message sent twice was taken twice"),
        ("doubled", [*agreeing("x"), state("national", "x", "4")], "the second copy has an older state"),
        ("phantom", [state("national", "x")], "the source knows nothing of it"),
        ("changed", [state("tthc", "x"), state("national", "x", digest=OTHER)], "another content"),
        ("changed", [state("tthc", "x"), state("national", "x", "4", OTHER)], "another content, whatever the state"),
        ("stale", [state("tthc", "x"), state("national", "x", "4")], "the last message was overtaken by an older one"),
    ],
)
def test_exactly_the_named_class_is_found(tmp_path: Path, name: str, rows: list[Observation], reason: str) -> None:
    finding = judged(tmp_path / "r", WHOLE + rows)
    assert (finding.verdict, classes(finding)) == (Verdict.FAIL, {name: 1}), reason
    assert finding.evidence is not None
    (line,) = finding.evidence.rows
    assert line[:3] == (Word(f"class.{name}"), "x", COMMUNES[0])


@pytest.mark.parametrize(
    ("rows", "reason"),
    [
        ([state("tthc", "x"), state("national", "x", digest=None)], "the mirror keeps no digest"),
        ([held("tthc", "state", "x"), state("national", "x")], "the source gives no value"),
        ([*agreeing("x"), *agreeing("x")], "two of it on both sides"),
        ([state("tthc", "x", at_s=1.0), state("national", "x", at_s=9.0)], "at another time"),
        ([held("tthc", "history", "x", "4")], "another kind of thing"),
        ([state("web", "x")], "another place"),
    ],
)
def test_what_is_no_disagreement_passes(tmp_path: Path, rows: list[Observation], reason: str) -> None:
    finding = judged(tmp_path / "r", WHOLE + rows)
    assert (finding.verdict, classes(finding)) == (Verdict.PASS, {}), reason


def test_a_stale_state_says_for_how_long_the_source_has_been_ahead(tmp_path: Path) -> None:
    rows = [state("tthc", "x", at_s=37.5), state("national", "x", "4", at_s=12.0)]
    finding = judged(tmp_path / "r", WHOLE + rows)
    assert finding.summary.key == "linked.fail_stale"
    assert catalogue.param(finding.summary.params["behind"], "en") == "2.5\u202fs"
    assert finding.evidence is not None
    assert finding.evidence.columns[3:] == ("at_source", "at_mirror", "behind")
    assert [catalogue.param(cell, "en") for cell in finding.evidence.rows[0][3:]] == ["9", "4", "2.5\u202fs"]


def test_amounts_paid_are_amounts_booked(tmp_path: Path) -> None:
    paid = [held(place, "payment", f"o{n}", str(5000 + n)) for n in range(5) for place in ("bank", "tthc")]
    wrong = [held("bank", "payment", "x", "9000"), held("tthc", "payment", "x", "8000")]
    options = {"places": ("bank", "tthc"), "links": (PAYMENTS,)}
    assert judged(tmp_path / "a", paid, **options).verdict is Verdict.PASS
    assert classes(judged(tmp_path / "b", paid + wrong, **options)) == {"stale": 1}


@pytest.mark.parametrize(
    ("places", "rows", "verdict", "found"),
    [
        (("tthc",), [], Verdict.UNDECIDED, "linked.unread"),
        (("national",), [], Verdict.UNDECIDED, "linked.unread"),
        ((), [], Verdict.UNDECIDED, "linked.unread"),
        (("tthc",), [state("tthc", "x")], Verdict.UNDECIDED, "linked.unread"),  # may be in what was not read
        (("tthc",), [state("national", "x")], Verdict.FAIL, "linked.fail"),  # nothing more will make the source know it
        (("national",), [state("national", "x")], Verdict.UNDECIDED, "linked.unread"),
        (("national",), [state("tthc", "x")], Verdict.FAIL, "linked.fail"),
        ((), [state("tthc", "x"), state("national", "x", "4")], Verdict.UNDECIDED, "linked.unread"),
    ],
)
def test_what_was_not_read_to_the_end_is_not_held_against_anybody(
    tmp_path: Path, places: tuple[str, ...], rows: list[Observation], verdict: Verdict, found: str
) -> None:
    finding = judged(tmp_path / "r", WHOLE + rows, places=places)
    assert (finding.verdict, finding.summary.key) == (verdict, found)


def test_a_source_that_holds_nothing_leaves_the_question_open(tmp_path: Path) -> None:
    finding = judged(tmp_path / "r", [])
    assert (finding.verdict, finding.summary.key) == (Verdict.UNDECIDED, "linked.empty")
    assert judged(tmp_path / "b", [state("national", "x")]).verdict is Verdict.FAIL, "but a stranger is a stranger"


def test_a_run_without_links_or_without_writes_is_not_asked_and_the_limits_say_so(tmp_path: Path) -> None:
    for name, head in (("a", {"links": ()}), ("b", {"operations": OPERATIONS[:1]})):
        case = case_of(tmp_path / name, [], places=(), **head)
        assert linked.check(case) == ()
        assert "limit.unlinked" in {text.key for text in limits.untested(case)}
    asked = {text.key for text in limits.untested(case_of(tmp_path / "c", WHOLE))}
    assert "limit.unlinked" not in asked
    assert "limit.no_numbers" in asked


def test_at_most_twenty_examples_and_some_of_each_class(tmp_path: Path) -> None:
    stale = [row for n in range(60) for row in (state("tthc", f"s{n:02}"), state("national", f"s{n:02}", "4"))]
    lost = [state("tthc", f"l{n}") for n in range(3)]
    finding = judged(tmp_path / "r", stale + lost)
    assert classes(finding) == {"lost": 3, "stale": 60}
    assert finding.evidence is not None
    shown = [line[0] for line in finding.evidence.rows]
    assert len(shown) == EVIDENCE_ROWS_MAX
    assert shown.count(Word("class.lost")) == 3


DEFECTS = ("none", "lost", "doubled", "phantom", "changed", "stale")


@settings(max_examples=20)
@given(defects=st.lists(st.sampled_from(DEFECTS), max_size=60), copies=st.integers(1, 3), seed=st.integers(0, 2**31))
def test_what_was_put_wrong_is_found_and_nothing_else_in_any_order_of_the_rows(
    tmp_path_factory: pytest.TempPathFactory, defects: list[str], copies: int, seed: int
) -> None:
    """Zero misses, zero false alarms: with one or more things of a subject, in whatever order the file has them."""
    chance = random.Random(seed)
    rows, wrong = [*WHOLE], []
    for number, defect in enumerate(defects):
        subject = f"z{number}"
        mine = [state("tthc", subject, str(4 + copy), f"{copy:032x}") for copy in range(copies)]
        theirs = [msgspec.structs.replace(row, place="national") for row in mine]
        place = chance.randrange(copies)
        if defect == "lost":
            del theirs[place]
        elif defect == "doubled":
            theirs.append(theirs[place])
        elif defect == "phantom":
            mine = []
            theirs = theirs[:1]
        elif defect == "changed":
            theirs[place] = msgspec.structs.replace(theirs[place], digest=OTHER)
        elif defect == "stale":
            theirs[place] = msgspec.structs.replace(theirs[place], value="2")
        rows += mine + theirs
        wrong += [(defect, subject)] if defect != "none" else []
    folder = make_record(
        tmp_path_factory.mktemp("r") / "run", manifest(0, links=(NATIONAL,)), observations=rows, places=BOTH
    )
    shuffle(folder, "observations", seed)
    case = Case(open_record(folder, check_digests=False))
    (finding,) = linked.check(case)
    found = case.rows("SELECT class, subject FROM link_0")
    assert sorted((row["class"], row["subject"]) for row in found) == sorted(wrong)
    assert finding.verdict is (Verdict.FAIL if wrong else Verdict.PASS)
