"""Whether a website lets visitors keep its pages is told from what they could keep."""

from __future__ import annotations

from pathlib import Path

import pytest

from record.reader import open_record
from record.types import Reading
from reports.assess import assess
from reports.caching import SENT_MIN
from reports.verdict import Finding, Verdict
from tests.records import S, healthy_run, readings

CASES = [
    ("all of them", 1000, 1000, Verdict.PASS),
    ("just enough", 1000, 500, Verdict.PASS),
    ("not quite enough", 1000, 499, Verdict.FAIL),
    ("none", 1000, 0, Verdict.FAIL),
    ("too few to tell", SENT_MIN - 1, 0, Verdict.UNDECIDED),
]


def caching(folder: Path, *counted: Reading) -> list[Finding]:
    record = healthy_run(folder, meters=[*readings(), *counted])
    return [finding for finding in assess(open_record(record)).findings if finding.check == "target.caching"]


@pytest.mark.parametrize(("why", "sent", "keepable", "expected"), CASES, ids=[case[0] for case in CASES])
def test_a_website_is_judged_by_the_share_that_may_be_kept(
    tmp_path: Path, why: str, sent: int, keepable: int, expected: Verdict
) -> None:
    """Counted since the beginning by each worker: the last value of each is what it comes to."""
    counted = [
        Reading(f"generator-{worker}", metric, "count", at_s * S, value * share)
        for worker, share in ((0, 0.25), (1, 0.75))
        for metric, last in (("pages_sent", sent), ("pages_keepable", keepable))
        for at_s, value in ((3, last / 2), (9, float(last)))
    ]
    assert [finding.verdict for finding in caching(tmp_path / "run", *counted)] == [expected], why


def test_a_run_without_visitors_of_websites_is_not_judged_by_them(tmp_path: Path) -> None:
    assert caching(tmp_path / "run") == []
