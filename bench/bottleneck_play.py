"""Plays a labelled case: real servers, a real `thongsuot run` over six rates, a sealed record."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import msgspec
import psutil

from bench.bottleneck_kinds import Case
from bench.stations import Spec
from bench.throttle import Line
from bench.truth_server import TruthServer
from thongsuot.testbed import Testbed

ROOT = Path(__file__).parents[1]
STEP_S = 6.0
RUN_S_MAX = 150.0
STARVE_FROM, STARVED_S, FED_S = 4, 0.35, 0.25  # from the fifth step on

TESTBED_OPERATIONS = """
[own.look]
weight = 1
system = "portal"
method = "GET"
path = "/portal/procedures?q=a{index}"
[own.dossier]
weight = 1
system = "web"
method = "GET"
path = "/sites/00000/dossiers/000.00.00.H26-250701-000123?{index}"
ok = [200, 404]
[own.who]
weight = 1
system = "identity"
method = "POST"
path = "/identity/authorize"
json = { cccd = "001099000001", applicant = "Nguyễn Văn An" }
"""


def profile(case: Case) -> str:
    """The sweep: a settling second, then one phase per rate."""
    lines = ['name = "sweep"', 'kind = "flat"', f"seed = {case.seed}", "[time]", f"rate_per_s = {case.rate:.4f}"]
    lines += ["[users]", "own = 4000", "[limits]", "lateness_p99_ms_max = 1e6"]
    lines += ["[[phase]]", 'name = "settle"', "for_s = 1.0", "judged = false", f"rate = {case.steps[0]}"]
    for factor in case.steps:
        lines += ["[[phase]]", f'name = "r{factor}"', f"for_s = {STEP_S}", "judged = true", f"rate = {factor}"]
    lines += ["[[objective]]", 'slug = "p95"', 'metric = "latency"', 'operations = ["*"]', "percentile = 95.0"]
    lines += ["limit_ms = 2000.0", 'title_vi = "x"', 'title_en = "x"', 'source = "bench"', "verified = false"]
    return "\n".join([lines[0], lines[1], lines[2], "drain_s = 15.0", *lines[3:]]) + "\n"


def target_of(spec: Spec, url: str, hidden: tuple[str, ...], outside: Spec | None = None, outside_url: str = "") -> str:
    """A target file for a truth server, and for a second one that shows no meters."""
    lines = ['name = "truth"', 'identities = "none"', "[systems]", f'own = "{url}"']
    lines += [f'outside = "{outside_url}"'] if outside is not None else []
    lines += ["[metrics]", 'own = "/metrics"']
    if hidden and outside is None:
        lines += _resources([one.name for one in spec.stations if one.name not in hidden])
    for system, of in (("own", spec), ("outside", outside)):
        for path, operation in (of.operations if of is not None else {}).items():
            name = path.strip("/")
            lines += [f"[own.{name}]", f"weight = {operation.weight}", f'system = "{system}"', 'method = "GET"']
            lines += [f'path = "{path}?{{index}}"']
    return "\n".join(lines) + "\n"


def _resources(names: list[str]) -> list[str]:
    """As an operator would write them down, who meters some of the stations only."""
    lines = []
    for name in names:
        of = f'{{station="{name}"}}'
        lines += ["[[resource]]", f'name = "{name}"', 'system = "own"', f"busy_total = 'truth_busy_seconds_total{of}'"]
        lines += [f"size = 'truth_servers{of}'", f"waiting = 'truth_waiting{of}'"]
    return lines


def play(case: Case, folder: Path) -> Path:
    """Returns the folder of the sealed record."""
    folder.mkdir(parents=True, exist_ok=True)
    with _systems(case) as text:
        (folder / "target.toml").write_text(text, "utf-8")
        (folder / "sweep.toml").write_text(profile(case), "utf-8")
        return drive(folder, starve=case.starve, settled_s=1.0 + STARVE_FROM * STEP_S)


def drive(folder: Path, *, starve: bool = False, settled_s: float = 0.0) -> Path:
    command = [sys.executable, "-m", "thongsuot", "run", str(folder / "sweep.toml"), "--target"]
    command += [str(folder / "target.toml"), "--runs", str(folder / "runs"), "--no-report", "--json", "--workers", "1"]
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    over = threading.Event()
    thief = threading.Thread(target=_starve, args=(process.pid, folder / "runs", settled_s, over))
    if starve:
        thief.start()
    try:
        out, err = process.communicate(timeout=RUN_S_MAX)
    except subprocess.TimeoutExpired:
        process.terminate()
        out, err = process.communicate()
    finally:
        over.set()
        if starve:
            thief.join()
    if process.returncode:
        raise RuntimeError(err[-2000:] or out[-2000:])
    return Path(json.loads(out.strip().splitlines()[-1])["run"])


def _starve(pid: int, runs: Path, from_s: float, over: threading.Event) -> None:
    """Stop the workers again and again, as a machine does that has too much to do. Only our own processes."""
    zero = None
    while zero is None and not over.wait(0.2):
        zero = next(iter(runs.glob("*/journal/zero.json")), None)
    if zero is None:
        return
    began = msgspec.json.decode(zero.read_bytes())["mono_ns"] * 1e-9
    over.wait(max(0.0, began + from_s - time.monotonic()))
    workers = psutil.Process(pid).children(recursive=True)
    until = began + from_s + 2 * STEP_S - 0.5
    while not over.is_set() and time.monotonic() < until:
        for number, seconds in ((signal.SIGSTOP, STARVED_S), (signal.SIGCONT, FED_S)):
            for worker in workers:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(worker.pid, number)
            time.sleep(seconds)


@contextlib.contextmanager
def _systems(case: Case) -> Iterator[str]:
    """The text of the target file that leads to the case's systems, which run inside."""
    with contextlib.ExitStack() as stack:
        if case.spec is None:
            bed = stack.enter_context(Testbed(*(word for fault in case.faults for word in ("--fault", fault))))
            lines = ['name = "testbed"', 'identities = "none"', "[systems]", f'portal = "{bed.url}"']
            lines += [f'web = "{bed.url}"', f'identity = "{bed.outside_url}"', "[metrics]", 'portal = "/metrics"']
            yield "\n".join(lines) + TESTBED_OPERATIONS
            return
        server = stack.enter_context(TruthServer(case.spec, case.seed))
        url, outside_url = server.url, ""
        if case.outside is not None:
            outside_url = stack.enter_context(TruthServer(case.outside, case.seed + 1)).url
        if case.link_bytes_s and case.outside is not None:
            outside_url = stack.enter_context(Line(outside_url, case.link_bytes_s)).url
        elif case.link_bytes_s:
            line = stack.enter_context(Line(url, case.link_bytes_s))
            text = target_of(case.spec, line.url, case.hidden)
            yield text.replace('own = "/metrics"', 'meters = "/metrics"').replace(
                "[metrics]", f'meters = "{url}"\n[metrics]'
            )
            return
        yield target_of(case.spec, url, case.hidden, case.outside, outside_url)
