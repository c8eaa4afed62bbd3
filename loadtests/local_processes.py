"""What the kernel says of a target on this machine: processors, waiting for them, throttling by a quota, pressure.

The processes are those that listen where the target file leads, with their children. Read from /proc and /sys (Linux:
proc(5), Documentation/scheduler/sched-stats, Documentation/accounting/psi, admin-guide/cgroup-v1 and -v2); what is not
there is not read. Nothing is told of other machines.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from urllib.parse import urlsplit

import psutil

from record.types import Reading

PROCESSES_MAX, THREADS_MAX = 16, 16
LOOK_AGAIN = 10  # readings between two searches for the processes
_PROC, _CGROUPS = Path("/proc"), Path("/sys/fs/cgroup")
_LOOPBACK = ("127.0.0.1", "localhost", "::1")


class LocalProcesses:
    """The processes behind the addresses of a target that are on this machine."""

    def __init__(self, bases: Mapping[str, str]) -> None:
        self._ports: dict[int, str] = {}
        for system, base in bases.items():
            parts = urlsplit(base)
            if (parts.hostname or "") in _LOOPBACK and parts.port:
                self._ports.setdefault(parts.port, system)
        self._found: dict[str, list[int]] = {}
        self._turn = 0

    def readings(self, now: Callable[[], int]) -> Iterator[Reading]:
        """One reading of each meter; none when nothing of the target runs here."""
        if not self._ports:
            return
        if self._turn % LOOK_AGAIN == 0:
            self._found = _listening(self._ports)
        self._turn += 1
        for system, pids in self._found.items():
            yield from _of_processes(system, pids, now())
        for kind, of in (("disk", "io"), ("memory", "memory")):
            if (waited := _pressure(of)) is not None:
                source = f"resource:{kind}:this machine's {kind}"
                yield Reading(source, "waited_total", "s", now(), waited)

    @property
    def pids(self) -> dict[str, list[int]]:
        return self._found


def _of_processes(system: str, pids: list[int], at_ns: int) -> Iterator[Reading]:
    """Each thread of the process that listens has one processor at most, and is in use also while it waits for one: it
    could do nothing else. All of its processes together have the machine's, or what a quota leaves them."""
    for number, tid in enumerate(_threads(pids[0])):
        thread = _schedstat(_PROC / str(pids[0]) / "task" / str(tid) / "schedstat")
        if thread is not None:
            source = f"resource:cpu:{system}: {'main thread' if tid == pids[0] else f'thread {number + 1}'}"
            yield Reading(source, "busy_total", "unit-s", at_ns, (thread[0] + thread[1]) * 1e-9)
            yield Reading(source, "size", "units", at_ns, 1.0)
            yield Reading(source, "waited_total", "s", at_ns, thread[1] * 1e-9)
    seconds = [spent for pid in pids if (spent := _cpu_s(pid)) is not None]
    if seconds:
        source = f"resource:cpu:{system}: all its processes"
        yield Reading(source, "busy_total", "unit-s", at_ns, sum(seconds))
        yield Reading(source, "size", "units", at_ns, float(len(os.sched_getaffinity(0))))
    quota = quota_of(pids[0])
    if quota is not None:
        source = f"resource:cpu:{system}: quota"
        for metric, unit, value in quota:
            yield Reading(source, metric, unit, at_ns, value)


def quota_of(pid: int, proc: Path = _PROC, groups: Path = _CGROUPS) -> list[tuple[str, str, float]] | None:
    """Use, size and throttled time of the processor quota under which a process runs; None when there is none."""
    lines = _text(proc / str(pid) / "cgroup").splitlines()
    for line in lines:
        number, controllers, path = [*line.split(":", 2), "", ""][:3]
        if number == "0" and not controllers:
            found = _quota_v2(groups / path.lstrip("/"))
        elif "cpu" in controllers.split(","):
            found = _quota_v1(groups / controllers / path.lstrip("/"))
        else:
            continue
        if found is not None:
            return found
    return None


def _quota_v2(folder: Path) -> list[tuple[str, str, float]] | None:
    limit, _, period = _text(folder / "cpu.max").partition(" ")
    stat = _pairs(folder / "cpu.stat")
    if not limit.isdigit() or not period.strip().isdigit() or "usage_usec" not in stat:
        return None
    return [
        ("busy_total", "unit-s", stat["usage_usec"] * 1e-6),
        ("size", "units", int(limit) / int(period)),
        ("waited_total", "s", stat.get("throttled_usec", 0) * 1e-6),
    ]


def _quota_v1(folder: Path) -> list[tuple[str, str, float]] | None:
    limit, period = _text(folder / "cpu.cfs_quota_us").strip(), _text(folder / "cpu.cfs_period_us").strip()
    usage = _text(folder / "cpuacct.usage").strip()
    if not (limit.isdigit() and period.isdigit() and usage.isdigit() and int(period)):
        return None
    return [
        ("busy_total", "unit-s", int(usage) * 1e-9),
        ("size", "units", int(limit) / int(period)),
        ("waited_total", "s", _pairs(folder / "cpu.stat").get("throttled_time", 0) * 1e-9),
    ]


def _listening(ports: Mapping[int, str]) -> dict[str, list[int]]:
    """System → the process that listens for it, then its children."""
    found: dict[str, list[int]] = {}
    try:
        sockets = psutil.net_connections("tcp")
    except (psutil.Error, OSError):
        return {}
    for socket in sockets:
        system = ports.get(socket.laddr.port) if socket.laddr and socket.status == psutil.CONN_LISTEN else None
        if system is None or socket.pid is None or system in found:
            continue
        try:
            children = psutil.Process(socket.pid).children(recursive=True)
        except psutil.Error:
            continue
        found[system] = [socket.pid, *sorted(child.pid for child in children)][:PROCESSES_MAX]
    return dict(sorted(found.items()))


def _threads(pid: int) -> list[int]:
    """In the order in which they were begun, the main thread first."""
    try:
        return sorted(int(name) for name in os.listdir(_PROC / str(pid) / "task") if name.isdigit())[:THREADS_MAX]
    except OSError:
        return []


def _cpu_s(pid: int) -> float | None:
    try:
        times = psutil.Process(pid).cpu_times()
    except psutil.Error:
        return None
    return float(times.user + times.system)


def _schedstat(path: Path) -> tuple[int, int] | None:
    """(ns on a processor, ns runnable and waiting for one) of a thread."""
    words = _text(path).split()
    return (int(words[0]), int(words[1])) if len(words) >= 2 and words[0].isdigit() and words[1].isdigit() else None


def _pressure(of: str) -> float | None:
    """Seconds in which somebody on this machine could not go on for want of it."""
    for word in _text(_PROC / "pressure" / of).split("\n", 1)[0].split():
        if word.startswith("total=") and word[6:].isdigit():
            return int(word[6:]) * 1e-6
    return None


def _pairs(path: Path) -> dict[str, int]:
    rows = (line.split() for line in _text(path).splitlines())
    return {row[0]: int(row[1]) for row in rows if len(row) == 2 and row[1].isdigit()}


def _text(path: Path) -> str:
    try:
        return path.read_text("ascii", "replace")
    except OSError:
        return ""
