"""What a person sees while a run goes: a bar on a terminal, nothing in a pipe."""

from __future__ import annotations

import signal
from types import FrameType, TracebackType

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from loadtests.run import Progress as Step


class Show:
    """Context manager: watches a run and takes Ctrl-C as the wish to drain and seal. A second Ctrl-C ends at once."""

    def __init__(self, *, quiet: bool = False) -> None:
        self._console = Console(stderr=True)
        self._bar = Progress(
            TextColumn("{task.description:>12}"),
            BarColumn(bar_width=40),
            TextColumn("{task.fields[text]}"),
            TimeRemainingColumn(),
            console=self._console,
            transient=True,
            disable=quiet or not self._console.is_terminal,
        )
        self._task = self._bar.add_task("starting", total=None, text="")
        self._stage = ""
        self.stopping = False

    def __enter__(self) -> Show:
        self._bar.start()
        self._before = {number: signal.signal(number, self._on_signal) for number in (signal.SIGINT, signal.SIGTERM)}
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.release_signals()
        self._bar.stop()

    def release_signals(self) -> None:
        """From here on Ctrl-C does what it did before: there is nothing left to drain."""
        for number, handler in self._before.items():
            signal.signal(number, handler)
        self._before = {}

    def watch(self, step: Step) -> None:
        if step.stage != self._stage:
            self._stage = step.stage
            self._bar.reset(self._task)
        text = f"{step.ended:,} of {step.planned:,} arrivals done, {step.calls:,} requests" if step.planned else ""
        name = f"{step.stage} (stopping)" if self.stopping else step.stage
        self._bar.update(self._task, description=name, total=step.duration_s or None, completed=step.at_s, text=text)

    def say(self, text: str) -> None:
        """One line, on a terminal only."""
        if not self._bar.disable:
            self._console.print(text, highlight=False)

    def stop(self) -> bool:
        return self.stopping

    def _on_signal(self, number: int, frame: FrameType | None) -> None:
        if self.stopping:
            raise KeyboardInterrupt
        self.stopping = True
        self.say("stopping: nothing new is sent, what is under way drains; press again to break off")
