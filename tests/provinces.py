"""Records of whole provinces, for what is drawn of them: real places, some units that fail, some of which nothing is
known, three levels of load, a fault and a lost write."""

from __future__ import annotations

from pathlib import Path

import msgspec
import numpy as np
import pyarrow as pa

from record import schema
from record.types import Event, Fact, Objective, Outcome, Phase
from scenarios import province
from tests.records import MS, OPERATIONS, S, call, losing, make_record, manifest, readings, write

SECONDS = 65
FAILING, SILENT, LOSING = 7, 9, 11  # places modulo STEP
STEP = 50
OBJECTIVES = (
    Objective(
        "fast", "latency", ("portal.*",), 900.0, "ms", "Tra cứu hồ sơ", "Tracking a dossier", "a test", False, 95
    ),
    Objective("writes", "latency", ("tthc.*",), 2.0, "s", "Tiếp nhận hồ sơ", "Receiving a dossier", "a test", True, 95),
    Objective("errors", "errors", ("*",), 0.05, "share", "Tỷ lệ lỗi", "Share of errors", "a test", True),
    Objective("few", "errors", ("tthc.*",), 0.02, "share", "Lỗi khi ghi", "Errors of writes", "a test", True),
)
PHASES = (
    Phase("warm-up", 0, 5 * S, False),
    Phase("low", 5 * S, 25 * S, True, 0.5),
    Phase("middle", 25 * S, 45 * S, True, 1.0),
    Phase("high", 45 * S, SECONDS * S, True, 1.5),
)


def communes(count: int) -> pa.Table:
    """The real ones, and again with other codes and a little to the east where more are wanted."""
    real = province.communes()
    rows = []
    for place in range(count):
        one, turn = real[place % len(real)], place // len(real)
        code = one.code if not turn else f"{turn}{one.code}"
        rows.append(
            (code, one.name, one.kind, one.population, one.zone, one.latitude, one.longitude + turn * 0.9, one.area_km2)
        )
    columns = [pa.array(column) for column in zip(*rows, strict=True)]
    return pa.table(columns, names=schema.COMMUNES.names).cast(schema.COMMUNES)


def province_run(folder: Path, count: int = 166, each: int = 30, *, healthy: bool = False) -> Path:
    """`each` arrivals of one call per unit, half of them writes. Of STEP units one fails, one is silent, one loses."""
    table = communes(count)
    codes = table["code"].to_pylist()
    silent = set() if healthy else {place for place in range(count) if place % STEP == SILENT}
    who = [place for _ in range(each) for place in range(count) if place not in silent]
    n = len(who)
    edges = np.array([0, 5, 25, 45, 65]) * S
    weight = np.cumsum([0, 2.5, 10, 20, 30]) / 62.5
    due = np.interp((np.arange(n) + 0.5) / n, weight, edges).astype(np.int64)
    random = np.random.default_rng(7)
    took = (random.lognormal(np.log(0.08), 0.5, n) * (1 + due / (60 * S)) * S).astype(np.int64)
    plan = pa.table(
        {
            "arrival": pa.array(range(n), pa.uint32()),
            "at_ns": pa.array(due, pa.int64()),
            "system": pa.array(["portal" if index % 2 else "tthc" for index in range(n)]),
            "commune": pa.array([codes[place] for place in who]),
            "journey": pa.array(["test"] * n),
        }
    ).cast(schema.ARRIVALS)
    samples, ledger = [], []
    for index, place in enumerate(who):
        operation = 0 if index % 2 else 1
        wrong = not healthy and place % STEP == FAILING and index // count % 2 == 0
        changes = {"outcome": Outcome.REFUSED, "status": 503, "error": 12} if wrong else {}
        samples.append(call(index, int(due[index]), int(took[index]), operation, **changes))
        if operation:
            facts = (Fact.REFUSED, Fact.ABSENT) if wrong else (Fact.ACKED, Fact.OBSERVED)
            ledger += write(f"t1-{index}", Fact.INTENDED, *facts, commune=codes[place])
    if not healthy:
        lost = next(i for i, place in enumerate(who) if place % STEP == LOSING and i % 2 == 0 and i > n // 2)
        ledger = losing(f"t1-{lost}", ledger)
    head = msgspec.structs.replace(manifest(n), phases=PHASES, objectives=OBJECTIVES, operations=OPERATIONS)
    events = () if healthy else (Event(30 * S, "fault-begin", "delay=300"), Event(34 * S, "fault-end", "delay=300"))
    return make_record(
        folder, head, arrivals=plan, samples=samples, ledger=ledger, meters=readings(SECONDS + 1), communes=table,
        events=events,
    )  # fmt: skip


__all__ = ["MS", "OBJECTIVES", "PHASES", "communes", "province_run"]
