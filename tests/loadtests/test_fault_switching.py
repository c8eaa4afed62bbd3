"""Faults inside a run: switched on and off at their time, never left on, and a failure to switch is told."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest

from loadtests import targets, timed_faults
from loadtests.timed_faults import TimedFaults
from record.journal import EventLog
from record.tables import json_lines
from record.types import Event
from scenarios.profiles import TimedFault
from tests.loadtests.scripted import Answer, Asked, Scripted, scripted

MS = 1_000_000


def fine(asked: Asked) -> tuple[int, Any]:
    return 200, {}


def events_of(folder: Path, answer: Answer, *faults: TimedFault, until: int) -> tuple[list[Event], Scripted]:
    """What happened in a drive that ends when there are so many events."""
    with scripted(answer) as server:
        text = f'name = "thu"\n[systems]\nsys = "{server.url}"\n[control]\nsystem = "sys"\nfaults = "/f"\n'
        log = EventLog(folder / "events.jsonl")
        with TimedFaults(targets.parse("thu.toml", text, {}), faults, log) as switching:
            switching.start(time.monotonic_ns())
            give_up = time.monotonic() + 20
            while len((folder / "events.jsonl").read_bytes().splitlines()) < until and time.monotonic() < give_up:
                time.sleep(0.01)
        log.close()
    return list(json_lines(folder / "events.jsonl", Event)), server


def bodies(server: Scripted) -> list[Any]:
    return [asked.body for asked in server.asked]


def test_faults_go_on_and_off_at_their_time(tmp_path: Path) -> None:
    faults = TimedFault("delay=9", 50 * MS, 150 * MS), TimedFault("lose=2", 100 * MS, 250 * MS)
    events, server = events_of(tmp_path, fine, *faults, until=4)
    assert [(e.kind, e.text) for e in events] == [
        ("fault-begin", "delay=9"), ("fault-begin", "lose=2"), ("fault-end", "delay=9"), ("fault-end", "lose=2"),
    ]  # fmt: skip
    assert bodies(server) == [
        {"on": ["delay=9"], "off": ["delay=9"]}, {"on": ["lose=2"], "off": ["lose=2"]},
        {"on": [], "off": ["delay=9"]}, {"on": [], "off": ["lose=2"]},
    ]  # fmt: skip
    assert [e.at_ns >= at * MS for e, at in zip(events, (50, 100, 150, 250), strict=True)] == [True] * 4


def test_a_fault_never_outlives_the_drive(tmp_path: Path) -> None:
    events, server = events_of(tmp_path, fine, TimedFault("delay=9", 0, 90_000 * MS), until=1)
    assert [e.kind for e in events] == ["fault-begin", "fault-end"]
    assert bodies(server)[-1] == {"on": [], "off": ["delay=9"]}


def test_what_was_not_yet_due_at_the_end_never_begins(tmp_path: Path) -> None:
    assert events_of(tmp_path, fine, TimedFault("delay=9", 90_000 * MS, 91_000 * MS), until=0)[0] == []


def test_a_fault_that_the_target_does_not_know_is_told_and_not_tried_again(tmp_path: Path) -> None:
    def answer(asked: Asked) -> tuple[int, Any]:
        return 400, {"error": "fault-unknown"}

    events, server = events_of(tmp_path, answer, TimedFault("dance=9", 10 * MS, 100 * MS), until=1)
    (event,) = events
    assert event.kind == "fault-failed"
    assert event.text == (f'dance=9: could not be switched on: {server.url}/f: status 400 {{"error": "fault-unknown"}}')
    assert len(server.asked) == 1


def test_switching_off_is_tried_again_while_the_target_is_down(tmp_path: Path) -> None:
    tries = []

    def answer(asked: Asked) -> tuple[int, Any]:
        tries.append(asked)
        return (503, {}) if len(tries) in (2, 3) else (200, {})

    events, server = events_of(tmp_path, answer, TimedFault("crash=9", 0, 50 * MS), until=2)
    assert [e.kind for e in events] == ["fault-begin", "fault-end"]
    assert len(server.asked) == 4


def test_a_target_that_never_lets_a_fault_be_switched_off_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(timed_faults, "TRIES_S_MAX", {True: 0.3, False: 0.3})

    def answer(asked: Asked) -> tuple[int, Any]:
        return (200, {}) if asked.body["on"] else (503, {})

    events, _ = events_of(tmp_path, answer, TimedFault("delay=9", 0, 50 * MS), until=2)
    assert [e.kind for e in events] == ["fault-begin", "fault-failed"]
    assert "could not be switched off" in events[1].text


def test_without_faults_the_target_needs_no_control(tmp_path: Path) -> None:
    target = targets.parse("thu.toml", 'name = "thu"\n[systems]\nsys = "http://127.0.0.1:1"\n', {})
    log = EventLog(tmp_path / "events.jsonl")
    with TimedFaults(target, (), log) as switching:
        switching.start(time.monotonic_ns())
    log.close()
    assert (tmp_path / "events.jsonl").read_bytes() == b""
