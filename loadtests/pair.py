"""Two versions of one system as one target: every operation of theirs stands twice, once for each, with equal weight.

So the plan itself routes: which version an arrival meets is drawn with the plan, before the first request, and is in
the record like everything else.
"""

from __future__ import annotations

import json
import re
import socket
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlsplit, urlunsplit

from loadtests.service import Service
from loadtests.targets import Target, is_loopback, parse
from record.types import DUET_SIDES
from scenarios.strict_toml import read
from scenarios.types import ConfigError

_NOT_ALIKE = ("own", "http")  # tables that both files must have the same
_LEFT_OUT = ("auth", "operation")  # tables that people on a journey need; a duet asks operations of one's own


class Side(NamedTuple):
    """One of the two: its service, where it listens, and where its counters are read ("" for nowhere)."""

    name: str
    service: Service
    base: str  # address of the service's system
    metrics: str

    @property
    def port(self) -> int:
        return urlsplit(self.base).port or 80

    @property
    def ready_url(self) -> str:
        return self.base + self.service.ready


class Pair(NamedTuple):
    """The two sides and the text of the target file that leads to both."""

    sides: tuple[Side, Side]
    text: str


def pair(base: Path, candidate: Path) -> Pair:
    """Raises ConfigError with everything that speaks against comparing the two."""
    files = (base, candidate)
    texts = [read(path) for path in files]
    targets = [parse(str(path), text) for path, text in zip(files, texts, strict=True)]
    data = [tomllib.loads(text) for text in texts]
    problems = [problem for path, target in zip(files, targets, strict=True) for problem in _problems(path, target)]
    problems += [f"{path}: {key}: a duet asks only operations of your own: [own.*]"
                 for path, tables in zip(files, data, strict=True) for key in _LEFT_OUT if key in tables]  # fmt: skip
    problems += [f"{candidate}: [{key}] is not as in {base}; both versions must be asked the same, in the same way"
                 for key in _NOT_ALIKE if data[0].get(key) != data[1].get(key)]  # fmt: skip
    if problems:
        raise ConfigError(problems)
    sides = tuple(_side(name, target) for name, target in zip(DUET_SIDES, targets, strict=True))
    if sides[0].port == sides[1].port:
        raise ConfigError([f"{candidate}: both listen on port {sides[0].port}; write {{port}} into [service] start"])
    joined: dict[str, Any] = {"name": "duet", "identities": "none"}
    for side, target, tables in zip(sides, targets, data, strict=True):
        _add(joined, side, target, tables)
    return Pair((sides[0], sides[1]), _toml(joined))


def _problems(path: Path, target: Target) -> list[str]:
    found = []
    if target.service is None:
        found.append(f'{path}: service: missing; a duet starts both versions afresh: [service] start = "…{{port}}…"')
    else:
        system = target.service.system
        address = urlsplit(target.info().bases[system])
        if address.scheme != "http" or not is_loopback(address.hostname or ""):
            found.append(f"{path}: systems.{system}: what is started here is asked at http://127.0.0.1:…")
    if not target.weights:
        found.append(f"{path}: own: missing; at least one [own.NAME] that both versions are asked")
    return found


def _side(name: str, target: Target) -> Side:
    service = target.service
    assert service is not None
    address = target.info().bases[service.system]
    metrics = target.metrics.get(service.system, "")
    if not service.takes_port:
        return Side(name, service, address, metrics)
    port = _free_port()
    return Side(name, service, _with_port(address, port), _with_port(metrics, port) if metrics else "")


def _add(joined: dict[str, Any], side: Side, target: Target, tables: Mapping[str, Any]) -> None:
    """One side's systems and operations under names that tell whose they are."""
    bases = {**target.info().bases, side.service.system: side.base}
    joined.setdefault("systems", {}).update({f"{side.name}-{system}": base for system, base in bases.items()})
    joined["allow_hosts"] = sorted({*joined.get("allow_hosts", ()), *tables.get("allow_hosts", ())})
    joined["purpose"] = joined.get("purpose") or target.info().purpose
    joined["http"] = {"connections": "shared", **tables.get("http", {})}
    if target.http.ca_file:
        joined["http"]["ca_file"] = target.http.ca_file
    if side.metrics:
        joined.setdefault("metrics", {})[f"{side.name}-{side.service.system}"] = urlsplit(side.metrics).path
    only = next(iter(bases))
    for name, operation in tables["own"].items():
        system = operation.get("system", only)
        joined.setdefault("own", {})[f"{side.name}.{name}"] = {**operation, "system": f"{side.name}-{system}"}


def _with_port(url: str, port: int) -> str:
    parts = urlsplit(url)
    return urlunsplit(parts._replace(netloc=f"{parts.hostname}:{port}"))


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _toml(value: Any, *, root: bool = True) -> str:
    """TOML of what tomllib read: the top level a line each, everything below inline."""
    if isinstance(value, dict):
        pairs = [f"{_key(key)} = {_toml(item, root=False)}" for key, item in value.items()]
        return "\n".join([*pairs, ""]) if root else f"{{ {', '.join(pairs)} }}"
    if isinstance(value, list):
        return f"[{', '.join(_toml(item, root=False) for item in value)}]"
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")


def _key(name: str) -> str:
    return name if re.fullmatch(r"[A-Za-z0-9_-]+", name) else json.dumps(name, ensure_ascii=False)
