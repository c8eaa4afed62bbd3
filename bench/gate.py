"""Does the duet tell a tenth more work or time from nothing, and how often does it cry wolf? Beside a stored baseline.

A real small service (bench.gate_server: 2 ms of counting on this machine on this day, 3 ms of waiting) is compared with
itself, with itself doing a tenth more work, and with itself answering a tenth later, over real restarts of both. From
these restarts duets are drawn with replacement, and each is decided as `thongsuot duet` decides, look by look. A/A:
which of the two is called the candidate is drawn for each restart; also as they were, and all turned round, and the
worst of the three counts.
Beside it, on the same restarts: a stored baseline and "fail beyond +10 %" (and +5 %) of the median time or of the
processor time, as pytest-benchmark --compare-fail does; the baseline is a block of the base after one restart, the run
a block of the candidate after another.

QUICK=1: 6 restarts instead of 32 of each, which is a sample and no proof. THONGSUOT_GATE=FOLDER: take the records of
an earlier bench from there.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

from bench._line import result
from bench.gate_server import WAIT_MS, steps_of
from record.reader import RunRecord, open_record
from record.types import DuetRule
from reports import duet
from reports.duet import Question
from reports.verdict import Verdict

QUICK = os.environ.get("QUICK") == "1"
RESTARTS = 6 if QUICK else 32
RATE = 150
WORK_S = 2e-3
DRAWS = 2000
ALARMS_MAX, FOUND_MIN, SECONDS_MAX = 0.005, 0.95, 120.0
OVERHEAD_S, LEG_S = 11.0, 7.0  # of the command before its first restart and after its last, and of each further leg
CASES = ("same", "work", "wait")
MORE = 0.1  # of the work, or of the median time that "same" took
TARGET = """
name = "{name}"
identities = "none"
[systems]
own = "http://127.0.0.1:9"
[http]
connections = "shared"
[service]
start = "{python} {server} --port {{port}} {flags}"
ready = "/ready"
[own.get]
method = "GET"
path = "/"
"""
Restart = dict[Question, float]


def main() -> None:
    kept = os.environ.get("THONGSUOT_GATE")
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(kept) if kept else Path(scratch)
        usual = f"--steps {steps_of(WORK_S)}"
        print(f"2 ms of work: {usual}")
        records: dict[str, list[RunRecord]] = {}
        for case in CASES:
            more = flags(case, records.get("same", []))
            records[case] = measured(folder, case, usual, f"{usual} {more}")
        restarts = {case: [one for each in found for one in duet.differences_of(each) if one]
                    for case, found in records.items()}  # fmt: skip
        for case, found in restarts.items():
            show(case, found)
        seconds = cycle_s(records["same"][0])
        peer = {case: stored_baseline(found) for case, found in records.items()}
    rule = DuetRule()
    print(f"rule: looks {rule.looks}, alphas {rule.alphas}, floor {rule.floor:.0%}; {seconds:.1f} s a restart")
    rng = np.random.default_rng(4)
    shares: dict[str, dict[Verdict, float]] = {}
    took: dict[str, float] = {}
    for case, found in restarts.items():
        drawn = [play(found, rule, rng, alike=case == "same") for _ in range(DRAWS)]
        shares[case] = {v: sum(verdict is v for verdict, _ in drawn) / DRAWS for v in Verdict}
        times = [time_s(restarts, rule, seconds) for _, restarts in drawn]
        took[case] = float(np.mean([t <= SECONDS_MAX for (v, _), t in zip(drawn, times, strict=True)]))
        print(f"{case:>5}: " + ", ".join(f"{v.word} {share:.2%}" for v, share in shares[case].items() if share)
              + f"; mean {np.mean(times):.0f} s, within {SECONDS_MAX:.0f} s {took[case]:.1%}")  # fmt: skip
    for case, fails in peer.items():
        print(f"stored baseline, {case:>5}: " + ", ".join(f"{name} fails {share:.1%}" for name, share in fails.items()))
    alarms = max(shares["same"][Verdict.FAIL], *as_they_were(restarts["same"], rule, rng))
    if QUICK:
        print(f"a sample and no proof: of {RESTARTS} restarts one or two may lean one way, and each is drawn often")
    found_least = min(shares[case][Verdict.FAIL] for case in ("work", "wait"))
    ok = alarms <= ALARMS_MAX and found_least >= FOUND_MIN and min(took["work"], took["wait"]) >= FOUND_MIN
    result(
        "gate", alarms, peer["same"]["any +10 %"], ALARMS_MAX, ok, unit="share of false alarms, A/A",
        peer_name="stored baseline, fail beyond +10 % of p50 or processor time",
        found_work=shares["work"][Verdict.FAIL], found_wait=shares["wait"][Verdict.FAIL], found_goal=FOUND_MIN,
        peer_found_work=round(peer["work"]["any +10 %"], 4), peer_found_wait=round(peer["wait"]["any +10 %"], 4),
        within_2_min=min(took["work"], took["wait"]), restarts=len(restarts["same"]), quick=QUICK,
    )  # fmt: skip


def flags(case: str, same: list[RunRecord]) -> str:
    """What makes the candidate of a case what it is; how long a tenth of the time is, "same" has shown."""
    if case == "work":
        return f"--work {1 + MORE}"
    if case == "wait":
        p50_ms = float(np.median([base["p50"] for record in same for base, _ in blocks(record)])) / 1e6
        print(f"a tenth of the median time is {MORE * p50_ms:.2f} ms")
        return f"--wait-ms {WAIT_MS + MORE * p50_ms:.3f}"
    return ""


def measured(folder: Path, case: str, base: str, candidate: str) -> list[RunRecord]:
    """The records of one case, driven unless they are there."""
    runs = folder / case
    if not runs.exists():
        files = [write_target(folder, name, flags) for name, flags in (("base", base), (case, candidate))]
        words = ["--base", str(files[0]), "--candidate", str(files[1]), "--rate", str(RATE), "--runs", str(runs)]
        command = [sys.executable, "-m", "thongsuot", "duet", *words, "--looks", str(RESTARTS), "--json"]
        done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False, timeout=900)
        assert json.loads(done.stdout).get("compared"), done.stdout
    return [open_record(path.parent) for path in sorted(runs.glob("*/leg-*/*/manifest.json"))]


def write_target(folder: Path, name: str, flags: str) -> Path:
    path = folder / f"{name}.toml"
    server = Path(__file__).with_name("gate_server.py")
    path.write_text(TARGET.format(name=name, python=sys.executable, server=server, flags=flags), "utf-8")
    return path


def show(case: str, restarts: list[Restart]) -> None:
    for question in restarts[0]:
        values = np.array([one[question] for one in restarts if question in one])
        print(f"{case:>5} {question.what:>6}: median {np.median(values):+.4f}, sd between restarts {values.std():.4f}, "
              f"from {values.min():+.3f} to {values.max():+.3f}, {len(values)} restarts")  # fmt: skip


def play(restarts: list[Restart], rule: DuetRule, rng: np.random.Generator, *, alike: bool) -> tuple[Verdict, int]:
    """One duet drawn from measured restarts: its verdict and after how many restarts.

    `alike`: base and candidate are the same, so which of the two is called the candidate is drawn for each restart.
    """
    order = rng.integers(0, len(restarts), rule.looks[-1])
    signs = rng.choice((-1.0, 1.0), rule.looks[-1]) if alike else np.ones(rule.looks[-1])
    for turn, look in enumerate(rule.looks):
        drawn = [(restarts[place], sign) for place, sign in zip(order[:look], signs, strict=False)]
        found = {one: [float(sign) * each[one] for each, sign in drawn if one in each] for one in restarts[0]}
        verdict = duet.worst(duet.decide(found, turn, rule))
        if verdict is not Verdict.UNDECIDED:
            break
    return verdict, look


def as_they_were(restarts: list[Restart], rule: DuetRule, rng: np.random.Generator) -> list[float]:
    """False alarms of A/A when base stays base, and when it is called the candidate: does their place matter?"""
    turned = [{one: -value for one, value in restart.items()} for restart in restarts]
    found = []
    for name, each in (("as they were", restarts), ("turned round", turned)):
        drawn = [play(each, rule, rng, alike=False)[0] for _ in range(DRAWS)]
        found.append(drawn.count(Verdict.FAIL) / DRAWS)
        print(f" same, {name}: fail {found[-1]:.2%}")
    return found


def time_s(restarts: int, rule: DuetRule, cycle: float) -> float:
    return OVERHEAD_S + restarts * cycle + LEG_S * rule.looks.index(restarts)


def cycle_s(record: RunRecord) -> float:
    phases = record.manifest.phases
    return phases[-1].end_ns / 1e9 / sum(phase.name.startswith("start-") for phase in phases)


def stored_baseline(records: list[RunRecord]) -> dict[str, float]:
    """How often a block of the candidate fails against a stored block of the base from another restart."""
    values = [block for record in records for block in blocks(record)]
    rng = np.random.default_rng(5)
    fails: dict[str, list[bool]] = {"p50 +10 %": [], "cpu +10 %": [], "any +10 %": [], "any +5 %": []}
    for _ in range(DRAWS):
        one, other = rng.choice(len(values), 2, replace=False)
        ratios = [values[other][1][name] / values[one][0][name] - 1 for name in ("p50", "cpu")]
        for name, failed in zip(fails, (ratios[0] > 0.1, ratios[1] > 0.1, max(ratios) > 0.1, max(ratios) > 0.05),
                                strict=True):  # fmt: skip
            fails[name].append(failed)
    return {name: float(np.mean(found)) for name, found in fails.items()}


def blocks(record: RunRecord) -> list[tuple[dict[str, float], dict[str, float]]]:
    """(base, candidate) figures of the first block after each restart."""
    calls, meters = duet.Calls(record), duet.Meters(record)
    found = []
    for phase in record.manifest.phases:
        if not phase.name.endswith("-1") or not phase.judged:
            continue
        sides = []
        for side in (0, 1):
            mask = (calls.due_ns >= phase.start_ns) & (calls.due_ns < phase.end_ns) & (calls.of == side) & calls.timed
            cpu = duet.per_call(calls, meters, side, "cpu_s", phase.start_ns, phase.end_ns)
            sides.append({"p50": duet.percentile(calls.took_ns[mask], 50.0), "cpu": cpu or np.nan})
        found.append((sides[0], sides[1]))
    return found


if __name__ == "__main__":
    main()
