from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import msgspec
import pytest
from click.testing import CliRunner, Result
from pyarrow import ipc, parquet

from scenarios.population import Population
from scenarios.province import communes
from scenarios.types import Citizen, ConfigError, Identities
from thongsuot.people import command

MUONG_MIN = "15025"  # the smallest: 2,991 people
PEOPLE = Population(communes(), 1)


def run(*arguments: object) -> Result:
    return CliRunner().invoke(command, [str(argument) for argument in arguments], catch_exceptions=True)


def problems(*arguments: object) -> list[str]:
    error = run(*arguments).exception
    assert isinstance(error, ConfigError)
    return error.problems


def expected(number: int) -> dict[str, object]:
    return msgspec.structs.asdict(PEOPLE.citizen(number))


@pytest.mark.parametrize("form", ["arrow", "parquet"])
def test_a_commune_is_written_as_a_table_that_others_can_read(tmp_path: Path, form: str) -> None:
    out = tmp_path / "people"
    done = run("--commune", MUONG_MIN, "--commune", "Na Mèo", "--format", form, "--out", out)
    assert done.exit_code == 0, done.output
    assert done.stderr == ""
    table = ipc.open_file(out).read_all() if form == "arrow" else parquet.read_table(out)
    rows = table.to_pylist()
    numbers = [*PEOPLE.in_commune("15013"), *PEOPLE.in_commune(MUONG_MIN)]
    assert [row["number"] for row in rows] == numbers
    assert rows[0] == expected(numbers[0])
    assert rows[-1] == expected(numbers[-1])


def test_json_has_one_citizen_a_line(tmp_path: Path) -> None:
    out = tmp_path / "people.json"
    assert run("--commune", "muong min", "--format", "json", "--out", out).exit_code == 0
    lines = out.read_bytes().splitlines()
    assert len(lines) == 2_991
    first = PEOPLE.in_commune(MUONG_MIN)[0]
    assert msgspec.json.decode(lines[0], type=Citizen) == PEOPLE.citizen(first)


def test_csv_goes_to_standard_output_and_nothing_else_does() -> None:
    done = run("--commune", MUONG_MIN, "--format", "csv", "--out", "-")
    rows = list(csv.DictReader(io.StringIO(done.stdout)))
    assert len(rows) == 2_991
    assert rows[5]["name"] == expected(PEOPLE.in_commune(MUONG_MIN)[5])["name"]
    assert done.stderr == ""


def test_the_summary_for_machines_says_mode_seed_and_what_is_unverified(tmp_path: Path) -> None:
    done = run("--commune", MUONG_MIN, "--seed", 5, "--mode", "realistic", "--out", tmp_path / "p", "--json")
    facts = json.loads(done.stdout)
    assert (facts["citizens"], facts["communes"], facts["seed"], facts["mode"]) == (2_991, 1, 5, "realistic")
    assert facts["ages_verified"] is False


def test_the_mode_changes_the_numbers_and_nothing_else(tmp_path: Path) -> None:
    out = tmp_path / "real"
    run("--commune", MUONG_MIN, "--mode", "realistic", "--out", out)
    row = ipc.open_file(out).read_all().slice(17, 1).to_pylist()[0]
    marked = expected(row["number"])
    real = msgspec.structs.asdict(Population(communes(), 1, Identities.REALISTIC).citizen(row["number"]))
    assert row == real
    assert {key for key in row if row[key] != marked[key]} == {"cccd", "phone"}


def test_numbers_of_an_allow_list_are_used(tmp_path: Path) -> None:
    listed = [f"038{n:09d}" for n in range(500)]
    (tmp_path / "list.txt").write_text("\n".join(listed) + "\n")
    out = tmp_path / "p.csv"
    arguments = ("--mode", "allow-list", "--allow-list", tmp_path / "list.txt", "--format", "csv", "--out", out)
    assert run(*arguments).exit_code == 0
    with out.open(newline="") as file:
        assert [row["cccd"] for row in csv.DictReader(file)] == listed


def test_wrong_communes_are_all_told_with_their_neighbours(tmp_path: Path) -> None:
    found = problems("--commune", "Muong Lac", "--commune", "Hạc Than", "--out", tmp_path / "p")
    assert "14845 Xã Mường Lát" in found[0]
    assert "14797 Phường Hạc Thành" in found[1]
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("--mode", "allow-list", "--out", "x"), "needs --allow-list FILE"),
        (("--allow-list", "none.txt", "--out", "x"), "needs --allow-list FILE"),
        (("--mode", "allow-list", "--allow-list", "none.txt", "--out", "x"), "cannot be read"),
        (("--commune", MUONG_MIN, "--out", "no/such/folder/x"), "cannot be written"),
        (("--out", "-", "--json"), "--json"),
        (("--communes", "none.csv", "--out", "x"), "cannot be read"),
    ],
)
def test_wrong_usage_is_a_clear_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...], says: str
) -> None:
    monkeypatch.chdir(tmp_path)
    assert says in "\n".join(problems(*arguments))
    assert list(tmp_path.iterdir()) == []


def test_an_unknown_mode_is_wrong_usage(tmp_path: Path) -> None:
    done = run("--mode", "real", "--out", tmp_path / "p")
    assert done.exit_code == 2
    assert "realistic" in done.stderr
