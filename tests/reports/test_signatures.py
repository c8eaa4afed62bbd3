"""Signed documents that came back: the journeys verified each, the check counts those that did not stand."""

from __future__ import annotations

from pathlib import Path

import pytest

from loadtests import verifier_process
from record.reader import open_record
from record.rows import ERROR_INDEX
from record.types import Observation, OperationInfo, Outcome, Sample
from reports import places, signatures
from reports.case import Case
from reports.verdict import Finding, Verdict, Word
from tests.records import NATIONAL, OPERATIONS, S, call, make_record, manifest, plan
from tests.words import spoken

SIGNED = (*OPERATIONS, OperationInfo("portal.result", "portal", False, signed=True))
REASONS = sorted(
    value
    for name, value in vars(verifier_process).items()
    if name.isupper() and isinstance(value, str) and not name.startswith("_")
)
INVALID = {"outcome": Outcome.REFUSED, "error": ERROR_INDEX["signature-invalid"]}


def check(
    folder: Path,
    samples: list[Sample],
    operations: tuple[OperationInfo, ...] = SIGNED,
    observations: list[Observation] | None = None,
) -> list[Finding]:
    n = max(len(samples), 1)
    head = manifest(n, operations=operations)
    made = make_record(folder, head, arrivals=plan(n), samples=samples, observations=observations or [])
    record = open_record(made)
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


@pytest.mark.parametrize("why", REASONS)
def test_where_the_record_knows_why_the_example_names_the_document_and_the_reason(tmp_path: Path, why: str) -> None:
    seen = [Observation("portal", "signature", "000.00.14812.H56-250707-0001", why, commune="14812")]
    (finding,) = check(tmp_path / "r", calls({}, INVALID, {}), observations=seen)
    assert finding.evidence is not None
    assert finding.evidence.rows == (
        ("portal", "000.00.14812.H56-250707-0001", "14812", Word(f"signature.{why}", why)),
    )


def test_a_signature_is_nothing_that_a_linked_system_holds(tmp_path: Path) -> None:
    head = manifest(1, operations=OPERATIONS[:1], links=(NATIONAL,))
    seen = [Observation("portal", "signature", "000.00.14812.H56-250707-0001", "altered")]
    record = open_record(
        make_record(tmp_path / "r", head, arrivals=plan(1), samples=calls({}, operation=0), observations=seen)
    )
    assert not places.applies(Case(record))


def test_where_no_signed_document_was_asked_for_nothing_is_said(tmp_path: Path) -> None:
    assert check(tmp_path / "a", calls({}, {}, operation=0)) == []
    unsigned = (*OPERATIONS, OperationInfo("portal.result", "portal", False))
    assert check(tmp_path / "b", calls({}), unsigned) == []
