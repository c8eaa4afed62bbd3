"""`thongsuot live RUN` as a process of its own."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest
from click.testing import CliRunner

from tests.records import healthy, make_record
from tests.rooms import Listener
from tests.servers import free_port
from thongsuot.cli import main
from thongsuot.live import Wanted, opened


@contextmanager
def served(*words: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """The command, and the address that it printed."""
    line = [sys.executable, "-m", "thongsuot", "live", *words]
    with subprocess.Popen(line, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        try:
            yield process, process.stderr.readline().removeprefix("live: ").strip()
        finally:
            process.kill()


def test_a_sealed_run_shows_its_last_second_until_ctrl_c(tmp_path: Path) -> None:
    folder = make_record(tmp_path / "r", **healthy(90))
    port = str(free_port())
    with served(str(folder), "--live-port", port) as (process, url):
        assert url == f"http://127.0.0.1:{port}/"
        (frame,) = Listener(url).wait()
        assert (frame["stage"], frame["calls"]) == ("sealed", 90)
        assert "Xã 14800" in httpx.get(url, trust_env=False).text
        process.send_signal(signal.SIGINT)
        out, errors = process.communicate(timeout=20)
        assert (process.returncode, out, errors) == (0, "", "")


def test_elsewhere_the_printed_address_carries_a_token(capsys: pytest.CaptureFixture[str]) -> None:
    with opened(Wanted(live=True, live_host="0.0.0.0")):
        url = capsys.readouterr().err.removeprefix("live: ").strip()
        base, _, token = url.partition("?token=")
        assert len(token) >= 20
        here = base.replace("0.0.0.0", "127.0.0.1")
        assert 'id="drain"' not in httpx.get(here, trust_env=False).text
        assert 'id="drain"' in httpx.get(f"{here}?token={token}", trust_env=False).text


@pytest.mark.parametrize("name", ["manifest.json", "arrivals.parquet", "communes.parquet"])
def test_a_folder_that_is_no_run_is_told_in_one_line(tmp_path: Path, name: str) -> None:
    folder = make_record(tmp_path / "r", **healthy(30))
    (folder / name).write_bytes(b"nonsense")
    result = CliRunner().invoke(main, ["live", str(folder)])
    assert result.exit_code == 2
    assert result.output.count("error: ") == 1
    assert name in result.output
