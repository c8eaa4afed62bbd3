"""The operations room without a run: what it reads, whom it lets in, what it says of a record."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import httpx
import msgspec
import numpy as np
import pytest

from loadtests.live_frame import BAD, NEVER_MS, QUIET, SLOW, WELL, prometheus
from loadtests.live_server import Room
from loadtests.live_tally import Tally
from loadtests.tailing import Tail
from loadtests.wishes import NOTE, NOTES_FILE, Notes, leave_note
from record.journal import Journal
from record.rows import END_DTYPE, ERROR_INDEX, SAMPLE_DTYPE
from record.types import Event, Outcome, Reading
from scenarios.types import ConfigError
from tests.records import MS, S, call, healthy, make_record, manifest
from tests.rooms import Listener, ask
from tests.servers import free_port


def append(path: Path, data: bytes) -> None:
    with path.open("ab") as file:
        file.write(data)


def test_a_tail_reads_each_row_once_and_no_half_one(tmp_path: Path) -> None:
    tail, path = Tail(tmp_path), tmp_path / "samples-0003.bin"
    row = np.zeros(3, SAMPLE_DTYPE)
    row["arrival"] = [1, 2, 3]
    data = row.tobytes()
    path.write_bytes(data[:100])

    def read() -> list[tuple[int, int]]:
        return [(worker, int(a)) for worker, rows in tail.rows("samples", SAMPLE_DTYPE) for a in rows["arrival"]]

    assert read() == [(3, 1)]
    assert read() == []
    append(path, data[100:150])
    assert read() == [(3, 2)]
    append(path, data[150:])
    path.unlink()  # sealed and gone: what was opened can be read to its end
    assert read() == [(3, 3)]
    tail.close()


def test_a_tail_waits_for_the_end_of_a_line_and_leaves_out_what_is_no_row(tmp_path: Path) -> None:
    tail, path = Tail(tmp_path), tmp_path / "events.jsonl"
    lines = [msgspec.json.encode(Event(n, "phase", "é")) + b"\n" for n in range(3)]
    path.write_bytes(lines[0] + b"{broken\n" + lines[1][:7])
    assert [event.at_ns for event in tail.lines("events.jsonl", Event)] == [0]
    append(path, lines[1][7:] + lines[2])
    assert [event.at_ns for event in tail.lines("events.jsonl", Event)] == [1, 2]
    tail.close()


def test_notes_are_taken_once_and_only_if_they_are_notes(tmp_path: Path) -> None:
    notes = Notes(tmp_path)
    assert notes.new() == []
    first, second = Event(5, NOTE, "mất điện ở Hạc Thành"), Event(6, NOTE, "có điện lại")
    leave_note(tmp_path, first)
    assert notes.new() == [first]
    assert notes.new() == []
    leave_note(tmp_path, Event(6, "fault-begin", "not for them"))
    leave_note(tmp_path, Event(-1, NOTE, "no time"))
    leave_note(tmp_path, Event(7, NOTE, "two\nlines"))
    leave_note(tmp_path, Event(7, NOTE, "x" * 501))
    append(tmp_path / NOTES_FILE, b"nonsense\n")
    leave_note(tmp_path, second)
    assert notes.new() == [second]


def drive(folder: Path, samples: list, meters: list[Reading] = [], n: int = 60) -> Path:  # noqa: B006
    case = healthy(n) | {"samples": samples, "ledger": [], "meters": meters, "ends": [], "seal": False}
    return make_record(folder, **case)


def due(arrival: int, n: int = 60) -> int:
    return arrival * 35 * S // n


def test_units_are_told_by_state_and_errors_with_an_example(tmp_path: Path) -> None:
    """Of three communes in turn: the first fails, the second is slow, the third is well."""
    bad = {"outcome": Outcome.REFUSED, "status": 503, "error": ERROR_INDEX["status-5xx"]}
    samples = [call(arrival, due(arrival, 90)) for arrival in range(90)]
    for arrival in range(0, 12, 3):
        samples[arrival] = call(arrival, due(arrival, 90), **bad)
    for arrival in range(1, 10, 3):
        samples[arrival] = call(arrival, due(arrival, 90), took_ns=900 * MS)
    tally = Tally(drive(tmp_path / "r", samples, n=90))
    frame = tally.frame()
    assert [tuple(unit) for unit in frame.units] == [(30, 4, BAD), (30, 0, SLOW), (30, 0, WELL)]
    assert (frame.calls, frame.failed, frame.p50_ms) == (90, 4, 50.0)
    (trouble,) = frame.troubles
    assert (trouble.operation, trouble.error, trouble.status, trouble.count) == ("portal.track", "status-5xx", 503, 4)
    assert (trouble.arrival, trouble.unit) == (9, "Xã 14800")
    for _ in range(31):
        frame = tally.frame()
    assert [unit[2] for unit in frame.units] == [WELL] * 3, "what happened more than half a minute ago is over"
    assert frame.p95_ms is None
    assert "thongsuot_calls_failed_total 4\n" in prometheus(frame)
    tally.close()


def test_answers_that_never_came_are_later_than_all_others(tmp_path: Path) -> None:
    unknown = {"outcome": Outcome.UNKNOWN, "error": ERROR_INDEX["total-timeout"]}
    samples = [call(n, due(n), **(unknown if n < 6 else {})) for n in range(60)]
    tally = Tally(drive(tmp_path / "r", samples))
    frame = tally.frame()
    assert (frame.p50_ms, frame.p95_ms) == (50.0, NEVER_MS)
    assert '{quantile="0.95"} +Inf\n' in prometheus(frame)
    assert [unit[2] for unit in Tally(drive(tmp_path / "q", [])).frame().units] == [QUIET] * 3
    tally.close()


def test_a_generator_that_sends_late_is_named(tmp_path: Path) -> None:
    tally = Tally(drive(tmp_path / "a", [call(n, due(n)) for n in range(60)]))
    assert (tally.frame().late_ms, tally.frame().unwell) == (0.1, ())
    tally.close()
    samples = [call(n, due(n), took_ns=400 * MS, sent_ns=due(n) + 300 * MS) for n in range(60)]
    late = Tally(drive(tmp_path / "b", samples))
    frame = late.frame()
    assert (frame.late_ms, frame.unwell) == (300.0, ("late",))
    assert "thongsuot_lateness_p99_recent_seconds 0.3\n" in prometheus(frame)
    late.close()


def test_what_users_are_busy_with_counts_as_offered_up_to_the_reading(tmp_path: Path) -> None:
    folder = drive(tmp_path / "r", [])
    tally, ends = Tally(folder), np.zeros(3, END_DTYPE)
    ends["arrival"], ends["done_ns"] = [0, 1, 2], [1 * S, 2 * S, 4 * S]
    (folder / "journal/journeys-0001.bin").write_bytes(ends.tobytes())
    journal = Journal(folder / "journal", 1)
    for metric, value in (("busy", 7.0), ("inbox", 2.0), ("hub_lag_ms", 900.0), ("cpu_share", 0.5)):
        journal.reading(Reading("generator-1", metric, "count", 3 * S, value))
    frame = tally.frame()
    assert (frame.offered, frame.completed, frame.waiting) == (2 + 7, 3, 2)
    assert frame.unwell == ("lag",)
    for metric in ("busy", "inbox"):
        journal.reading(Reading("generator-1", metric, "count", 5 * S, 0.0))
    assert tally.frame().offered == 9, "never less than before"
    journal.close()
    tally.close()


@pytest.mark.parametrize("looked_before", [False, True])
def test_a_sealed_record_is_counted_from_its_tables(tmp_path: Path, looked_before: bool) -> None:
    case = healthy(600)
    tally = None
    if looked_before:  # and then not again before all was sealed and gone
        tally = Tally(make_record(tmp_path / "r", **case | {"ends": [], "samples": [], "seal": False}))
        tally.frame()
    folder = make_record(tmp_path / "sealed", **case)
    if tally is not None:
        tally.folder = folder
    frame = (tally or Tally(folder)).frame()
    assert (frame.stage, frame.over, frame.planned, frame.offered, frame.completed) == ("sealed", True, 600, 600, 600)
    assert (frame.calls, frame.failed, frame.ok) == (600, 0, 600)
    assert [unit[0] for unit in frame.units] == [200, 200, 200]


@pytest.fixture(scope="module")
def room(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Room, str, Path]]:
    """Bound to every address, so that a token is needed; and where this machine reaches it, without the token."""
    folder = drive(tmp_path_factory.mktemp("live") / "r", [])
    page = lambda manifest, units, last, writable: f"{manifest and manifest.run_id} {len(units)} {writable}"  # noqa: E731
    with Room("0.0.0.0", 0, "s3cret", page) as opened:
        opened.follow(folder)
        yield opened, opened.url.replace("0.0.0.0", "127.0.0.1").split("?")[0], folder


def get(url: str, **headers: str) -> httpx.Response:
    return httpx.get(url, headers=headers, trust_env=False)


def test_elsewhere_the_token_is_in_the_address_and_without_it_one_may_look(room: tuple[Room, str, Path]) -> None:
    opened, url, _ = room
    assert opened.url.endswith("/?token=s3cret")
    assert get(url).text.endswith("False")
    assert get(url + "?token=s3cret").text.endswith("True")
    assert get(url, authorization="Bearer s3cret").text.endswith("True")
    assert get(url + "metrics").status_code == 200


@pytest.mark.parametrize("path", ["", "metrics", "events"])
def test_a_wrong_token_is_refused(room: tuple[Room, str, Path], path: str) -> None:
    assert get(room[1] + path + "?token=s3cre").status_code == 403
    assert get(room[1] + path, authorization="Bearer s3cret2").status_code == 403


@pytest.mark.parametrize("path", ["drain", "note"])
def test_nobody_drains_or_notes_without_the_token(room: tuple[Room, str, Path], path: str) -> None:
    url = room[1]
    assert ask(url, path, {"text": "x"})[0] == 403
    assert ask(url, path, {"text": "x"}, authorization="Bearer wrong")[0] == 403
    assert list(room[2].glob("journal/stop")) == []


def test_a_note_that_will_not_do_is_refused(room: tuple[Room, str, Path]) -> None:
    url, key = room[1], "Bearer s3cret"
    for body in ({"text": ""}, {"text": "a\nb"}, {"text": "x" * 501}, {"text": 3}, ["x"], {"text": "y" * 9000}):
        assert ask(url, "note", body, authorization=key)[0] == 400
    status, said = ask(url, "note", {"text": "nobody takes it"}, authorization=key)
    assert (status, said["error"]) == (409, "the drive is over; the note was not taken")


def test_on_loopback_no_other_site_may_speak(tmp_path: Path) -> None:
    with Room("127.0.0.1", 0, "", lambda *_: "page") as opened:
        url = opened.url
        assert get(url).text == "page"
        assert get(url, host="portal.example").status_code == 403
        assert httpx.post(url + "drain", content=b"{}", trust_env=False).status_code == 415
        assert ask(url, "drain", {}, origin="http://portal.example")[0] == 403
        assert ask(url, "drain", {}, origin=url.rstrip("/")) == (
            409,
            {"error": "nothing is driven that could be stopped"},
        )
        with pytest.raises(ConfigError, match="cannot listen there: Address already in use"):
            Room("127.0.0.1", int(url.rstrip("/").rpartition(":")[2]), "", lambda *_: "")
    with pytest.raises(ConfigError, match="cannot listen there"):
        Room("no.such.host.example", free_port(), "t", lambda *_: "")


def test_who_comes_back_gets_the_frames_that_were_missed(tmp_path: Path) -> None:
    with Room("127.0.0.1", 0, "", lambda *_: "") as opened:
        first = Listener(opened.url)
        opened.follow(make_record(tmp_path / "r", **healthy(60)))
        assert [frame["stage"] for frame in first.wait()] == ["sealed"]
        assert first.heard[0].kind == "history"
        with httpx.stream("GET", opened.url + "events", headers={"Last-Event-ID": "0"}, trust_env=False) as answer:
            lines = list(answer.iter_lines())
        assert lines[0] == "id: 1"


def test_the_head_of_a_manifest_is_read_while_it_is_rewritten(tmp_path: Path) -> None:
    folder = make_record(tmp_path / "r", manifest(0), seal=False)
    tally = Tally(folder)
    assert tally.frame().stage != "sealed"
    assert tally.frame().arrivals == 0
    tally.close()
