"""How long does judging five million calls take, and how much memory?

Peer: pandas alone computing the percentile tables of the same file by groupby quantile: no intervals, no integrity, no
objectives. Each side runs in a process of its own; seconds are counted after the imports, memory is the process's peak.
"""

from __future__ import annotations

import shutil
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pyarrow as pa

from bench._line import result
from bench._records import CODES, COMMUNES, Watch, measure, seal, words, world
from record import rows, schema
from record.types import Event, Limits, Manifest, Objective, OperationInfo, Phase, State, TargetInfo, Zero

CALLS, STEPS, OPERATIONS, SECONDS, WRITES = 5_000_000, 5, 20, 300, 200_000
SECONDS_MAX, MB_MAX = 5.0, 1000.0
S = 1_000_000_000


def main() -> None:
    if len(sys.argv) == 3:
        {"ours": ours, "pandas": pandas_alone}[sys.argv[1]](Path(sys.argv[2]))
        return
    folder = Path(tempfile.mkdtemp(prefix="thongsuot-bench-"))
    try:
        began = time.perf_counter()
        make(folder / "run")
        print(f"made a sealed record of {CALLS:,} calls in {time.perf_counter() - began:.1f} s", flush=True)
        mine, peer = (measure("bench.assess", side, folder / "run") for side in ("ours", "pandas"))
    finally:
        shutil.rmtree(folder)
    ok = mine["seconds"] <= SECONDS_MAX and mine["peak_mb"] <= MB_MAX
    result(
        "assess",
        mine["seconds"],
        peer["seconds"],
        SECONDS_MAX,
        ok,
        peer_name="pandas groupby quantile, tables only",
        peak_mb=mine["peak_mb"],
        peak_mb_goal=MB_MAX,
        peer_peak_mb=peer["peak_mb"],
        cpu_s=mine["cpu_s"],
        peer_cpu_s=peer["cpu_s"],
        calls=CALLS,
    )


def ours(folder: Path) -> None:
    """Open (digests and all), judge, write assessment.json."""
    from record.reader import open_record
    from reports import store
    from reports.assess import assess

    watch = Watch()
    record = open_record(folder)
    opened = watch.seconds
    assessment = assess(record)
    store.write(folder, assessment)
    watch.tell(f"gate {assessment.gate.word}, {opened:.2f} s of it opening the record")


def pandas_alone(folder: Path) -> None:
    """The same percentile tables, as one would write them by hand."""
    import pandas as pd

    wanted = ["operation", "system", "commune", "outcome", "intended_ns", "sent_ns", "done_ns"]
    watch = Watch()
    frame = pd.read_parquet(folder / "samples.parquet", columns=wanted)
    frame = frame[frame["outcome"].isin(["ok", "unknown"])]
    frame["due"] = frame["done_ns"] - frame["intended_ns"]
    frame["service"] = frame["done_ns"] - frame["sent_ns"]
    frame["phase"] = frame["intended_ns"] >= 30 * S
    lines = 0
    for dimension in ([], ["system"], ["operation"], ["commune"]):
        groups = frame.groupby(["phase", *dimension], observed=True)[["due", "service"]]
        lines += len(groups.quantile([0.5, 0.9, 0.95, 0.99]))
    watch.tell(f"{lines} lines")


def make(folder: Path, calls: int = CALLS) -> None:
    """A sealed record that passes: answer times log-normal, one call in 500 refused, every write found again."""
    generator = np.random.default_rng(20250701)
    arrivals = calls // STEPS
    at = np.sort(generator.integers(0, (SECONDS - 20) * S, arrivals))
    commune = generator.integers(0, COMMUNES, arrivals)
    arrival = np.repeat(np.arange(arrivals, dtype=np.uint32), STEPS)
    step = np.tile(np.arange(STEPS, dtype=np.uint16), arrivals)
    intended = at[arrival] + step.astype(np.int64) * 3 * S
    operation = (generator.integers(0, OPERATIONS // STEPS, calls) * STEPS + step).astype(np.int32)
    surplus = np.flatnonzero(operation == 1)[WRITES:]
    operation[surplus] += STEPS  # so that the ledger has all writes
    took = (generator.lognormal(np.log(0.06), 0.6, calls) * S).astype(np.int64)
    sent = intended + generator.integers(20_000, 400_000, calls)
    refused = (generator.random(calls) < 0.002) & (operation != 1)
    communes = list(CODES)
    systems = ["portal", "tthc"]
    names = [f"{systems[index % 2]}.op{index:02d}" for index in range(OPERATIONS)]
    outcomes = ["ok", "refused", "unknown", "dropped"]
    none = pa.nulls(calls, pa.uint32())
    samples = [
        arrival, step, words(operation, names), words(operation % 2, systems), words(commune[arrival], communes),
        intended, sent, sent + took, words(refused.astype(np.int32), outcomes),
        np.where(refused, 503, 200).astype(np.uint16),
        words(np.full(calls, rows.ERRORS.index("status-5xx")), list(rows.ERRORS), ~refused),
        np.full(calls, 400, np.uint32), np.full(calls, 900, np.uint32), none, none, none, none, none,
        np.zeros(calls, np.uint16),
    ]  # fmt: skip
    worst = refused.reshape(arrivals, STEPS).any(axis=1).astype(np.int32)
    journeys = [
        np.arange(arrivals, dtype=np.uint32), np.full(arrivals, STEPS, np.uint16), words(worst, outcomes),
        words(np.zeros(arrivals, np.int32), list(rows.ERRORS), np.ones(arrivals, np.bool_)),
        at, at + 15 * S, np.zeros(arrivals, np.uint16),
    ]  # fmt: skip
    plan = [
        np.arange(arrivals, dtype=np.uint32), at, words(np.zeros(arrivals, np.int32), systems),
        words(commune, communes), words(np.zeros(arrivals, np.int32), ["citizen"]),
    ]  # fmt: skip
    tables = {
        "samples": samples, "journeys": journeys, "arrivals": plan, "communes": world(),
        "ledger": _ledger(names, communes), "readings": _readings(),
    }  # fmt: skip
    seal(folder, _manifest(arrivals, names), tables, [Event(0, "final-listing")])


def _ledger(names: list[str], communes: list[str]) -> list[object]:
    """Three facts for each write, in the order in which sealing sorts them."""
    facts = ["intended", "acked", "observed"]
    fact = np.tile(np.arange(3, dtype=np.int32), WRITES)
    number = np.repeat(np.arange(WRITES), 3)
    keys = pa.array([f"b1-{index:07d}" for index in range(WRITES)]).take(pa.array(number))
    digest = pa.array([f"{index:032x}" for index in range(WRITES)]).take(pa.array(number, mask=fact == 1))
    write = np.full(3 * WRITES, 1)
    place = number % len(communes)
    arrival = pa.array(number.astype(np.uint32))
    subject = pa.nulls(3 * WRITES, pa.string())
    return [
        keys,
        words(fact, facts),
        number * 1000,
        words(write, names),
        words(place, communes),
        arrival,
        digest,
        subject,
    ]


def _readings() -> list[object]:
    at = np.tile(np.arange(1, 2 * SECONDS + 10) * S // 2, 2)
    metric = np.repeat([0, 1], len(at) // 2)
    source = words(np.zeros(len(at), np.int32), ["generator-0"])
    values = np.where(metric == 0, 3.0, 0.4)
    return [source, words(metric, ["hub_lag_ms", "cpu_share"]), words(metric, ["ms", "cores"]), at, values]


def _manifest(arrivals: int, names: list[str]) -> Manifest:
    objectives = tuple(
        Objective(slug, metric, patterns, limit, unit, slug, slug, "bench", False, percentile)
        for slug, metric, patterns, limit, unit, percentile in (
            ("portal-p95", "latency", ("portal.*",), 2000.0, "ms", 95.0),
            ("tthc-p99", "latency", ("tthc.*",), 4000.0, "ms", 99.0),
            ("errors", "errors", ("*",), 0.01, "share", None),
        )
    )
    return Manifest(
        format=schema.FORMAT, run_id="bench", tag="b1", state=State.SEALED, created_utc="2025-07-01T00:00:00Z",
        profile="bench", profile_text="", profile_overrides={}, seed=1, plan_digest="0" * 64, arrivals=arrivals,
        code="bench", target=TargetInfo("bench", "bench", {"portal": "http://127.0.0.1:1"}, "0" * 64),
        identities="none", rate_factor=1.0, compression=1.0, workers=1,
        phases=(Phase("warm-up", 0, 30 * S, False), Phase("peak", 30 * S, SECONDS * S, True)),
        objectives=objectives, limits=Limits(),
        operations=tuple(OperationInfo(name, name.split(".")[0], index == 1) for index, name in enumerate(names)),
        zero=Zero(1, 1, "bench"), sealed_utc="2025-07-01T00:10:00Z",
    )  # fmt: skip


if __name__ == "__main__":
    main()
