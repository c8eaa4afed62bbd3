"""Signatures on PDFs (PAdES), made in processes of their own so that no request waits for another's arithmetic.

The processes start when they are first needed and end with the platform; one that dies is replaced and its order given
to the next. What waits has a limit: beyond it the platform says that it is busy.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import re
import sys

import msgspec

from testbed.certificates import EXPIRED, FORMER, Authority, pem
from testbed.faults import Faults
from testbed.signer_frames import HEAD, Answer, Opening, Order, frame
from testbed.stamps import Stamps
from testbed.visit import RefusedError

PROCESSES = 1  # a signature takes 10 ms of one core: one process makes more than ten rehearsals need
WAITING_MAX = 64
ORDER_S_MAX = 30.0
TRIES_MAX = 2  # one process may die over an order; two are no coincidence
END_S_MAX = 2.0
COMMAND = (sys.executable, "-m", "testbed.signer_process")
_SIGNED_AT = re.compile(rb"/M \(D(?::|\\072)[0-9]{13}([0-9])")


class Signer:
    """The signing service of the platform. `secret` makes the authority: the same one, the same certificates."""

    def __init__(self, secret: bytes, faults: Faults, stamps: Stamps) -> None:
        self.authority = Authority(secret)
        stranger = hashlib.sha256(b"stranger" + secret).digest()
        self._faults = faults
        self._stamps = stamps
        self._idle: asyncio.LifoQueue[_Process] = asyncio.LifoQueue()
        for _ in range(PROCESSES):
            self._idle.put_nowait(_Process(Opening(secret, stranger)))
        self._waiting = 0

    async def sign(self, pdf: bytes, account: str, reason: str, operation: str = "") -> bytes:
        """The PDF with a signature of that account on top of those that it has.

        `operation` is for faults. Raises RefusedError 503 when too much waits or signing is out of order, 422 when this
        is no PDF that can be signed.
        """
        order = self._spoilt(Order(pdf, account, reason), operation)
        answer = await self._answer(order)
        if answer.wrong:
            raise RefusedError(422, "pdf-invalid")
        signed = embed(answer, await self._stamps.stamp(answer.cms))
        if self._faults.hit("sign-altered", operation):
            signed = _altered(signed)
        return signed

    async def roots(self) -> bytes:
        """Whom to trust, in PEM: the authority, and that of the time stamps."""
        return pem(self.authority.root) + await self._stamps.roots()

    def warm(self) -> None:
        """Start what will be needed, without waiting for it."""
        for process in [self._idle.get_nowait() for _ in range(self._idle.qsize())]:
            process.start_soon()
            self._idle.put_nowait(process)

    async def close(self) -> None:
        """End the processes, also those at work."""
        for _ in range(PROCESSES):
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(END_S_MAX):
                    await (await self._idle.get()).end()

    async def _answer(self, order: Order) -> Answer:
        if self._waiting >= WAITING_MAX:
            raise RefusedError(503, "signer-busy")
        self._waiting += 1
        try:
            for _ in range(TRIES_MAX):
                process = await self._idle.get()
                try:
                    return await process.ask(order)
                except (OSError, EOFError, TimeoutError):
                    pass  # it is dead now; the next order starts another
                finally:
                    self._idle.put_nowait(process)
        finally:
            self._waiting -= 1
        raise RefusedError(503, "signer-broken")

    def _spoilt(self, order: Order, operation: str) -> Order:
        """The order as faults have it."""
        hit = self._faults.hit
        if hit("sign-expired", operation):
            return msgspec.structs.replace(order, account=f"{EXPIRED}{order.account}")
        if hit("sign-revoked", operation):
            return msgspec.structs.replace(order, account=FORMER)
        if hit("sign-stranger", operation):
            return msgspec.structs.replace(order, authority="stranger")
        if hit("sign-wrong-bytes", operation):
            return msgspec.structs.replace(order, other_bytes=True)
        return order


class _Process:
    """One signing process, or its place."""

    def __init__(self, opening: Opening) -> None:
        self._opening = opening
        self._process: asyncio.subprocess.Process | None = None
        self._starting: asyncio.Task[asyncio.subprocess.Process] | None = None

    def start_soon(self) -> None:
        if self._starting is None:
            self._starting = asyncio.create_task(self._start())

    async def ask(self, order: Order) -> Answer:
        """Raises OSError, EOFError or TimeoutError, and the process is gone, when it does not answer."""
        try:
            async with asyncio.timeout(ORDER_S_MAX):
                self.start_soon()
                assert self._starting is not None
                process = await asyncio.shield(self._starting)
                assert process.stdin is not None
                assert process.stdout is not None
                process.stdin.write(frame(order))
                await process.stdin.drain()
                (size,) = HEAD.unpack(await process.stdout.readexactly(HEAD.size))
                return msgspec.msgpack.decode(await process.stdout.readexactly(size), type=Answer)
        except BaseException:  # also when nobody waits any more: half an answer would be taken for the next one
            await self._kill()
            raise

    async def end(self) -> None:
        await self._kill()

    async def _start(self) -> asyncio.subprocess.Process:
        process = await asyncio.create_subprocess_exec(
            *COMMAND, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE
        )
        assert process.stdin is not None
        process.stdin.write(frame(self._opening))
        return process

    async def _kill(self) -> None:
        starting, self._starting = self._starting, None
        if starting is None:
            return
        with contextlib.suppress(OSError):
            process = await starting
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await process.wait()


def embed(answer: Answer, cms: bytes) -> bytes:
    """The CMS as hex digits in the room between < and > that the PDF leaves for it."""
    digits = cms.hex().encode()
    room = answer.end - answer.start - 2
    assert len(digits) <= room, f"{len(digits)} digits of CMS, room for {room}"
    pdf = bytearray(answer.pdf)
    pdf[answer.start + 1 : answer.start + 1 + len(digits)] = digits
    return bytes(pdf)


def _altered(pdf: bytes) -> bytes:
    """One byte is not what was signed: the last digit of the time at which it was."""
    place = max(match.start(1) for match in _SIGNED_AT.finditer(pdf))
    other = b"1" if pdf[place : place + 1] != b"1" else b"2"
    return pdf[:place] + other + pdf[place + 1 :]
