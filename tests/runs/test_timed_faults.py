"""A profile that sets a fault in the middle of a run, and the final read of what linked systems hold, end to end."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import psutil

from record.reader import open_record
from record.types import State
from scenarios.lifecycle import moves
from reports.verdict import Verdict
from tests.drives import a_testbed, drive, judged, settings
from tests.loadtests.scripted import Asked, scripted


def test_a_fault_is_switched_within_the_run_and_everything_stands_in_the_record(tmp_path: Path) -> None:
    def control(asked: Asked) -> tuple[int, Any]:
        return 200, {}

    with a_testbed(tmp_path) as (_, target), scripted(control) as server:
        text = target.read_text("utf-8").replace("[systems]", f'[systems]\nswitch = "{server.url}"')
        text = text.replace('[control]\nsystem = "tthc"', '[control]\nsystem = "switch"')
        target.write_text(text, "utf-8")
        sets = ("phase.1.for_s=3", 'fault=[{at = "2s", for_s = 1, kind = "delay=900:portal.search"}]')
        folder, manifest = drive(settings(tmp_path, target, *sets))
    assert manifest.state is State.SEALED, manifest.abort_reason
    assert [asked.body for asked in server.asked] == [
        {"on": ["delay=900:portal.search"], "off": ["delay=900:portal.search"]},
        {"on": [], "off": ["delay=900:portal.search"]},
    ]
    record = open_record(folder)
    events = {event.kind: event for event in record.events()}
    assert events["fault-begin"].text == events["fault-end"].text == "delay=900:portal.search"
    assert 2.0 <= events["fault-begin"].at_ns * 1e-9 < 3.0 <= events["fault-end"].at_ns * 1e-9
    assert {"tthc", "web", "national"} <= set(events["final-observations"].text.split(", "))
    assert not {"final-unsettled", "final-read-failed"} & set(events)
    assert manifest.moves == moves()
    states = record.query("SELECT count(*) AS n FROM observations WHERE place = 'tthc' AND kind = 'state'")
    dossiers = record.query("""SELECT count(DISTINCT key) AS n FROM ledger
        WHERE fact = 'acked' AND operation IN ('portal.submit', 'tthc.receive')""")
    assert states["n"][0] == dossiers["n"][0] > 10
    there = record.query("SELECT count(*) AS n FROM observations WHERE place = 'national' AND kind = 'state'")
    assert there["n"][0] == states["n"][0]
    assert [link.slug for link in manifest.links if link.lag] == ["national"]
    lags = record.query("""WITH first AS (SELECT place, subject, value, min(at_ms) AS at_ms FROM observations
            WHERE kind = 'history' GROUP BY ALL)
        SELECT max(there.at_ms - here.at_ms) AS most, count(*) AS n
        FROM first AS here JOIN first AS there USING (subject, value)
        WHERE here.place = 'tthc' AND there.place = 'national'""")
    assert lags["n"][0] >= states["n"][0]
    assert lags["most"][0] < 20_000
    skews = record.query("SELECT value FROM readings WHERE metric = 'clock_skew_ms' AND source = 'target:tthc'")
    assert abs(skews["value"]).max() < 500


def test_a_platform_that_crashes_in_the_middle_of_a_run_is_there_again_and_kept_everything(tmp_path: Path) -> None:
    with a_testbed(tmp_path, more=("--control", "--restart")) as (testbed, target):
        fault = 'fault=[{at = "1s", for = "5s", kind = "crash=2"}]'
        folder, manifest = drive(settings(tmp_path, target, fault))
        assert not psutil.pid_exists(testbed.pid)
    assert manifest.state is State.SEALED, manifest.abort_reason
    assert {"fault-begin", "fault-end"} <= {event.kind for event in open_record(folder).events()}
    findings = {finding.check: finding.verdict for finding in judged(folder).findings}
    assert findings["integrity.lost"] is findings["integrity.never_read"] is Verdict.PASS
    assert findings["linked.payments"] is Verdict.PASS
    assert any(check.startswith("recovery.") for check in findings)
