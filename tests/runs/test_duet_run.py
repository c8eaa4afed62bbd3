"""A real duet: real services, real restarts, real load; its records give the same bytes again."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.drives import ROOT

RUN_S_MAX = 150.0  # about 40 on a machine that is free

TARGET = """
name = "{name}"
identities = "none"
[systems]
own = "http://127.0.0.1:9"
[http]
connections = "shared"
[service]
start = "{python} {server} --port {{port}} --work {work}"
ready = "/ready"
[own.get]
method = "GET"
path = "/"
"""


def duet(*words: str) -> subprocess.CompletedProcess[str]:
    line = [sys.executable, "-m", "thongsuot", "duet", *words]
    return subprocess.run(line, capture_output=True, text=True, cwd=ROOT, check=False, timeout=RUN_S_MAX)


@pytest.mark.long
def test_half_as_much_work_again_is_found_and_found_again(tmp_path: Path) -> None:
    files = []
    for name, work in (("main", 0.5), ("change", 1.0)):
        files.append(tmp_path / f"{name}.toml")
        server = ROOT / "bench/gate_server.py"
        files[-1].write_text(TARGET.format(name=name, python=sys.executable, server=server, work=work), "utf-8")
    flags = ["--base", str(files[0]), "--candidate", str(files[1]), "--rate", "120", "--runs", str(tmp_path / "runs")]
    flags += ["--looks", "11", "--warm", "0.3", "--block", "0.6", "--json", "--junit", str(tmp_path / "junit.xml")]
    done = duet(*flags)
    assert done.returncode == 1, done.stdout + done.stderr
    answer = json.loads(done.stdout)
    folder = Path(answer["folder"])
    cpu = next(row for row in answer["compared"] if row["question"]["what"] == "cpu")
    assert (answer["restarts"], answer["unusable"], cpu["verdict"]) == (11, 0, "fail")
    assert cpu["change"] > 0.5
    assert 'failures="' in (tmp_path / "junit.xml").read_text("utf-8")
    before = (folder / "duet.json").read_bytes()
    (folder / "duet.json").unlink()
    assert duet("--recompute", str(folder)).returncode == 1
    assert (folder / "duet.json").read_bytes() == before
