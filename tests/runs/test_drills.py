"""The harness can lose: each fault of the testbed makes exactly the named check fail, and a sound one none."""

from __future__ import annotations

from pathlib import Path

import pytest

from reports.verdict import Verdict
from tests.drives import drill, failing, passing

DRILLS = [
    # fault of the testbed, what must not pass
    ("lose=3:tthc.hand_over", {"integrity.lost": "fail"}),
    ("double=4:portal.submit", {"integrity.doubled": "fail"}),
    ("change=3:tthc.hand_over", {"integrity.changed": "fail"}),
    ("refuse-kept=4:tthc.hand_over", {"integrity.refused_but_kept": "fail"}),
    ("phantom=4:tthc.hand_over", {"integrity.phantom": "fail"}),
    ("delay=900", {"objective.p50": "fail"}),
    ("status=0.25", {"objective.errors": "fail"}),
]


def test_a_testbed_that_stands_still_most_of_the_time_fails_by_its_slow_calls(tmp_path: Path) -> None:
    """Not by the median: who waited for the stall to end asks the rest at once, and is answered at once."""
    assessment = drill(tmp_path, "stall=2,0.9,1.1", sets=("objective.0.percentile=90", "objective.0.limit_ms=100"))
    assert failing(assessment) == {"objective.p50": "fail"}
    assert assessment.gate is Verdict.FAIL


def test_a_sound_testbed_raises_no_alarm(tmp_path: Path) -> None:
    assessment = drill(tmp_path)
    assert failing(assessment) == {}
    assert passing(assessment, "integrity.")
    assert passing(assessment, "validity.")


@pytest.mark.parametrize(("fault", "expected"), DRILLS)
def test_a_fault_is_found_by_exactly_its_check(tmp_path: Path, fault: str, expected: dict[str, str]) -> None:
    assessment = drill(tmp_path, fault)
    assert failing(assessment) == expected
    assert assessment.gate is Verdict.FAIL
