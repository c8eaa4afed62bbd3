"""Two versions as one target, and both as processes of ours: started, metered, ended with everything below them."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import psutil
import pytest

from loadtests import targets
from loadtests.pair import Pair, pair
from loadtests.restarts import Services
from scenarios.types import ConfigError
from tests.drives import ROOT

SERVER = f"{sys.executable} {ROOT / 'bench/gate_server.py'} --port {{port}}"
FILE = """
name = "{name}"
identities = "none"
[systems]
own = "http://127.0.0.1:9"
[service]
start = '''{start}'''
ready = "/ready"
[own.get]
method = "GET"
path = "/a?n={{index}}"
{more}
"""


def a_file(folder: Path, name: str, start: str = SERVER, more: str = "") -> Path:
    path = folder / f"{name}.toml"
    path.write_text(FILE.format(name=name, start=start, more=more), "utf-8")
    return path


@pytest.fixture
def both(tmp_path: Path) -> Pair:
    return pair(a_file(tmp_path, "old"), a_file(tmp_path, "new"))


@pytest.fixture
def services(both: Pair, tmp_path: Path) -> Iterator[Services]:
    with Services(both.sides, tmp_path) as running:
        yield running


def test_every_operation_stands_twice_with_equal_weight(both: Pair) -> None:
    target = targets.parse("duet.toml", both.text)
    assert target.weights == {"base.get": 1.0, "candidate.get": 1.0}
    bases = target.info().bases
    assert set(bases) == {"base-own", "candidate-own"}
    assert len(set(bases.values())) == 2
    assert target.bind("candidate.get").request({"index": 7}, None, None)[0] == bases["candidate-own"] + "/a?n=7"


WRONG = [
    ({"more": "[own.put]\nmethod = 'GET'\npath = '/'"}, "[own] is not as in", "another operation"),
    ({"more": "[http]\nversion = '1.1'"}, "[http] is not as in", "another way of asking"),
    ({"start": "'"}, 'service.start: "\'" will not do (No closing quotation)', "no command"),
    ({"more": "[service.counters]\nqueries = 'q_total'"}, "where are they read?", "counters without meters"),
]


@pytest.mark.parametrize(("change", "says"), [row[:2] for row in WRONG], ids=[row[2] for row in WRONG])
def test_unlike_or_wrong_files_are_refused_in_words(tmp_path: Path, change: dict[str, str], says: str) -> None:
    with pytest.raises(ConfigError) as caught:
        pair(a_file(tmp_path, "old"), a_file(tmp_path, "new", **change))
    assert says in "\n".join(caught.value.problems)


def test_a_system_elsewhere_cannot_be_started_here(tmp_path: Path) -> None:
    away = tmp_path / "away.toml"
    text = FILE.format(name="away", start=SERVER, more="").replace("http://127.0.0.1:9", "http://10.0.0.1:9")
    away.write_text(text, "utf-8")
    with pytest.raises(ConfigError) as caught:
        pair(a_file(tmp_path, "old"), away)
    assert caught.value.problems == [f"{away}: systems.own: what is started here is asked at http://127.0.0.1:…"]


def test_versions_that_cannot_be_started_or_share_a_port_are_refused(tmp_path: Path) -> None:
    plain = tmp_path / "plain.toml"
    text = FILE.format(name="plain", start=SERVER, more="")
    plain.write_text(text[: text.index("[service]")] + text[text.index("[own.get]") :], "utf-8")
    with pytest.raises(ConfigError) as caught:
        pair(plain, plain)
    assert [problem.split(": ", 1)[1][:17] for problem in caught.value.problems] == ["service: missing;"] * 2
    fixed = a_file(tmp_path, "fixed", start="python3 server.py")
    with pytest.raises(ConfigError, match="both listen on port 9"):
        pair(fixed, fixed)


def test_both_answer_after_a_restart_as_other_processes(services: Services) -> None:
    services.restart(0)
    before = {side.name: services.used_s(side) for side in services.sides}
    for side in services.sides:
        for _ in range(100):
            assert httpx.get(side.base + "/a", trust_env=False).status_code == 200
    after = {side.name: services.used_s(side) for side in services.sides}
    for name, used in after.items():
        assert used is not None
        assert used - (before[name] or 0.0) > 0.1  # a hundred answers of about two milliseconds
    old = {child.pid for child in psutil.Process().children()}
    services.restart(1)
    assert len({child.pid for child in psutil.Process().children()} - old) == len(services.sides)
    for side in services.sides:
        fresh = services.used_s(side)
        assert fresh is not None
        assert fresh < (after[side.name] or 0.0), "counted from its own start, which costs less than so many answers"


def test_nothing_is_left_of_a_service_that_starts_others(tmp_path: Path) -> None:
    script = tmp_path / "start.sh"
    script.write_text(f"{sys.executable} -c 'import time; time.sleep(600)' &\n{SERVER.replace('{port}', '$1')}\n")
    both = pair(*(a_file(tmp_path, name, start=f"sh {script} {{port}}") for name in ("old", "new")))
    with Services(both.sides, tmp_path) as services:
        services.restart(0)
        below = [child for child in psutil.Process().children(recursive=True) if str(tmp_path) in str(child.cmdline())]
        everybody = [child for shell in below for child in (shell, *shell.children(recursive=True))]
        assert len(everybody) == 6
    assert [process for process in everybody if alive(process)] == []


def alive(process: psutil.Process) -> bool:
    """Whoever is no child of ours may wait for a while until its end is taken note of."""
    try:
        return process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def test_a_service_that_ends_at_once_is_told_with_its_last_words(tmp_path: Path) -> None:
    both = pair(a_file(tmp_path, "old"), a_file(tmp_path, "new", start="sh -c 'echo no database; exit 3' {port}"))
    with Services(both.sides, tmp_path) as services, pytest.raises(ConfigError, match=r"ended with 3.*\nno database"):
        services.restart(0)
