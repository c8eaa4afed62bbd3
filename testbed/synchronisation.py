"""The worker that tells the national portal: in order, again until it is understood, across restarts.

What was sent and not yet marked as sent when the process died is sent again: the receiver takes each key once.
"""

from __future__ import annotations

import asyncio
import sys

import msgspec

from testbed.faults import Faults
from testbed.neighbours import NeighbourError, Neighbours
from testbed.outbox import Noted, Outbox
from testbed.store import DATABASE_ERRORS
from testbed.sync_messages import CREATION, GOOD, KEYS_HEADER, PATH, PROGRESS, PROVINCE, TURNS_HEADER, Answer, Message

ITEMS_MAX = 100  # of one message
GATHER_S = 0.1  # what happens in that time travels together
LOOK_S = 1.0  # without being told that there is something
RETRY_S_MIN, RETRY_S_MAX = 0.25, 5.0
STUCK_LOOK_S = 0.05

_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(Answer).decode


class RefusedMessageError(Exception):
    """The receiver did not take a message."""


_TROUBLE = (RefusedMessageError, NeighbourError, *DATABASE_ERRORS)


class Synchronisation:
    """One worker over one outbox."""

    def __init__(self, outbox: Outbox, outside: Neighbours, faults: Faults) -> None:
        self._outbox = outbox
        self._outside = outside
        self._faults = faults

    async def run(self) -> None:
        """For ever."""
        pause_s = RETRY_S_MIN
        while True:
            try:
                while await self._send_some():
                    pause_s = RETRY_S_MIN
                await self._something_new()
            except _TROUBLE as error:
                print(f"testbed: synchronisation waits {pause_s:g} s: {error}", file=sys.stderr, flush=True)
                await asyncio.sleep(pause_s)
                pause_s = min(pause_s * 2, RETRY_S_MAX)

    async def _something_new(self) -> None:
        try:
            await asyncio.wait_for(self._outbox.noted.wait(), LOOK_S)
        except TimeoutError:
            return
        self._outbox.noted.clear()
        await asyncio.sleep(GATHER_S)

    async def _send_some(self) -> bool:
        """Whether there was anything. New dossiers first: whatever a step is about is then known."""
        items = await self._outbox.unsent(ITEMS_MAX)
        if items:
            await self._hold_up()
        for service, updating in ((CREATION, "False"), (PROGRESS, "True")):
            if mine := [item for item in items if item.service == service]:
                await self._send(
                    Message(service, PROVINCE, updating, [msgspec.Raw(i.item.encode()) for i in mine]), mine
                )
                await self._outbox.sent(mine)
        return bool(items)

    async def _send(self, message: Message, items: list[Noted]) -> None:
        headers = {
            KEYS_HEADER: " ".join(item.key for item in items),
            TURNS_HEADER: " ".join(str(item.number) for item in items),
        }
        reply = await self._outside.post(PATH, _encode(message), headers)
        try:
            answer = _decode(reply.body)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise RefusedMessageError(f"status {reply.status}: {error}") from error
        if reply.status != 200 or answer.error_code not in GOOD:
            raise RefusedMessageError(f"status {reply.status}, error_code {answer.error_code}: {answer.message}")

    async def _hold_up(self) -> None:
        """What faults do to the worker."""
        if slow_ms := self._faults.value("sync-slow"):
            await asyncio.sleep(slow_ms / 1000)
        while self._faults.hit("sync-stuck"):
            await asyncio.sleep(STUCK_LOOK_S)
