"""One testbed per database for all tests of the platform; PostgreSQL only where it is installed."""

from __future__ import annotations

from collections.abc import Iterator

import httpx
import pytest

from tests.servers import postgres_programs, start_postgres, start_testbed
from tests.testbed.people import Office


@pytest.fixture(scope="session")
def postgres_url() -> Iterator[str]:
    if postgres_programs() is None:
        pytest.skip("PostgreSQL is not installed (Debian: apt install postgresql)")
    with start_postgres() as url:
        yield url


@pytest.fixture(scope="session", params=["sqlite", "postgres"])
def client(request: pytest.FixtureRequest) -> Iterator[httpx.Client]:
    """A client of a testbed that everybody shares: use communes and keys of your own (Office)."""
    options = ["--db", request.getfixturevalue("postgres_url")] if request.param == "postgres" else []
    with start_testbed(*options) as testbed, httpx.Client(base_url=testbed.url, timeout=30) as shared:
        yield shared


@pytest.fixture
def office(client: httpx.Client) -> Office:
    return Office(client)
