"""The gate over all checks, and the file it leaves."""

from __future__ import annotations

import json
import os
import resource
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import msgspec
import pytest

from record.reader import open_record
from record.types import Fact, OperationInfo, Reading, RecordError, TargetInfo
from reports import store
from reports.assess import CHECKS, assess
from reports.case import Case
from reports.verdict import Finding, Verdict
from tests.records import (
    MOVES,
    NATIONAL,
    OPERATIONS,
    READ_NS,
    healthy,
    held,
    losing,
    make_record,
    manifest,
    plan,
    readings,
    walked,
    write,
)


def broken(case: Case) -> Finding:
    raise ZeroDivisionError(case.manifest.run_id)


def test_a_good_run_passes(tmp_path: Path) -> None:
    found = assess(open_record(make_record(tmp_path / "r", **healthy())))
    assert found.gate is Verdict.PASS
    assert {finding.verdict for finding in found.findings} == {Verdict.PASS}
    assert found.gate.exit_code == 0


def test_a_good_run_of_linked_systems_passes_every_check_of_the_audit(tmp_path: Path) -> None:
    both = ("tthc", "national")
    rows = [held(place, "state", f"H56-{n}", "4", 11.0) for n in range(9) for place in both]
    rows += [row for n in range(9) for row in walked(f"H56-{n}", 2, 4)]
    rows += [row for n in range(9) for place in both for row in walked(f"H56-{n}", 2, 4, place=place, kind="history")]
    rows += [held("tthc", "number", "000.00.14800.H56-250707", str(n)) for n in range(1, 10)]
    case = healthy()
    case["head"] = msgspec.structs.replace(case["head"], links=(NATIONAL,), moves=MOVES)
    case["meters"] = [*readings(), Reading("target:tthc", "clock_skew_ms", "ms", READ_NS, 2.0)]
    found = assess(open_record(make_record(tmp_path / "r", **case, observations=rows)))
    assert {finding.verdict for finding in found.findings} == {Verdict.PASS}
    assert [finding.check for finding in found.findings][-4:] == [
        "linked.national", "integrity.numbers", "integrity.history", "integrity.clock",
    ]  # fmt: skip


def test_the_worst_verdict_is_the_gate_and_void_outranks_all(tmp_path: Path) -> None:
    lost = losing("t1-1", healthy()["ledger"])
    failed = assess(open_record(make_record(tmp_path / "a", **healthy() | {"ledger": lost})))
    starved = healthy() | {"ledger": lost, "meters": readings(cpu=0.99)}
    void = assess(open_record(make_record(tmp_path / "b", **starved)))
    assert (failed.gate, failed.gate.exit_code) == (Verdict.FAIL, 1)
    assert (void.gate, void.gate.exit_code) == (Verdict.VOID, 3)
    assert [finding.check for finding in failed.deciding] == ["integrity.lost"]
    assert [finding.check for finding in void.deciding] == ["validity.cpu"]


def test_an_empty_run_is_undecided(tmp_path: Path) -> None:
    found = assess(open_record(make_record(tmp_path / "r", manifest(0), arrivals=plan(0))))
    assert (found.gate, found.gate.exit_code) == (Verdict.UNDECIDED, 4)
    assert {finding.verdict for finding in found.findings} == {Verdict.UNDECIDED}


def test_a_check_that_breaks_down_is_undecided_and_does_not_take_the_others_with_it(tmp_path: Path) -> None:
    record = open_record(make_record(tmp_path / "r", **healthy()))
    found = assess(record, (*CHECKS, ("integrity.broken", broken)))
    assert found.gate is Verdict.UNDECIDED
    last = found.findings[-1]
    assert (last.check, last.verdict) == ("integrity.broken", Verdict.UNDECIDED)
    assert "ZeroDivisionError" in str(last.summary.params["reason"])
    assert {finding.verdict for finding in found.findings[:-1]} == {Verdict.PASS}


@pytest.mark.parametrize("extra", [(), tuple(write("t1-x", Fact.INTENDED, Fact.ACKED, Fact.ABSENT))])
def test_a_run_that_was_never_sealed_is_undecided_whatever_it_shows(tmp_path: Path, extra: tuple) -> None:
    case = healthy() | {"seal": False}
    case["ledger"] = [*case["ledger"], *extra]
    found = assess(open_record(make_record(tmp_path / "r", **case), unsealed=True))
    assert found.gate is Verdict.UNDECIDED


def test_the_same_record_gives_the_same_bytes(tmp_path: Path) -> None:
    folder = make_record(tmp_path / "r", **healthy())
    first, second = (store.encode(assess(open_record(folder))) for _ in range(2))
    assert first == second


def test_an_assessment_is_written_under_its_own_digest(tmp_path: Path) -> None:
    folder = make_record(tmp_path / "r", **healthy())
    assessment = assess(open_record(folder))
    written = store.write(folder, assessment, {"note.txt": "một"})
    assert written == folder / "assessments" / store.identity(assessment)
    data = json.loads((written / "assessment.json").read_text())
    assert (data["gate"], data["exit_code"], data["format"]) == ("pass", 0, 1)
    assert data["digests"]["record"] == open_record(folder).digest
    assert [finding["check"] for finding in data["findings"]][:2] == ["validity.record", "validity.conservation"]
    assert assess(open_record(folder)).gate is Verdict.PASS, "judging does not change what is judged"


def test_a_full_disk_leaves_what_was_there(tmp_path: Path) -> None:
    store.write_into(tmp_path, {"report.pdf": b"signed"})
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, hard))
    try:
        with pytest.raises(RecordError, match="cannot be written"):
            store.write_into(tmp_path, {"report.pdf": bytes(2000)})
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == {"report.pdf": b"signed"}


def test_a_link_is_followed_and_a_pipe_is_written_to(tmp_path: Path) -> None:
    (tmp_path / "there").mkdir()
    (tmp_path / "report.pdf").symlink_to("there/kept.pdf")
    store.write_into(tmp_path, {"report.pdf": b"new"})
    assert (tmp_path / "report.pdf").is_symlink()
    assert (tmp_path / "there/kept.pdf").read_bytes() == b"new"
    os.mkfifo(tmp_path / "pipe")
    with ThreadPoolExecutor(1) as reader:
        told = reader.submit((tmp_path / "pipe").read_bytes)
        store.write_into(tmp_path, {"pipe": b"told"})
        assert told.result() == b"told"
    (tmp_path / "loop").symlink_to("loop")
    store.write_into(tmp_path, {"loop": b"kept"})
    assert (tmp_path / "loop").read_bytes() == b"kept", "a link that leads nowhere is no file to be kept"


def test_what_was_not_tested_is_named(tmp_path: Path) -> None:
    known = (*OPERATIONS, OperationInfo("portal.rate", "portal", True))
    case = healthy() | {"head": manifest(3000, operations=known)}
    keys = {limit.key: limit for limit in assess(open_record(make_record(tmp_path / "r", **case))).limits}
    assert "limit.one_load" in keys
    assert keys["limit.unused_operations"].params["names"] == "portal.rate"
    assert keys["limit.unverified"].params["names"] == "fast"
    assert "limit.same_machine" in keys


def test_operations_without_a_promise_about_their_times_are_named(tmp_path: Path) -> None:
    limits = {limit.key: limit for limit in assess(open_record(make_record(tmp_path / "r", **healthy()))).limits}
    assert limits["limit.unpromised_operations"].params["names"] == "tthc.receive"


def test_an_address_that_nobody_can_read_does_not_break_the_judgement(tmp_path: Path) -> None:
    target = TargetInfo("x", "a test", {"portal": "http://[::1"}, "1" * 64)
    found = assess(open_record(make_record(tmp_path / "r", **healthy() | {"head": manifest(3000, target=target)})))
    assert found.gate is Verdict.PASS


def test_a_reading_scenario_passes_and_says_that_integrity_was_not_tested(tmp_path: Path) -> None:
    reading = (OPERATIONS[0], OperationInfo("tthc.queue", "tthc", False))
    case = healthy() | {"ledger": [], "head": manifest(3000, operations=reading)}
    found = assess(open_record(make_record(tmp_path / "r", **case)))
    assert found.gate is Verdict.PASS
    assert "limit.read_only" in {limit.key for limit in found.limits}
    assert not any(finding.check.startswith("integrity") for finding in found.findings)
