"""Visitors of the websites alone, through a whole run."""

from __future__ import annotations

from pathlib import Path

from record.reader import RunRecord, open_record
from record.types import State
from reports.verdict import Verdict
from scenarios.contract import SITE_ASSETS
from tests.drives import a_testbed, drive, failing, judged, settings

SETS = ('world.journeys=["web.visit"]', "time.compression=300", "time.rate_factor=4")
CONDITIONAL = "operation IN ('web.home', 'web.notices', 'web.article', 'web.procedures', 'web.asset')"


def visits(folder: Path, *faults: str) -> tuple[Path, RunRecord]:
    with a_testbed(folder, *faults) as (_, target):
        record, manifest = drive(settings(folder, target, *SETS))
    assert manifest.state is State.SEALED, manifest.abort_reason
    return record, open_record(record)


def test_visitors_keep_what_they_have_seen(tmp_path: Path) -> None:
    folder, record = visits(tmp_path)
    calls = record.query(f"SELECT count(*) AS n, count(*) FILTER (status = 304) AS same FROM samples WHERE {CONDITIONAL}")
    assert calls["n"][0] > 500
    assert calls["same"][0] > 10
    errors = record.query("SELECT operation, status, error FROM samples WHERE outcome <> 'ok'")
    assert len(errors) == 0, errors
    files = record.query(
        "SELECT count(*) FILTER (operation = 'web.asset') AS files, sum(bytes_received) AS bytes FROM samples"
        " GROUP BY arrival ORDER BY files DESC"
    )
    assert set(files["files"]) <= {0, len(SITE_ASSETS)}, "each file once, however many pages refer to it"
    assert 200_000 < files["bytes"][0] < 600_000
    assessment = judged(folder)
    assert assessment.gate is not Verdict.VOID
    assert failing(assessment) == {}


def test_without_caching_everything_is_sent_again(tmp_path: Path) -> None:
    folder, record = visits(tmp_path, "cache-off")
    assert failing(judged(folder)) == {"target.caching": "fail"}
    found = record.query(
        "SELECT max(n) AS most, sum(same) AS same FROM (SELECT count(*) FILTER (operation = 'web.asset') AS n,"
        " count(*) FILTER (status = 304) AS same FROM samples GROUP BY arrival)"
    )
    assert found["most"][0] >= 3 * len(SITE_ASSETS)
    assert found["same"][0] == 0
