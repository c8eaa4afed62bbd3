"""Acceptance clauses: what counts as evidence, what a waiver does and when it no longer does it."""

from __future__ import annotations

import io
from dataclasses import replace
from datetime import date
from fnmatch import fnmatchcase
from pathlib import Path

import msgspec
import openpyxl
import pytest

from record.reader import RunRecord, open_record
from record.types import Outcome
from reports import clauses, more_sheets, page_one, xlsx
from reports.assess import Assessment, assess
from reports.case import Case
from reports.clauses import Clause, Evidence, Met, Waiver
from reports.page_one import Standing
from reports.verdict import Finding, Text, Verdict
from scenarios import profiles
from scenarios.contract import LINKS
from scenarios.types import ConfigError
from tests.pages import page_one as a_page
from tests.records import healthy, make_record, manifest
from thongsuot.clauses_file import SHIPPED, clauses_and_waivers, parse_clauses, parse_waivers

CREATED = date(2025, 7, 1)  # of every record of tests.records, by the clock of Vietnam


def clause(*measures: str, **changes: object) -> Clause:
    base = Clause("time", "Điều khoản", "A clause", "contract, article 1", True, ("test",), measures, "tester")
    return replace(base, **changes)  # type: ignore[arg-type]


def waiver(expires: date = CREATED) -> Waiver:
    return Waiver("time", "Bà Lê Thị B, Giám đốc", "chờ máy chủ mới", expires)


def finding(check: str, verdict: Verdict) -> Finding:
    return Finding(check, verdict, Text("why.pass"), Text("why.pass"))


def run(*findings: Finding, sealed: bool = True, **changes: object) -> Evidence:
    gate = max((one.verdict for one in findings), default=Verdict.UNDECIDED)
    head = manifest(1, **changes)
    return Evidence(Assessment(head.run_id, gate, findings, (), {"record": "0" * 64}, (), {}), head, sealed)


PASSED, FAILED, OPEN = (
    finding("objective.fast", verdict) for verdict in (Verdict.PASS, Verdict.FAIL, Verdict.UNDECIDED)
)
LOST = finding("integrity.lost", Verdict.FAIL)


@pytest.mark.parametrize(
    ("found", "changes", "met", "why"),
    [
        (run(PASSED), {}, Met.YES, "pass"),
        (run(FAILED), {}, Met.NO, "fail"),
        (run(OPEN), {}, Met.UNDECIDED, "undecided"),
        (run(PASSED, LOST), {"measures": ("*",)}, Met.NO, "fail"),
        # without evidence: nothing measured, another scenario, one measurement of two, a run that proves nothing
        (run(), {}, Met.UNDECIDED, "no_evidence"),
        (run(PASSED), {"measures": ("recovery.*",)}, Met.UNDECIDED, "no_evidence"),
        (run(PASSED), {"measures": ("objective.*", "recovery.*")}, Met.UNDECIDED, "no_evidence"),
        (run(FAILED), {"measures": ("objective.*", "recovery.*")}, Met.NO, "fail"),
        (run(PASSED), {"profiles": ("go-live-peak",)}, Met.UNDECIDED, "scenario"),
        (run(PASSED), {"profiles": ("te*",)}, Met.YES, "pass"),
        (run(PASSED), {"profiles": ()}, Met.YES, "pass"),
        (run(PASSED, sealed=False), {}, Met.UNDECIDED, "unsealed"),
        (run(FAILED, sealed=False), {}, Met.UNDECIDED, "unsealed"),
        (run(PASSED, finding("validity.cpu", Verdict.VOID)), {}, Met.UNDECIDED, "void"),
        (run(FAILED, finding("validity.cpu", Verdict.VOID)), {}, Met.UNDECIDED, "void"),
    ],
)
def test_a_clause_is_met_by_evidence_only(found: Evidence, changes: dict[str, object], met: Met, why: str) -> None:
    (one,) = clauses.results([clause("objective.*", **changes)], [], [found])
    assert (one.met, one.why.key) == (met, f"clause.why.{why}")
    assert bool(one.evidence) == bool(one.measured)
    assert (one.verdict is Verdict.PASS) == (met is Met.YES)


@pytest.mark.parametrize(
    ("found", "expires", "met", "expired"),
    [
        (run(FAILED), CREATED, Met.WAIVED, False),  # its last day counts
        (run(FAILED), date(2025, 6, 30), Met.NO, True),
        (run(FAILED, created_utc="2025-07-01T17:00:00Z"), CREATED, Met.NO, True),  # midnight in Hanoi
        (run(FAILED, created_utc="2025-07-01T16:59:59Z"), CREATED, Met.WAIVED, False),
        (run(PASSED), CREATED, Met.YES, False),
        (run(OPEN), CREATED, Met.UNDECIDED, False),  # only a failure can be waived: nobody knows what this is
        (run(FAILED, finding("validity.cpu", Verdict.VOID)), CREATED, Met.UNDECIDED, False),
    ],
)
def test_a_waiver_waives_a_failure_until_its_day(found: Evidence, expires: date, met: Met, expired: bool) -> None:
    (one,) = clauses.results([clause("objective.*")], [waiver(expires)], [found])
    assert (one.met, one.waiver_expired) == (met, expired)
    assert one.standing is {
        Met.YES: Standing.READY, Met.WAIVED: Standing.CONDITIONAL, Met.NO: Standing.NOT_READY,
        Met.UNDECIDED: Standing.INCONCLUSIVE,
    }[met]  # fmt: skip


def test_several_runs_are_evidence_together() -> None:
    soak = run(finding("target.memory", Verdict.PASS), profile="soak", run_id="another")
    agreed = [clause("objective.*"), clause("target.memory", slug="endurance", profiles=("soak",))]
    found = clauses.results(agreed, [], [run(PASSED), soak])
    assert [one.met for one in found] == [Met.YES, Met.YES]
    assert [each.run for each in found[1].measured] == ["another"]
    assert clauses.results(agreed, [], [run(PASSED)])[1].met is Met.UNDECIDED
    bad = run(FAILED, run_id="bad")
    assert clauses.results(agreed[:1], [], [run(PASSED), bad])[0].met is Met.NO, "the worst of what is shown counts"


def test_the_evidence_changes_with_what_is_proved() -> None:
    first, again, other, another_record = (
        clauses.results([clause("objective.*")], [], [one])[0].evidence
        for one in (run(PASSED), run(PASSED), run(FAILED), run(PASSED))
    )
    assert first == again == another_record != other
    changed = run(PASSED)
    changed.assessment.digests["record"] = "1" * 64
    assert clauses.results([clause("objective.*")], [], [changed])[0].evidence != first


@pytest.mark.parametrize(
    ("findings", "agreed", "waivers", "standing", "why"),
    [
        ((FAILED,), [clause("objective.*")], [waiver()], Standing.CONDITIONAL, "clause.page.conditional"),
        ((FAILED, LOST), [clause("objective.*")], [waiver()], Standing.NOT_READY, "why.fail"),
        ((FAILED, finding("linked.x", Verdict.UNDECIDED)), [clause("objective.*")], [waiver()],
         Standing.INCONCLUSIVE, "clause.page.open"),
        ((FAILED,), [clause("objective.*")], [waiver(date(2025, 6, 30))], Standing.NOT_READY, "why.fail"),
        ((FAILED,), [clause("objective.*")], [], Standing.NOT_READY, "why.fail"),
        ((FAILED,), [clause("objective.*"), clause("recovery.*", slug="r")], [waiver()],
         Standing.INCONCLUSIVE, "clause.page.inconclusive"),
    ],
)  # fmt: skip
def test_page_one_stands_under_its_clauses(
    findings: tuple[Finding, ...], agreed: list[Clause], waivers: list[Waiver], standing: Standing, why: str
) -> None:
    found = run(*findings)
    results = clauses.results(agreed, waivers, [found])
    page = clauses.with_waivers(a_page(), found.assessment, results)
    assert (page.standing, page.why.key) == (standing, why)
    assert len(page.conditions) == len(waivers)


def test_a_page_that_passed_is_taken_down_by_a_clause_without_evidence() -> None:
    found, ready = run(PASSED), a_page(standing=Standing.READY)
    for agreed, standing in (
        ([clause("objective.*")], Standing.READY),
        ([clause("recovery.*")], Standing.INCONCLUSIVE),
    ):
        page = clauses.with_waivers(ready, found.assessment, clauses.results(agreed, [], [found]))
        assert page.standing is standing


GOOD = """
[[clause]]
slug = "time"
text_vi = "Nộp hồ sơ trong 2 giây"
text_en = "Dossiers within 2 s"
source = "contract, article 4"
verified = true
measures = ["objective.*"]
signs = "tester"
"""


def test_every_mistake_in_both_files_is_told_at_once(tmp_path: Path) -> None:
    text = (
        GOOD + '[[clause]]\nslug = "Time 2"\ntext_vi = ""\nverified = "yes"\nmeasures = []\nsigns = "boss"\nlimit = 3\n'
    )
    (tmp_path / "c.toml").write_text(text, "utf-8")
    bad = '[[waiver]]\nclause = "time"\nowner = " "\nexpires = "2025-07-31"\n[[waiver]]\nclause = "time"\nowner = "B"\n'
    (tmp_path / "w.toml").write_text(bad + 'reason = "r"\nexpires = 2025-07-31T10:00:00\n', "utf-8")
    with pytest.raises(ConfigError) as caught:
        clauses_and_waivers(str(tmp_path / "c.toml"), tmp_path / "w.toml")
    told = [problem.removeprefix(str(tmp_path) + "/") for problem in caught.value.problems]
    begins = [
        "c.toml:11: clause.1.slug: 'Time 2' will not do", "c.toml:12: clause.1.text_vi: '' will not do",
        "c.toml:10: clause.1.text_en: missing", "c.toml:10: clause.1.source: missing",
        "c.toml:13: clause.1.verified: 'yes' is a text", "c.toml:14: clause.1.measures: empty",
        "c.toml:15: clause.1.signs: 'boss' will not do", "c.toml:16: clause.1.limit: unknown key",
        "w.toml:3: waiver.0.owner: ' ' will not do", "w.toml:1: waiver.0.reason: missing",
        "w.toml:4: waiver.0.expires: 2025-07-31 is no day", "w.toml:6: waiver.1.clause: 'time' is waived twice",
        "w.toml:9: waiver.1.expires: 2025-07-31 10:00:00 is no day",
    ]  # fmt: skip
    assert [any(line.startswith(begin) for line in told) for begin in begins] == [True] * len(begins), told
    assert len(told) == len(begins)


def test_a_waiver_of_no_clause_and_a_clause_twice_are_refused() -> None:
    with pytest.raises(ConfigError, match="'gone' is no clause here; one of time"):
        parse_waivers("w", '[[waiver]]\nclause = "gone"\nowner = "B"\nreason = "r"\nexpires = 2025-07-31\n', ["time"])
    with pytest.raises(ConfigError, match="names another clause too"):
        parse_clauses("c", GOOD + GOOD)
    assert parse_clauses("c", GOOD)[0].profiles == ()
    with pytest.raises(ConfigError, match="shipped sets: go-live"):
        clauses_and_waivers("go-lively", None)


def test_the_shipped_set_measures_what_there_is() -> None:
    known = [f"linked.{link.slug}" for link in LINKS] + ["recovery.1", "target.memory", "communes.errors"]
    known += ["validity.record", "integrity.numbers", "integrity.history", "integrity.signatures"]
    known += [f"integrity.{kind}" for kind in ("lost", "doubled", "changed", "phantom", "refused_but_kept")]
    for path in SHIPPED.glob("*.toml"):
        for one in parse_clauses(str(path), path.read_text("utf-8")):
            assert not one.verified, "no regulation was read for it"
            for profile in one.profiles or ("monday-peak",):
                promised = [f"objective.{each.slug}" for each in profiles.load(profile, {}).objectives]
                for pattern in one.measures:
                    assert any(fnmatchcase(check, pattern) for check in (*known, *promised)), (one.slug, pattern)


@pytest.fixture(scope="module")
def slow_run(tmp_path_factory: pytest.TempPathFactory) -> RunRecord:
    case = healthy()
    case["samples"] = [
        msgspec.structs.replace(s, outcome=Outcome.REFUSED, status=503) if s.operation == 0 and s.arrival % 4 else s
        for s in case["samples"]
    ]
    return open_record(make_record(tmp_path_factory.mktemp("clauses") / "r", **case))


def test_a_record_with_its_clauses_has_their_sheet(slow_run: RunRecord) -> None:
    case = Case(slow_run)
    judged = assess(slow_run, case=case)
    evidence = Evidence(judged, slow_run.manifest, sealed=True)
    agreed = [clause("objective.errors"), clause("recovery.*", slug="recovery", profiles=())]
    found = clauses.results(agreed, [waiver()], [evidence])
    assert [one.met for one in found] == [Met.WAIVED, Met.UNDECIDED]
    page = clauses.with_waivers(page_one.of(judged, case), judged, found)
    data = xlsx.render_xlsx(page, judged, slow_run, [more_sheets.of_clauses(found)])
    sheet = openpyxl.load_workbook(io.BytesIO(data))["Điều khoản nghiệm thu"]
    first, second = ([cell.value for cell in row] for row in sheet.iter_rows(min_row=4))
    assert first[0] == "time"
    assert first[6] == found[0].evidence
    assert "Được miễn trừ có thời hạn / Waived for a time" in first
    assert first[11:13] == ["Bà Lê Thị B, Giám đốc", "chờ máy chủ mới"]
    assert first[13].date() == CREATED
    assert second[6:9] == [None, "? Chưa rõ / Undecided", "Chưa kết luận được / Undecided"]
