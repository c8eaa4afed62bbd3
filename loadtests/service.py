"""The table [service] of a target file: how the harness itself starts the system, so that it can start it afresh."""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping
from pathlib import Path

import msgspec

from scenarios.strict_toml import Table

NAME = r"[a-z][a-z0-9_]{0,31}"
SERIES = r"[a-zA-Z_:][a-zA-Z0-9_:]*(\{[^}\n]*\})?"
PORT = "{port}"


class Service(msgspec.Struct, frozen=True):
    """A command without a shell, run in `folder`. `{port}` in it stands for the port that is chosen for `system`.

    `ready` is a path that answers 2xx once the system can be used. `counters`: work by name → the series of the
    target's own [metrics] that counts it, e.g. statements of its database.
    """

    command: tuple[str, ...]
    system: str
    ready: str
    folder: str
    counters: dict[str, str] = {}

    @property
    def takes_port(self) -> bool:
        return any(PORT in word for word in self.command)

    def words(self, port: int) -> list[str]:
        return [word.replace(PORT, str(port)) for word in self.command]


def service_of(root: Table, bases: Mapping[str, str], folder: Path, metrics: Mapping[str, str]) -> Service | None:
    """The table [service]; the command is run in the target file's folder."""
    if "service" not in root.data:
        return None
    table = root.table("service")
    right = f'a command such as "python3 server.py --port {PORT}"; no shell reads it'
    text = table.take("start", str, right=right, check=lambda value: bool(value.strip()))
    try:
        command = tuple(shlex.split(text))
    except ValueError as error:
        table.problem("start", f"{text!r} will not do ({error}); {right}")
        command = ()
    only = next(iter(bases), "") if len(bases) == 1 else ""
    system = table.take("system", str, only, right=f"one of {', '.join(bases)}", check=lambda value: value in bases)
    if not system:
        table.problem("system", f"missing; one of {', '.join(bases)}")
    ready = table.take("ready", str, "/", right="a path that begins with /", check=lambda value: value.startswith("/"))
    counters = table.table("counters")
    found = {}
    for name in counters:
        right = 'a series of [metrics] such as "db_statements_total"'
        found[name] = counters.take(name, str, right=right, check=lambda v: bool(re.fullmatch(SERIES, v)))
        if not re.fullmatch(NAME, name):
            counters.problem(name, "is no name; should be small letters, digits and _")
    if found and system and system not in metrics:
        counters.document.problem(counters.path, f'where are they read? add [metrics] {system} = "/metrics"')
    return Service(command, system, ready, str(folder), found)
