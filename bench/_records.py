"""What the benches of the judgement share: sealed records made in bulk, and each side measured in its own process."""

from __future__ import annotations

import json
import resource
import subprocess
import sys
from pathlib import Path

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from record import schema, writer
from record.types import Event, FileDigest, Manifest

COMMUNES = 166
CODES = tuple(f"{14_800 + index:05d}" for index in range(COMMUNES))


def world() -> list[object]:
    """The columns of `communes`."""
    return [
        list(CODES), [f"Xã {code}" for code in CODES], ["commune"] * COMMUNES, [26_000] * COMMUNES,
        ["plain"] * COMMUNES, [19.8] * COMMUNES, [105.5] * COMMUNES, [60.0] * COMMUNES,
    ]  # fmt: skip


def seal(folder: Path, manifest: Manifest, tables: dict[str, list[object]], events: list[Event]) -> None:
    """Write the files as sealing writes them, without millions of passes through a journal."""
    folder.mkdir()
    (folder / "events.jsonl").write_bytes(b"".join(msgspec.json.encode(event) + b"\n" for event in events))
    digests = {"events.jsonl": FileDigest(writer.sha256(folder / "events.jsonl"), len(events))}
    for name, shape in schema.TABLES.items():
        columns = tables.get(name, [[]] * len(shape))
        arrays = [pa.array(column) if not isinstance(column, pa.Array) else column for column in columns]
        table = pa.table(arrays, names=shape.names).cast(shape)
        path = folder / f"{name}.parquet"
        pq.write_table(table, path, compression="zstd", compression_level=1)
        digests[path.name] = FileDigest(writer.sha256(path), table.num_rows)
    writer.write_manifest(folder, msgspec.structs.replace(manifest, files=digests))


def words(codes: np.ndarray, names: list[str], null: np.ndarray | None = None) -> pa.Array:
    return pa.DictionaryArray.from_arrays(pa.array(codes, pa.int32(), mask=null), pa.array(names, pa.string()))


def measure(module: str, side: str, folder: Path) -> dict[str, float]:
    """One side, in a process of its own."""
    done = subprocess.run(
        [sys.executable, "-m", module, side, str(folder)], check=True, capture_output=True, text=True, timeout=600
    )
    answer: dict[str, float] = json.loads(done.stdout)
    print(f"{side}: {answer['seconds']:.2f} s, peak {answer['peak_mb']:.0f} MB; {answer['note']}", flush=True)
    return answer


def tell(seconds: float, note: str, **more: object) -> None:
    """What `measure` reads: seconds since the imports, and the peak of this process."""
    peak_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps({"seconds": seconds, "peak_mb": round(peak_mb, 1), "note": note, **more}))
