"""Makes run records for tests, through the real journal and writer."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise
from pathlib import Path

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from record import schema, writer
from record.journal import EventLog, Journal
from record.types import (
    Event,
    Fact,
    JourneyEnd,
    LedgerEntry,
    Limits,
    Link,
    Manifest,
    Objective,
    Observation,
    OperationInfo,
    Outcome,
    Phase,
    Reading,
    Sample,
    State,
    TargetInfo,
    Zero,
)

MS = 1_000_000
S = 1_000_000_000
ZERO_MS = 1_751_853_600_000  # 7 July 2025, 09:00 in Hanoi: the wall clock at the run's zero
READ_NS = 40 * S  # of the final read
READ, WRITE = 0, 1
OPERATIONS = (OperationInfo("portal.track", "portal", False), OperationInfo("tthc.receive", "tthc", True))
COMMUNES = ("14800", "14812", "15001")
NATIONAL = Link("national", "state", "tthc", "national", lag=True)
PAYMENTS = Link("payments", "payment", "bank", "tthc")
MOVES = ((0, 1), (0, 2), (1, 2), (1, 3), (2, 4), (4, 5), (5, 4), (4, 9), (9, 10))
FAST = Objective(
    "fast", "latency", ("portal.*",), 500.0, "ms", "Tra cứu hồ sơ", "Tracking a dossier", "a test", False, 95.0
)
FEW_ERRORS = Objective("errors", "errors", ("*",), 0.01, "share", "Tỷ lệ lỗi", "Share of errors", "a test", True)


def manifest(arrivals: int, seconds: int = 30, **changes: object) -> Manifest:
    """A planned run: 5 s of warm-up, then `seconds` that are judged."""
    base = Manifest(
        format=schema.FORMAT,
        run_id="2025-07-01-test-1",
        tag="t1",
        state=State.PLANNED,
        created_utc="2025-07-01T00:00:00Z",
        profile="test",
        profile_text="",
        profile_overrides={},
        seed=1,
        plan_digest="0" * 64,
        arrivals=arrivals,
        code="test",
        target=TargetInfo("testbed", "a test", {"portal": "http://127.0.0.1:1"}, "1" * 64),
        identities="marked",
        rate_factor=1.0,
        compression=60.0,
        workers=1,
        phases=(Phase("warm-up", 0, 5 * S, False), Phase("peak", 5 * S, (5 + seconds) * S, True)),
        objectives=(FAST, FEW_ERRORS),
        limits=Limits(),
        operations=OPERATIONS,
    )
    return msgspec.structs.replace(base, **changes)


def latencies(n: int, median_ms: float = 60.0, sigma: float = 0.5, seed: int = 5) -> list[int]:
    """Log-normal answer times in ns, independent of each other."""
    return (np.random.default_rng(seed).lognormal(np.log(median_ms), sigma, n) * MS).astype(np.int64).tolist()


def plan(
    n: int, seconds: int = 35, communes: Sequence[str] = COMMUNES, systems: Sequence[str] = ("portal", "tthc")
) -> pa.Table:
    """n arrivals evenly over the run, communes and systems in turn."""
    return pa.table(
        {
            "arrival": pa.array(range(n), pa.uint32()),
            "at_ns": pa.array([index * seconds * S // max(n, 1) for index in range(n)], pa.int64()),
            "system": pa.array([systems[index % len(systems)] for index in range(n)], pa.string()),
            "commune": pa.array([communes[index % len(communes)] for index in range(n)], pa.string()),
            "journey": pa.array(["test"] * n, pa.string()),
        }
    ).cast(schema.ARRIVALS)


def world(communes: Sequence[str] = COMMUNES) -> pa.Table:
    rows = [(code, f"Xã {code}", "commune", 20_000, "plain", 19.8, 105.7, 60.0) for code in communes]
    columns = list(zip(*rows, strict=True)) if rows else [[] for _ in schema.COMMUNES]
    return pa.table([pa.array(column) for column in columns], names=schema.COMMUNES.names).cast(schema.COMMUNES)


def call(arrival: int, at_ns: int, took_ns: int = 50 * MS, operation: int = READ, **changes: object) -> Sample:
    """One call sent 0.1 ms after it was due and answered 200 after `took_ns` from then."""
    base = Sample(arrival, 0, operation, at_ns, at_ns + MS // 10, at_ns + took_ns, Outcome.OK, 200)
    return msgspec.structs.replace(base, **changes)


def write(key: str, *facts: Fact, commune: str = COMMUNES[0], digest: str = "d" * 32) -> list[LedgerEntry]:
    """The facts about one write, intent first, the same content throughout."""
    return [
        LedgerEntry(
            key,
            fact,
            index * MS,
            "tthc.receive",
            commune,
            None,
            digest if fact in (Fact.INTENDED, Fact.OBSERVED) else None,
        )
        for index, fact in enumerate(facts)
    ]


def kept(key: str, **changes: str) -> list[LedgerEntry]:
    return write(key, Fact.INTENDED, Fact.ACKED, Fact.OBSERVED, **changes)


def readings(seconds: int = 36, workers: int = 1, lag_ms: float = 3.0, cpu: float = 0.3) -> list[Reading]:
    """A healthy generator, two readings a second of each meter."""
    values = (("hub_lag_ms", "ms", lag_ms), ("cpu_share", "cores", cpu), ("sockets", "count", 12.0))
    return [
        Reading(f"generator-{worker}", metric, unit, half * S // 2, value)
        for worker in range(workers)
        for half in range(1, 2 * seconds + 1)
        for metric, unit, value in values
    ]


def make_record(
    folder: Path,
    head: Manifest,
    *,
    arrivals: pa.Table | None = None,
    samples: Sequence[Sample] = (),
    ends: Sequence[JourneyEnd] | None = None,
    ledger: Sequence[LedgerEntry] = (),
    meters: Sequence[Reading] = (),
    communes: Sequence[str] | pa.Table = COMMUNES,
    listed: bool = True,
    observations: Sequence[Observation] = (),
    places: Sequence[str] | None = None,
    events: Sequence[Event] = (),
    seal: bool = True,
) -> Path:
    """A record on disk. Without `ends` every arrival ends with the worst of its samples; without samples, dropped.

    `places` were read to the end at the final read; without them nobody asked, or all of the observations' if any.
    """
    arrivals = plan(head.arrivals) if arrivals is None else arrivals
    writer.create(folder, head, communes if isinstance(communes, pa.Table) else world(communes), arrivals)
    driving = writer.start(folder, head, Zero(ZERO_MS * MS, 1, "boot"))
    journal = Journal(folder / "journal", 0)
    for sample in samples:
        journal.sample(sample)
    for end in _ends(head.arrivals, samples) if ends is None else ends:
        journal.end(end)
    for entry in ledger:
        journal.ledger(entry)
    for meter in meters:
        journal.reading(meter)
    for observation in observations:
        journal.observation(observation)
    journal.close()
    read = sorted({each.place for each in observations}) if places is None else list(places)
    log = EventLog(folder / "events.jsonl")
    for event in (*events, *_final_events(listed, read)):
        log.write(event)
    log.close()
    if seal:
        writer.seal(folder, driving)
    return folder


def _final_events(listed: bool, read: Sequence[str]) -> list[Event]:
    listing = [Event(READ_NS, "final-listing", "all writes that carry the run's tag")] if listed else []
    return [*listing, *([Event(READ_NS, "final-observations", ", ".join(read))] if read else [])]


def healthy_run(folder: Path, n: int = 3000, **changes: object) -> Path:
    """A record that passes: n arrivals of one call each in 35 s, half of them writes that are all found again."""
    return make_record(folder, **healthy(n) | changes)  # type: ignore[arg-type]


def healthy(n: int = 3000, took: Callable[[int], list[int]] = latencies) -> dict[str, object]:
    """The arguments of make_record for a run that passes; tests change one of them."""
    arrivals, times = plan(n), took(n)
    due = arrivals["at_ns"].to_pylist()
    samples = [call(index, due[index], times[index], index % 2) for index in range(n)]
    ledger = booked(samples)
    return {"head": manifest(n), "arrivals": arrivals, "samples": samples, "ledger": ledger, "meters": readings()}


def booked(samples: Sequence[Sample]) -> list[LedgerEntry]:
    """The ledger that belongs to some samples: what was acknowledged is found, anything else is not."""
    facts = {Outcome.OK: (Fact.ACKED, Fact.OBSERVED), Outcome.REFUSED: (Fact.REFUSED, Fact.ABSENT)}
    return [
        entry
        for s in samples
        if s.operation == WRITE
        for entry in write(
            f"t1-{s.arrival}",
            Fact.INTENDED,
            *facts.get(s.outcome, (Fact.UNKNOWN, Fact.ABSENT)),
            commune=COMMUNES[s.arrival % 3],
        )
    ]


def held(
    place: str, kind: str, subject: str, value: str | None = None, at_s: float | None = 10.0, **changes: str | None
) -> Observation:
    """Something that a system holds since `at_s` seconds after the run's zero."""
    at_ms = None if at_s is None else ZERO_MS + round(at_s * 1000)
    return Observation(place, kind, subject, value, at_ms, **({"commune": COMMUNES[0]} | changes))


def walked(
    subject: str, *states: int, place: str = "tthc", kind: str = "move", at_s: float = 10.0
) -> list[Observation]:
    """The moves of a dossier through some states, a second apart; or (kind "history") the states themselves."""
    steps = [f"{before}>{after}" for before, after in pairwise((0, *states))]
    values = steps if kind == "move" else [str(state) for state in states]
    return [held(place, kind, subject, value, at_s + turn) for turn, value in enumerate(values)]


def shuffle(folder: Path, name: str, seed: int) -> None:
    """Put the rows of a table of a sealed record into another order; its digest is no longer right then."""
    table = pq.read_table(folder / f"{name}.parquet")
    order = np.random.default_rng(seed).permutation(table.num_rows)
    pq.write_table(table.take(pa.array(order)), folder / f"{name}.parquet")


def losing(key: str, ledger: Sequence[LedgerEntry]) -> list[LedgerEntry]:
    """The ledger, but the final read did not find what was written under `key`."""
    return [
        msgspec.structs.replace(entry, fact=Fact.ABSENT, digest=None)
        if (entry.key, entry.fact) == (key, Fact.OBSERVED)
        else entry
        for entry in ledger
    ]


def _ends(planned: int, samples: Sequence[Sample]) -> list[JourneyEnd]:
    ends = {index: JourneyEnd(index, 0, Outcome.DROPPED, 0, -1, 0) for index in range(planned)}
    for sample in samples:
        before = ends[sample.arrival]
        worst = sample.outcome if before.steps == 0 else max(before.outcome, sample.outcome)
        ends[sample.arrival] = JourneyEnd(
            sample.arrival, before.steps + 1, worst, sample.error, sample.intended_ns, sample.done_ns
        )
    return list(ends.values())
