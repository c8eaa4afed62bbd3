"""The process: how it starts, what it refuses, how it ends, and what it still knows after being killed."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import psutil
import pytest

from tests.servers import FREE_PORTS, OFFICER_PASSWORD, RunningTestbed, start_testbed
from tests.testbed.people import CCCD, Office


def _run(*arguments: str, password: str = OFFICER_PASSWORD) -> subprocess.CompletedProcess[str]:
    environment = os.environ | {"THONGSUOT_OFFICER_PASSWORD": password}
    command = [sys.executable, "-m", "testbed", *FREE_PORTS, *arguments]
    return subprocess.run(
        command, env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False, timeout=20
    )


def test_every_wrong_option_is_named_at_once_and_nothing_starts(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    ended = _run(
        *("--db", "mysql://root:geheim@h/d", "--data", str(tmp_path / "file"), "--fault", "loose=3"),
        *("--fault", "lose=0", "--fault", "delay=5:portal.nothing", "--fault", "lose=5:portal.track"),
        password="",
    )
    assert (ended.returncode, ended.stdout) == (2, "")
    lines = ended.stderr.splitlines()
    assert all(line.startswith("testbed: ") for line in lines)
    for part in (
        "unknown kind 'loose'; known are: lose, double, change, phantom, refuse-kept, status, status-after, delay",
        "--fault lose=0: expected a whole number from 1",
        "unknown operation 'portal.nothing'",
        "portal.track is not a write",
        "THONGSUOT_OFFICER_PASSWORD is not set",
        "--db: expected sqlite:///PATH or postgresql://",
        "is not a folder",
    ):
        assert sum(part in line for line in lines) == 1, part
    assert len(lines) == 7
    assert "geheim" not in ended.stderr


def test_an_option_that_does_not_exist_is_refused() -> None:
    assert _run("--surprise").returncode == 2


def test_a_database_that_cannot_be_used_is_a_clear_error(tmp_path: Path) -> None:
    (tmp_path / "no.sqlite").write_bytes(b"this is not a database" * 100)
    ended = _run("--db", f"sqlite:///{tmp_path}/no.sqlite")
    assert (ended.returncode, ended.stdout) == (2, "")
    assert "cannot be used as a database" in ended.stderr
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))  # bound and not listening: connections are refused
        ended = _run("--db", f"postgresql://u:geheim@127.0.0.1:{nobody.getsockname()[1]}/d")
    assert (ended.returncode, ended.stdout) == (2, "")
    assert "PostgreSQL cannot be reached" in ended.stderr
    assert "geheim" not in ended.stderr


def test_a_port_that_is_taken_is_a_clear_error() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        for option in ("--port", "--outside-port"):
            ended = _run(option, str(taken.getsockname()[1]))
            assert (ended.returncode, ended.stdout) == (2, "")
            assert f"{option} {taken.getsockname()[1]}: cannot listen there" in ended.stderr


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_after_the_requests_at_hand_are_answered(number: int) -> None:
    with start_testbed("--fault", "delay=1000:portal.submit") as testbed, _client(testbed) as client:
        office = Office(client)
        office.token(CCCD)
        with ThreadPoolExecutor(4) as pool:
            replies = [pool.submit(office.submit) for _ in range(4)]
            while "testbed_in_flight 4" not in client.get("/metrics").text:
                assert not replies[0].done()
            testbed.process.send_signal(number)
            assert {reply.result().status_code for reply in replies} == {201}
        assert testbed.process.wait(10) == 0


def test_it_ends_when_its_parent_is_gone() -> None:
    with start_testbed() as testbed:
        assert testbed.process.stdin is not None
        testbed.process.stdin.close()
        assert testbed.process.wait(10) == 0


def test_its_temporary_folder_goes_with_it_and_a_given_one_stays(tmp_path: Path) -> None:
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    old = os.environ.get("TMPDIR")
    os.environ["TMPDIR"] = str(temporary)
    try:
        with start_testbed() as testbed:
            assert len(list(temporary.iterdir())) == 1
            assert testbed.url.startswith("http://127.0.0.1:")
    finally:
        del os.environ["TMPDIR"]
        if old is not None:
            os.environ["TMPDIR"] = old
    assert list(temporary.iterdir()) == []
    with start_testbed("--data", str(tmp_path / "data")):
        pass
    assert (tmp_path / "data" / "testbed.sqlite").is_file()
    assert (tmp_path / "data" / "outside.sqlite").is_file()


@pytest.mark.parametrize("durability", ["normal", "full"])
def test_what_was_acknowledged_survives_kill_9(tmp_path: Path, durability: str) -> None:
    options = ("--data", str(tmp_path), "--durability", durability)
    acknowledged: list[str] = []
    with start_testbed(*options) as testbed, _client(testbed) as client:
        office = Office(client)
        token = office.token(CCCD)
        codes = [office.submit().json()["dossier"] for _ in range(3)]

        def work(number: int) -> None:
            key = office.key()
            try:
                if number == 60:
                    os.kill(testbed.pid, signal.SIGKILL)
                reply = office.submit(key) if number % 2 else office.attach(codes[0], str(number).encode() * 9_999, key)
            except httpx.TransportError:
                return
            if reply.status_code == 201:
                acknowledged.append(key)

        with ThreadPoolExecutor(4) as pool:
            list(pool.map(work, range(80)))
    assert len(acknowledged) >= 40
    (tmp_path / "incoming" / "left-behind").touch()
    with start_testbed(*options) as testbed, _client(testbed) as client:
        again = Office(client)
        found = {write.key: write for write in again.by_keys(*acknowledged)}
        assert set(found) == set(acknowledged)
        for write in found.values():
            if sha256 := write.content.get("sha256"):
                assert (tmp_path / "files" / sha256[:2] / sha256).is_file()
        mine = client.get("/portal/dossiers", headers={"Authorization": f"Bearer {token}"})
        assert mine.status_code == 200, "the log-in survives as well"
        assert set(codes) <= set(mine.json()["dossiers"])
        assert 'testbed_dossiers{state="1"} 0' not in client.get("/metrics").text
        assert list((tmp_path / "incoming").iterdir()) == []


def test_an_upload_that_is_cut_off_leaves_nothing(tmp_path: Path) -> None:
    with start_testbed("--data", str(tmp_path)) as testbed, _client(testbed) as client:
        office = Office(client)
        code = office.submit().json()["dossier"]
        headers = "".join(f"{name}: {value}\r\n" for name, value in office.headers(CCCD, office.key()).items())
        head = (
            f"POST /portal/dossiers/{code}/attachments HTTP/1.1\r\nHost: x\r\n{headers}"
            "Content-Type: multipart/form-data; boundary=x\r\nContent-Length: 1000000\r\n\r\n"
            '--x\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\n'
        )
        with socket.create_connection(("127.0.0.1", int(testbed.url.rsplit(":", 1)[1]))) as wire:
            wire.sendall(head.encode() + bytes(300_000))
            while not list((tmp_path / "incoming").iterdir()):
                pass
        while list((tmp_path / "incoming").iterdir()):
            pass
        assert len(office.writes()) == 1
        assert list((tmp_path / "files").rglob("*/*")) == []


def test_the_ready_line_is_one_json_object() -> None:
    with start_testbed() as testbed:
        assert psutil.Process(testbed.pid).ppid() == testbed.process.pid
        testbed.process.terminate()
        assert testbed.process.stdout is not None
        rest = testbed.process.stdout.read()
    assert rest == "", f"nothing follows the ready line: {json.dumps(rest)}"


def _client(testbed: RunningTestbed) -> httpx.Client:
    return httpx.Client(base_url=testbed.url, timeout=20)
