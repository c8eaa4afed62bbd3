"""Any number of workers drives the same plan: same people, same keys, same due times."""

from __future__ import annotations

from pathlib import Path

import pytest

from record.reader import RunRecord, open_record
from record.types import State
from tests.drives import a_testbed, drive, settings

SETS = (
    'world.journeys=["portal.submit", "portal.visit", "tthc.counter"]',
    "time.compression=60",
    "time.rate_factor=12",
    "phase.1.for_s=3",
    "drain_s=40",
)


def facts(record: RunRecord) -> tuple[set[tuple[object, ...]], set[str]]:
    """Portal calls with their due times (officers' stay logged in per process), and the keys of all writes.

    Whoever logs in goes on when the identity provider has answered; from there on times count from the log-in.
    """
    calls = record.query("""
        WITH logged_in AS (SELECT arrival, step, intended_ns FROM samples WHERE operation = 'portal.login')
        SELECT s.arrival, s.step, s.operation, s.intended_ns - coalesce(l.intended_ns, 0) AS due_ns
        FROM samples s LEFT JOIN logged_in l ON l.arrival = s.arrival AND l.step <= s.step WHERE s.system = 'portal'""")
    keys = record.query("SELECT key FROM ledger WHERE fact = 'intended'")
    return set(calls.itertuples(index=False, name=None)), set(keys["key"])


@pytest.mark.long
def test_one_two_and_four_workers_drive_the_same_plan(tmp_path: Path) -> None:
    found = []
    for workers in (1, 2, 4):
        folder = tmp_path / str(workers)
        folder.mkdir()
        with a_testbed(folder) as (_, target):
            record, manifest = drive(settings(folder, target, *SETS, workers=workers, tag="same"))
        assert manifest.state is State.SEALED, manifest.abort_reason
        opened = open_record(record)
        assert opened.query("SELECT count(DISTINCT worker) AS n FROM journeys")["n"][0] == min(workers, 3)
        found.append((manifest.plan_digest, *facts(opened)))
    assert found[0] == found[1] == found[2]
    assert len(found[0][1]) > 100
    assert len(found[0][2]) > 20


def test_a_worker_on_another_machine_sends_its_journals_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("THONGSUOT_SHIP", "1")
    with a_testbed(tmp_path) as (_, target):
        record, manifest = drive(settings(tmp_path, target, workers=2))
    assert manifest.state is State.SEALED, manifest.abort_reason
    opened = open_record(record)
    assert opened.query("SELECT count(DISTINCT worker) AS n FROM samples")["n"][0] == 2
    assert opened.query("SELECT count(*) AS n FROM ledger WHERE fact = 'acked'")["n"][0] > 0
