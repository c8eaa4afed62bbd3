"""How long does a report on twenty million calls take, how much memory, and how large is its page?

Opening the record, judging it (its digests are compared beside), and rendering the page. Peer: reading the same columns
with pyarrow, which is the least that any report must do. Then, on a small record, a sheet for each of 166 units, each
of them signed. Each side runs in a process of its own.
"""

from __future__ import annotations

import shutil
import sys
import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

from bench._line import result
from bench._records import Watch, measure
from bench.assess import make

CALLS, CALLS_OF_SHEETS = 20_000_000, 1_000_000
SECONDS_MAX, MB_MAX, PAGE_KB_MAX, SHEETS_S_MAX = 5.0, 1000.0, 500.0, 15.0
AT = datetime(2025, 7, 1, 8, tzinfo=UTC)


def main() -> None:
    if len(sys.argv) == 3:
        {"ours": ours, "read": read_alone, "sheets": sheets}[sys.argv[1]](Path(sys.argv[2]))
        return
    folder = Path(tempfile.mkdtemp(prefix="thongsuot-bench-"))
    try:
        began = time.perf_counter()
        make(folder / "run", CALLS)
        print(f"made a sealed record of {CALLS:,} calls in {time.perf_counter() - began:.1f} s", flush=True)
        mine, peer = (measure("bench.report", side, folder / "run") for side in ("ours", "read"))
        make(folder / "small", CALLS_OF_SHEETS)
        papers = measure("bench.report", "sheets", folder / "small")
        page_kb = (folder / "run/report.html").stat().st_size / 1000
    finally:
        shutil.rmtree(folder)
    ok = mine["seconds"] <= SECONDS_MAX and mine["peak_mb"] <= MB_MAX and page_kb <= PAGE_KB_MAX
    ok = ok and papers["seconds"] <= SHEETS_S_MAX
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
        sheets_s=round(papers["seconds"], 2),
        sheets_s_goal=SHEETS_S_MAX,
        calls=CALLS,
    )


def ours(folder: Path) -> None:
    """Open, judge, render, write."""
    from record.reader import open_record
    from reports import html, store, timeline
    from reports.assess import assess
    from reports.case import Case

    watch = Watch()
    case = Case(open_record(folder, beside=True))
    opened = watch.seconds
    assessment = assess(case.record, case=case, soon=[html.ready, timeline.of])
    judged = watch.seconds
    store.write_into(folder, {"report.html": html.render_html(assessment, case.record, case=case)})
    watch.tell(
        f"gate {assessment.gate.word}; opening {opened:.2f} s, judging {judged - opened:.2f} s, "
        f"page {watch.seconds - judged:.2f} s"
    )


def sheets(folder: Path) -> None:
    """A sheet for every unit, each signed under an authority for trials."""
    from asn1crypto import x509
    from cryptography.hazmat.primitives.serialization import Encoding

    from record.reader import open_record
    from reports import page_one
    from reports.assess import assess
    from reports.case import Case
    from reports.signing import HeldKeySigner
    from thongsuot.papers import signed_sheets
    from thongsuot.trial_ca import TrialAuthority

    case = Case(open_record(folder))
    assessment = assess(case.record, case=case)
    page = page_one.of(assessment, case)
    authority = TrialAuthority.new(AT)
    key, made = authority.issue("bench", AT, AT + timedelta(days=30))
    certificate, root = (x509.Certificate.load(one.public_bytes(Encoding.DER)) for one in (made, authority.certificate))
    signer = HeldKeySigner(certificate, key, (root,))
    watch = Watch()
    done = [len(paper) for _, paper in signed_sheets(page, assessment, case, signer, AT)]
    watch.tell(f"{len(done)} signed sheets of {sum(done) / len(done) / 1000:.0f} kB")


def read_alone(folder: Path) -> None:
    """The columns that a report needs, once."""
    import pyarrow.parquet as pq

    watch = Watch()
    wanted = ["operation", "system", "commune", "outcome", "status", "intended_ns", "sent_ns", "done_ns"]
    table = pq.read_table(folder / "samples.parquet", columns=wanted)
    watch.tell(f"{table.num_rows:,} rows")


if __name__ == "__main__":
    main()
