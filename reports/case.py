"""What the checks are given: the record, and its calls loaded once."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from typing import Any, TypeVar, cast

import numpy as np
from numpy.typing import NDArray

from record.reader import RunRecord
from record.types import Event, Manifest
from reports import calls, latency, phases

Answer = TypeVar("Answer")


class Case:
    """A record under judgement. Nothing here changes it."""

    def __init__(self, record: RunRecord) -> None:
        self.record = record
        self._answers: dict[Callable[[Case], Any], Any] = {}

    @property
    def manifest(self) -> Manifest:
        return self.record.manifest

    @cached_property
    def calls(self) -> calls.Calls:
        return calls.load(self.record)

    @cached_property
    def judged(self) -> NDArray[np.bool_]:
        """Per call: does its phase count towards the verdict?"""
        counts = np.zeros(256, np.bool_)
        counts[phases.judged(self.manifest)] = True
        return counts[self.calls.phase]

    @cached_property
    def due(self) -> latency.Clock:
        return latency.due_clock(self.calls)

    @cached_property
    def latency(self) -> tuple[latency.Row, ...]:
        names = [phase.name for phase in self.manifest.phases] or [""]
        return latency.table(self.calls, self.due, names, phases.judged(self.manifest))

    @cached_property
    def end_ns(self) -> int:
        """When the last call was answered; what the generator does afterwards (the final read) is not the drive."""
        value = self.one("SELECT max(done_ns) AS value FROM samples")["value"]
        return 0 if value is None else int(value)

    @property
    def arrivals_per_s(self) -> float:
        """Planned arrivals per second of the judged phases; 0 without any."""
        seconds = phases.seconds(self.manifest)
        found = self.one(f"SELECT count(*) AS n FROM arrivals WHERE {phases.judged_sql(self.manifest, 'at_ns')}")
        return found["n"] / seconds if seconds else 0.0

    @cached_property
    def events(self) -> tuple[Event, ...]:
        return tuple(self.record.events())

    def once(self, question: Callable[[Case], Answer]) -> Answer:
        """The answer of a pure function of this case, computed when first asked for and shared by all who ask."""
        if question not in self._answers:
            self._answers[question] = question(self)
        return cast(Answer, self._answers[question])

    def keep(self, name: str, sql: str, parameters: dict[str, Any] | None = None) -> None:
        """A table of its own for an answer that several questions start from; computed once for each record."""
        self.record.keep(name, sql, parameters)

    def rows(self, sql: str, parameters: dict[str, Any] | None = None) -> list[dict[str, Any]]:
        """A small answer as Python values."""
        answer: list[dict[str, Any]] = self.record.arrow(sql, parameters).to_pylist()
        return answer

    def one(self, sql: str, parameters: dict[str, Any] | None = None) -> dict[str, Any]:
        return self.rows(sql, parameters)[0]
