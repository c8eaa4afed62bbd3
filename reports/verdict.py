"""What a check says: a verdict, the words for it, and the rows that prove it.

Words are keys into the text catalogues with typed parameters, so that one finding reads in every language and a
number is rounded only where it is printed.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass, field
from typing import TypeAlias

EVIDENCE_ROWS_MAX = 20
NEVER_NS = 2**42 - 1  # 73 minutes, far above any time-out: stands for an answer that never came


class Verdict(enum.IntEnum):
    """Ordered so that the worst wins; VOID (the run was not fit to judge by) outranks all."""

    PASS = 0
    UNDECIDED = 1
    FAIL = 2
    VOID = 3

    @property
    def word(self) -> str:
        return self.name.lower()

    @property
    def exit_code(self) -> int:
        """0 ready, 1 not ready, 3 void, 4 undecided (2 belongs to wrong usage and to the harness itself)."""
        return {Verdict.PASS: 0, Verdict.FAIL: 1, Verdict.VOID: 3, Verdict.UNDECIDED: 4}[self]


@dataclass(frozen=True)
class Quantity:
    """A number to be printed. `unit`: ns, share, count, per_s, factor. `limit` (same unit) guards the rounding.

    NEVER_NS itself is printed as ∞.
    """

    value: float
    unit: str
    limit: float | None = None


@dataclass(frozen=True)
class PhaseNames:
    """Phases by the names of the profile; those that the catalogue knows are printed in the reader's language too."""

    names: tuple[str, ...]


@dataclass(frozen=True)
class Word:
    """A word of the catalogue; `otherwise` stands where it has none."""

    key: str
    otherwise: str = ""


def exactly(value: float, unit: str) -> Quantity:
    """A limit: fenced by itself, so that it is printed with all its digits."""
    return Quantity(value, unit, value)


@dataclass(frozen=True)
class Text:
    """A sentence of the catalogue and what fills its gaps; a gap may hold a sentence in turn."""

    key: str
    params: dict[str, Param] = field(default_factory=dict)


Param: TypeAlias = str | Quantity | PhaseNames | Word | Text


@dataclass(frozen=True)
class Evidence:
    """A small table: at most EVIDENCE_ROWS_MAX rows; `columns` are catalogue keys (column.<name>)."""

    columns: tuple[str, ...]
    rows: tuple[tuple[Param, ...], ...]


@dataclass(frozen=True)
class Finding:
    """What one check found. `check` is a stable slug such as `integrity.lost`."""

    check: str
    verdict: Verdict
    title: Text
    summary: Text
    evidence: Evidence | None = None
    needs_more: Text | None = None  # what would decide it, when the verdict is undecided


def worst(findings: tuple[Finding, ...]) -> Verdict:
    """The gate over some findings. None at all is no pass."""
    return max((finding.verdict for finding in findings), default=Verdict.UNDECIDED)
