"""What the checks are given: the record, and its calls loaded once."""

from __future__ import annotations

from collections.abc import Callable, Collection
from concurrent.futures import Future, ThreadPoolExecutor
from functools import cached_property
from typing import Any, TypeVar, cast

import numpy as np
from numpy.typing import NDArray

from record.reader import RunRecord
from record.types import Event, Manifest, RecordError
from reports import accounts, calls, phases
from reports.latency import PERCENTILES, Estimate, Row, Table, among, table

Answer = TypeVar("Answer")


class Case:
    """A record under judgement. Nothing here changes it."""

    def __init__(self, record: RunRecord) -> None:
        self.record = record
        self._answers: dict[Callable[[Case], Any], Any] = {}
        self._coming: dict[Callable[[Case], Any], Future[Any]] = {}
        self._beside = ThreadPoolExecutor(2)

    def begin(self, soon: Collection[Callable[[Case], Any]] = ()) -> None:
        """Start what takes longest, so that whoever does not need it can go on meanwhile; then the answers to `soon`,
        which will be asked for `once` and ask the database nothing. Returns when the calls are there; what breaks does
        so again for whoever asks. Raises RecordError."""
        try:
            _ = self._laying, self._timing
            self._coming = {question: self._beside.submit(question, self) for question in soon}
        except RecordError:
            raise
        except Exception:  # noqa: BLE001 - the check that needs it says so
            pass

    @property
    def manifest(self) -> Manifest:
        return self.record.manifest

    @cached_property
    def calls(self) -> calls.Calls:
        return calls.load(self.record)

    def judged(self, at: Any = slice(None)) -> NDArray[np.bool_]:
        """Of some calls: does their phase count towards the verdict?"""
        counts, phase = np.zeros(len(self.manifest.phases) + 1, np.bool_), self.calls.phase[at]
        counts[phases.judged(self.manifest)] = True
        if len(phase) and phase.min() == phase.max():  # as a rule: calls are stored in the order of their arrivals
            return np.full(len(phase), counts[phase[0]])
        return np.asarray(counts[phase])

    @cached_property
    def counted(self) -> NDArray[np.int64]:
        """(operations, blocks): judged calls."""
        return self.judged_of(self.calls.counts)

    @cached_property
    def failures(self) -> NDArray[np.int64]:
        """(operations, blocks): judged calls that failed."""
        return self.judged_of(self.calls.failures)

    def judged_of(self, counts: NDArray[np.int64]) -> NDArray[np.int64]:
        """(phases, …) → (…): the judged phases added up."""
        wanted = [phase for phase in phases.judged(self.manifest) if phase < len(counts)]
        return np.asarray(counts[wanted].sum(axis=0))

    @property
    def laid(self) -> accounts.Accounts:
        return self._laying.result()

    @cached_property
    def _laying(self) -> Future[accounts.Accounts]:
        return self._beside.submit(accounts.lay, self.record)

    @property
    def latency(self) -> tuple[Row, ...]:
        return self.times.rows

    @property
    def times(self) -> Table:
        """All answer times that anybody asks for, the sets of operations that something was promised about among
        them."""
        return self._timing.result()

    @cached_property
    def _timing(self) -> Future[Table]:
        names = [phase.name for phase in self.manifest.phases] or [""]
        sets = list(self._meant.values())
        return self._beside.submit(table, self.calls, names, phases.judged(self.manifest), sets)

    def timed(self, meant: NDArray[np.bool_]) -> int:
        """How many judged calls of some operations have a time that counts."""
        return int(self.judged_of(self.times.due)[meant].sum())

    def among(self, meant: NDArray[np.bool_], percentile: float) -> Estimate:
        """A percentile of the judged calls of some operations, from when they were due; there are some that count."""
        if meant.tobytes() in self._meant and percentile in PERCENTILES:
            found = self.times.promised[list(self._meant).index(meant.tobytes())]
            return found[PERCENTILES.index(percentile)]
        chosen = self.judged() & meant[self.calls.operation]
        return among(self.calls, self.times.clock, chosen, percentile)

    @cached_property
    def _meant(self) -> dict[bytes, NDArray[np.bool_]]:
        """Sets of operations that a promise about answer times is about."""
        promises = [each for each in self.manifest.objectives if each.metric == "latency"]
        sets = [self.calls.matching(each) for each in promises if phases.judged(self.manifest)]
        return {each.tobytes(): each for each in sets if each.any()}

    @property
    def end_ns(self) -> int:
        """When the last call was answered; what the generator does afterwards (the final read) is not the drive."""
        return self.calls.end_ns

    @property
    def arrivals_per_s(self) -> float:
        """Planned arrivals per second of the judged phases; 0 without any."""
        seconds = phases.seconds(self.manifest)
        return int(self.calls.arrivals[phases.judged(self.manifest)].sum()) / seconds if seconds else 0.0

    @cached_property
    def events(self) -> tuple[Event, ...]:
        return tuple(self.record.events())

    def once(self, question: Callable[[Case], Answer]) -> Answer:
        """The answer of a pure function of this case, computed when first asked for and shared by all who ask."""
        if question not in self._answers:
            coming = self._coming.pop(question, None)
            self._answers[question] = question(self) if coming is None else coming.result()
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
