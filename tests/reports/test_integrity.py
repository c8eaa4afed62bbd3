"""Each way of mishandling a write is named by its own check and by no other."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from record.reader import open_record
from record.types import Fact, LedgerEntry
from reports import integrity
from reports.case import Case
from reports.verdict import Verdict
from tests.records import COMMUNES, OPERATIONS, kept, make_record, manifest, shuffle, write
from tests.words import spoken

SENT, ACKED, REFUSED, UNKNOWN, FOUND, ABSENT = Fact
WHOLE = [entry for index in range(20) for entry in kept(f"t1-{index}")]


def verdicts(folder: Path, ledger: list[LedgerEntry], **head: object) -> dict[str, Verdict]:
    record = open_record(make_record(folder, manifest(0, **head), ledger=ledger))
    return {finding.check.removeprefix("integrity."): finding.verdict for finding in integrity.check(Case(record))}


def test_writes_that_are_all_found_once_pass(tmp_path: Path) -> None:
    assert set(verdicts(tmp_path / "r", WHOLE).values()) == {Verdict.PASS}


@pytest.mark.parametrize(
    ("name", "entries", "reason"),
    [
        ("lost", write("t1-x", SENT, ACKED, ABSENT), "acknowledged, then absent"),
        ("doubled", write("t1-x", SENT, ACKED, FOUND, FOUND), "acknowledged once, found twice"),
        ("doubled", write("t1-x", SENT, UNKNOWN, FOUND, FOUND), "an unknown write may be there, but once"),
        ("phantom", write("t1-x", FOUND), "carries the run's tag and was never sent"),
        ("refused_but_kept", write("t1-x", SENT, REFUSED, FOUND), "the citizen would file it again"),
        (
            "changed",
            [*write("t1-x", SENT, ACKED), *write("t1-x", FOUND, digest="e" * 32)],
            "another content than was sent",
        ),
        ("lost", write("t1-x", SENT, UNKNOWN, ACKED, ABSENT), "a repeated write that was acknowledged in the end"),
    ],
)
def test_exactly_the_named_check_fails(tmp_path: Path, name: str, entries: list[LedgerEntry], reason: str) -> None:
    found = verdicts(tmp_path / "r", WHOLE + entries)
    assert found.pop(name) is Verdict.FAIL, reason
    assert set(found.values()) == {Verdict.PASS}, reason


@pytest.mark.parametrize(
    "facts",
    [
        (SENT, UNKNOWN, FOUND),
        (SENT, UNKNOWN, ABSENT),
        (SENT, ABSENT),
        (SENT, FOUND),
        (SENT, REFUSED, ABSENT),
        (SENT, REFUSED, UNKNOWN, FOUND),
    ],
)
def test_what_nobody_can_hold_against_the_target_passes(tmp_path: Path, facts: tuple[Fact, ...]) -> None:
    assert set(verdicts(tmp_path / "r", WHOLE + write("t1-x", *facts)).values()) == {Verdict.PASS}


def test_a_write_that_was_never_read_back_leaves_all_open_but_what_was_listed(tmp_path: Path) -> None:
    """A final read that broke off half way has not seen that nothing is lost."""
    found = verdicts(tmp_path / "r", WHOLE + write("t1-x", SENT, ACKED))
    assert found.pop("phantom") is Verdict.PASS
    assert set(found.values()) == {Verdict.UNDECIDED}


def test_a_final_read_that_broke_off_still_shows_what_it_saw(tmp_path: Path) -> None:
    entries = [*write("t1-x", SENT, ACKED), *write("t1-y", SENT, ACKED, ABSENT)]
    found = verdicts(tmp_path / "r", WHOLE + entries)
    assert (found["lost"], found["doubled"]) == (Verdict.FAIL, Verdict.UNDECIDED)


def test_strangers_are_not_known_when_the_final_read_did_not_list(tmp_path: Path) -> None:
    record = open_record(make_record(tmp_path / "r", manifest(0), ledger=WHOLE, listed=False))
    found = {finding.check: finding.verdict for finding in integrity.check(Case(record))}
    assert found.pop("integrity.phantom") is Verdict.UNDECIDED
    assert set(found.values()) == {Verdict.PASS}


def test_without_any_final_read_everything_is_open(tmp_path: Path) -> None:
    assert set(verdicts(tmp_path / "r", write("t1-x", SENT, ACKED)).values()) == {Verdict.UNDECIDED}


def test_a_writing_scenario_that_wrote_nothing_is_undecided(tmp_path: Path) -> None:
    assert set(verdicts(tmp_path / "r", []).values()) == {Verdict.UNDECIDED}


def test_a_reading_scenario_is_not_judged_by_writes(tmp_path: Path) -> None:
    assert verdicts(tmp_path / "r", [], operations=OPERATIONS[:1]) == {}


def test_contents_without_digest_leave_the_question_of_changes_open(tmp_path: Path) -> None:
    bare = [msgspec.structs.replace(entry, digest=None) for entry in write("t1-x", SENT, ACKED, FOUND)]
    found = verdicts(tmp_path / "r", WHOLE + bare)
    assert found.pop("changed") is Verdict.UNDECIDED
    assert set(found.values()) == {Verdict.PASS}


def test_unknown_outcomes_are_counted_by_what_became_of_them(tmp_path: Path) -> None:
    ledger = [
        *WHOLE,
        *write("t1-x", SENT, UNKNOWN, FOUND),
        *write("t1-y", SENT, UNKNOWN, ABSENT),
        *write("t1-z", SENT, UNKNOWN, ABSENT),
    ]
    counts = integrity.tally(Case(open_record(make_record(tmp_path / "r", manifest(0), ledger=ledger))))
    assert (counts["unknown"], counts["unknown_found"], counts["unknown_absent"]) == (3, 1, 2)
    assert counts["writes"] == 23


def test_a_finding_shows_at_most_twenty_examples_with_their_commune(tmp_path: Path) -> None:
    ledger = [
        entry for index in range(30) for entry in write(f"t1-{index:02}", SENT, ACKED, ABSENT, commune=COMMUNES[1])
    ]
    case = Case(open_record(make_record(tmp_path / "r", manifest(0), ledger=ledger)))
    lost = next(finding for finding in integrity.check(case) if finding.check == "integrity.lost")
    assert lost.summary.params["lost"].value == 30
    assert lost.evidence is not None
    assert len(lost.evidence.rows) == 20
    assert lost.evidence.rows[0][:3] == ("t1-00", "tthc.receive", COMMUNES[1])


FATES = {
    "lost": ([SENT, ACKED, ABSENT], [SENT, UNKNOWN, ACKED, ABSENT]),
    "doubled": ([SENT, ACKED, FOUND, FOUND], [SENT, UNKNOWN, FOUND, FOUND, FOUND]),
    "phantom": ([FOUND], [FOUND, FOUND]),
    "refused_but_kept": ([SENT, REFUSED, FOUND],),
    "never_read": ([SENT, ACKED], [SENT], [SENT, REFUSED]),
    "changed": ([SENT, ACKED, FOUND], [SENT, UNKNOWN, FOUND]),
    "none": ([SENT, ACKED, FOUND], [SENT, UNKNOWN, ABSENT], [SENT, REFUSED, ABSENT], [SENT, UNKNOWN, ACKED, FOUND]),
}


@settings(max_examples=20)
@given(
    fates=st.lists(st.tuples(st.sampled_from(sorted(FATES)), st.integers(0, 9)), max_size=60),
    seed=st.integers(0, 2**31),
)
def test_exactly_the_keys_that_were_mishandled_are_found_in_any_order_of_the_rows(
    tmp_path_factory: pytest.TempPathFactory, fates: list[tuple[str, int]], seed: int
) -> None:
    ledger, wrong = [*WHOLE], []
    for number, (fate, which) in enumerate(fates):
        key, ways = f"t1-z{number}", FATES[fate]
        entries = write(key, *ways[which % len(ways)], digest=f"{number:032x}")
        if fate == "changed":
            entries[-1] = msgspec.structs.replace(entries[-1], digest="f" * 32)
        ledger += entries
        wrong += [(fate, key)] if fate != "none" else []
    folder = make_record(tmp_path_factory.mktemp("r") / "run", manifest(0), ledger=ledger)
    shuffle(folder, "ledger", seed)
    case = Case(open_record(folder, check_digests=False))
    counts = integrity.tally(case)
    findings = spoken(integrity.check(case))
    shown = [(f.check.split(".")[1], row[0]) for f in findings for row in (f.evidence.rows if f.evidence else ())]
    for name in FATES:
        keys = [key for fate, key in wrong if fate == name]
        if name != "none":
            assert counts[name] == len(keys), name
            found = [key for fate, key in shown if fate == name]
            assert set(found) <= set(keys)
            assert len(found) == min(len(keys), 20)
    assert counts["writes"] + counts["phantom"] == len(WHOLE) // 3 + len(fates)
