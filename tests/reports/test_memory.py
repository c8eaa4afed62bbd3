"""Memory that only grows is told from a cache that fills up."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from record.reader import open_record
from record.types import Reading
from reports.assess import assess
from reports.verdict import Verdict
from tests.records import S, healthy_run, readings

CASES = [
    ("it stays", [300.0] * 20, Verdict.PASS),
    ("a cache fills up", [200.0 + min(400.0, 80.0 * n) for n in range(20)], Verdict.PASS),
    ("it grows and grows", [200.0 + 25.0 * n for n in range(20)], Verdict.FAIL),
    ("it grows a little", [200.0 + 5.0 * n for n in range(20)], Verdict.PASS),
    ("a large one grows by a small part", [4000.0 + 25.0 * n for n in range(20)], Verdict.PASS),
    ("too few readings", [200.0, 900.0], Verdict.UNDECIDED),
]


@pytest.mark.parametrize(("why", "megabytes", "expected"), CASES, ids=[case[0] for case in CASES])
def test_growth_is_judged_by_its_size_and_its_end(
    tmp_path: Path, why: str, megabytes: Sequence[float], expected: Verdict
) -> None:
    meters = [Reading("target:tthc", "rss_mb", "MB", (6 + n) * S, value) for n, value in enumerate(megabytes)]
    record = healthy_run(tmp_path / "run", meters=[*readings(), *meters])
    found = [finding for finding in assess(open_record(record)).findings if finding.check == "target.memory"]
    assert [finding.verdict for finding in found] == [expected], why


def test_a_target_without_meters_is_not_judged_by_them(tmp_path: Path) -> None:
    findings = assess(open_record(healthy_run(tmp_path / "run"))).findings
    assert [finding for finding in findings if finding.check == "target.memory"] == []
