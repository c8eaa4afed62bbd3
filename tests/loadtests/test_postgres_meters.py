"""PostgreSQL's own views are read over a connection that cannot write; a database that is not there is not measured."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from loadtests import targets
from loadtests.postgres_meters import PostgresMeters
from scenarios.types import ConfigError
from tests.servers import postgres_programs, start_postgres

TARGET = 'name = "x"\n[systems]\nown = "http://127.0.0.1:1"\n[postgres]\nurl_env = "STATISTICS_URL"\n'


@pytest.fixture
def database(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    if postgres_programs() is None:
        pytest.skip("PostgreSQL is not installed (Debian: apt install postgresql)")
    with start_postgres() as url:
        monkeypatch.setenv("STATISTICS_URL", url)
        yield


def test_connections_and_who_waits_are_read(database: None) -> None:
    meters = PostgresMeters("STATISTICS_URL")
    first, second = list(meters.readings(lambda: 7)), list(meters.readings(lambda: 8))
    meters.close()
    assert {(r.source, r.metric): r.value for r in first} == {
        ("resource:pool:database's connections", "busy"): 0,
        ("resource:pool:database's connections", "size"): 97,
        ("resource:lock:database's locks", "waiting"): 0,
        ("resource:disk:database's files", "waiting"): 0,
    }
    assert [r.at_ns for r in second] == [8] * 4


def test_a_database_that_is_not_there_is_not_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STATISTICS_URL", "postgresql://x@127.0.0.1:9/x")
    meters = PostgresMeters("STATISTICS_URL")
    assert list(meters.readings(lambda: 7)) == []
    meters.close()


ADDRESSES = [
    ("", "is not set"),
    ("http://127.0.0.1/x", "holds no address"),
    ("postgresql://[x", "holds no address"),
    ("postgresql://u:secret@db.example/x", "is not this machine"),
]


@pytest.mark.parametrize(("address", "problem"), ADDRESSES)
def test_preflight_says_why_it_may_not_be_asked_and_tells_no_secret(address: str, problem: str) -> None:
    target = targets.parse("x.toml", TARGET, {"STATISTICS_URL": address})
    found = [text for text in target.problems_before_traffic() if problem in text]
    assert len(found) == 1
    assert "secret" not in found[0]
    good = targets.parse("x.toml", TARGET, {"STATISTICS_URL": "postgresql://u@127.0.0.1/x"})
    assert good.problems_before_traffic() == []


def test_a_variable_has_a_name() -> None:
    with pytest.raises(ConfigError, match="url_env"):
        targets.parse("x.toml", TARGET.replace("STATISTICS_URL", "postgresql://x"), os.environ)
