"""What can run out at a target: `[[resource]]` tables, and the resources that well-known exporters tell of by default.

A resource has a size, is busy to some part of it, and people wait for it. Which meters say so is all that is written
down here; what follows from them is the judgement's business. Adding an exporter is adding rows to SHIPPED.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import urlsplit

import msgspec

from loadtests.meters import Expression, expression, made
from scenarios.strict_toml import Table, is_name

RESOURCES_MAX = 64
_POSTGRES = ("postgresql", "postgres")
MEMBERS_MAX = 64  # of a resource that is told apart by a label
KINDS = ("cpu", "pool", "disk", "link", "queue", "lock", "device", "limit", "memory", "other")


class Adjust(msgspec.Struct, frozen=True):
    """How the target changes the size of a resource: POST of `content`, in which {size}, {factor} and {name} stand for
    the new size, the new size over the old one, and the name."""

    url: str
    content: dict[str, Any]


class Resource(msgspec.Struct, frozen=True):
    """Expressions over one endpoint's meters. None: not told.

    `busy_total` is a counter whose growth per second is how much of `size` is in use (seconds of processors, bytes of
    a link); `busy` says the same as of now. `waited_total` is a counter of seconds waited by all, `waiting` how many
    wait now. With `per`, each value of that label is a resource of its own.
    """

    name: str
    kind: str
    system: str  # "" for a shipped default: whatever system shows such meters
    busy_total: Expression | None = None
    busy: Expression | None = None
    size: Expression | None = None
    waiting: Expression | None = None
    waited_total: Expression | None = None
    refused_total: Expression | None = None
    per: str = ""
    adjust: Adjust | None = None

    @property
    def told(self) -> dict[str, tuple[Expression, str]]:
        """Metric of a reading → its expression and unit."""
        units = {"busy_total": "unit-s", "busy": "units", "size": "units", "waiting": "count", "waited_total": "s",
                 "refused_total": "count"}  # fmt: skip
        pairs = ((name, getattr(self, name), unit) for name, unit in units.items())
        return {name: (made, unit) for name, made, unit in pairs if made is not None}

    @property
    def first(self) -> Expression:
        """The expression by which one sees whether it is told of at all."""
        return next(expression for expression, _ in self.told.values())


def _shipped(name: str, kind: str, per: str = "", **texts: str) -> Resource:
    parts: dict[str, Any] = {key: made(text) for key, text in texts.items()}
    return Resource(name, kind, "", per=per, **parts)


# Of node_exporter, postgres_exporter, nginx, HikariCP, the reference systems, and what bench.truth_server plays.
SHIPPED = (
    _shipped(
        "machine's processors", "cpu",
        busy_total='node_cpu_seconds_total{mode!="idle",mode!="iowait"}',
        size='count(node_cpu_seconds_total{mode="idle"})',
        waited_total="node_pressure_cpu_waiting_seconds_total",
    ),
    _shipped(
        "disk", "disk", per="device",
        busy_total="node_disk_io_time_seconds_total", size="1", waited_total="node_disk_io_time_weighted_seconds_total",
    ),
    _shipped(
        "network card", "link", per="device",
        busy_total='node_network_transmit_bytes_total{device!="lo"}', size="node_network_speed_bytes",
    ),
    _shipped(
        "database connections", "pool",
        busy="pg_stat_database_numbackends", size="pg_settings_max_connections",
    ),
    _shipped(
        "database locks", "lock", waiting='pg_stat_activity_count{wait_event_type="Lock"}',
    ),
    _shipped(
        "front end's connections", "limit", busy="nginx_connections_active", size="nginx_worker_connections",
    ),
    _shipped(
        "connection pool", "pool", per="pool", busy="hikaricp_connections_active", size="hikaricp_connections_max",
        waiting="hikaricp_connections_pending",
    ),
    _shipped("turns in the store", "queue", waited_total="testbed_queue_seconds_total"),
    _shipped(
        "station", "other", per="station", busy_total="truth_busy_seconds_total", size="truth_servers",
        waiting="truth_waiting", waited_total="truth_wait_seconds_total", refused_total="truth_refused_total",
    ),
)  # fmt: skip


def resources_of(root: Table, bases: Mapping[str, str], metered: Mapping[str, str]) -> tuple[Resource, ...]:
    """The tables [[resource]] of a target file. `metered`: the systems that [metrics] names."""
    tables = root.tables("resource")
    if len(tables) > RESOURCES_MAX:
        root.problem("resource", f"{len(tables)} of them; at most {RESOURCES_MAX}")
    found: list[Resource] = []
    for table in tables[:RESOURCES_MAX]:
        made = _resource(table, bases, metered)
        if any(one.name == made.name for one in found):
            table.problem("name", f"{made.name!r} stands twice")
        found.append(made)
    return tuple(found)


def _resource(table: Table, bases: Mapping[str, str], metered: Mapping[str, str]) -> Resource:
    name = table.take("name", str, right='a name such as "database pool"', check=is_name)
    kind = table.take("kind", str, "other", right=f"one of {', '.join(KINDS)}", check=lambda v: v in KINDS)
    only = next(iter(metered), "") if len(metered) == 1 else None
    system = table.take(
        "system", str, only if only is not None else "", right=f"a system of [metrics]: {', '.join(metered)}"
    )
    if system not in metered:
        where = f"one of {', '.join(metered)}" if metered else 'none is; write [metrics] own = "/metrics"'
        table.problem("system", f"{system!r} shows no meters here: {where}")
    keys = ("busy_total", "busy", "size", "waiting", "waited_total", "refused_total")
    parts = {key: _expression(table, key) for key in keys}
    if parts["busy_total"] is not None and parts["busy"] is not None:
        table.problem("busy", "beside busy_total; give one of them")
    if not any(parts[key] for key in ("busy_total", "busy", "waiting", "waited_total")):
        table.problem(
            "busy_total", "missing; busy_total, busy, waiting or waited_total must say how the resource is used"
        )
    if (parts["busy_total"] or parts["busy"]) and not parts["size"]:
        table.problem("size", 'missing; how much there is of it: a number such as "20", or a metric')
    per = table.take("per", str, "", right="a label's name")
    return Resource(name, kind, system, **parts, per=per, adjust=_adjust(table, bases))


def _expression(table: Table, key: str) -> Expression | None:
    text = table.take(key, str, "")
    if not text:
        return None
    found = expression(text)
    if isinstance(found, str):
        table.problem(key, found)
        return None
    return found


def _adjust(table: Table, bases: Mapping[str, str]) -> Adjust | None:
    if "adjust" not in table.data:
        return None
    how = table.table("adjust")
    system = how.take("system", str, right=f"one of {', '.join(bases)}", check=lambda v: v in bases)
    path = how.take("path", str, right="a path that begins with /", check=lambda v: v.startswith("/"))
    content = how.take("json", dict, right='what is sent, e.g. { pool = "{size}" }')
    return Adjust(bases.get(system, "") + path, content)


def postgres_of(root: Table) -> str:
    """The table [postgres]: the name of the variable that holds the address; "" without one."""
    if "postgres" not in root.data:
        return ""
    right = 'the variable that holds the address, e.g. "STATISTICS_URL"'
    return root.table("postgres").take(
        "url_env", str, right=right, check=lambda v: bool(re.fullmatch(r"[A-Za-z_]\w*", v))
    )


def postgres_problems(
    target: str, variable: str, environ: Mapping[str, str], allows: Callable[[str], bool]
) -> list[str]:
    """Why that database may not be asked; the address is not repeated. `allows` knows the hosts of http addresses."""
    if not variable:
        return []
    url = environ.get(variable, "")
    if not url:
        return [f"{target}: environment variable {variable} is not set; [postgres] asks for it"]
    try:
        parts = urlsplit(url)
        host = parts.hostname or ""
    except ValueError:
        return [f"{target}: postgres.url_env: {variable} holds no address like postgresql://user@host/database"]
    if parts.scheme not in _POSTGRES or not host:
        return [f"{target}: postgres.url_env: {variable} holds no address like postgresql://user@host/database"]
    if not allows(f"http://[{host}]" if ":" in host else f"http://{host}"):
        return [f'{target}: postgres: {host} is not this machine; if you may ask it, add allow_hosts = ["{host}"]']
    return []
