"""How long does judging five million calls take, and how much memory?

Peer: pandas alone computing the percentile tables of the same file by groupby quantile: no intervals, no integrity, no
objectives. Each side runs in a process of its own; seconds are counted after the imports, memory is the process's peak.
"""

from __future__ import annotations

import json
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from bench._line import result
from record import rows, schema, writer
from record.types import FileDigest, Limits, Manifest, Objective, OperationInfo, Phase, State, TargetInfo, Zero

CALLS, STEPS, COMMUNES, OPERATIONS, SECONDS, WRITES = 5_000_000, 5, 166, 20, 300, 200_000
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
        mine, peer = (_measure(side, folder / "run") for side in ("ours", "pandas"))
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
        calls=CALLS,
    )


def ours(folder: Path) -> None:
    """Open (digests and all), judge, write assessment.json."""
    from record.reader import open_record
    from reports import store
    from reports.assess import assess

    began = time.perf_counter()
    record = open_record(folder)
    opened = time.perf_counter()
    assessment = assess(record)
    store.write(folder, assessment)
    _tell(time.perf_counter() - began, f"gate {assessment.gate.word}, {opened - began:.2f} s of it opening the record")


def pandas_alone(folder: Path) -> None:
    """The same percentile tables, as one would write them by hand."""
    import pandas as pd

    wanted = ["operation", "system", "commune", "outcome", "intended_ns", "sent_ns", "done_ns"]
    began = time.perf_counter()
    frame = pd.read_parquet(folder / "samples.parquet", columns=wanted)
    frame = frame[frame["outcome"].isin(["ok", "unknown"])]
    frame["due"] = frame["done_ns"] - frame["intended_ns"]
    frame["service"] = frame["done_ns"] - frame["sent_ns"]
    frame["phase"] = frame["intended_ns"] >= 30 * S
    lines = 0
    for dimension in ([], ["system"], ["operation"], ["commune"]):
        groups = frame.groupby(["phase", *dimension], observed=True)[["due", "service"]]
        lines += len(groups.quantile([0.5, 0.9, 0.95, 0.99]))
    _tell(time.perf_counter() - began, f"{lines} lines")


def make(folder: Path) -> None:
    """A sealed record that passes: answer times log-normal, one call in 500 refused, every write found again."""
    generator = np.random.default_rng(20250701)
    arrivals = CALLS // STEPS
    at = np.sort(generator.integers(0, (SECONDS - 20) * S, arrivals))
    commune = generator.integers(0, COMMUNES, arrivals)
    arrival = np.repeat(np.arange(arrivals, dtype=np.uint32), STEPS)
    step = np.tile(np.arange(STEPS, dtype=np.uint16), arrivals)
    intended = at[arrival] + step.astype(np.int64) * 3 * S
    operation = (generator.integers(0, OPERATIONS // STEPS, CALLS) * STEPS + step).astype(np.int32)
    surplus = np.flatnonzero(operation == 1)[WRITES:]
    operation[surplus] += STEPS  # so that the ledger has all writes
    took = (generator.lognormal(np.log(0.06), 0.6, CALLS) * S).astype(np.int64)
    sent = intended + generator.integers(20_000, 400_000, CALLS)
    refused = (generator.random(CALLS) < 0.002) & (operation != 1)
    communes = [f"{14_800 + index:05d}" for index in range(COMMUNES)]
    systems = ["portal", "tthc"]
    names = [f"{systems[index % 2]}.op{index:02d}" for index in range(OPERATIONS)]
    outcomes = ["ok", "refused", "unknown", "dropped"]
    none = pa.nulls(CALLS, pa.uint32())
    samples = [
        arrival, step, _words(operation, names), _words(operation % 2, systems), _words(commune[arrival], communes),
        intended, sent, sent + took, _words(refused.astype(np.int32), outcomes),
        np.where(refused, 503, 200).astype(np.uint16),
        _words(np.full(CALLS, rows.ERRORS.index("status-5xx")), list(rows.ERRORS), ~refused),
        np.full(CALLS, 400, np.uint32), np.full(CALLS, 900, np.uint32), none, none, none, none, none,
        np.zeros(CALLS, np.uint16),
    ]  # fmt: skip
    worst = refused.reshape(arrivals, STEPS).any(axis=1).astype(np.int32)
    journeys = [
        np.arange(arrivals, dtype=np.uint32), np.full(arrivals, STEPS, np.uint16), _words(worst, outcomes),
        _words(np.zeros(arrivals, np.int32), list(rows.ERRORS), np.ones(arrivals, np.bool_)),
        at, at + 15 * S, np.zeros(arrivals, np.uint16),
    ]  # fmt: skip
    plan = [
        np.arange(arrivals, dtype=np.uint32), at, _words(np.zeros(arrivals, np.int32), systems),
        _words(commune, communes), _words(np.zeros(arrivals, np.int32), ["citizen"]),
    ]  # fmt: skip
    world = [
        communes, [f"Xã {code}" for code in communes], ["commune"] * COMMUNES, [26_000] * COMMUNES,
        ["plain"] * COMMUNES, [19.8] * COMMUNES, [105.5] * COMMUNES, [60.0] * COMMUNES,
    ]  # fmt: skip
    tables = {
        "samples": samples, "journeys": journeys, "arrivals": plan, "communes": world,
        "ledger": _ledger(names, communes), "readings": _readings(),
    }  # fmt: skip
    _seal(folder, _manifest(arrivals, names), tables)


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
        _words(fact, facts),
        number * 1000,
        _words(write, names),
        _words(place, communes),
        arrival,
        digest,
        subject,
    ]


def _readings() -> list[object]:
    at = np.tile(np.arange(1, 2 * SECONDS + 10) * S // 2, 2)
    metric = np.repeat([0, 1], len(at) // 2)
    source = _words(np.zeros(len(at), np.int32), ["generator-0"])
    values = np.where(metric == 0, 3.0, 0.4)
    return [source, _words(metric, ["hub_lag_ms", "cpu_share"]), _words(metric, ["ms", "cores"]), at, values]


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


def _seal(folder: Path, manifest: Manifest, tables: dict[str, list[object]]) -> None:
    """Write the files as sealing writes them, without five million passes through a journal."""
    folder.mkdir()
    (folder / "events.jsonl").write_text('{"at_ns":0,"kind":"final-listing","text":""}\n')
    digests = {"events.jsonl": FileDigest(writer.sha256(folder / "events.jsonl"), 1)}
    for name, shape in schema.TABLES.items():
        columns = tables.get(name, [[]] * len(shape))
        arrays = [pa.array(column) if not isinstance(column, pa.Array) else column for column in columns]
        table = pa.table(arrays, names=shape.names).cast(shape)
        path = folder / f"{name}.parquet"
        pq.write_table(table, path, compression="zstd", compression_level=1)
        digests[path.name] = FileDigest(writer.sha256(path), table.num_rows)
    writer.write_manifest(folder, Manifest(**{**_fields(manifest), "files": digests}))


def _fields(manifest: Manifest) -> dict[str, object]:
    return {name: getattr(manifest, name) for name in manifest.__struct_fields__}


def _words(codes: np.ndarray, names: list[str], null: np.ndarray | None = None) -> pa.Array:
    return pa.DictionaryArray.from_arrays(pa.array(codes, pa.int32(), mask=null), pa.array(names, pa.string()))


def _measure(side: str, folder: Path) -> dict[str, float]:
    done = subprocess.run(
        [sys.executable, "-m", "bench.assess", side, str(folder)],
        check=True,
        capture_output=True,
        text=True,
        timeout=600,
    )
    answer: dict[str, float] = json.loads(done.stdout)
    print(f"{side}: {answer['seconds']:.2f} s, peak {answer['peak_mb']:.0f} MB; {answer['note']}", flush=True)
    return answer


def _tell(seconds: float, note: str) -> None:
    peak_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps({"seconds": seconds, "peak_mb": round(peak_mb, 1), "note": note}))


if __name__ == "__main__":
    main()
