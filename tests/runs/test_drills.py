"""The harness can lose: each fault of the testbed makes exactly the named check fail, and a sound one none."""

from __future__ import annotations

from pathlib import Path

import pytest

from reports.verdict import Verdict
from tests.drill_table import DRILLS, Drill
from tests.drives import drill, failing, passing

SHORT = [each for each in DRILLS if each.short]


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


@pytest.mark.parametrize("each", SHORT, ids=[each.name for each in SHORT])
def test_a_fault_is_found_by_exactly_its_check(tmp_path: Path, each: Drill) -> None:
    assessment = drill(tmp_path, *each.faults, sets=each.sets)
    alarms = failing(assessment)
    assert {check: verdict for check, verdict in alarms.items() if check not in each.perhaps} == each.expected
    assert assessment.gate is Verdict.FAIL
