"""What the benches of the judgement share: sealed records made in bulk, and each side measured in its own process."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path

import msgspec
import numpy as np
import pyarrow as pa

from record import schema, writer
from record.types import Event, FileDigest, Manifest

COMMUNES = 166
CODES = tuple(f"{14_800 + index:05d}" for index in range(COMMUNES))


def world() -> list[object]:
    """The columns of `communes`: laid out in rows, so that a map can be drawn."""
    rows = range(COMMUNES)
    return [
        list(CODES), [f"Xã {code}" for code in CODES], ["commune"] * COMMUNES, [26_000] * COMMUNES,
        ["plain"] * COMMUNES, [19.5 + row // 13 * 0.08 for row in rows], [104.8 + row % 13 * 0.08 for row in rows],
        [60.0] * COMMUNES,
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
        writer.store(table, path)
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
    shown = f"{answer['seconds']:.2f} s ({answer['cpu_s']:.2f} s of processors), peak {answer['peak_mb']:.0f} MB"
    print(f"{side}: {shown}; {answer['note']}", flush=True)
    return answer


class Watch:
    """Begun after the imports: seconds and processor time of this process from then on."""

    def __init__(self) -> None:
        self._began, self._used = time.perf_counter(), time.process_time()

    @property
    def seconds(self) -> float:
        return time.perf_counter() - self._began

    def tell(self, note: str) -> None:
        """What `measure` reads. Peak memory is not ru_maxrss: that begins with that of the process that started us."""
        seconds, cpu_s = self.seconds, round(time.process_time() - self._used, 2)
        status = Path("/proc/self/status").read_text("ascii")
        peak_kb = next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM:"))
        print(json.dumps({"seconds": seconds, "cpu_s": cpu_s, "peak_mb": round(peak_kb / 1024, 1), "note": note}))
