"""The pytest plugin, as an engineer meets it: pytest in a process of its own, a real server, a real run."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.drives import ROOT
from tests.servers import start_line

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

pytestmark = pytest.mark.readiness("generic", "small.toml", sets=("phase.0.for_s=0.5", "phase.1.for_s=9"))

def test_all_is_told(run):
    assert run.verdict in (Verdict.PASS, Verdict.UNDECIDED), run
    assert run.verdicts["validity.conservation"] == "pass"
    assert 3 < run.p50("get") <= run.p95("get") < 2000
    assert run.p95() == run.p95("get")
    assert run.calls("get") > 300
    assert run.errors() == 0.0
    print("folder", run.folder)

def test_a_promise_that_is_not_kept(run):
    print("folder", run.folder)
    assert run.p95("get") < 1

def test_what_nobody_called(run):
    run.p95("put")

@pytest.mark.readiness("generic", "small.toml", sets=("phase.0.for_s=0.5", "phase.1.for_s=2"))
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
