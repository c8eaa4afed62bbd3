"""A dossier's steps are one chain over allowed moves, and it is where the last of them led."""

from __future__ import annotations

import random
from pathlib import Path

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from record.reader import open_record
from record.types import Observation
from reports import histories
from reports.case import Case
from reports.verdict import Finding, Verdict, Word
from tests.records import COMMUNES, MOVES, NATIONAL, OPERATIONS, held, make_record, manifest, walked
from tests.words import spoken


def dossier(subject: str, *states: int) -> list[Observation]:
    """A dossier that went through some states and is in the last."""
    return [*walked(subject, *states), held("tthc", "state", subject, str(states[-1]))]


GOOD = [
    *dossier("a", 1),
    *dossier("b", 2, 4, 9, 10),
    *dossier("c", 1, 2, 4, 5, 4, 9),
    *dossier("d", 1, 3),
]


def check(folder: Path, rows: list[Observation], places: tuple[str, ...] = ("tthc",), **head: object) -> list[Finding]:
    head = {"links": (NATIONAL,), "moves": MOVES} | head
    record = open_record(make_record(folder, manifest(0, **head), observations=rows, places=places))
    return spoken(histories.check(Case(record)))


def test_lawful_histories_pass(tmp_path: Path) -> None:
    (finding,) = check(tmp_path / "r", GOOD)
    assert finding.verdict is Verdict.PASS
    assert finding.summary.params["dossiers"].value == 4


@pytest.mark.parametrize(
    ("rows", "reason"),
    [
        (dossier("x", 4, 9), "unborn is not among the moves"),
        (dossier("x", 2, 4, 10), "4>10 is not allowed"),
        (dossier("x", 2, 4, 2, 4), "backwards"),
    ],
)
def test_a_step_that_is_not_allowed_is_illegal(tmp_path: Path, rows: list[Observation], reason: str) -> None:
    (finding,) = check(tmp_path / "r", GOOD + rows)
    assert finding.verdict is Verdict.FAIL, reason
    assert finding.summary.params["illegal"].value == 1
    assert finding.evidence is not None
    assert finding.evidence.rows[0][0] == Word("class.illegal")


def test_a_dossier_from_before_the_run_is_judged_from_where_it_was_found(tmp_path: Path) -> None:
    taken_up = [row for row in walked("old", 1, 2, 4, 9) if row.value != "0>1"]
    (finding,) = check(tmp_path / "sound", GOOD + taken_up)
    assert finding.verdict is Verdict.PASS
    (finding,) = check(tmp_path / "jump", GOOD + [row for row in taken_up if row.value != "2>4"])
    assert finding.evidence is not None
    assert finding.evidence.rows[0][1] == Word("class.jump")


@pytest.mark.parametrize(
    ("rows", "says"),
    [
        (dossier("x", 2, 4, 9)[1:], "unborn"),
        ([row for row in dossier("x", 2, 4, 9) if row.value != "2>4"], "jump"),
        ([*walked("x", 2, 4), held("tthc", "state", "x", "9")], "elsewhere"),
        ([*dossier("x", 2, 4), held("tthc", "state", "x", "2")], "elsewhere"),  # a second copy in another state
        (dossier("x", 2, 4, 10), "forbidden"),
        ([held("tthc", "state", "x", "9")], "unborn"),  # a dossier of which nobody knows a step
        ([*dossier("x", 2, 4), held("tthc", "move", "x", "nonsense", 12.5)], "forbidden"),
        ([*dossier("x", 2, 4), *walked("x", 2)], "jump"),  # born twice
    ],
)
def test_the_reason_stands_beside_the_example(tmp_path: Path, rows: list[Observation], says: str) -> None:
    (finding,) = check(tmp_path / "r", GOOD + rows)
    assert finding.evidence is not None
    (line,) = finding.evidence.rows
    assert line[:4] == (Word("class.illegal"), Word(f"class.{says}"), "x", COMMUNES[0])


def test_steps_of_one_millisecond_may_have_happened_in_any_order(tmp_path: Path) -> None:
    same = [msgspec.structs.replace(row, at_ms=7) for row in dossier("x", 2, 4, 5, 4, 9)]
    untimed = [msgspec.structs.replace(row, at_ms=None) for row in dossier("y", 1, 2, 4, 5, 4, 5, 4)]
    assert [finding.verdict for finding in check(tmp_path / "r", GOOD + same + untimed)] == [Verdict.PASS]


def test_without_steps_or_with_part_of_them_the_question_is_open(tmp_path: Path) -> None:
    states = [row for row in GOOD if row.kind == "state"]
    assert [finding.verdict for finding in check(tmp_path / "a", states)] == [Verdict.UNDECIDED]
    assert [finding.verdict for finding in check(tmp_path / "b", GOOD[1:], places=())] == [Verdict.UNDECIDED]
    assert [finding.verdict for finding in check(tmp_path / "c", [], places=())] == [Verdict.UNDECIDED]


def test_a_plan_without_a_life_cycle_or_without_links_judges_none(tmp_path: Path) -> None:
    assert check(tmp_path / "a", GOOD, moves=()) == []
    assert check(tmp_path / "b", GOOD, links=()) == []
    assert check(tmp_path / "c", [], operations=OPERATIONS[:1], places=()) == []


@settings(max_examples=20)
@given(
    walks=st.lists(st.tuples(st.integers(1, 9), st.booleans(), st.integers(1, 4)), max_size=30),
    seed=st.integers(0, 2**31),
)
def test_any_lawful_walk_passes_and_one_step_taken_out_of_it_is_found(
    tmp_path_factory: pytest.TempPathFactory, walks: list[tuple[int, bool, int]], seed: int
) -> None:
    """However many steps share a millisecond: each leads somewhere else, so no other order hides the missing one."""
    chance = random.Random(seed)
    rows, broken = [*GOOD], set()
    for number, (length, breaks, ties) in enumerate(walks):
        states = [0]
        while len(states) <= length and any(before == states[-1] for before, _ in MOVES):
            states.append(chance.choice([after for before, after in MOVES if before == states[-1]]))
        mine = dossier(f"w{number}", *states[1:])
        if breaks:
            del mine[chance.randrange(len(mine) - 1)]
            broken.add(f"w{number}")
        rows += [msgspec.structs.replace(row, at_ms=(row.at_ms or 0) // (1000 * ties)) for row in mine]
    (finding,) = check(tmp_path_factory.mktemp("r") / "run", rows)
    shown = {line[2] for line in finding.evidence.rows} if finding.evidence else set()
    assert finding.summary.params["illegal"].value == len(broken)
    assert shown <= broken
    assert len(shown) == min(len(broken), 20)
