"""Any HTTP system: whatever its name in the target file, it is driven, its writes carry keys, Locust's page is fed."""

from __future__ import annotations

from pathlib import Path

import httpx

from loadtests.run import Progress
from record.reader import open_record
from record.types import State
from tests.drives import a_testbed, drive, settings
from tests.servers import free_port

OWN = """
[own.look]
weight = 3
system = "api"
method = "GET"
path = "/portal/procedures?q={index}"
[own.write]
weight = 1
system = "api"
method = "POST"
path = "/tthc/login"
write = true
json = { account = "14797.motcua", password = "{env:THONGSUOT_OFFICER_PASSWORD}" }
"""


def test_a_system_of_another_name_is_driven_beside_the_contract_s_own(tmp_path: Path) -> None:
    port, seen = free_port(), list[dict[str, object]]()

    def look(step: Progress) -> None:
        if step.at_s > 3 and len(seen) < 3:  # workers report to the page every 3 s
            answer = httpx.get(f"http://127.0.0.1:{port}/stats/requests", trust_env=False)
            seen[:] = answer.json()["stats"]

    with a_testbed(tmp_path) as (testbed, target):
        text = target.read_text("utf-8")
        target.write_text(text.replace("[systems]", f'[systems]\napi = "{testbed.url}"') + OWN, "utf-8")
        sets = ("time.rate_per_s=40", "phase.1.for_s=4", "phase.0.for_s=1")
        record, manifest = drive(settings(tmp_path, target, *sets, profile="generic", web_port=port), look)
        day, drilled = drive(settings(tmp_path, target, "phase.1.for_s=2", "drain_s=3"))
    assert manifest.state is State.SEALED, manifest.abort_reason
    opened = open_record(record)
    found = opened.query("SELECT operation, system, outcome, count(*) AS n FROM samples GROUP BY ALL")
    assert set(zip(found["operation"], found["system"], found["outcome"], strict=True)) == {
        ("look", "api", "ok"),
        ("write", "api", "ok"),
    }
    assert found["n"].sum() == manifest.arrivals
    facts = opened.query("SELECT fact, count(DISTINCT key) AS n FROM ledger GROUP BY fact ORDER BY fact")
    writes = int(found.loc[found["operation"] == "write", "n"].iloc[0])
    assert dict(zip(facts["fact"], facts["n"], strict=True)) == {"absent": writes, "acked": writes, "intended": writes}
    assert {row["name"] for row in seen} == {"look", "write", "Aggregated"}
    assert drilled.state is State.SEALED, drilled.abort_reason
    assert "portal.search" in set(open_record(day).query("SELECT DISTINCT operation AS o FROM samples")["o"])
