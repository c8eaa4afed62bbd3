"""What several tests of the command line need: a run whose report three people signed."""

from __future__ import annotations

import pytest

from tests.office import Office, ask
from tests.records import healthy_run
from thongsuot import papers
from thongsuot.trial_ca import ROLES


@pytest.fixture(scope="session")
def office(tmp_path_factory: pytest.TempPathFactory) -> Office:
    folder = tmp_path_factory.mktemp("office")
    run, trial = healthy_run(folder / "run"), folder / "trial"
    assert ask("trial-ca", "--out", trial).exit_code == 0
    assert ask("report", run, "--sheets").exit_code == 0
    (report,) = run.glob("assessments/*/report.pdf")
    for role in ROLES:
        done = ask("signoff", run, "--as", role, "--p12", trial / f"{role}.p12")
        assert done.exit_code == 0, done.output
    return Office(run, trial, report, papers.signed_name(report))
