"""What a process does again and again beside answering: it survives a database or a neighbour that fails it."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Awaitable, Callable

from testbed.neighbours import NeighbourError
from testbed.store import DATABASE_ERRORS


async def repeat(seconds: float, work: Callable[[], Awaitable[object]], what: str) -> None:
    """For ever. When it fails it is tried again the next time, as requests are."""
    while True:
        await asyncio.sleep(seconds)
        try:
            await work()
        except (*DATABASE_ERRORS, NeighbourError) as error:
            print(f"testbed: {what} did not work: {error}", file=sys.stderr, flush=True)
