"""How many worker processes the connections of the users need, and what is said when there are too few."""

from __future__ import annotations

import resource
from pathlib import Path

import pytest

from loadtests import preflight
from loadtests.worker import FILES_SPARE, files_needed
from scenarios.types import ConfigError
from tests.drives import settings

USERS = {"portal": 20_000, "tthc": 20_000, "web": 20_000}


@pytest.fixture
def four_thousand_files(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(resource, "getrlimit", lambda which: (1024, 4096))


@pytest.mark.usefixtures("four_thousand_files")
def test_so_many_workers_that_each_may_hold_its_share() -> None:
    needed = preflight.fewest_workers(USERS)
    assert files_needed(USERS, needed) <= 4096 < files_needed(USERS, needed - 1)
    assert preflight.fewest_workers({"portal": 10}) == 1
    assert 60_000 / needed + FILES_SPARE <= 4096


def test_one_worker_is_enough_where_files_are_not_limited(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(resource, "getrlimit", lambda which: (1024, resource.RLIM_INFINITY))
    assert preflight.fewest_workers(USERS) == 1


@pytest.mark.usefixtures("four_thousand_files")
def test_a_run_takes_as_many_unless_it_is_told_otherwise(tmp_path: Path) -> None:
    target = tmp_path / "target.toml"
    target.write_text('name = "thu"\n[systems]\nportal = "http://127.0.0.1:8000"\ntthc = "http://127.0.0.1:8000"\n')
    many = tuple(f"users.{system}=5000" for system in ("portal", "tthc"))
    taken = [
        settings(tmp_path, target, *many, **more).workers  # type: ignore[arg-type]
        for more in ({}, {"remote_workers": 2}, {"workers": 1})
    ]
    assert taken == [3, 1, 1]
    told = settings(tmp_path, target, *many, workers=1)
    with pytest.raises(ConfigError, match="start 3 --workers or more"):
        preflight.check_crew(told, told.profile.users)
