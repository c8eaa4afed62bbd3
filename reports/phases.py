"""Which stretch of the run a time belongs to; the same rule as the view `samples` of record.reader."""

from __future__ import annotations

from record.types import Manifest


def code_sql(manifest: Manifest, column: str) -> str:
    """SQL for the index of the phase in which `column` (ns) lies; what comes after the last belongs to it."""
    if not manifest.phases:
        return "0"
    cases = [f"WHEN {column} < {phase.end_ns} THEN {index}" for index, phase in enumerate(manifest.phases[:-1])]
    last = len(manifest.phases) - 1
    return f"(CASE {' '.join(cases)} ELSE {last} END)" if cases else "0"


def judged(manifest: Manifest) -> list[int]:
    """Indices of the phases that count towards the verdict."""
    return [index for index, phase in enumerate(manifest.phases) if phase.judged]


def judged_sql(manifest: Manifest, column: str) -> str:
    """SQL that is true for times in a judged phase; false for all when no phase is judged."""
    wanted = judged(manifest)
    if not wanted:
        return "false"
    return f"{code_sql(manifest, column)} IN ({', '.join(map(str, wanted))})"


def seconds(manifest: Manifest) -> float:
    """Planned length of the judged phases."""
    return sum(phase.end_ns - phase.start_ns for phase in manifest.phases if phase.judged) / 1e9
