"""Signed documents that came back: the journeys verified each, the check counts those that did not stand."""

from __future__ import annotations

from pathlib import Path

import pytest

from record.reader import open_record
from record.rows import ERROR_INDEX
from record.types import OperationInfo, Outcome, Sample
from reports import signatures
from reports.case import Case
from reports.verdict import Finding, Verdict
from tests.records import OPERATIONS, S, call, make_record, manifest, plan
from tests.words import spoken

SIGNED = (*OPERATIONS, OperationInfo("portal.result", "portal", False, signed=True))
INVALID = {"outcome": Outcome.REFUSED, "error": ERROR_INDEX["signature-invalid"]}


def check(folder: Path, samples: list[Sample], operations: tuple[OperationInfo, ...] = SIGNED) -> list[Finding]:
    n = max(len(samples), 1)
    head = manifest(n, operations=operations)
    record = open_record(make_record(folder, head, arrivals=plan(n), samples=samples))
    return spoken(signatures.check(Case(record)))


def calls(*changes: dict[str, object], operation: int = 2) -> list[Sample]:
    return [call(number, number * S, operation=operation, **each) for number, each in enumerate(changes)]


@pytest.mark.parametrize(
    ("samples", "verdict", "reason"),
    [
        (calls({}, {}, {}), Verdict.PASS, "all stand"),
        (calls({}, INVALID, {}), Verdict.FAIL, "one does not"),
        (calls({"outcome": Outcome.REFUSED, "status": 404}), Verdict.UNDECIDED, "none came back"),
        (calls({}, {"outcome": Outcome.UNKNOWN, "status": 0}), Verdict.PASS, "what did not come back cannot be wrong"),
    ],
)
def test_a_document_that_does_not_verify_fails(
    tmp_path: Path, samples: list[Sample], verdict: Verdict, reason: str
) -> None:
    assert [finding.verdict for finding in check(tmp_path / "r", samples)] == [verdict], reason


def test_the_example_names_operation_commune_and_arrival(tmp_path: Path) -> None:
    (finding,) = check(tmp_path / "r", calls({}, INVALID, {}))
    assert finding.evidence is not None
    assert finding.evidence.rows[0][:3] == ("portal.result", "14812", "1")


def test_where_no_signed_document_was_asked_for_nothing_is_said(tmp_path: Path) -> None:
    assert check(tmp_path / "a", calls({}, {}, operation=0)) == []
    assert check(tmp_path / "b", calls({}), OPERATIONS[:1] * 3) == []
