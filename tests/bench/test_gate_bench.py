"""The arithmetic of the gate's bench: duets drawn from restarts are decided as the command decides them."""

from __future__ import annotations

import numpy as np
import pytest

from bench import gate
from record.types import DuetRule
from reports.duet import Question
from reports.verdict import Verdict

CPU, P50 = Question(0, "cpu"), Question(1, "p50", "get")
RULE = DuetRule()


def restarts(cpu: float, spread: float = 0.02) -> list[dict[Question, float]]:
    rng = np.random.default_rng(1)
    return [{CPU: float(rng.normal(cpu, spread)), P50: float(rng.normal(0, spread))} for _ in range(32)]


@pytest.mark.parametrize(("cpu", "expected"), [(0.0, Verdict.PASS), (0.1, Verdict.FAIL), (-0.1, Verdict.PASS)])
def test_a_drawn_duet_is_decided_at_the_first_look_that_can(cpu: float, expected: Verdict) -> None:
    found = gate.play(restarts(cpu), RULE, np.random.default_rng(2), alike=False)
    assert found == (expected, RULE.looks[0])


def test_of_two_that_are_alike_either_may_be_the_candidate() -> None:
    rng = np.random.default_rng(2)
    drawn = [gate.play(restarts(0.03, 0.01), RULE, rng, alike=True)[0] for _ in range(200)]
    assert Verdict.FAIL not in drawn


def test_what_cannot_be_told_is_looked_at_to_the_last() -> None:
    assert gate.play(restarts(0.03, 0.2), RULE, np.random.default_rng(2), alike=False) == (
        Verdict.UNDECIDED,
        RULE.looks[-1],
    )


def test_a_duet_s_time_is_that_of_its_restarts_and_of_every_leg() -> None:
    assert [gate.time_s(look, RULE, 8.0) for look in RULE.looks] == pytest.approx([99.0, 122.0, 161.0])
