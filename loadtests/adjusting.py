"""An intervention: a resource of the target is made smaller or larger for the whole of a run, and put back after it.

What limits a system must move its capacity when it is changed. The target file says how it is changed
([[resource]] adjust); the record says that it was (event "adjusted"), so that the judgement is one of records alone.
"""

from __future__ import annotations

import re
from types import TracebackType
from typing import Any

from loadtests.asking import Asker, AskError
from loadtests.meters import Meters
from loadtests.resources import Resource
from loadtests.targets import Target
from loadtests.telemetry import TEXT_BYTES_MAX
from record.journal import EventLog
from record.types import Event
from scenarios.types import ConfigError

TIMEOUT_S = 5.0
ADJUSTED, FAILED = "adjusted", "adjust-failed"
FACTOR_MIN, FACTOR_MAX = 0.1, 10.0
_GAP = re.compile(r"\{(size|factor|name)\}")


class Adjusting:
    """Context manager around a drive. Entering raises ConfigError when the change cannot be made.

    `wanted` is the name of a resource and a factor on its size, "database pool=0.75".
    """

    def __init__(self, target: Target, wanted: str, events: EventLog) -> None:
        self._target = target
        self._events = events
        self._name, equals, factor = wanted.rpartition("=")
        if not equals or not re.fullmatch(r"\d{1,3}(\.\d{1,4})?", factor):
            raise ConfigError([f'--adjust {wanted}: should be NAME=FACTOR, e.g. "database pool=0.75"'])
        self._factor = float(factor)
        if not FACTOR_MIN <= self._factor <= FACTOR_MAX:
            raise ConfigError([f"--adjust {wanted}: the factor should be from {FACTOR_MIN:g} to {FACTOR_MAX:g}"])
        self._resource, self._of = self._found(wanted)
        self._size: float | None = None

    def __enter__(self) -> Adjusting:
        adjust = self._resource.adjust
        assert adjust is not None, "looked for in __init__"
        with self._asker() as asker:
            if "{size}" in str(adjust.content):
                self._size = self._now_there(asker)
            before, self._factor = self._factor, self._whole(self._factor)
            problem = self._post(asker, self._factor)
        if problem or self._factor == 1.0:
            what = problem or f"×{before:g} of {self._size:g} is no other whole number"
            raise ConfigError([f"--adjust {self._name}: {what}"])
        self._events.write(Event(0, ADJUSTED, f"{self._name}={self._factor:g}"))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with self._asker() as asker:
            if problem := self._post(asker, 1.0):
                self._events.write(Event(0, FAILED, f"{self._name}: could not be put back: {problem}"))

    def start(self, zero_mono_ns: int) -> None:
        """Nothing to do: the change is there from before the first request."""

    def _found(self, wanted: str) -> tuple[Resource, str]:
        """The resource, and which of its members is meant."""
        for one in self._target.resources:
            if one.adjust is not None and one.name == self._name:
                return one, ""
            if one.adjust is not None and one.per and self._name.startswith(f"{one.name} "):
                return one, self._name.removeprefix(f"{one.name} ")
        known = ", ".join(one.name for one in self._target.resources if one.adjust is not None) or "none"
        raise ConfigError([f"--adjust {wanted}: no such [[resource]] with adjust in the target file; known: {known}"])

    def _now_there(self, asker: Asker) -> float:
        size = None
        try:
            answer = asker.ask(self._target.metrics[self._resource.system])
        except AskError as error:
            raise ConfigError([f"--adjust {self._name}: its size cannot be read: {error}"]) from error
        if self._resource.size is not None and answer.status == 200:
            meters = Meters(answer.body.decode("utf-8", "replace"))
            size = self._resource.size.value(meters, self._resource.per, self._of)
        if not size:
            raise ConfigError([f"--adjust {self._name}: its meters tell no size"])
        return size

    def _whole(self, factor: float) -> float:
        """Connections and servers come whole: the factor that can be had."""
        if self._size is None or self._size != round(self._size):
            return factor
        return max(1.0, round(self._size * factor)) / self._size

    def _post(self, asker: Asker, factor: float) -> str:
        """Why it could not be done; "" when it was."""
        assert self._resource.adjust is not None
        size = None if self._size is None else self._size * factor
        values = {"size": size, "factor": factor, "name": self._of or self._name}
        try:
            answer = asker.ask(self._resource.adjust.url, content=_filled(self._resource.adjust.content, values))
        except AskError as error:
            return str(error)
        return "" if 200 <= answer.status < 300 else f"{self._resource.adjust.url} answered {answer.status}"

    def _asker(self) -> Asker:
        return Asker(self._target.http.trusted, {}, within_s=TIMEOUT_S, bytes_max=TEXT_BYTES_MAX)


def _filled(content: Any, values: dict[str, Any]) -> Any:
    """The gaps filled; a text that is nothing but a gap becomes what stands for it, a number or a text."""
    if isinstance(content, dict):
        return {key: _filled(value, values) for key, value in content.items()}
    if isinstance(content, list):
        return [_filled(value, values) for value in content]
    if not isinstance(content, str):
        return content
    if whole := _GAP.fullmatch(content):
        return _number(values[whole[1]])
    return _GAP.sub(lambda gap: str(_number(values[gap[1]])), content)


def _number(value: Any) -> Any:
    """A whole number without a point."""
    return int(value) if isinstance(value, float) and value == int(value) else value
