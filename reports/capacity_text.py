"""The answer of a capacity search as data for machines and as lines for people, Vietnamese and English."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from record.reader import RunRecord
from reports.capacity import Capacity

DIGITS = 4  # that are worth printing


def as_data(found: Capacity | None, records: Sequence[RunRecord]) -> dict[str, Any]:
    """One object, the same for the same records. Profile and target are those of all of them."""
    first = records[0].manifest
    data: dict[str, Any] = {
        "format": 1,
        "profile": first.profile,
        "target": first.target.name,
        "target_sha256": first.target.digest,
        "records": [{"run": record.folder.name, "sha256": record.digest} for record in records],
    }
    if found is None:
        return data | {"capacity": None}
    return data | {
        "capacity": {
            "factor": _short(found.per_s / found.base),
            "arrivals_per_s": _short(found.per_s),
            "requests_per_s": _short(found.per_s * found.calls_per_arrival),
            "low": _short(found.low),
            "high": _short(found.high),
            "confidence": 0.90,
            "binding": found.binding,
            "ceiling": _short(found.ceiling),
            "ceiling_error": _short(found.ceiling_error),
            "servers": found.servers,
            "collapses": found.collapses,
            "warm_s": _short(found.warm_s),
            "confirmed": found.confirmed,
            "sure": found.sure,
            "more_s": _short(found.more_s),
            "generator": found.generator,
            "untested": list(found.untested),
        },
        "crossings": [
            {
                "objective": one.slug,
                "arrivals_per_s": _short(one.per_s),
                "low": _short(one.low),
                "high": _short(one.high),
                "by": one.by,
                "shift": _short(one.shift),
            }
            for one in found.crossings
        ],
        "segments": [
            {
                "run": step.run,
                "phase": step.phase.name,
                "rate": _short(step.phase.rate),
                "arrivals_per_s": _short(step.arrivals / step.seconds),
                "completions_per_s": _short(step.completions_per_s),
                "under_way": _short(step.under_way),
                "little_gap": _short(step.little_gap),
                "steady": step.steady,
            }
            for step in found.load.segments
        ],
    }


def as_lines(found: Capacity | None) -> list[str]:
    """What a person reads."""
    if found is None:
        return [
            "Không kết luận được: chưa mức tải nào vi phạm cam kết. / Undecided: no promise was broken at any rate."
        ]
    interval = f"[{found.low:.4g}; {found.high:.4g}]"
    lines = [
        f"Năng lực tải / capacity: {found.per_s:.4g} arrivals/s {interval} (90 %)",
        f"  {found.per_s * found.calls_per_arrival:.4g} requests/s, ×{found.per_s / found.base:.3g} of the profile",
        f"  binding: {found.binding}",
    ]
    for one in found.crossings:
        by = "queue and segments" if one.by == "queue" else "segments alone: no queue explains them"
        lines.append(f"    {one.slug}: {one.per_s:.4g} [{one.low:.4g}; {one.high:.4g}] (by {by})")
    if found.ceiling is not None:
        error = f" ± {100 * (found.ceiling_error or 0):.1f} %"
        servers = f"; behaves like {found.servers} server(s) with one queue" if found.servers else ""
        lines.append(f"  hard ceiling: {found.ceiling:.4g} arrivals/s{error}{servers}")
    if found.collapses:
        lines.append("  ! Quá tải thì sụp: overloaded, it completes less than it could (collapse)")
    if found.warm_s > 0:
        lines.append(f"  warm-up left out: the first {found.warm_s:.0f} s")
    tried = {True: "held", False: "did NOT hold; the interval was widened", None: "was not made: the budget was spent"}
    lines.append(f"  trial at 0.95 × the lower bound {tried[found.confirmed]}")
    if found.untested:
        lines.append(f"  ! Chưa thử các cam kết / promises not tested: {', '.join(found.untested)}")
    if found.more_s > 1:
        lines.append(f"  for ±5 %: about {found.more_s:.0f} s more near the limit")
    if not found.sure:
        lines.append("  ? Chưa đủ chắc chắn để kết luận / not sure enough to decide by: search longer")
    if found.generator:
        lines.append(f"  ⊘ void: {found.generator}")
    return lines


def _short(value: float | None) -> float | None:
    return None if value is None else float(f"{value:.{DIGITS}g}")
