"""Does the harness name what limits a system? At least 20 kinds of known culprits, five seeds each, over real sockets.
The goal holds for every kind by itself, not only for all of them together.

`QUICK=1`: some kinds, one seed. `python -m bench.bottleneck KIND [SEEDS]`: one kind. Beside us, on the same records,
two rankings as published for finding root causes: which resource's meter stands out most (N-sigma between quiet and
hurt steps), and which moves most with the latency (correlation). Neither can name what is not metered.
"""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from bench._line import result
from bench.bottleneck_kinds import KINDS, Case
from bench.bottleneck_play import play
from record.reader import open_record
from reports import bottlenecks, demands, steps
from reports.bottlenecks import Judgement

SEEDS, AT_ONCE = 5, 5
QUICK_KINDS = (
    "cpu", "lock", "connection-pool", "dependency-behind-threads", "rate-limiter", "hot-row-unmetered",
    "outside-system", "bandwidth", "two-together", "generator", "testbed-slow-query", "healthy-near",
)  # fmt: skip
TOP_1, TOP_3 = 0.95, 1.0


@dataclass(frozen=True)
class Answer:
    """What was said of one case: by us, and by the two peers (names in their order)."""

    case: Case
    judgement: Judgement
    sigma: tuple[str, ...]
    correlation: tuple[str, ...]

    def top(self, count: int) -> bool:
        """Whether the culprit is among the first; where there is none, whether nobody was accused."""
        if not self.case.truth:
            return self.judgement.status == "healthy"
        if self.judgement.status in ("healthy", "expected", "undecided"):
            return False
        return fits(self.case, [one.name for one in self.judgement.suspects[:count]])

    @property
    def said(self) -> str:
        accused = self.judgement.status not in ("healthy", "undecided") and self.judgement.suspects
        first = self.judgement.suspects[0] if accused else None
        right = first is not None and fits(self.case, [first.name])
        return (
            f"{self.judgement.status}/{'-' if first is None else 'culprit' if right else first.law + ' ' + first.name}"
        )


def fits(case: Case, names: Sequence[str]) -> bool:
    return any(word in name for name in names for word in case.truth)


def main() -> None:
    quick = bool(os.environ.get("QUICK"))
    chosen = [sys.argv[1]] if len(sys.argv) > 1 else list(QUICK_KINDS if quick else KINDS)
    seeds = int(sys.argv[2]) if len(sys.argv) > 2 else (1 if quick else SEEDS)
    cases = [KINDS[kind](seed) for seed in range(1, seeds + 1) for kind in chosen]
    keep = os.environ.get("KEEP")  # a folder for the records; those that are there are judged, not driven again
    folder = Path(keep or tempfile.mkdtemp(prefix="thongsuot-bench-"))
    began = time.monotonic()
    try:
        with ThreadPoolExecutor(AT_ONCE) as pool:
            answers = list(pool.map(lambda case: _answer(case, folder), cases))
    finally:
        if not keep:
            shutil.rmtree(folder, ignore_errors=True)
    _report(answers, time.monotonic() - began)


def _answer(case: Case, folder: Path) -> Answer:
    where = folder / f"{case.kind}-{case.seed}"
    kept = sorted((where / "runs").glob("*/samples.parquet"))
    run = kept[0].parent if kept else play(case, where)
    record = open_record(run)
    judgement = bottlenecks.judge([record])
    sweep = steps.load([record])
    answer = Answer(case, judgement, _by_sigma(sweep), _by_correlation(sweep))
    sign = "✓" if answer.top(1) else "✗"
    print(
        f"{sign} {case.kind:26} seed {case.seed}: {answer.said}  limit {judgement.limit:.0f}/s of {case.rate:.0f}",
        flush=True,
    )
    return answer


def _report(answers: Sequence[Answer], seconds: float) -> None:
    print(f"\n{'kind':27} {'n':>2} {'top1':>5} {'top3':>5} {'sigma':>6} {'corr':>5}  what was said")
    for kind in dict.fromkeys(answer.case.kind for answer in answers):
        mine = [answer for answer in answers if answer.case.kind == kind]
        said = ", ".join(f"{count}× {word}" for word, count in Counter(answer.said for answer in mine).most_common())
        share = [_share([a.top(1) for a in mine]), _share([a.top(3) for a in mine])]
        peers = [_share([_peer(a, a.sigma) for a in mine]), _share([_peer(a, a.correlation) for a in mine])]
        print(f"{kind:27} {len(mine):>2} {share[0]:>5.2f} {share[1]:>5.2f} {peers[0]:>6.2f} {peers[1]:>5.2f}  {said}")
    sick = [answer for answer in answers if answer.case.truth]
    healthy = [answer for answer in answers if not answer.case.truth]
    top_1, top_3 = _share([a.top(1) for a in sick]), _share([a.top(3) for a in sick])
    peers = [_share([_peer(a, a.sigma) for a in sick]), _share([_peer(a, a.correlation) for a in sick])]
    falsely = sum(not answer.top(1) for answer in healthy)
    print(f"{len(answers)} sweeps in {seconds / 60:.1f} min; healthy accused: {falsely} of {len(healthy)}")
    kinds = dict.fromkeys(answer.case.kind for answer in sick)
    by_kind = {kind: _share([a.top(1) for a in sick if a.case.kind == kind]) for kind in kinds}
    worst_kind = min(by_kind, key=lambda kind: by_kind[kind], default="")
    worst = by_kind.get(worst_kind, 1.0)
    ok = min(top_1, worst) >= TOP_1 and top_3 >= TOP_3 and falsely == 0
    result(
        "bottleneck", top_1, max(peers), TOP_1, ok,
        peer_name="N-sigma and correlation of the same meters, the better one",
        top_3=round(top_3, 4), healthy_accused=falsely, healthy=len(healthy), cases=len(answers),
        kinds=len({answer.case.kind for answer in answers}), worst_kind=worst_kind, worst=round(worst, 4),
        minutes=round(seconds / 60, 1),
    )  # fmt: skip


def _peer(answer: Answer, names: tuple[str, ...]) -> bool:
    """A peer always accuses somebody; on a healthy system that is wrong."""
    return bool(answer.case.truth) and fits(answer.case, names[:1])


def _by_sigma(sweep: steps.Sweep) -> tuple[str, ...]:
    """Resources by how far their use at the highest third of the steps is from the lower ones, in deviations there."""
    scores = {}
    for source in (*sweep.sources("resource:"), *sweep.sources("generator-")):
        values = _values(sweep, source)
        if len(values) >= 4:
            third = max(1, len(values) // 3)
            low, high = np.array(values[:-third]), np.array(values[-third:])
            scores[source] = float(abs(high.mean() - low.mean()) / (low.std() + 1e-6))
    return tuple(sorted(scores, key=lambda name: -scores[name]))


def _by_correlation(sweep: steps.Sweep) -> tuple[str, ...]:
    """Resources by how their use goes with the mean latency over the steps."""
    scores = {}
    latency = [step.latency for step in sweep.steps]
    for source in (*sweep.sources("resource:"), *sweep.sources("generator-")):
        values = _values(sweep, source)
        if len(values) == len(latency) >= 4 and np.std(values) > 0 and np.std(latency) > 0:
            scores[source] = float(np.corrcoef(values, latency)[0, 1])
    return tuple(sorted(scores, key=lambda name: -scores[name]))


def _values(sweep: steps.Sweep, source: str) -> list[float]:
    """The generator's processor, or a resource's use; its waiting where no size is told."""
    if source.startswith("generator-"):
        return [sweep.mean(step, source, "cpu_share") or 0.0 for step in sweep.steps]
    of = demands.uses(sweep, source)
    shares = [one.share if one.share is not None else one.waiting for one in of]
    return [share for share in shares if share is not None]


def _share(answers: Sequence[bool]) -> float:
    return sum(answers) / len(answers) if answers else 1.0


if __name__ == "__main__":
    main()
