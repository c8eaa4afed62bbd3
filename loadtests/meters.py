"""Prometheus' text form, and the few expressions over it that a target file needs to say what a resource is.

An expression is a sum of terms: a number, or a metric with matchers, e.g. `node_cpu_seconds_total{mode!="idle"}`.
Matching series are added up; `count(metric{…})` is how many there are. A term may be multiplied: `0.001 * metric`.
"""

from __future__ import annotations

import math
import re
from collections import defaultdict
from collections.abc import Iterable, Mapping
from itertools import pairwise

import msgspec

TERMS_MAX = 8
SERIES_MAX = 50_000
LINE_CHARS_MAX = 4_000
_NAME = r"[a-zA-Z_:][a-zA-Z0-9_:]{0,199}"
_NUMBER = r"[0-9]{1,15}(?:\.[0-9]{1,9})?"
_PAIR = rf'{_NAME}="(?:[^"\\]|\\.)*"'
_SERIES = re.compile(
    rf"({_NAME})(?:\{{[ ]?((?:{_PAIR}[ ]?,?[ ]?)*)\}})?[ \t]+([^\s]{{1,40}})(?:[ \t]+-?[0-9]{{1,20}})?[ \t\r]*\Z"
)
_LABEL = re.compile(rf'({_NAME})="((?:[^"\\]|\\.)*)"')
_MATCHER = re.compile(rf'\s*({_NAME})\s*(!=|=)\s*"([^"\\]*)"\s*')
_TERM = re.compile(
    rf"\s*([+-])?\s*(?:({_NUMBER})\s*\*\s*)?(?:(count)\(\s*({_NAME})(\{{[^}}]*\}})?\s*\)|({_NAME})(\{{[^}}]*\}})?"
    rf"|({_NUMBER}))\s*"
)
Labels = tuple[tuple[str, str], ...]


class Matcher(msgspec.Struct, frozen=True):
    """`label` is (`equal`) or is not `value`; a label that is not there is "" as Prometheus has it."""

    label: str
    equal: bool
    value: str

    def fits(self, labels: Mapping[str, str]) -> bool:
        return (labels.get(self.label, "") == self.value) is self.equal


class Term(msgspec.Struct, frozen=True):
    """`factor` times the sum (or the count) of the matching series; without a metric, the factor itself."""

    factor: float
    metric: str = ""
    count: bool = False
    matchers: tuple[Matcher, ...] = ()


class Expression(msgspec.Struct, frozen=True):
    """A sum of terms, as it was written."""

    text: str
    terms: tuple[Term, ...]

    @property
    def metrics(self) -> tuple[str, ...]:
        return tuple(term.metric for term in self.terms if term.metric)

    def value(self, meters: Meters, label: str = "", of: str = "") -> float | None:
        """None when a metric has no matching series or a value is no number. With `label`, only series whose label is
        `of` count."""
        total = 0.0
        for term in self.terms:
            if not term.metric:
                total += term.factor
                continue
            found = [value for labels, value in meters.series(term.metric) if _fits(term, labels, label, of)]
            if not found:
                return None
            total += term.factor * (len(found) if term.count else math.fsum(found))
        return total if math.isfinite(total) else None

    def values_of(self, meters: Meters, label: str) -> tuple[str, ...]:
        """What stands in a label of the matching series of the first metric, in order of the alphabet."""
        term = next((term for term in self.terms if term.metric), None)
        if term is None:
            return ()
        rows = meters.series(term.metric)
        return tuple(sorted({labels[label] for labels, _ in rows if label in labels and _fits(term, labels, "", "")}))


class Meters:
    """All series of one answer."""

    def __init__(self, text: str) -> None:
        self._series: dict[str, list[tuple[dict[str, str], float]]] = defaultdict(list)
        for number, line in enumerate(text.split("\n")):
            if number > SERIES_MAX:
                break
            if line.startswith("#") or len(line) > LINE_CHARS_MAX:
                continue
            if (found := _SERIES.match(line)) and (value := _number(found[3])) is not None:
                self._series[found[1]].append((dict(_LABEL.findall(found[2] or "")), value))

    def series(self, metric: str) -> list[tuple[dict[str, str], float]]:
        return self._series.get(metric, [])

    def has(self, metrics: Iterable[str]) -> bool:
        """Whether every metric has a series here."""
        return all(metric in self._series for metric in metrics)


def expression(text: str) -> Expression | str:
    """The expression, or in words what is wrong with it."""
    terms: list[Term] = []
    ends = [0]
    while ends[-1] < len(text) or not terms:
        found = _TERM.match(text, ends[-1])
        if found is None or (terms and not found[1]):
            return f'cannot be read from {text[ends[-1] :][:30]!r} on; write e.g. name{{label="value"}} + count(name)'
        braces = found[5] or found[7] or ""
        matchers = _matchers(braces)
        if matchers is None:
            return f'{braces} cannot be read; write {{label="value", other!="value"}}'
        factor = (-1.0 if found[1] == "-" else 1.0) * float(found[2] or 1.0) * float(found[8] or 1.0)
        terms.append(Term(factor, found[4] or found[6] or "", found[3] is not None, matchers))
        ends.append(found.end())
    if len(terms) > TERMS_MAX:
        return f"{len(terms)} terms; at most {TERMS_MAX}"
    assert all(before < after for before, after in pairwise(ends))
    return Expression(text, tuple(terms))


def made(text: str) -> Expression:
    """An expression of our own."""
    found = expression(text)
    assert isinstance(found, Expression), found
    return found


def _matchers(braces: str) -> tuple[Matcher, ...] | None:
    inside, found, at = braces[1:-1], [], 0
    while at < len(inside):
        one = _MATCHER.match(inside, at)
        if one is None:
            return None
        found.append(Matcher(one[1], one[2] == "=", one[3]))
        at = one.end()
        if at < len(inside):
            if inside[at] != ",":
                return None
            at += 1
    return tuple(found)


def _fits(term: Term, labels: Mapping[str, str], label: str, of: str) -> bool:
    return (not label or label not in labels or labels[label] == of) and all(m.fits(labels) for m in term.matchers)


def _number(text: str) -> float | None:
    try:
        value = float(text)
    except ValueError:
        return None
    return value if math.isfinite(value) and "_" not in text else None
