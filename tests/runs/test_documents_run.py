"""A short whole run of the document system alone: issued, delivered, taken in, and every side of it agrees."""

from __future__ import annotations

from pathlib import Path

from record.reader import open_record
from record.types import State
from tests.drill_table import DOCUMENTS_ALONE
from tests.drives import a_testbed, drive, failing, judged, passing, settings


def test_what_the_offices_send_each_other_arrives_and_is_counted_without_gaps(tmp_path: Path) -> None:
    with a_testbed(tmp_path) as (_, target):
        folder, manifest = drive(settings(tmp_path, target, *DOCUMENTS_ALONE))
    assert manifest.state is State.SEALED, manifest.abort_reason
    assessment = judged(folder)
    assert failing(assessment) == {}
    for checks in ("integrity.", "linked.deliveries"):
        assert passing(assessment, checks), [(f.check, f.verdict.name) for f in assessment.findings]
    record = open_record(folder)
    calls = record.query("SELECT operation, count(*) AS n FROM samples WHERE outcome = 'ok' GROUP BY operation")
    done = dict(zip(calls["operation"], calls["n"], strict=True))
    for operation in ("docs.issue", "docs.file", "docs.fetch", "docs.register", "docs.assign", "docs.finish"):
        assert done.get(operation, 0) > 0, done
    numbers = record.query("SELECT count(*) AS n FROM observations WHERE kind = 'number'")["n"][0]
    assert numbers == done["docs.issue"] + done["docs.register"]
