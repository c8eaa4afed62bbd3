"""Real runs that are watched: no second is missed, the last agrees with the record, notes and the wish to stop arrive."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

from click.testing import CliRunner

from loadtests.run import Progress, run
from record.reader import events_of, open_record
from record.types import Manifest, State
from tests.drives import a_testbed, settings
from tests.rooms import Listener, ask
from thongsuot.cli import main
from thongsuot.live import Wanted, opened

RISING = ("number", "at_s", "planned", "offered", "completed", "ok", "refused", "unknown", "dropped", "calls", "failed")
SHORT = ("phase.1.for_s=4", "drain_s=5")


def watched(
    folder: Path, target: Path, meanwhile: Callable[[str, Progress], None], *sets: str
) -> tuple[Path, Manifest, list[dict[str, Any]]]:
    """A run with a room and one who listens; `meanwhile` is called as the run goes on."""
    with opened(Wanted(live=True)) as room:
        assert room is not None
        listener = Listener(room.url)

        def watch(step: Progress) -> None:
            if step.folder is not None:
                room.follow(step.folder)
            meanwhile(room.url, step)

        record, manifest = run(settings(folder, target, *sets), watch, lambda: False)
    return record, manifest, listener.wait()


def totals(record: Path) -> dict[str, int]:
    opened_record = open_record(record)
    ends = opened_record.query("SELECT outcome, count(*) AS n FROM journeys GROUP BY outcome")
    by = dict(zip(ends["outcome"], ends["n"], strict=True))
    calls = opened_record.query(
        "SELECT count(*) AS n, count(*) FILTER (outcome IN ('refused', 'unknown')) AS bad FROM samples"
    ).iloc[0]
    found = {outcome: int(by.get(outcome, 0)) for outcome in ("ok", "refused", "unknown", "dropped")}
    begun = sum(found.values()) - found["dropped"]
    return found | {
        "planned": sum(found.values()), "offered": begun, "completed": begun,
        "calls": int(calls["n"]), "failed": int(calls["bad"]),
    }  # fmt: skip


def check(frames: list[dict[str, Any]], record: Path) -> None:
    assert [frame["number"] for frame in frames] == list(range(frames[0]["number"], frames[-1]["number"] + 1))
    for before, after in zip(frames, frames[1:], strict=False):
        assert {name: after[name] for name in RISING if after[name] < before[name]} == {}
    last = frames[-1]
    assert (last["stage"], last["over"]) == ("sealed", True)
    expected = totals(record)
    assert {name: last[name] for name in expected} == expected
    units = open_record(record).query(
        "SELECT code, count(arrival) AS n FROM communes LEFT JOIN samples ON code = commune GROUP BY code ORDER BY code"
    )
    assert [unit[0] for unit in last["units"]] == units["n"].tolist()


def test_a_watched_run_is_told_second_by_second_and_takes_notes(tmp_path: Path) -> None:
    answers: list[tuple[int, Any]] = []
    asked = threading.Event()

    def note(url: str) -> None:
        answers.append(ask(url, "note", {"text": "mất mạng ở xã Mường Mìn"}))

    def meanwhile(url: str, step: Progress) -> None:
        if step.at_s > 2 and not asked.is_set():
            asked.set()
            threading.Thread(target=note, args=(url,)).start()
        if step.stage == "sealing":
            answers.append(ask(url, "note", {"text": "too late"}))

    with a_testbed(tmp_path) as (_, target):
        record, manifest, frames = watched(tmp_path, target, meanwhile, *SHORT)
    assert manifest.state is State.SEALED, manifest.abort_reason
    check(frames, record)
    assert [status for status, _ in answers] == [202, 409]
    notes = [event for event in events_of(record) if event.kind == "note"]
    assert [event.text for event in notes] == ["mất mạng ở xã Mường Mìn"]
    assert round(notes[0].at_ns * 1e-9, 3) == answers[0][1]["at_s"]
    stages = list(dict.fromkeys(frame["stage"] for frame in frames))
    assert stages[0] == "starting"
    assert stages[-1] == "sealed"
    assert {"warm-up", "peak"} & set(stages)
    assert any(mark["text"] == "mất mạng ở xã Mường Mìn" for mark in frames[-1]["marks"])
    driven = [frame for frame in frames if frame["generators"] and frame["stage"] in ("warm-up", "peak")]
    assert any(one["lag_ms"] is not None for frame in driven for one in frame["generators"])
    assert any(frame["p95_ms"] for frame in driven)


def test_whoever_drains_ends_the_run_early_and_it_is_sealed(tmp_path: Path) -> None:
    told: list[tuple[int, Any]] = []

    def meanwhile(url: str, step: Progress) -> None:
        if step.at_s > 1 and not told:
            told.append(ask(url, "drain"))

    with a_testbed(tmp_path) as (_, target):
        record, manifest, frames = watched(tmp_path, target, meanwhile, "phase.1.for_s=60")
    assert manifest.state is State.SEALED, manifest.abort_reason
    assert [status for status, _ in told] == [202]
    check(frames, record)
    assert frames[-1]["dropped"] > 0, "what was still to come is counted, not forgotten"
    assert "drain" in {frame["stage"] for frame in frames} | {"drain"}
    stop = next(event for event in events_of(record) if event.kind == "stop")
    assert stop.at_ns < 30e9
    assert frames[-1]["unwell"] == [], "that somebody stopped it is no fault of the generator"


def test_nothing_to_show_is_wrong_usage(tmp_path: Path) -> None:
    result = CliRunner().invoke(main, ["live", str(tmp_path)])
    assert result.exit_code == 2
    assert "is this the folder of a run?" in result.output
