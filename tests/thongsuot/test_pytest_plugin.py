"""The pytest plugin, as an engineer meets it: pytest in a process of its own, a real server, a real run."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from math import exp
from pathlib import Path

import pytest

from reports.verdict import Verdict
from tests import records
from tests.drives import ROOT
from tests.servers import start_line
from thongsuot import pytest_plugin

pytest_plugins = ["pytester"]

TARGET = """
name = "small"
identities = "none"
[systems]
own = "{url}"
[own.get]
method = "GET"
path = "/"
"""
TESTS = """
import pytest
from reports.verdict import Verdict

pytestmark = pytest.mark.readiness("generic", "small.toml", sets=("phase.0.for_s=0.5", "phase.1.for_s=2"))

def test_all_is_told(run):
    assert isinstance(run.verdict, Verdict)  # which of them, a busy machine may decide
    assert run.verdicts["validity.conservation"] == "pass"
    assert run.calls("get") > 50
    assert run.errors() < 0.5
    print("folder", run.folder)

def test_a_promise_that_is_not_kept(run):
    print("folder", run.folder)
    assert run.calls("get") < 1

def test_what_nobody_called(run):
    run.p95("put")

def test_too_little_to_say(run):
    assert run.p50("get") < 10_000
"""


@pytest.fixture
def target(pytester: pytest.Pytester) -> Iterator[str]:
    with start_line("-m", "bench.gate_server", "--work", "0.1") as (_, port):
        text = TARGET.format(url=f"http://127.0.0.1:{port}")
        pytester.path.joinpath("small.toml").write_text(text, "utf-8")
        yield text


def test_tests_with_one_marker_share_one_judged_run(pytester: pytest.Pytester, target: str) -> None:
    pytester.makepyfile(TESTS)
    done = pytester.runpytest_subprocess("-rP", "-p", "no:cacheprovider", timeout=90)
    done.assert_outcomes(passed=1, failed=3)
    folders = {line for line in done.outlines if line.startswith("folder ")}
    assert len(folders) == 1
    assert Path(folders.pop().split()[1]).parent == Path("runs")
    done.stdout.fnmatch_lines(["*assert * < 1", "*no call of put*there were: get*", "*too few for p50; run longer*"])


def test_figures_are_those_of_the_record(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    folder = records.healthy_run(tmp_path / "run", 6000)
    monkeypatch.setattr(pytest_plugin, "_drive", lambda *_: folder)
    run = pytest_plugin.Run(tmp_path, "generic", "small.toml", (), None)
    assert (run.verdict, run.passed) == (Verdict.PASS, True)
    assert run.p50("portal.track") == pytest.approx(60, rel=0.05)  # log-normal about 60 ms, sigma 0.5
    assert run.p95("portal.track") == pytest.approx(60 * exp(1.645 * 0.5), rel=0.1)
    assert run.p50() <= run.p95() <= run.p99()
    assert run.calls() == run.calls("portal.track") + run.calls("tthc.receive")
    assert run.errors("tthc.receive") == 0.0
    with pytest.raises(ValueError, match="percentile 75"):
        run.percentile(75.0)


def test_what_is_wrong_is_told_in_words(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        """
        import pytest

        @pytest.mark.readiness("nobody", "nothing.toml")
        def test_a(run): pass

        def test_b(run): pass
        """
    )
    done = pytester.runpytest_subprocess("-p", "no:cacheprovider", timeout=60)
    done.assert_outcomes(errors=2)
    done.stdout.fnmatch_lines(["*profile 'nobody': unknown*", "*needs @pytest.mark.readiness*"])


def test_it_costs_nothing_until_a_run_is_asked_for() -> None:
    """Only pytest's own modules; nothing of the harness, no numbers library, no event loop."""
    code = "import sys, pytest, json; before = set(sys.modules); import thongsuot.pytest_plugin; "
    code += "print(json.dumps(sorted(set(sys.modules) - before)))"
    line = [sys.executable, "-c", code]
    done = subprocess.run(line, capture_output=True, text=True, check=True, cwd=ROOT, timeout=60)
    assert json.loads(done.stdout) == ["thongsuot", "thongsuot.pytest_plugin"]
