"""Meters become resources: expressions, what exporters tell by default, and what the kernel tells of a quota."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from loadtests import targets
from loadtests.local_processes import LocalProcesses, quota_of
from loadtests.meters import Expression, Meters, expression
from loadtests.resources import SHIPPED
from loadtests.telemetry import Telemetry
from record import tables
from record.journal import Journal
from scenarios.types import ConfigError

NODE = """# HELP node_cpu_seconds_total Seconds the CPUs spent in each mode.
node_cpu_seconds_total{cpu="0",mode="idle"} 100.5
node_cpu_seconds_total{cpu="0",mode="user"} 7
node_cpu_seconds_total{cpu="1",mode="idle"} 90
node_cpu_seconds_total{cpu="1",mode="iowait"} 4
node_cpu_seconds_total{cpu="1",mode="system"} 3.5 1751853600000
node_disk_io_time_seconds_total{device="sda"} 12
node_disk_io_time_weighted_seconds_total{device="sda"} 30
node_disk_io_time_seconds_total{device="sdb"} 1
node_disk_io_time_weighted_seconds_total{device="sdb"} 2
node_load1 NaN
"""
POSTGRES = """pg_stat_database_numbackends{datname="a"} 3
pg_stat_database_numbackends{datname="b"} 4
pg_settings_max_connections 100
pg_stat_activity_count{datname="a",wait_event_type="Lock"} 2
"""

EXPRESSIONS = [
    ("20", 20.0),
    ("0.5 * 20", 10.0),
    ('node_cpu_seconds_total{mode!="idle",mode!="iowait"}', 10.5),
    ('count(node_cpu_seconds_total{mode="idle"})', 2.0),
    ('node_cpu_seconds_total{cpu="0"} - 0.5 * node_cpu_seconds_total{cpu="1",mode="iowait"} + 1', 106.5),
    ("node_load1", None),
    ("nothing_of_the_kind", None),
    ('node_cpu_seconds_total{mode="steal"}', None),
]


@pytest.mark.parametrize(("text", "value"), EXPRESSIONS)
def test_an_expression_adds_up_what_matches(text: str, value: float | None) -> None:
    made = expression(text)
    assert isinstance(made, Expression), made
    assert made.value(Meters(NODE)) == value


@pytest.mark.parametrize("text", ["", "a{b=1}", "a b", "rate(a[5m])", "a +", '{x="y"}', " + ".join(["a"] * 9)])
def test_what_is_no_expression_is_said(text: str) -> None:
    assert isinstance(expression(text), str)


@pytest.mark.parametrize(
    "line", ["x{", 'x{a="b} 1', "x 1e999", "x nan", "x one", "1x 2", "x" * 5000 + " 1", "", "\x00"]
)
def test_lines_that_are_no_series_are_left_out(line: str) -> None:
    assert Meters(f"{line}\ny 1\n").series("y") == [({}, 1.0)]
    assert Meters(line).series("x") == []


def test_well_known_exporters_need_no_words(tmp_path: Path) -> None:
    rows = _kept(tmp_path, NODE + POSTGRES)
    assert rows["resource:cpu:machine's processors", "busy_total"] == 10.5
    assert rows["resource:cpu:machine's processors", "size"] == 2
    assert rows["resource:disk:disk sda", "busy_total"] == 12
    assert rows["resource:disk:disk sdb", "waited_total"] == 2
    assert rows["resource:pool:database connections", "busy"] == 7
    assert rows["resource:pool:database connections", "size"] == 100
    assert rows["resource:lock:database locks", "waiting"] == 2
    assert len({one.name for one in SHIPPED}) == len(SHIPPED)


OWN = """
name = "x"
[systems]
own = "http://127.0.0.1:1"
[metrics]
own = "/metrics"
[[resource]]
name = "workers"
kind = "pool"
busy = "busy_workers"
size = "8"
[[resource]]
name = "disk"
per = "device"
busy_total = "node_disk_io_time_seconds_total"
size = "2"
adjust = { system = "own", path = "/control", json = { disk = "{size}" } }
"""


def test_a_target_s_own_words_come_before_the_defaults(tmp_path: Path) -> None:
    target = targets.parse("x.toml", OWN)
    assert target.resources[1].adjust is not None
    rows = _kept(tmp_path, NODE + "busy_workers 5\n", target)
    assert rows["resource:pool:workers", "busy"] == 5
    assert rows["resource:other:disk sda", "size"] == 2
    assert not any(source == "resource:disk:disk sda" for source, _ in rows)


def _kept(folder: Path, text: str, target: targets.Target | None = None) -> dict[tuple[object, object], object]:
    (folder / "journal").mkdir()
    journal = Journal(folder / "journal", 1)
    resources = target.resources if target is not None else ()
    telemetry = Telemetry({}, journal, lambda: 7, resources=resources)
    telemetry._keep("own", Meters(text), 7)
    journal.close()
    found = tables.readings(folder / "journal").to_pylist()
    return {(row["source"], row["metric"]): row["value"] for row in found}


WRONG = """
name = "x"
[systems]
own = "http://127.0.0.1:1"
[metrics]
own = "/metrics"
[[resource]]
name = "a"
kind = "thing"
size = "8"
[[resource]]
name = "a"
system = "nobody"
busy = "rate(x[1m])"
busy_total = "x"
color = "red"
"""


def test_every_problem_of_a_resource_is_told_at_once() -> None:
    with pytest.raises(ConfigError) as caught:
        targets.parse("x.toml", WRONG)
    text = "\n".join(caught.value.problems)
    for word in ("kind", "busy_total: missing", "stands twice", "nobody", "(x[1m])", "size: missing", "color"):
        assert word in text, word


def test_a_quota_is_read_from_either_kind_of_group(tmp_path: Path) -> None:
    for name, line in (("1", "0::/app\n"), ("2", "5:cpu,cpuacct:/app\n0::/\n"), ("3", "0::/free\n")):
        (tmp_path / name).mkdir()
        (tmp_path / name / "cgroup").write_text(line)
    files = {
        "app/cpu.max": "50000 100000\n",
        "app/cpu.stat": "usage_usec 2000000\nthrottled_usec 500000\n",
        "cpu,cpuacct/app/cpu.cfs_quota_us": "150000\n",
        "cpu,cpuacct/app/cpu.cfs_period_us": "100000\n",
        "cpu,cpuacct/app/cpuacct.usage": "3000000000\n",
        "cpu,cpuacct/app/cpu.stat": "throttled_time 1000000000\n",
        "free/cpu.max": "max 100000\n",
        "free/cpu.stat": "usage_usec 1\n",
    }
    for name, text in files.items():
        (tmp_path / "groups" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "groups" / name).write_text(text)
    quotas = [quota_of(pid, tmp_path, tmp_path / "groups") for pid in (1, 2, 3, 4)]
    assert quotas[0] == [("busy_total", "unit-s", 2.0), ("size", "units", 0.5), ("waited_total", "s", 0.5)]
    assert quotas[1] == [("busy_total", "unit-s", 3.0), ("size", "units", 1.5), ("waited_total", "s", 1.0)]
    assert quotas[2:] == [None, None]


SERVER = "import socket; s = socket.create_server(('127.0.0.1', 0)); print(s.getsockname()[1], flush=True); input()"


def test_the_process_that_listens_is_found_and_its_main_thread_read() -> None:
    with subprocess.Popen(
        [sys.executable, "-c", SERVER], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as server:
        assert server.stdout is not None
        bases = {"own": f"http://127.0.0.1:{int(server.stdout.readline())}", "far": "http://192.0.2.1:80"}
        found = {(r.source, r.metric): r.value for r in LocalProcesses(bases).readings(lambda: 7)}
        server.communicate("\n")
    assert found["resource:cpu:own: main thread", "size"] == 1
    assert 0 < found["resource:cpu:own: main thread", "busy_total"] < 10
    assert not any("far" in source for source, _ in found)


def test_nothing_is_read_of_other_machines() -> None:
    assert list(LocalProcesses({"far": "http://192.0.2.1:80"}).readings(lambda: 7)) == []
