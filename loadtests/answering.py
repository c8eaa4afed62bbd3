"""Tables of a target file: who answers for what is held ([final_read]), who can be made to misbehave ([control])."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import msgspec

from loadtests import operations
from scenarios.contract import AUDIT_KEYS_PATH, AUDIT_WRITES_PATH
from scenarios.strict_toml import Table

SETTLE_S = 20.0
SETTLE_S_MAX = 600.0
_OWN_KEYS = ("system", "keys", "writes", "observations", "settle_s", "headers")  # of [final_read]; the rest are systems


class Answering(msgspec.Struct, frozen=True):
    """One address of the final read: whole URLs, "" for what is not asked there."""

    system: str
    keys_url: str
    writes_url: str
    observations_url: str
    headers: dict[str, str]


class FinalRead(msgspec.Struct, frozen=True):
    """Where everything that a run left behind can be asked for again."""

    main: Answering
    others: tuple[Answering, ...] = ()  # systems that answer for themselves
    settle_s: float = SETTLE_S  # how long linked systems may take to agree

    def __iter__(self) -> Iterator[Answering]:
        yield self.main
        yield from self.others

    def keys_at(self, system: str) -> Answering:
        """Who is asked for the keys of a system's writes."""
        return next((one for one in self.others if one.system == system and one.keys_url), self.main)

    def observed(self, system: str) -> bool:
        """Whether somebody lists what this system holds."""
        return bool(self.main.observations_url) or any(o.system == system and o.observations_url for o in self.others)

    @property
    def lists_writes(self) -> bool:
        """Whether every address that is asked for keys also lists the writes that carry the run's tag."""
        return all(one.writes_url for one in self if one.keys_url)


class Control(msgspec.Struct, frozen=True):
    """Where faults are switched: POST {"on": […], "off": […]}."""

    system: str
    url: str
    headers: dict[str, str]


def final_read_of(root: Table, bases: Mapping[str, str]) -> FinalRead | None:
    """The table [final_read] and those below it, one per system that answers for itself."""
    if "final_read" not in root.data:
        return None
    table = root.table("final_read")
    system = _system(table, bases)
    main = _answering(table, system, bases.get(system, ""), AUDIT_KEYS_PATH, AUDIT_WRITES_PATH)
    if not main.keys_url:
        table.problem("keys", '"" will not do; somebody must answer for the keys, a path that begins with /')
    others = []
    for name in (name for name in table if name not in _OWN_KEYS):
        other = table.table(name)
        if name not in bases:
            table.problem(name, f"no such system; one of {', '.join(bases)}")
        elif name == system:
            table.problem(name, "this system is asked already, by [final_read] itself")
        others.append(_answering(other, name, bases.get(name, ""), "", ""))
        if not (others[-1].keys_url or others[-1].observations_url):
            table.problem(name, "asked for nothing; give keys, observations or both")
        if others[-1].writes_url and not others[-1].keys_url:
            other.problem("writes", "a list of writes without keys; give both")
    settle_s = table.take(
        "settle_s", float, SETTLE_S, right=f"seconds from 0 to {SETTLE_S_MAX:g}", check=lambda v: 0 <= v <= SETTLE_S_MAX
    )
    return FinalRead(main, tuple(others), settle_s)


def control_of(root: Table, bases: Mapping[str, str]) -> Control | None:
    """The table [control]."""
    if "control" not in root.data:
        return None
    table = root.table("control")
    system = _system(table, bases)
    path = table.take("faults", str, right="a path that begins with /", check=_is_path)
    return Control(system, bases.get(system, "") + path, _headers(table))


def _system(table: Table, bases: Mapping[str, str]) -> str:
    return table.take("system", str, right=f"one of {', '.join(bases)}", check=lambda v: v in bases)


def _answering(table: Table, system: str, base: str, keys: str, writes: str) -> Answering:
    """`keys` and `writes` are what stands for a path that the table does not give."""

    def url(key: str, default: str) -> str:
        right = 'a path that begins with /, or "" for none'
        path = table.take(key, str, default, right=right, check=lambda v: not v or _is_path(v))
        return base + path if path else ""

    return Answering(system, url("keys", keys), url("writes", writes), url("observations", ""), _headers(table))


def _headers(table: Table) -> dict[str, str]:
    headers = operations.headers_of(table)
    for name, text in headers.items():
        operations.check_template(table, "headers", text, (), what=name)
    return headers


def _is_path(text: str) -> bool:
    return text.startswith("/")
