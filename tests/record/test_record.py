"""The run record: round trip, sealing, damage, crash."""

from __future__ import annotations

from pathlib import Path

import msgspec
import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from record import schema, tables, writer
from record.journal import EventLog, Journal
from record.reader import open_record
from record.rows import ERROR_INDEX, SAMPLE
from record.types import (
    Event,
    Fact,
    JourneyEnd,
    LedgerEntry,
    Limits,
    Link,
    Manifest,
    Observation,
    OperationInfo,
    Outcome,
    Phase,
    Reading,
    RecordError,
    Sample,
    State,
    TargetInfo,
    Zero,
)

SECOND = 1_000_000_000


def a_manifest(arrivals: int = 3, **changes: object) -> Manifest:
    manifest = Manifest(
        format=schema.FORMAT,
        run_id="20250701T000000Z-test-1",
        tag="t",
        state=State.PLANNED,
        created_utc="2025-07-01T00:00:00Z",
        profile="test",
        profile_text="",
        profile_overrides={},
        seed=1,
        plan_digest="0" * 64,
        arrivals=arrivals,
        code="test",
        target=TargetInfo("testbed", "", {"portal": "http://127.0.0.1:1"}, "0" * 64),
        identities="realistic",
        rate_factor=1.0,
        compression=1.0,
        workers=2,
        phases=(Phase("warm-up", 0, SECOND, False), Phase("peak", SECOND, 3 * SECOND, True)),
        objectives=(),
        limits=Limits(),
        operations=(OperationInfo("portal.search", "portal", False), OperationInfo("tthc.receive", "tthc", True)),
    )
    return msgspec.structs.replace(manifest, **changes)


def a_plan(arrivals: int = 3) -> tuple[pa.Table, pa.Table]:
    communes = pa.table({name: [] for name in schema.COMMUNES.names}, schema=schema.COMMUNES)
    plan = pa.table(
        {
            "arrival": pa.array(range(arrivals), pa.uint32()),
            "at_ns": pa.array([i * SECOND for i in range(arrivals)], pa.int64()),
            "system": pa.array(["portal"] * arrivals).dictionary_encode(),
            "commune": pa.array([f"1475{i}" for i in range(arrivals)]).dictionary_encode(),
            "journey": pa.array(["portal.visit"] * arrivals).dictionary_encode(),
        }
    )
    return communes, plan.cast(schema.ARRIVALS)


def a_driven_run(folder: Path, arrivals: int = 3) -> Manifest:
    writer.create(folder, a_manifest(arrivals), *a_plan(arrivals))
    return writer.start(folder, a_manifest(arrivals), Zero(1, 2, "boot"))


def write_arrivals(folder: Path, numbers: list[int], worker: int = 0) -> None:
    journal = Journal(folder / "journal", worker)
    for number in numbers:
        at = number * SECOND
        journal.sample(Sample(number, 0, 0, at, at + 5, at + 10, Outcome.OK, 200, 0, 10, 20, None, 3, app_us=7))
        journal.end(JourneyEnd(number, 1, Outcome.OK, 0, at, at + 10))
    journal.close()


def test_what_was_written_is_what_is_read(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    manifest = a_driven_run(folder)
    write_arrivals(folder, [2, 0], worker=1)
    journal = Journal(folder / "journal", 0)
    journal.end(JourneyEnd(1, 0, Outcome.DROPPED, ERROR_INDEX["inbox-full"], -1, 7))
    journal.ledger(LedgerEntry("t-0.a", Fact.INTENDED, 4, "tthc.receive", "14750", 0, "d" * 32))
    journal.ledger(LedgerEntry("t-0.a", Fact.ACKED, 9, "tthc.receive", "14750", 0, None, "H56-1"))
    journal.reading(Reading("generator-0", "cpu_share", "cores", 5, 0.25))
    journal.close()
    log = EventLog(folder / "events.jsonl")
    log.write(Event(0, "phase", "warm-up"))
    log.close()
    sealed = writer.seal(folder, manifest)

    record = open_record(folder)
    assert record.manifest == sealed
    assert record.manifest.state is State.SEALED
    samples = record.query("SELECT * FROM samples ORDER BY arrival")
    assert samples["arrival"].tolist() == [0, 2]
    assert samples["commune"].tolist() == ["14750", "14752"]
    assert samples["phase"].tolist() == ["warm-up", "peak"]
    assert samples["worker"].tolist() == [1, 1]
    assert samples["connect_us"].isna().all()
    assert samples["app_us"].tolist() == [7, 7]
    ends = record.query("SELECT arrival, outcome, error FROM journeys ORDER BY arrival")
    assert ends["outcome"].tolist() == ["ok", "dropped", "ok"]
    assert ends["error"].tolist()[1] == "inbox-full"
    assert record.query("SELECT fact FROM ledger")["fact"].tolist() == ["intended", "acked"]
    assert record.query("SELECT value FROM readings")["value"].tolist() == [0.25]
    assert record.events() == [Event(0, "phase", "warm-up")]
    assert not (folder / "journal").exists()


def test_what_the_linked_systems_held_is_read_as_it_was_observed(tmp_path: Path) -> None:
    """Twice held is two rows; what the system does not keep is null; the links of the plan stay in the head."""
    folder = tmp_path / "run"
    writer.create(folder, a_manifest(0), *a_plan(0))
    links, moves = (Link("national", "state", "tthc", "national", lag=True),), ((0, 1), (1, 2))
    head = writer.start(folder, a_manifest(0, links=links, moves=moves), Zero(1, 2, "boot"))
    rows = [
        Observation("national", "state", "H56-1", "4", 1_751_328_000_123, digest="d" * 32, commune="14750"),
        Observation("national", "state", "H56-1", "4", 1_751_328_000_123, digest="d" * 32, commune="14750"),
        Observation("tthc", "count", "14750"),
        Observation("tthc", "state", "H56-1", "9", 5, "t-0.a"),
    ]
    assert list((folder / "journal").glob("observations-*")) == []
    journal = Journal(folder / "journal", 7)
    for row in reversed(rows):
        journal.observation(row)
    journal.close()
    Journal(folder / "journal", 8).close()
    assert [path.name for path in (folder / "journal").glob("observations-*")] == ["observations-0007.jsonl"]
    unsealed = open_record(folder, unsealed=True).arrow("SELECT * FROM observations").to_pylist()
    writer.seal(folder, head)
    record = open_record(folder)
    assert record.arrow("SELECT * FROM observations").to_pylist() == [msgspec.structs.asdict(row) for row in rows]
    assert unsealed == [msgspec.structs.asdict(row) for row in rows]
    assert (record.manifest.links, record.manifest.moves) == (links, moves)


def test_a_torn_last_observation_is_left_out_and_a_damaged_one_is_named(tmp_path: Path) -> None:
    whole = b'{"place":"tthc","kind":"count","subject":"14750"}\n'
    path = tmp_path / "observations-0007.jsonl"
    for torn in (b"", b'{"place":"tthc","ki', b"x" * 100_000):
        path.write_bytes(whole * 2 + torn)
        assert tables.observations(tmp_path).num_rows == 2
        path.write_bytes(torn)
        assert tables.observations(tmp_path).num_rows == 0
    for damaged in (
        b'{"place":"tthc","kin:}\n',
        b'{"place":"tthc","kind":"count","subject":14750}\n',
        b'{"plac":"tthc"}\n',
    ):
        path.write_bytes(whole + damaged)
        with pytest.raises(RecordError, match=r"observations-0007\.jsonl: not rows of this journal"):
            tables.observations(tmp_path)


def test_a_record_of_the_first_format_is_read_as_one_that_asked_no_linked_system(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    manifest = a_driven_run(folder)
    write_arrivals(folder, [0, 1, 2])
    writer.seal(folder, manifest)
    (folder / "observations.parquet").unlink()
    head = msgspec.json.decode((folder / "manifest.json").read_bytes())
    del head["files"]["observations.parquet"], head["links"], head["moves"], head["limits"]["clock_skew_ms_max"]
    (folder / "manifest.json").write_bytes(msgspec.json.encode({**head, "format": 1}))
    record = open_record(folder)
    assert (record.manifest.format, record.manifest.links) == (1, ())
    assert record.query("SELECT count(*) AS n FROM samples")["n"][0] == 3
    assert record.query("SELECT * FROM observations").empty


def test_an_arrival_without_an_end_cannot_be_sealed(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    manifest = a_driven_run(folder)
    write_arrivals(folder, [0, 1])
    with pytest.raises(RecordError, match="of 3 planned arrivals 1 have no end and 0 have more than one"):
        writer.seal(folder, manifest)


def test_an_arrival_that_ends_twice_cannot_be_sealed(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    manifest = a_driven_run(folder)
    write_arrivals(folder, [0, 1, 2])
    write_arrivals(folder, [2], worker=1)
    with pytest.raises(RecordError, match="0 have no end and 1 have more than one"):
        writer.seal(folder, manifest)


@pytest.mark.parametrize("name", ["samples.parquet", "arrivals.parquet", "events.jsonl", "ledger.parquet"])
def test_one_flipped_byte_is_named(tmp_path: Path, name: str) -> None:
    folder = tmp_path / "run"
    manifest = a_driven_run(folder)
    write_arrivals(folder, [0, 1, 2])
    (folder / "events.jsonl").write_bytes(b'{"at_ns":0,"kind":"note","text":"x"}\n')
    writer.seal(folder, manifest)
    data = bytearray((folder / name).read_bytes())
    data[len(data) // 2] ^= 1
    (folder / name).write_bytes(data)
    with pytest.raises(RecordError, match=f"{name} was changed after sealing"):
        open_record(folder)
    said = pytest.raises(RecordError, match=f"{name} was changed after sealing")
    with said, open_record(folder, beside=True).checked():
        raise ValueError("what came of it")


@pytest.mark.parametrize("damage", [b"", b"PAR1 nothing that could be read PAR1"])
def test_that_a_file_was_changed_is_said_before_what_came_of_it(tmp_path: Path, damage: bytes) -> None:
    folder = tmp_path / "run"
    manifest = a_driven_run(folder)
    write_arrivals(folder, [0, 1, 2])
    writer.seal(folder, manifest)
    (folder / "samples.parquet").write_bytes(damage)
    with pytest.raises(RecordError, match=r"samples\.parquet was changed after sealing"):
        open_record(folder, beside=True)


def test_what_breaks_over_a_record_that_is_as_it_was_sealed_stays_what_it_is(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    manifest = a_driven_run(folder)
    write_arrivals(folder, [0, 1, 2])
    writer.seal(folder, manifest)
    record = open_record(folder, beside=True)
    with pytest.raises(ValueError, match="ours"), record.checked():
        raise ValueError("ours")
    with record.checked():
        assert record.query("SELECT count(*) AS n FROM arrivals").n[0] == 3


def test_a_run_that_was_killed_is_read_only_with_the_flag(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    a_driven_run(folder)
    write_arrivals(folder, [0, 1])
    with (folder / "journal" / "samples-0000.bin").open("ab") as file:
        file.write(b"\0" * (SAMPLE.size - 1))  # a row torn by the crash
    with (folder / "journal" / "ledger-0000.jsonl").open("ab") as file:
        file.write(b'{"key":"t-1')
    with pytest.raises(RecordError, match="not sealed; `assess` and `report` read it with --unsealed"):
        open_record(folder)
    record = open_record(folder, unsealed=True)
    assert not record.sealed
    assert record.query("SELECT count(*) AS n FROM samples")["n"][0] == 2
    assert record.query("SELECT count(*) AS n FROM ledger")["n"][0] == 0


@pytest.mark.parametrize(
    ("row", "says"),
    [
        (Sample(3, 0, 0, 0, 0, 0, Outcome.OK), "arrival 3, of which there are only 3"),
        (Sample(0, 0, 2, 0, 0, 0, Outcome.OK), "operation 2, of which there are only 2"),
        (Sample(0, 0, 0, 0, 0, 0, Outcome.OK, error=200), "error 200"),
    ],
)
def test_a_damaged_journal_is_named_and_not_sealed(tmp_path: Path, row: Sample, says: str) -> None:
    manifest = a_driven_run(tmp_path / "run")
    write_arrivals(tmp_path / "run", [0, 1, 2])
    journal = Journal(tmp_path / "run" / "journal", 1)
    journal.sample(row)
    journal.close()
    with pytest.raises(RecordError, match=says):
        writer.seal(tmp_path / "run", manifest)
    with pytest.raises(RecordError, match=says):
        open_record(tmp_path / "run", unsealed=True)


def test_a_disk_that_does_not_take_the_tables_leaves_the_journals(tmp_path: Path) -> None:
    manifest = a_driven_run(tmp_path / "run")
    write_arrivals(tmp_path / "run", [0, 1, 2])
    (tmp_path / "run" / "samples.parquet").mkdir()  # as a full disk does: the file cannot be written
    with pytest.raises(RecordError, match="the record cannot be sealed"):
        writer.seal(tmp_path / "run", manifest)
    assert open_record(tmp_path / "run", unsealed=True).query("SELECT count(*) AS n FROM samples")["n"][0] == 3


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_a_reading_that_is_no_number_leaves_no_row_and_does_not_prevent_sealing(tmp_path: Path, value: float) -> None:
    manifest = a_driven_run(tmp_path / "run")
    write_arrivals(tmp_path / "run", [0, 1, 2])
    journal = Journal(tmp_path / "run" / "journal", 1)
    journal.reading(Reading("generator-1", "cpu_share", "cores", 5, value))
    journal.close()
    writer.seal(tmp_path / "run", manifest)
    assert open_record(tmp_path / "run").query("SELECT * FROM readings").empty


def test_an_aborted_run_does_not_say_when_it_was_sealed(tmp_path: Path) -> None:
    manifest = a_driven_run(tmp_path / "run")
    aborted = writer.abort(tmp_path / "run", manifest, "killed")
    assert (aborted.state, aborted.sealed_utc) == (State.ABORTED, None)


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (None, "is this the folder of a run"),
        (b"{", "not a manifest"),
        (b'{"format": 99}', "format 99; this version reads formats 1 and 2"),
        (b'{"format": 1}', "not a manifest"),
        (b"\xff\xfe", "not a manifest"),
    ],
)
def test_what_is_no_record_is_refused_in_words(tmp_path: Path, content: bytes | None, says: str) -> None:
    if content is not None:
        (tmp_path / "manifest.json").write_bytes(content)
    with pytest.raises(RecordError, match=says):
        open_record(tmp_path)


def test_a_record_is_never_written_over(tmp_path: Path) -> None:
    writer.create(tmp_path / "run", a_manifest(), *a_plan())
    with pytest.raises(RecordError, match="exists already"):
        writer.create(tmp_path / "run", a_manifest(), *a_plan())


def test_a_full_disk_is_found_before_traffic(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writer, "FREE_BYTES_MIN", 1 << 60)
    with pytest.raises(RecordError, match="MiB free on this disk"):
        writer.create(tmp_path / "run", a_manifest(), *a_plan())
    assert not (tmp_path / "run").exists()


def test_sealing_the_same_journals_gives_the_same_bytes(tmp_path: Path) -> None:
    digests = []
    for name in ("a", "b"):
        manifest = a_driven_run(tmp_path / name)
        write_arrivals(tmp_path / name, [2, 1], worker=1)
        write_arrivals(tmp_path / name, [0], worker=0)
        digests.append(writer.seal(tmp_path / name, manifest).files)
    assert digests[0] == digests[1]


@given(
    st.lists(
        st.tuples(st.integers(0, 2), st.integers(0, 65535), st.integers(0, 10**16), st.integers(0, 999)), max_size=20
    )
)
def test_samples_survive_the_journal(tmp_path_factory: pytest.TempPathFactory, rows: list[tuple[int, ...]]) -> None:
    folder = tmp_path_factory.mktemp("r") / "run"
    manifest = a_driven_run(folder)
    write_arrivals(folder, [0, 1, 2])
    (folder / "journal" / "samples-0000.bin").unlink()
    journal = Journal(folder / "journal", 0)
    for arrival, step, at, status in rows:
        journal.sample(Sample(arrival, step, 1, at, at, at, Outcome.REFUSED, status))
    journal.close()
    writer.seal(folder, manifest)
    found = open_record(folder).query("SELECT arrival, step, intended_ns, coalesce(status, 0) AS status FROM samples")
    assert sorted(map(tuple, np.asarray(found).tolist())) == sorted(rows)
