"""Named runs: what is replayed, how hard, for how long, and what was promised. Strict TOML.

`compression` c lays c seconds of the modelled day into one second of the run: rates rise and think times shrink by c.
`rate_factor` multiplies the number of people and leaves their pace alone; `scale` does so too, and gives the generator
as many times the users (20: the whole country).
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from importlib import resources
from pathlib import Path

import msgspec

from record.types import Limits, Objective, Phase
from scenarios.contract import BY_NAME, LINKS, OPERATIONS
from scenarios.flows import JOURNEYS, RATES
from scenarios.schedule import OWN
from scenarios.strict_toml import Document, Table, is_name, is_there, read
from scenarios.traffic import DAY_S, WEEKDAYS, Traffic, Window
from scenarios.types import ConfigError

SECOND = 1_000_000_000
DURATION_S_MAX = 12 * 3600.0
STEP_S = 0.0005  # from one phase's rate to the next's
USERS_MAX = 20_000
INBOX_MAX = 1_000_000
SCALE_MAX = 1_000.0
SEED_MAX = 2**63 - 1
FAULT = r"[a-z][a-z0-9-]*(=[^\s:=]+)?(:[a-z]+\.[a-z_]+)?"
NAME = r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}"  # becomes part of a folder's name
METRICS = ("latency", "errors", "lag")
LIMIT_MS_MAX = 600_000.0
SYSTEMS = (*sorted({operation.system for operation in OPERATIONS}), OWN)


class TimedFault(msgspec.Struct, frozen=True):
    """A fault that is set while the run goes; the target understands `text`, e.g. "delay=900:portal.search"."""

    text: str
    begin_ns: int
    end_ns: int


class Profile(msgspec.Struct, frozen=True):
    """One named run, checked. Lengths in seconds of the run unless the name says `day`."""

    name: str
    title_vi: str
    title_en: str
    text: str  # the file as it was and what the command line changed; both are kept in the record
    overrides: dict[str, str]
    kind: str  # "day": a stretch of the modelled day; "flat": a constant rate of the target's own operations
    seed: int
    communes: tuple[str, ...]  # codes; empty: all
    journeys: tuple[str, ...]
    window: Window  # of the modelled day
    traffic: Traffic
    rate_per_s: float  # "flat" only
    poisson: bool  # "flat" only; false: evenly spaced
    phases: tuple[Phase, ...]
    scale: float  # how many times the people and what serves them; already in traffic, rate_per_s, users, inbox_max
    users: dict[str, int]  # parked users per system, over all workers
    inbox_max: int
    drain_s: float
    objectives: tuple[Objective, ...]
    limits: Limits
    faults: tuple[TimedFault, ...]  # by their time

    @property
    def duration_s(self) -> float:
        return self.phases[-1].end_ns / SECOND


def shipped() -> tuple[str, ...]:
    """Names of the profiles in the package."""
    folder = resources.files("scenarios") / "profiles"
    return tuple(sorted(item.name.removesuffix(".toml") for item in folder.iterdir() if item.name.endswith(".toml")))


def find(name: str) -> tuple[str, str]:
    """(file name, text) of a shipped profile by name or of a file by path. Raises ConfigError."""
    if name in shipped():
        return f"{name}.toml", (resources.files("scenarios") / "profiles" / f"{name}.toml").read_text("utf-8")
    path = Path(name)
    if path.suffix != ".toml" and not is_there(path):
        raise ConfigError(
            [f"profile {name!r}: unknown; shipped profiles: {', '.join(shipped())}; or a path to a .toml file"]
        )
    return str(path), read(path)


def load(name: str, overrides: dict[str, str] | None = None) -> Profile:
    """A checked profile. `overrides` replace single values, keys as in the file: {"time.rate_factor": "2"}."""
    file_name, text = find(name)
    return parse(file_name, text, overrides or {})


def parse(file_name: str, text: str, overrides: dict[str, str] | None = None) -> Profile:
    """Raises ConfigError with every problem of the file and of the overrides."""
    document = Document(file_name, text, overrides)
    root = document.root
    kind = root.take("kind", str, "day", right="day or flat", check=lambda v: v in ("day", "flat"))
    time, world, users = root.table("time"), root.table("world"), root.table("users")
    phases = _phases(root)
    duration_s = phases[-1].end_ns / SECOND
    traffic = _traffic(time, phases)
    start_s = _clock(time, "from", "08:00")
    window = Window(start_s, start_s + duration_s * traffic.compression)
    if kind == "day" and window.end_s > DAY_S:
        document.problem(
            ("phase",), f"the phases last {duration_s * traffic.compression / 3600:g} h of the day, past midnight"
        )
    profile = Profile(
        name=root.take("name", str, right="letters, digits, . _ -", check=lambda v: bool(re.fullmatch(NAME, v))),
        title_vi=root.take("title_vi", str, ""),
        title_en=root.take("title_en", str, ""),
        text=text,
        overrides=overrides or {},
        kind=kind,
        seed=root.take(
            "seed", int, 20250701, right=f"a whole number from 0 to {SEED_MAX}", check=lambda v: 0 <= v <= SEED_MAX
        ),
        communes=world.words("communes", [], right="a list of commune codes; leave it out for all 166"),
        journeys=_journeys(world),
        window=window,
        traffic=traffic,
        rate_per_s=_positive(time, "rate_per_s", 1.0),
        poisson=time.take("poisson", bool, True),
        phases=phases,
        scale=root.take("scale", float, 1.0, right=f"above 0, up to {SCALE_MAX:g}", check=lambda v: 0 < v <= SCALE_MAX),
        users={name: _users(users, name) for name in users} or {"own": 200},
        inbox_max=root.take(
            "inbox_max", int, 2000, right=f"from 1 to {INBOX_MAX}", check=lambda v: 1 <= v <= INBOX_MAX
        ),
        drain_s=root.take("drain_s", float, 20.0, right="seconds from 0 to 600", check=lambda v: 0 <= v <= 600),
        objectives=tuple(_objective(table) for table in root.tables("objective")),
        limits=_limits(root.table("limits")),
        faults=_faults(root, phases[-1].end_ns),
    )
    slugs = [objective.slug for objective in profile.objectives]
    for slug in sorted({slug for slug in slugs if slugs.count(slug) > 1}):
        document.problem(("objective",), f"two objectives are called {slug!r}; each slug stands once")
    document.finish()
    return _scaled(profile)


def _scaled(profile: Profile) -> Profile:
    """So many times the people, and the users and the room for waiting that they need; their pace stays."""
    scale, traffic = profile.scale, profile.traffic
    return msgspec.structs.replace(
        profile,
        traffic=msgspec.structs.replace(traffic, rate_factor=traffic.rate_factor * scale),
        rate_per_s=profile.rate_per_s * scale,
        users={name: min(USERS_MAX, math.ceil(count * scale)) for name, count in profile.users.items()},
        inbox_max=min(INBOX_MAX, math.ceil(profile.inbox_max * max(1.0, scale))),
    )


def _phases(root: Table) -> tuple[Phase, ...]:
    phases, at, names = [], 0, set()
    for table in root.tables("phase", required=True):
        length = table.take(
            "for_s",
            float,
            right=f"seconds above 0, from 0.001 to {DURATION_S_MAX:g}",
            check=lambda v: 0.001 <= v <= DURATION_S_MAX,
        )
        name = table.take("name", str, right='a short name such as "peak"', check=is_name)
        if name in names:
            table.problem("name", f"{name!r} stands twice; phases need different names")
        names.add(name)
        end = at + round(length * SECOND)
        right = f"a factor above 0, up to {SCALE_MAX:g}"
        rate = table.take("rate", float, 1.0, right=right, check=lambda v: 0 < v <= SCALE_MAX)
        phases.append(Phase(name, at, end, table.take("judged", bool), rate))
        at = end
    if phases and not any(phase.judged for phase in phases):
        root.problem("phase", "no phase is judged; at least one needs judged = true")
    return tuple(phases) or (Phase("none", 0, SECOND, True),)


def _objective(table: Table) -> Objective:
    metric = table.take("metric", str, right=f"one of {', '.join(METRICS)}", check=lambda v: v in METRICS)
    about = _links(table) if metric == "lag" else _operations(table)
    percentile = None
    if metric != "errors":
        percentile = table.take("percentile", float, right="between 0 and 100, e.g. 95", check=lambda v: 0 < v < 100)
    in_seconds = metric == "lag" and "limit_s" in table.data and "limit_ms" not in table.data
    limit_key, unit = (
        ("limit_share", "share") if metric == "errors" else ("limit_s" if in_seconds else "limit_ms", "ms")
    )
    high = 1.0 if metric == "errors" else LIMIT_MS_MAX * (1e-3 if in_seconds else 1.0)
    limit = table.take(limit_key, float, right=f"above 0 and up to {high:g}", check=lambda v: 0 < v <= high)
    return Objective(
        slug=table.take(
            "slug", str, right="letters, digits and -", check=lambda v: re.fullmatch(r"[a-z0-9-]+", v) is not None
        ),
        metric=metric,
        operations=about,
        limit=limit * 1000.0 if in_seconds else limit,
        unit=unit,
        title_vi=table.take("title_vi", str),
        title_en=table.take("title_en", str),
        source=table.take("source", str, right="where the limit comes from"),
        verified=table.take("verified", bool),
        percentile=percentile,
    )


def _operations(table: Table) -> tuple[str, ...]:
    patterns = table.words("operations", right='operation names or patterns, e.g. ["tthc.*"]')
    for pattern in patterns:
        if not any(character in pattern for character in "*?[") and "." in pattern and pattern not in BY_NAME:
            table.problem("operations", f"{pattern!r} is no operation; known: {', '.join(BY_NAME)}")
    return patterns


def _links(table: Table) -> tuple[str, ...]:
    """Of a lag: the links whose two systems tell when they came to hold something."""
    timed = [link.slug for link in LINKS if link.lag]
    slugs = table.words("operations", right=f"links, of {', '.join(timed)}")
    for slug in slugs:
        if slug not in timed:
            table.problem("operations", f"{slug!r} is no link with a lag; known: {', '.join(timed)}")
    return slugs


def _faults(root: Table, run_ns: int) -> tuple[TimedFault, ...]:
    found: list[TimedFault] = []
    for table in root.tables("fault"):
        right = 'a kind of fault with its value, e.g. "delay=900:portal.search"'
        text = table.take("kind", str, right=right, check=lambda v: re.fullmatch(FAULT, v) is not None)
        begin_ns, length_ns = _moment(table, "at", least_s=0.0), _moment(table, "for", least_s=0.001)
        made = TimedFault(text, begin_ns, begin_ns + length_ns)
        if made.end_ns > run_ns:
            table.problem("kind", f"is over at {made.end_ns / SECOND:g} s; the phases end at {run_ns / SECOND:g} s")
        if any(one.text == text and one.begin_ns < made.end_ns and made.begin_ns < one.end_ns for one in found):
            table.problem("kind", f"{text!r} is set already at that time; the same fault only after it is over")
        found.append(made)
    return tuple(sorted(found, key=lambda one: one.begin_ns))


def _moment(table: Table, key: str, *, least_s: float) -> int:
    """`at = "60s"` or `at_s = 60`, in ns."""
    right = f'seconds of the run from {least_s:g}, as {key} = "60s" or {key}_s = 60'
    if f"{key}_s" in table.data and key in table.data:
        table.problem(f"{key}_s", f"beside {key}; give one of them")
    if key in table.data:
        text = table.take(key, str, right=right, check=lambda v: re.fullmatch(r"\d{1,6}(\.\d{1,3})?s", v) is not None)
        seconds = float(text[:-1]) if text else least_s
        if seconds < least_s:
            table.problem(key, f"{text!r} will not do; {right}")
        table.take(f"{key}_s", float, 0.0)
    else:
        seconds = table.take(f"{key}_s", float, right=right, check=lambda v: least_s <= v <= DURATION_S_MAX)
    return round(seconds * SECOND)


def _journeys(world: Table) -> tuple[str, ...]:
    names = world.words("journeys", list(JOURNEYS), right="a list of journeys")
    for name in names:
        if name not in JOURNEYS:
            world.problem("journeys", f"{name!r} is no journey; known: {', '.join(JOURNEYS)}")
    return names


def _traffic(time: Table, phases: Sequence[Phase]) -> Traffic:
    base = Traffic()
    right = f"one of {', '.join(WEEKDAYS)}"
    ramp = (_positive(time, "ramp_from", 1.0), _positive(time, "ramp_to", 1.0))
    factors = _steps(phases)
    if ramp != (1.0, 1.0):
        if factors:
            time.problem("ramp_from", "beside the phases' own rates; give either a ramp or rates")
        factors = ((0.0, ramp[0]), (phases[-1].end_ns / SECOND, ramp[1]))
    return Traffic(
        weekday=time.take("weekday", str, base.weekday, right=right, check=lambda v: v in WEEKDAYS),
        surge=_positive(time, "surge", base.surge),
        online_share=time.take(
            "online_share", float, base.online_share, right="a share from 0 to 1", check=lambda v: 0 <= v <= 1
        ),
        rate_factor=_positive(time, "rate_factor", base.rate_factor),
        compression=_positive(time, "compression", base.compression),
        rates={figure.name: _positive(time, figure.name, figure.value) for figure in RATES},
        online_lag_s=_positive(time, "online_lag_s", base.online_lag_s),
        factors=factors,
    )


def _steps(phases: Sequence[Phase]) -> tuple[tuple[float, float], ...]:
    """The phases' rates as knots: level within each, with a slope of half a millisecond at the end of it."""
    if all(phase.rate == 1.0 for phase in phases):
        return ()
    knots = []
    for phase in phases:
        knots.append((phase.start_ns / SECOND, phase.rate))
        knots.append((phase.end_ns / SECOND - STEP_S, phase.rate))
    return (*knots, (phases[-1].end_ns / SECOND, phases[-1].rate))


def _limits(table: Table) -> Limits:
    base = Limits()
    values = {
        field: table.take(
            field, float, getattr(base, field), right="a number from 0 to 1e9", check=lambda v: 0 <= v <= 1e9
        )
        for field in Limits.__struct_fields__
    }
    return Limits(**values)


def _users(table: Table, name: str) -> int:
    if name not in SYSTEMS:
        table.problem(name, f"no such system; one of {', '.join(SYSTEMS)}")
    right = f"users from 1 to {USERS_MAX}"
    return table.take(name, int, 200, right=right, check=lambda v: 1 <= v <= USERS_MAX)


def _positive(table: Table, key: str, default: float) -> float:
    return table.take(
        key, float, default, right="a number above 0 and below 1,000,000", check=lambda v: 1e-6 <= v < 1e6
    )


def _clock(table: Table, key: str, default: str) -> float:
    right = 'a time of day such as "07:50"'
    text = table.take(
        key, str, default, right=right, check=lambda v: re.fullmatch(r"([01]\d|2[0-3]):[0-5]\d", v) is not None
    )
    return int(text[:2]) * 3600.0 + int(text[3:]) * 60.0
