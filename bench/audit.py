"""How long does the audit of five million ledger rows and six linked systems take, and how much memory?

All of it: writes against the final read, link by link, numbers, steps, clocks. The record has a handful of known faults
of every class; both sides must find exactly those. Peer: pandas merges over the same Parquet files that count what was
lost, doubled and changed, and nothing else. Each side runs in a process of its own; seconds are counted after the
imports, memory is the process's peak.
"""

from __future__ import annotations

import shutil
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from bench._line import result
from bench._records import Watch, measure
from bench.audit_record import LINKS, SEEDED, WRITES, make

SECONDS_MAX, MB_MAX = 5.0, 1000.0
COUNTED = ("lost", "doubled", "changed")  # by the peer


def main() -> None:
    if len(sys.argv) == 3:
        {"ours": ours, "pandas": pandas_alone}[sys.argv[1]](Path(sys.argv[2]))
        return
    folder = Path(tempfile.mkdtemp(prefix="thongsuot-bench-"))
    try:
        began = time.perf_counter()
        observations = make(folder / "run")
        print(f"made a sealed record of {WRITES:,} writes in {time.perf_counter() - began:.1f} s", flush=True)
        print(
            f"ledger {WRITES * 3 + 1:,} rows; observations {observations:,} in 6 systems, {len(LINKS)} links",
            flush=True,
        )
        mine, peer = (measure("bench.audit", side, folder / "run") for side in ("ours", "pandas"))
    finally:
        shutil.rmtree(folder)
    ok = mine["seconds"] <= SECONDS_MAX and mine["peak_mb"] <= MB_MAX
    result(
        "audit",
        mine["seconds"],
        peer["seconds"],
        SECONDS_MAX,
        ok,
        peer_name="pandas merges: lost, doubled and changed only",
        peak_mb=mine["peak_mb"],
        peak_mb_goal=MB_MAX,
        peer_peak_mb=peer["peak_mb"],
        cpu_s=mine["cpu_s"],
        peer_cpu_s=peer["cpu_s"],
        ledger_rows=WRITES * 3 + 1,
        observations=observations,
    )


def ours(folder: Path) -> None:
    """Open (digests and all) and ask every check of the audit."""
    from record.reader import open_record
    from reports import clocks, histories, integrity, linked, series
    from reports.case import Case

    watch = Watch()
    case = Case(open_record(folder))
    checks = (integrity, linked, series, histories, clocks)
    took, findings = [f"open {watch.seconds:.2f} s"], []
    for check in checks:
        since = watch.seconds
        findings += list(check.check(case))
        took.append(f"{check.__name__.split('.')[1]} {watch.seconds - since:.2f} s")
    failed = [finding for finding in findings if finding.verdict.word == "fail"]
    found = {finding.check: _wrong(finding.check, finding.summary.params) for finding in failed}
    assert found == SEEDED, found
    assert all(finding.verdict.word in ("pass", "fail") for finding in findings)
    watch.tell(", ".join(took) + "; exactly the seeded faults")


def _wrong(check: str, params: dict[str, Any]) -> dict[str, int]:
    """The counts of a finding that stand for faults and are above zero; of a check of one class its own."""
    names = {name for classes in SEEDED.values() for name in classes}
    own = check.split(".")[1]
    chosen = {own} if own in names else names
    return {name: int(value.value) for name, value in params.items() if name in chosen and value.value}


def pandas_alone(folder: Path) -> None:
    """The same joins, as one would write them by hand."""
    import pandas as pd

    watch = Watch()
    ledger = pd.read_parquet(folder / "ledger.parquet", columns=["key", "fact", "digest"])
    acked = ledger.loc[ledger["fact"] == "acked", ["key"]]
    sent = ledger.loc[ledger["fact"] == "intended", ["key", "digest"]]
    seen = ledger.loc[ledger["fact"] == "observed", ["key", "digest"]]
    times = seen.groupby("key").size().rename("times").reset_index()
    joined = acked.merge(times, on="key", how="outer", indicator=True)
    found = [{"lost": int((joined["_merge"] == "left_only").sum()), "doubled": int((joined["times"] > 1).sum())}]
    both = sent.merge(seen, on="key", suffixes=("", "_seen"))
    found[0]["changed"] = int((both["digest"] != both["digest_seen"]).sum())
    del ledger, acked, sent, seen, times, joined, both
    columns = ["place", "kind", "subject", "value", "digest"]
    observations = pd.read_parquet(folder / "observations.parquet", columns=columns)
    for link in LINKS:
        rows = observations[observations["kind"] == link.kind]
        source, mirror = (rows.loc[rows["place"] == place] for place in (link.source, link.mirror))
        sizes = [side.groupby("subject").size().rename("n").reset_index() for side in (source, mirror)]
        counts = sizes[0].merge(sizes[1], on="subject", how="outer", suffixes=("", "_mirror")).fillna(0)
        both = source.merge(mirror.drop_duplicates("subject"), on="subject", suffixes=("", "_mirror"))
        differ = (both["digest"] != both["digest_mirror"]) & both["digest"].notna()
        lost = counts["n_mirror"] < counts["n"]
        found.append({"lost": int(lost.sum()), "changed": int(differ.sum())})
        found[-1]["doubled"] = int(((counts["n_mirror"] > counts["n"]) & (counts["n"] > 0)).sum())
    wanted = [SEEDED[f"linked.{link.slug}"] for link in LINKS]
    writes = {name: SEEDED[f"integrity.{name}"][name] for name in COUNTED}
    expected = [writes, *({name: one.get(name, 0) for name in COUNTED} for one in wanted)]
    assert found == expected, (found, expected)
    watch.tell("the same counts of lost, doubled and changed")


if __name__ == "__main__":
    main()
