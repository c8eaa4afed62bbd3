"""The same record gives the same bytes on another kind of processor: without the instructions that this one has, and
with the linear algebra of an old one, one core, another clock and another language."""

from __future__ import annotations

import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pyarrow as pa

from record.types import Phase
from tests.records import MS, S, call, make_record, manifest, plan

FILES = ("report.html", "report.pdf", "report.xlsx")


def test_a_report_has_the_same_bytes_on_another_machine(tmp_path: Path) -> None:
    folder = _rising(tmp_path / "run")
    extensions = np.show_config(mode="dicts")["SIMD Extensions"]["found"]
    other = {
        "NPY_DISABLE_CPU_FEATURES": ",".join(extensions),
        "OPENBLAS_CORETYPE": "Nehalem",
        "OMP_NUM_THREADS": "1",
        "PYTHONHASHSEED": "7",
        "TZ": "America/New_York",
        "LC_ALL": "C",
        "HOME": str(tmp_path),
    }
    with ThreadPoolExecutor(2) as both:
        here, there = both.map(_report, (folder, folder), (tmp_path / "here", tmp_path / "there"), ({}, other))
    assert here == there


def _report(folder: Path, out: Path, more: dict[str, str]) -> dict[str, bytes]:
    line = [sys.executable, "-m", "thongsuot", "report", str(folder), "--out", str(out)]
    subprocess.run(line, check=True, capture_output=True, env=os.environ | more, timeout=120)
    return {name: (out / name).read_bytes() for name in FILES}


def _rising(folder: Path) -> Path:
    """Three phases; in the second the load rises and the answers with it, so that both are in the intervals."""
    random = np.random.default_rng(3)
    before, rising, after = (random.random(n) for n in (1500, 6000, 1500))
    at_s = np.sort(np.concatenate([20 * before, 20 + 40 * np.sqrt(rising), 60 + 20 * after]))
    took_ms = 20 + np.where((at_s > 20) & (at_s < 60), at_s - 20, 0) + random.exponential(15, len(at_s))
    at_ns = (at_s * S).astype(np.int64)
    times = zip(at_ns.tolist(), (took_ms * MS).astype(np.int64).tolist(), strict=True)
    samples = [call(number, at, took) for number, (at, took) in enumerate(times)]
    phases = (Phase("low", 0, 20 * S, True), Phase("rise", 20 * S, 60 * S, True), Phase("after", 60 * S, 80 * S, True))
    arrivals = plan(len(samples), 80).set_column(1, "at_ns", pa.array(at_ns))
    return make_record(folder, manifest(len(samples), phases=phases), arrivals=arrivals, samples=samples)
