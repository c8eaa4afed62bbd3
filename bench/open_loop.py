"""A plain open-loop client for peers' methods of finding a limit: Poisson arrivals, latency from the due time."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

REQUEST = b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"
LATE_S = 30.0  # what was not answered by then took so long


@dataclass(frozen=True)
class Answer:
    """One request: when it was due, in seconds since the first, and how long its answer took from then."""

    due_s: float
    took_s: float


class Client:
    """Connections are kept and reused; as many as there are requests under way."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._idle: list[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = []
        self.answers: list[Answer] = []

    async def drive(self, due_s: Sequence[float], enough: Callable[[], bool] = lambda: False) -> None:
        """Send each request when it is due, until `enough`; then wait for the answers."""
        began, tasks = time.monotonic(), []
        for due in due_s:
            wait = began + due - time.monotonic()
            if wait > 0:
                await asyncio.sleep(wait)
            if enough():
                break
            tasks.append(asyncio.create_task(self._one(began, due)))
        if tasks:
            await asyncio.wait(tasks, timeout=LATE_S)
        for task in tasks:
            task.cancel()

    async def close(self) -> None:
        for _, writer in self._idle:
            writer.close()

    async def _one(self, began: float, due: float) -> None:
        reader, writer = self._idle.pop() if self._idle else await asyncio.open_connection("127.0.0.1", self._port)
        writer.write(REQUEST)
        head = await reader.readuntil(b"\r\n\r\n")
        length = next(int(line[15:]) for line in head.split(b"\r\n") if line.lower().startswith(b"content-length:"))
        await reader.readexactly(length)
        self.answers.append(Answer(due, time.monotonic() - began - due))
        self._idle.append((reader, writer))


def poisson(rate: float, seconds: float, seed: int) -> list[float]:
    """Due times at a constant rate."""
    rng = np.random.default_rng(seed)
    return sorted(rng.uniform(0, seconds, rng.poisson(rate * seconds)).tolist())


def ramp(rate: float, seconds: float, seed: int) -> list[float]:
    """Due times at a rate that rises evenly from 0."""
    rng = np.random.default_rng(seed)
    return sorted((seconds * np.sqrt(rng.uniform(0, 1, rng.poisson(rate * seconds / 2)))).tolist())
