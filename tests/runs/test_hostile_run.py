"""A whole run against the hostile server, everything it can do at once: the run seals and each call is what it came to."""

from __future__ import annotations

import json
from pathlib import Path

from record.reader import open_record
from record.types import State
from tests.drives import command
from tests.loadtests.clients import server, target_text
from tests.loadtests.hostile_table import TABLE, operations

HEAVY = {"too-wide", "wide", "much-and-silence", "endless-bomb", "endless-body", "endless-chunks"}


def test_a_run_against_a_hostile_target_is_sealed_with_every_arrival_s_end_and_the_right_words(tmp_path: Path) -> None:
    target = tmp_path / "hostile.toml"
    with server("hostile_server") as port:
        target.write_text(target_text(port, operations(endless_ms=1000, rare=HEAVY)), "utf-8")
        done = command(
            "run", "generic", "--target", str(target), "--runs", str(tmp_path / "runs"), "--rate", "80",
            "--duration", "6", "--set", "phase.0.for_s=1", "--json",
        )  # fmt: skip
    assert done.returncode != 2, done.stderr
    answer = json.loads(done.stdout)
    record = open_record(next((tmp_path / "runs").iterdir()))
    assert record.manifest.state is State.SEALED
    assert answer["verdicts"]["validity.conservation"] == "pass"
    assert answer["verdicts"]["objective.errors"] == "fail"
    ends = record.query("SELECT count(*) AS n, count(DISTINCT arrival) AS arrivals FROM journeys")
    assert ends["n"][0] == ends["arrivals"][0] == record.manifest.arrivals > 400
    came = record.arrow(
        "SELECT DISTINCT operation::VARCHAR AS operation, outcome::VARCHAR AS outcome, coalesce(status, 0) AS status, "
        "coalesce(error, '') AS error FROM samples"
    ).to_pylist()
    expected = {"echo": ("ok", 200, "")}
    for row in TABLE:
        for word, (outcome, status, slug) in (("read", row.read), ("write", row.write)):
            expected[f"{word} {row.kind}"] = (outcome.name.lower(), status, slug)
    assert {row["operation"]: (row["outcome"], row["status"], row["error"]) for row in came}.items() <= expected.items()
    assert len({row["operation"].split(" ", 1)[-1] for row in came}) > 0.8 * len(TABLE)
