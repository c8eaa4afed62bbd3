"""Facts that outlive a run. All times are whole nanoseconds since the run's zero; None means not measured."""

from __future__ import annotations

import enum

import msgspec


class RecordError(Exception):
    """A run record is missing, damaged, of another format, or not sealed. The message names the file and the remedy."""


DUET_SIDES = ("base", "candidate")  # of a duet: its operations are called <side>.<name>, its readings service:<side>


class Outcome(enum.IntEnum):
    """What became of a call or of a whole arrival."""

    OK = 0
    REFUSED = 1  # the target definitely did not do it
    UNKNOWN = 2  # nobody can tell before the final read
    DROPPED = 3  # the generator had no free user; never sent, never made up later


class Fact(enum.StrEnum):
    """One step in the life of a write, as the ledger keeps it."""

    INTENDED = "intended"  # written down before the request leaves
    ACKED = "acked"
    REFUSED = "refused"
    UNKNOWN = "unknown"
    OBSERVED = "observed"  # the final read found it
    ABSENT = "absent"  # the final read asked for it and it was not there


class State(enum.StrEnum):
    """Life of a record."""

    PLANNED = "planned"
    DRIVING = "driving"
    SEALED = "sealed"
    ABORTED = "aborted"


class Sample(msgspec.Struct, frozen=True):
    """One call: a request that was sent, or could not be."""

    arrival: int
    step: int
    operation: int  # index into Manifest.operations
    intended_ns: int
    sent_ns: int
    done_ns: int
    outcome: Outcome
    status: int = 0  # 0: no answer
    error: int = 0  # index into schema.ERRORS, 0: none
    bytes_sent: int = 0
    bytes_received: int = 0
    connect_us: int | None = None  # None: the connection was there already
    first_byte_us: int | None = None
    app_us: int | None = None  # Server-Timing, where the target sends it
    db_us: int | None = None
    queue_us: int | None = None


class JourneyEnd(msgspec.Struct, frozen=True):
    """The end of one arrival; exactly one per planned arrival in a sealed record."""

    arrival: int
    steps: int
    outcome: Outcome
    error: int
    started_ns: int
    done_ns: int


class LedgerEntry(msgspec.Struct, frozen=True, omit_defaults=True):
    """One fact about one write. `key` is the idempotency key, `digest` that of the content (contract.digest)."""

    key: str
    fact: Fact
    at_ns: int
    operation: str
    commune: str = ""
    arrival: int | None = None
    digest: str | None = None
    subject: str | None = None  # the number the target gave, e.g. a dossier code


class Reading(msgspec.Struct, frozen=True):
    """One value of one meter."""

    source: str  # "generator-0", "target:tthc", "host"
    metric: str
    unit: str
    at_ns: int
    value: float


class Observation(msgspec.Struct, frozen=True, omit_defaults=True):
    """One thing that one system held at the final read; a thing held twice is two of these. (Signatures: in the drive.)

    `kind` says how to read `subject` and `value`:
    state: dossier code, its state · history: dossier code, a state it reached · move: dossier code, "from>to" ·
    number: series, a number given in it · payment: order, amount in VND · delivery: "document→organisation", status ·
    count: commune code, dossiers received of all time · signature: what was asked for, why what came does not verify.
    """

    place: str  # the system that was asked: tthc, web, national, docs.sent, bank, …
    kind: str
    subject: str
    value: str | None = None
    at_ms: int | None = None  # wall clock of that system when it came to hold this
    key: str | None = None  # idempotency key behind it, where the system keeps one
    digest: str | None = None  # of the content on which linked systems must agree
    commune: str | None = None


class Event(msgspec.Struct, frozen=True):
    """Something that happened to the run: a phase began, a fault was set, an operator wrote a note.

    "fault-begin" and "fault-end" carry the fault as it was written, "final-observations" the places that were read.
    """

    at_ns: int
    kind: str
    text: str = ""


class Phase(msgspec.Struct, frozen=True):
    """A stretch of the run; an arrival belongs to the phase in which it was due. `rate` multiplies the plan's rate."""

    name: str
    start_ns: int
    end_ns: int
    judged: bool
    rate: float = 1.0


class Objective(msgspec.Struct, frozen=True):
    """A promise made before the run. `limit` is in `unit`; `operations` are names or patterns such as `tthc.*`."""

    slug: str
    # "latency" (ms, at `percentile`), "errors" (share of calls and dropped arrivals) or "lag" (ms, at `percentile`,
    # of the links that `operations` names by their slugs)
    metric: str
    operations: tuple[str, ...]
    limit: float
    unit: str
    title_vi: str
    title_en: str
    source: str
    verified: bool
    percentile: float | None = None


class Limits(msgspec.Struct, frozen=True):
    """When generator or clocks are no longer fit to judge by. Frozen with the plan, like the objectives."""

    lateness_p99_ms_max: float = 50.0
    hub_lag_ms_max: float = 400.0
    cpu_share_p95_max: float = 0.90
    dropped_share_max: float = 0.0
    keepable_share_min: float = 0.5  # of the pages and files that a website sends; unverified
    memory_growth_mb_max: float = 200.0  # of a process of the target, while judged
    clock_skew_ms_max: float = 1000.0  # unverified: no rule of the platform was found


class Link(msgspec.Struct, frozen=True):
    """Two systems that must hold the same: every observation of `kind` at `source` is at `mirror`, as often, alike."""

    slug: str
    kind: str
    source: str
    mirror: str
    lag: bool = False  # both give rows of kind "history", so that the way from one to the other can be timed


class OperationInfo(msgspec.Struct, frozen=True):
    """An operation by the number under which the samples know it."""

    name: str
    system: str
    write: bool
    signed: bool = False  # the answer is a signed document, which the journey verifies


class Zero(msgspec.Struct, frozen=True):
    """The run's zero on both clocks. Processes that share `boot_id` count on the monotonic clock."""

    wall_ns: int
    mono_ns: int
    boot_id: str


class Unit(msgspec.Struct, frozen=True):
    """One commune or ward of the record, where it lies and how large it is."""

    code: str
    name: str
    kind: str
    latitude: float
    longitude: float
    area_km2: float


class FileDigest(msgspec.Struct, frozen=True):
    """Contents of one file of the record."""

    sha256: str
    rows: int


class TargetInfo(msgspec.Struct, frozen=True):
    """The system under test as the target file names it; never a secret."""

    name: str
    purpose: str
    bases: dict[str, str]
    digest: str  # sha256 of the target file


class Manifest(msgspec.Struct, frozen=True):
    """The head of a record and the only file of it that is ever rewritten."""

    format: int
    run_id: str
    tag: str  # begins every idempotency key of this run
    state: State
    created_utc: str
    profile: str
    profile_text: str
    profile_overrides: dict[str, str]
    seed: int
    plan_digest: str
    arrivals: int
    code: str  # version and digest of the sources
    target: TargetInfo
    identities: str  # realistic, marked, allow-list or none
    rate_factor: float
    compression: float  # seconds of the modelled day per second of the run
    workers: int
    phases: tuple[Phase, ...]
    objectives: tuple[Objective, ...]
    limits: Limits
    operations: tuple[OperationInfo, ...]
    links: tuple[Link, ...] = ()
    moves: tuple[tuple[int, int], ...] = ()  # allowed "from>to" of a dossier; from 0: it was not there before
    zero: Zero | None = None
    sealed_utc: str | None = None
    abort_reason: str | None = None
    files: dict[str, FileDigest] = {}


class DuetRule(msgspec.Struct, frozen=True):
    """How a duet is decided; written before its first request. `looks` are restarts of both after which one looks.

    A difference counts at the k-th look with `alphas[k]` over everything that is compared (Holm), of the share of
    failed calls with `errors_alpha`: so at most the sum of all these of the duets of equal versions end in an alarm,
    however often one looks. Shares are of the base's value.
    """

    looks: tuple[int, ...] = (11, 13, 17)
    alphas: tuple[float, ...] = (0.0025, 0.0015, 0.0006)
    errors_alpha: float = 0.00013
    tail_weight: float = 0.1  # of p95 in that doubt; everything else has 1
    floor: float = 0.05  # smaller differences are no reason to stop a change
    tail_floor: float = 0.1  # the same for p95, which scatters three times as much
    errors_floor: float = 0.005  # the same for the share of failed calls, in shares of all calls
    pass_below: float = 0.07  # passed once nothing can be so much worse
    tail_below: float = 0.15  # the same for p95
    pass_alpha: float = 0.01  # … with this much doubt, for each thing compared
