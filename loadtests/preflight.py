"""May this run send traffic? The only gate: every reason against it at once, before the first request."""

from __future__ import annotations

import ipaddress
import os
import re
import resource
import socket
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Protocol
from urllib.parse import urlsplit

from loadtests.targets import Target, is_loopback
from loadtests.worker import files_needed
from record.writer import FREE_BYTES_MIN
from scenarios.contract import BY_NAME
from scenarios.identity import allowed
from scenarios.profiles import Profile
from scenarios.province import communes
from scenarios.schedule import WORKERS_MAX, Plan
from scenarios.types import ConfigError, Identities

CONNECT_S = 3.0
ARRIVALS_MAX = 50_000_000
TAG = r"[A-Za-z0-9][A-Za-z0-9.-]{0,39}"  # travels in headers and addresses


class CrewSettings(Protocol):
    """The part of a run's settings that concerns its processes."""

    @property
    def processes(self) -> int: ...
    @property
    def bind(self) -> str: ...
    @property
    def web_port(self) -> int | None: ...
    @property
    def tag(self) -> str | None: ...


def check_crew(wanted: CrewSettings, users: Mapping[str, int]) -> None:
    """Raises ConfigError when the processes of the run could not be started or could not hold their connections."""
    problems = []
    if wanted.tag is not None and not re.fullmatch(TAG, wanted.tag):
        problems.append(f"--tag {wanted.tag!r}: should be up to 40 letters, digits, dots and hyphens")
    try:
        ipaddress.ip_address(wanted.bind)
        problems += _can_listen("--bind", wanted.bind, 0)
    except ValueError:
        problems.append(f"--bind {wanted.bind}: should be a number such as 192.168.1.20 or 0.0.0.0")
    if wanted.web_port is not None:
        problems += _can_listen("--web-port", "127.0.0.1", wanted.web_port)
    needed, most = files_needed(users, wanted.processes), resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    if most != resource.RLIM_INFINITY and needed > most:
        problems.append(
            f"users: each of {wanted.processes} workers may need {needed} open files, this machine allows {most}; "
            f"raise it (ulimit -Hn), start {fewest_workers(users)} --workers or more, or take fewer users"
        )
    if problems:
        raise ConfigError(problems)


def fewest_workers(users: Mapping[str, int]) -> int:
    """So many worker processes may have as many files open as their shares of the users can need, on this machine."""
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    if most == resource.RLIM_INFINITY:
        return 1
    return next((count for count in range(1, WORKERS_MAX) if files_needed(users, count) <= most), WORKERS_MAX)


def check(
    profile: Profile,
    target: Target,
    plan: Plan,
    identities: Identities,
    runs: Path,
    allow_list: Sequence[str] = (),
) -> None:
    """Raises ConfigError with everything that speaks against the run. Sends nothing but a connection attempt."""
    problems = target.problems_before_traffic(plan.journeys if profile.kind == "flat" else needed(plan))
    problems += _fits(profile, target, plan)
    problems += _identities(identities, target)
    if identities is Identities.ALLOW_LIST and profile.kind == "day":
        problems += _allow_list(allow_list)
    problems += _writable(runs)
    if not problems:
        problems += [p for base in sorted(set(target.info().bases.values())) for p in _reachable(base)]
    if problems:
        raise ConfigError(problems)


def _fits(profile: Profile, target: Target, plan: Plan) -> list[str]:
    problems = []
    if len(plan) > ARRIVALS_MAX:
        problems.append(f"{profile.name}: {len(plan)} arrivals; the most is {ARRIVALS_MAX}")
    for system in plan.systems:
        if system not in profile.users:
            problems.append(f"{profile.name}: users.{system}: missing; arrivals for {system} need users, e.g. 200")
    if profile.faults and target.control is None:
        how = 'where they are switched: [control] system = "…", faults = "/…"'
        problems.append(f"{profile.name}: fault: {target.name} does not say {how} (docs/targets.md)")
    return problems


def _identities(identities: Identities, target: Target) -> list[str]:
    local = all(is_loopback(urlsplit(base).hostname or "") for base in target.info().bases.values())
    if identities is Identities.REALISTIC and not local:
        why = "realistic numbers may belong to real people and may only go to a testbed on this machine"
        return [f"{target.name}: identities: {why}; use marked or allow-list"]
    return []


def _allow_list(numbers: Sequence[str]) -> list[str]:
    try:
        allowed(numbers, len(communes()))
    except ConfigError as error:
        return [f"{problem} (--allow-list)" for problem in error.problems]
    return []


def _can_listen(option: str, host: str, port: int) -> list[str]:
    try:
        socket.create_server((host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET).close()
    except OSError as error:
        return [f"{option} {port or host}: cannot listen there: {error.strerror or error}"]
    return []


def _writable(runs: Path) -> list[str]:
    """The folder of runs can be written and has room; found out by writing, since root passes every permission bit."""
    try:
        runs.mkdir(parents=True, exist_ok=True)
        probe = runs / f".probe-{os.getpid()}"
        probe.write_bytes(b"x" * 4096)
        probe.unlink()
    except OSError as error:
        return [f"{runs}: cannot be written: {error.strerror}; choose another folder with --runs"]
    free = os.statvfs(runs)
    if free.f_bavail * free.f_frsize < FREE_BYTES_MIN:
        have = free.f_bavail * free.f_frsize // 2**20
        return [f"{runs}: {have} MiB free on this disk; a run needs {FREE_BYTES_MIN // 2**20} MiB"]
    return []


def _reachable(base: str) -> list[str]:
    parts = urlsplit(base)
    port = parts.port or (443 if parts.scheme == "https" else 80)
    try:
        with socket.create_connection((parts.hostname or "", port), timeout=CONNECT_S):
            return []
    except (OSError, UnicodeError) as error:  # UnicodeError: nothing can have such a name
        why = getattr(error, "strerror", None) or error
        return [f"{base}: nobody answers there ({why}); is the system up, is the port right?"]


def needed(plan: Plan) -> tuple[str, ...]:
    """The operations of the systems that people are sent to."""
    return tuple(name for name, operation in BY_NAME.items() if operation.system in plan.systems)
