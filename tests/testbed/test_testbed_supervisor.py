"""The supervisor: nobody outlives it, who dies is started again when it was told so, and clients wait meanwhile."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import psutil
import pytest

from tests.servers import RunningTestbed, start_testbed
from tests.testbed.people import CCCD, Office

WAIT_S = 20


def test_both_processes_serve_and_name_themselves() -> None:
    with start_testbed() as testbed:
        pids = {_pid(testbed.url), _pid(testbed.outside_url)}
        assert testbed.pid in pids
        assert pids == {child.pid for child in psutil.Process(testbed.process.pid).children()}
        page = httpx.get(f"{testbed.outside_url}/audit/writes", params={"tag": "nobody"}, trust_env=False)
        assert page.json() == {"writes": [], "next": None}


@pytest.mark.parametrize(
    "end", [lambda process: process.kill(), lambda process: process.stdin.close()], ids=["kill -9", "stdin closes"]
)
def test_its_children_do_not_outlive_it(end: Callable[[object], None]) -> None:
    with start_testbed() as testbed:
        children = psutil.Process(testbed.process.pid).children()
        assert len(children) == 2
        end(testbed.process)
        _, alive = psutil.wait_procs(children, timeout=WAIT_S)
        assert alive == []


@pytest.mark.parametrize("victim", ["platform", "outside"])
def test_a_process_that_dies_ends_the_testbed_with_an_error(victim: str) -> None:
    with start_testbed() as testbed:
        children = psutil.Process(testbed.process.pid).children()
        os.kill(_pid(testbed.url if victim == "platform" else testbed.outside_url), signal.SIGKILL)
        assert testbed.process.wait(WAIT_S) == 1
        assert not any(child.is_running() for child in children)


@pytest.mark.parametrize("victim", ["platform", "outside"])
def test_with_restart_clients_wait_for_the_next_process_and_are_not_refused(victim: str) -> None:
    with start_testbed("--restart") as testbed:
        url = testbed.url if victim == "platform" else testbed.outside_url
        for _ in range(5):
            pid = _pid(url)
            os.kill(pid, signal.SIGKILL)
            psutil.wait_procs([psutil.Process(pid)] if psutil.pid_exists(pid) else [], timeout=WAIT_S)
            assert _pid(url) != pid
        testbed.process.terminate()
        assert testbed.process.wait(WAIT_S) == 0


def test_a_database_that_went_away_ends_even_a_testbed_that_restarts(tmp_path_factory: pytest.TempPathFactory) -> None:
    data = tmp_path_factory.mktemp("data")
    with start_testbed("--restart", "--data", str(data)) as testbed:
        (data / "testbed.sqlite").unlink()
        (data / "testbed.sqlite").mkdir()
        os.kill(testbed.pid, signal.SIGKILL)
        assert testbed.process.wait(WAIT_S) == 1


def test_a_testbed_that_restarts_still_knows_everything(database: list[str]) -> None:
    with start_testbed("--restart", *database) as testbed, _client(testbed) as client:
        office = Office(client)
        key = office.key()
        code = office.submit(key).json()["dossier"]
        os.kill(testbed.pid, signal.SIGKILL)
        with _client(testbed) as again:
            assert again.get(f"/portal/dossiers/{code}").json()["state"] == 1
            office.client = again
            assert [write.subject for write in office.by_keys(key)] == [code]
            assert office.attach(code, who=CCCD).status_code == 201


def test_what_was_acknowledged_survives_kill_9_and_restart_in_the_middle(database: list[str], tmp_path: Path) -> None:
    acknowledged: list[str] = []
    with start_testbed("--restart", "--data", str(tmp_path), *database) as testbed, _client(testbed) as client:
        office = Office(client)
        codes = [office.submit().json()["dossier"] for _ in range(3)]

        def work(number: int) -> None:
            key = office.key()
            try:
                if number % 25 == 20:
                    os.kill(_pid(testbed.url), signal.SIGKILL)
                reply = office.submit(key) if number % 2 else office.attach(codes[0], str(number).encode() * 9_999, key)
            except httpx.TransportError:
                return
            if reply.status_code == 201:
                acknowledged.append(key)

        with ThreadPoolExecutor(4) as pool:
            list(pool.map(work, range(100)))
        assert len(acknowledged) >= 60
        found = {write.key: write for write in office.by_keys(*acknowledged)}
    assert set(found) == set(acknowledged)
    for write in found.values():
        if sha256 := write.content.get("sha256"):
            assert (tmp_path / "files" / sha256[:2] / sha256).is_file()


@pytest.fixture(params=["sqlite", "postgres"])
def database(request: pytest.FixtureRequest) -> list[str]:
    return ["--db", request.getfixturevalue("postgres_url")] if request.param == "postgres" else []


def _pid(url: str) -> int:
    lines = httpx.get(f"{url}/metrics", timeout=WAIT_S, trust_env=False).text.splitlines()
    return int(next(line for line in lines if line.startswith("testbed_pid ")).split()[1])


def _client(testbed: RunningTestbed) -> httpx.Client:
    return httpx.Client(base_url=testbed.url, timeout=WAIT_S)
