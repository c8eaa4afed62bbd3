"""The table of states: its rows with their reasons, and what must hold whatever the rows."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scenarios import lifecycle
from scenarios.contract import BY_NAME, STATES
from scenarios.lifecycle import FINAL, TRANSITIONS, State, allowed, reachable, valid_history

STATE = st.sampled_from(list(State))


def test_the_table_has_the_ten_states_of_the_contract() -> None:
    assert {int(state) for state in TRANSITIONS} == set(STATES)


@pytest.mark.parametrize(
    ("before", "after", "may", "why"),
    [
        (1, 2, True, "received"),
        (1, 3, True, "turned away at the door"),
        (1, 4, False, "nobody works on what was not received"),
        (1, 7, False, "what was not received need not be withdrawn"),
        (2, 7, True, "withdrawn before work began"),
        (2, 5, False, "a supplement is asked by who works on it"),
        (4, 9, True, "done"),
        (5, 9, False, "done only after the supplement came back into work"),
        (6, 4, True, "paid"),
        (7, 4, False, "withdrawn is withdrawn"),
        (9, 4, False, "a result is not taken back"),
        (9, 10, True, "handed over"),
        (10, 9, False, "the end"),
        (0, 1, False, "no such state"),
        (9, 11, False, "no such state"),
    ],
)
def test_a_step_is_allowed_or_not(before: int, after: int, may: bool, why: str) -> None:
    assert allowed(before, after) is may, why


def test_every_state_can_be_reached_and_none_is_a_trap() -> None:
    assert reachable(State.NEW) == set(State)
    assert set(FINAL) == {State.TURNED_AWAY, State.STOPPED, State.RETURNED}
    for state in State:
        assert reachable(state) & set(FINAL), "every dossier can come to an end"


@given(STATE, STATE, STATE)
def test_reaching_is_transitive(a: State, b: State, c: State) -> None:
    if b in reachable(a) and c in reachable(b):
        assert c in reachable(a)
    if allowed(a, b):
        assert b in reachable(a)


@pytest.mark.parametrize("history", [[], [2], [2, 4], [1, 4], [1, 2, 4, 9, 10, 9], [1, 1], [1, 11]])
def test_a_history_that_begins_late_or_jumps_is_none(history: list[int]) -> None:
    assert not valid_history(history)


@given(st.data())
def test_a_walk_along_the_table_is_a_history(data: st.DataObject) -> None:
    walk = [State.NEW]
    while TRANSITIONS[walk[-1]] and len(walk) < 20:
        walk.append(data.draw(st.sampled_from(TRANSITIONS[walk[-1]])))
    assert valid_history(walk)


def test_each_act_of_an_officer_is_an_operation_and_an_allowed_step() -> None:
    for act, (before, after) in lifecycle.ACTS.items():
        assert f"tthc.{act}" in BY_NAME
        assert allowed(before, after)
