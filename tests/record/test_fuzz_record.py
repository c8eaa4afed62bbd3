"""Records that were damaged at random: a RecordError that names the place, or answers, and never anything else."""

from __future__ import annotations

from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from record import schema
from record.reader import open_record
from record.types import Event, Observation, RecordError
from tests.damage import BLOWS, DAMAGE, Blow, a_copy, changed_manifest, damage
from tests.records import healthy, make_record

SEEN = (Observation("tthc", "state", "H56-1", "4", 5), Observation("national", "state", "H56-1", "4", 6, digest="d"))
EVENTS = (Event(0, "phase", "warm-up"), Event(5, "note", "một dòng"))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Holds the records "sealed" and "unsealed" and room for a damaged copy."""
    place = tmp_path_factory.mktemp("records")
    for name, seal in (("sealed", True), ("unsealed", False)):
        what = healthy(60) | {"seal": seal, "observations": SEEN, "events": EVENTS}
        make_record(place / name, **what)  # type: ignore[arg-type]
    return place


def read(folder: Path, *, check_digests: bool) -> bool:
    """Whether every table can be read to the last value; False after an error in words."""
    try:
        record = open_record(folder, unsealed=True, check_digests=check_digests)
        for name in schema.TABLES:
            record.arrow(f"SELECT * FROM {name}")
        assert record.digest
        record.events()
    except RecordError as error:
        text = str(error)
    else:
        return True
    assert text.startswith(str(folder)), text
    assert text.isprintable(), text
    assert len(text) < 2000
    return False


def test_the_records_that_are_damaged_below_can_be_read(folder: Path) -> None:
    assert read(a_copy(folder / "sealed", folder / "copy"), check_digests=True)
    assert read(a_copy(folder / "unsealed", folder / "copy"), check_digests=False)


@settings(max_examples=70)
@given(st.sampled_from(sorted(schema.TABLES)), DAMAGE)
def test_a_damaged_table_is_told_even_when_nobody_compares_digests(
    folder: Path, name: str, how: list[Blow] | str
) -> None:
    copy = a_copy(folder / "sealed", folder / "copy")
    damage(copy / f"{name}.parquet", how)
    read(copy, check_digests=False)


@settings(max_examples=40)
@given(st.sampled_from([*(f"{name}.parquet" for name in sorted(schema.TABLES)), "events.jsonl"]), DAMAGE)
def test_with_digests_every_damage_is_told(folder: Path, name: str, how: list[Blow] | str) -> None:
    copy = a_copy(folder / "sealed", folder / "copy")
    damage(copy / name, how)
    original = (folder / "sealed" / name).read_bytes()
    assume(not (copy / name).is_file() or (copy / name).read_bytes() != original)
    assert not read(copy, check_digests=True)


@settings(max_examples=70)
@given(st.data(), DAMAGE)
def test_a_damaged_journal_or_plan_is_told(folder: Path, data: st.DataObject, how: list[Blow] | str) -> None:
    copy = a_copy(folder / "unsealed", folder / "copy")
    files = sorted(path for path in copy.rglob("*") if path.is_file() and path.name != "manifest.json")
    damage(data.draw(st.sampled_from(files)), how)
    read(copy, check_digests=False)


@settings(max_examples=70)
@given(st.data(), st.sampled_from(["sealed", "unsealed"]))
def test_a_changed_manifest_is_told(folder: Path, data: st.DataObject, name: str) -> None:
    copy = a_copy(folder / name, folder / "copy")
    path = copy / "manifest.json"
    path.write_text(data.draw(changed_manifest(path.read_text("utf-8"))), "utf-8")
    read(copy, check_digests=data.draw(st.booleans()))


@settings(max_examples=40)
@given(st.lists(BLOWS, min_size=1, max_size=3))
def test_a_damaged_manifest_is_told(folder: Path, how: list[Blow]) -> None:
    copy = a_copy(folder / "sealed", folder / "copy")
    damage(copy / "manifest.json", how)
    read(copy, check_digests=True)


def test_damage_that_comes_after_the_record_was_opened_is_told_by_the_question(folder: Path) -> None:
    copy = a_copy(folder / "sealed", folder / "copy")
    record = open_record(copy)
    path = copy / "samples.parquet"
    path.write_bytes(path.read_bytes()[:200] + bytes(200) + path.read_bytes()[400:])
    for ask in (record.query, record.arrow):
        with pytest.raises(RecordError, match="cannot be read"):
            ask("SELECT * FROM samples")
    path.unlink()
    with pytest.raises(RecordError, match="cannot be read"):
        open_record(copy, check_digests=False)


def test_a_wrong_question_is_no_damage(folder: Path) -> None:
    record = open_record(folder / "sealed")
    for sql in ("SELECT nothing FROM samples", "SELECT * FROM nowhere", "SELEC 1"):
        with pytest.raises(duckdb.Error):
            record.query(sql)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda table: table.drop_columns(["status"]), "not the columns of samples: status"),
        (lambda table: table.append_column("more", pa.nulls(table.num_rows)), "not the columns of samples: more than"),
        (lambda table: table.set_column(5, "intended_ns", table["done_ns"].cast(pa.string())), "intended_ns"),
    ],
)  # fmt: skip
def test_a_table_of_another_shape_is_told_before_anybody_asks(folder: Path, change: object, says: str) -> None:
    copy = a_copy(folder / "sealed", folder / "copy")
    path = copy / "samples.parquet"
    pq.write_table(change(pq.read_table(path)), path)  # type: ignore[operator]
    with pytest.raises(RecordError, match=says) as caught:
        open_record(copy, check_digests=False)
    assert str(path) in str(caught.value)


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ('"identities": "marked"', '"identities": "secret"', "identities: none of realistic"),
        ('"arrivals": 60', '"arrivals": 61', "60 arrivals, and the manifest says 61"),
        ('"seed": 1', '"seed": 9223372036854775808', "seed"),
        ('"start_ns": 5000000000', '"start_ns": 6000000000', "phases: should follow each other"),
        ('"name": "peak"', '"name": "warm-up"', "phases: each needs a name of its own"),
        ('"name": "tthc.receive"', '"name": "portal.track"', "operations: each needs a name of its own"),
        ('"created_utc": "2025-07-01', '"created_utc": "2025-02-31', "created_utc"),
        ('"percentile": 95.0', '"percentile": 950.0', "a percentile between 0 and 100"),
        ('"percentile": 95.0', '"percentile": null', "a percentile is missing"),
        ('"hub_lag_ms_max": 400.0', '"hub_lag_ms_max": -1', "limits: should be from 0"),
        ('"workers": 1', '"workers": 0', "workers"),
    ],
)
def test_a_manifest_that_contradicts_itself_is_none(folder: Path, old: str, new: str, says: str) -> None:
    copy = a_copy(folder / "unsealed", folder / "copy")
    path = copy / "manifest.json"
    text = path.read_text("utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), "utf-8")
    with pytest.raises(RecordError, match=says):
        open_record(copy, unsealed=True)
