"""How long does a report on twenty million calls take, how much memory, and how large is its page?

Opening the record (digests and all), judging it, and rendering the page. Peer: reading the same columns with pyarrow,
which is the least that any report must do. Each side runs in a process of its own.

The sheets that units sign, and their signatures, are to be timed in `sheets` below.
"""

from __future__ import annotations

import shutil
import sys
import tempfile
import time
from pathlib import Path

from bench._line import result
from bench._records import Watch, measure
from bench.assess import make

CALLS = 20_000_000
SECONDS_MAX, MB_MAX, PAGE_KB_MAX = 5.0, 1000.0, 500.0


def main() -> None:
    if len(sys.argv) == 3:
        {"ours": ours, "read": read_alone}[sys.argv[1]](Path(sys.argv[2]))
        return
    folder = Path(tempfile.mkdtemp(prefix="thongsuot-bench-"))
    try:
        began = time.perf_counter()
        make(folder / "run", CALLS)
        print(f"made a sealed record of {CALLS:,} calls in {time.perf_counter() - began:.1f} s", flush=True)
        mine, peer = (measure("bench.report", side, folder / "run") for side in ("ours", "read"))
        page_kb = (folder / "run/report.html").stat().st_size / 1000
    finally:
        shutil.rmtree(folder)
    ok = mine["seconds"] <= SECONDS_MAX and mine["peak_mb"] <= MB_MAX and page_kb <= PAGE_KB_MAX
    result(
        "report",
        mine["seconds"],
        peer["seconds"],
        SECONDS_MAX,
        ok,
        peer_name="reading the same columns with pyarrow",
        peak_mb=mine["peak_mb"],
        peak_mb_goal=MB_MAX,
        cpu_s=mine["cpu_s"],
        page_kb=round(page_kb, 1),
        page_kb_goal=PAGE_KB_MAX,
        calls=CALLS,
    )


def ours(folder: Path) -> None:
    """Open, judge, render, write."""
    from record.reader import open_record
    from reports import store
    from reports.assess import assess
    from reports.case import Case
    from reports.html import render_html

    watch = Watch()
    case = Case(open_record(folder))
    opened = watch.seconds
    assessment = assess(case.record, case=case)
    judged = watch.seconds
    store.write_into(folder, {"report.html": render_html(assessment, case.record, case=case)})
    watch.tell(
        f"gate {assessment.gate.word}; opening {opened:.2f} s, judging {judged - opened:.2f} s, "
        f"page {watch.seconds - judged:.2f} s"
    )


def read_alone(folder: Path) -> None:
    """The columns that a report needs, once."""
    import pyarrow.parquet as pq

    watch = Watch()
    wanted = ["operation", "system", "commune", "outcome", "status", "intended_ns", "sent_ns", "done_ns"]
    table = pq.read_table(folder / "samples.parquet", columns=wanted)
    watch.tell(f"{table.num_rows:,} rows")


if __name__ == "__main__":
    main()
