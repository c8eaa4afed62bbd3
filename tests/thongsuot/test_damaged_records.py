"""`assess` and `report` on damaged records: exit code 2 with one clear line, or a verdict; never a traceback."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from hypothesis import given, settings
from hypothesis import strategies as st

from record.types import Event, Observation
from tests.damage import DAMAGE, Blow, a_copy, changed_manifest, damage
from tests.records import healthy, make_record
from thongsuot.cli import main

SEEN = (Observation("tthc", "state", "H56-1", "4", 5), Observation("national", "state", "H56-1", "4", 6))
EVENTS = (
    Event(0, "phase", "warm-up"),
    Event(10**9, "fault-begin", "delay=1"),
    Event(2 * 10**9, "fault-end", "delay=1"),
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Holds the records "sealed" and "unsealed" and room for a damaged copy."""
    place = tmp_path_factory.mktemp("records")
    for name, seal in (("sealed", True), ("unsealed", False)):
        what = healthy(200) | {"seal": seal, "observations": SEEN, "events": EVENTS}
        make_record(place / name, **what)  # type: ignore[arg-type]
    return place


def ask(folder: Path, command: str, *words: str) -> Result:
    """An exit code of the command line's own, and with 2 one line that names the record."""
    result = CliRunner().invoke(main, [command, str(folder), "--unsealed", *words])
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    assert "Traceback" not in result.output
    if result.exit_code == 2:
        lines = result.stderr.splitlines()
        assert len(lines) == 1, lines
        assert lines[0].startswith(f"error: {folder}"), lines
    else:
        assert result.exit_code in ((0, 1, 3, 4) if command == "assess" else (0,))
    return result


def test_the_records_that_are_damaged_below_are_judged(folder: Path) -> None:
    for name in ("sealed", "unsealed"):
        assert ask(a_copy(folder / name, folder / "copy"), "assess").exit_code != 2
        assert ask(folder / "copy", "report").exit_code == 0


@settings(max_examples=25)
@given(st.data(), DAMAGE)
def test_a_damaged_file_of_a_sealed_record_ends_with_2(
    folder: Path, data: st.DataObject, how: list[Blow] | str
) -> None:
    copy = a_copy(folder / "sealed", folder / "copy")
    path = copy / data.draw(st.sampled_from(sorted(path.name for path in copy.iterdir() if path.suffix == ".parquet")))
    before = path.read_bytes()
    damage(path, how)
    code = ask(copy, data.draw(st.sampled_from(["assess", "report"]))).exit_code
    assert code == 2 or (path.is_file() and path.read_bytes() == before)


@settings(max_examples=25)
@given(st.data(), DAMAGE)
def test_a_damaged_file_of_an_unsealed_record_ends_with_2_or_is_judged(
    folder: Path, data: st.DataObject, how: list[Blow] | str
) -> None:
    copy = a_copy(folder / "unsealed", folder / "copy")
    damage(data.draw(st.sampled_from(sorted(path for path in copy.rglob("*") if path.is_file()))), how)
    ask(copy, "assess")


@settings(max_examples=30)
@given(st.data(), st.sampled_from(["sealed", "unsealed"]), st.sampled_from(["assess", "report"]))
def test_a_changed_manifest_ends_with_2_or_is_judged(
    folder: Path, data: st.DataObject, name: str, command: str
) -> None:
    copy = a_copy(folder / name, folder / "copy")
    path = copy / "manifest.json"
    path.write_text(data.draw(changed_manifest(path.read_text("utf-8"))), "utf-8")
    ask(copy, command)
