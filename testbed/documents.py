"""Outgoing documents (văn bản đi): drafted, reviewed by the head of the unit, signed by the leader, numbered and issued
by the clerk. The rules of the document system's sending side over the store."""

from __future__ import annotations

import asyncio
import datetime as dt
from typing import NamedTuple

import msgspec

from scenarios import edxml
from scenarios.contract import PROVINCE_OFFICE
from testbed import axis, letter, paper
from testbed import documents_schema as sql
from testbed.axis import Axis, Outgoing
from testbed.documents_schema import DRAFTED, DRAFTS, ISSUED, ISSUES, REVIEWED, REVIEWS, SIGNATURES, SIGNED
from testbed.faults import Faults
from testbed.letter import Letter
from testbed.schema import Table
from testbed.signer import Signer
from testbed.store import HANOI, Applied, Columns, Row, Store, Tx, make_write
from testbed.tokens import Actor
from testbed.uploads import Files
from testbed.visit import RefusedError, Spent

SPECIALIST, HEAD, LEADER, CLERK = "chuyenvien", "truongphong", "lanhdao", "vanthu"
NOTATION = "UBND-VP"
TURNS = 64
TRIES_MAX = 5  # another platform on the same database may take the number meanwhile
_AUTHORITY, _POSITION = "TM. ỦY BAN NHÂN DÂN", "CHỦ TỊCH"


class Draft(NamedTuple):
    """A draft as it stands."""

    state: int
    commune: str
    title: str
    content: str
    recipients: str  # JSON
    pdf: str  # sha256 of what the leader signed

    @property
    def addressees(self) -> tuple[str, ...]:
        return msgspec.json.decode(self.recipients, type=tuple[str, ...])


class Numbered(NamedTuple):
    """The number that a document will have, and how far the counter goes on for it: one, unless a fault says else."""

    series: str
    number: int
    steps: int


class Documents:
    """All outgoing documents of the platform."""

    def __init__(self, store: Store, files: Files, signer: Signer, faults: Faults) -> None:
        self._store = store
        self._files = files
        self._signer = signer
        self._faults = faults
        self._axis = Axis(store.database.dialect, files, faults)
        self._turns = [asyncio.Lock() for _ in range(TURNS)]
        self._warming: asyncio.Task[None] | None = None

    def warm(self) -> asyncio.Task[None]:
        """Get ready what the first signature would wait for; once, beside whatever else is going on."""
        if self._warming is None:
            self._signer.warm()
            self._warming = asyncio.create_task(asyncio.to_thread(paper.warm))
        return self._warming

    async def draft(self, spent: Spent, key: str, operation: str, actor: Actor, kept: Columns) -> Applied:
        """A new draft from (commune, title, content, recipients); its code is the subject."""
        _only(actor, SPECIALIST)
        _own(actor, kept[0])
        async with self._store.write(spent, key) as tx:
            if earlier := await self._store.earlier(tx, key, DRAFTS, kept, operation):
                return earlier

            async def numbered() -> Columns:
                number = await self._store.next_number(tx, f"draft/{kept[0]}")
                return f"{kept[0]}-{number}", DRAFTED, self._store.now_ms()

            more = await numbered()
            await self._store.keep(tx, DRAFTS, Row(key, operation, more[0], kept, more, numbered))
        return Applied(make_write(DRAFTS, key, operation, more[0], kept), True)

    async def review(self, spent: Spent, key: str, operation: str, actor: Actor, kept: Columns) -> Applied:
        """The head of the unit agrees, from (draft, opinion)."""
        _only(actor, HEAD)
        async with self._store.write(spent, key) as tx:
            if earlier := await self._store.earlier(tx, key, REVIEWS, kept, operation):
                return earlier
            await _draft(tx, kept[0], actor, DRAFTED)
            more = (actor.name, self._store.now_ms())
            return await self._step(tx, REVIEWS, Row(key, operation, kept[0], kept, more), DRAFTED, REVIEWED)

    async def sign(self, spent: Spent, key: str, operation: str, actor: Actor, kept: Columns) -> Applied:
        """The leader signs the letter itself, from (draft,). Made before the transaction: it takes its time."""
        _only(actor, LEADER)
        async with self._store.read(spent) as tx:
            if earlier := await self._store.earlier(tx, key, SIGNATURES, kept, operation):
                return earlier
            draft = await _draft(tx, kept[0], actor, REVIEWED)
        await asyncio.shield(self.warm())
        pdf = letter.pdf(_letter(draft))
        signed = self._files.keep(await self._signer.sign(pdf, f"{draft.commune}.{LEADER}", "Ký ban hành", operation))
        async with self._store.write(spent, key) as tx:
            if earlier := await self._store.earlier(tx, key, SIGNATURES, kept, operation):
                return earlier
            row = Row(key, operation, kept[0], kept, (actor.name, signed, self._store.now_ms()))
            applied = await self._step(tx, SIGNATURES, row, REVIEWED, SIGNED)
            await tx.run(sql.KEEP_PDF, signed, kept[0], SIGNED)
        return applied

    async def issue(self, spent: Spent, key: str, operation: str, actor: Actor, kept: Columns) -> Applied:
        """The clerk gives the number, seals with the office's signature and sends, from (draft,).

        The number stands in what is signed, so it is chosen first and taken in the transaction that also hands the
        document over. Meanwhile no other document of that organisation can take it.
        """
        _only(actor, CLERK)
        async with self._turns[int(actor.commune) % TURNS]:
            for _ in range(TRIES_MAX):
                async with self._store.read(spent) as tx:
                    if earlier := await self._store.earlier(tx, key, ISSUES, kept, operation):
                        return earlier
                    draft = await _draft(tx, kept[0], actor, SIGNED)
                    now = dt.datetime.fromtimestamp(self._store.now(), HANOI)
                    numbered = await self._numbered(tx, draft.commune, now)
                outgoing = await self._sealed(kept[0], draft, numbered.number, now, operation)
                if applied := await self._issued(spent, Row(key, operation, kept[0], kept, ()), outgoing, numbered):
                    return applied
        raise RefusedError(503, "numbers-busy")

    async def file(self, spent: Spent, document: str, actor: Actor) -> bytes:
        """The signed PDF, for the sender and the recipients."""
        async with self._store.read(spent) as tx:
            found = await tx.rows(sql.FILE, document)
            sender, digest = found[0] if found else ("", "")
            if sender != actor.commune and not await tx.rows(sql.SENT_TO, document, actor.commune):
                raise RefusedError(404, "document-unknown")
        return self._files.read(digest)

    async def _step(self, tx: Tx, table: Table, row: Row, before: int, after: int) -> Applied:
        """Store the write and move its draft on; a lost write leaves no trace."""
        if await self._store.keep(tx, table, row):
            await _advance(tx, row.subject, before, after)
        return Applied(make_write(table, row.key, row.operation, row.subject, row.kept), True)

    async def _numbered(self, tx: Tx, commune: str, now: dt.datetime) -> Numbered:
        series = f"{axis.organ_id(commune)}/{now.year}/di"
        last = await tx.rows(sql.LAST_NUMBER, series)
        return as_faults_have_it(self._faults, Numbered(series, (last[0][0] if last else 0) + 1, 1), "docs.issue")

    async def _sealed(self, document: str, draft: Draft, number: int, now: dt.datetime, operation: str) -> Outgoing:
        reason = f"Số {number}/{NOTATION}, ngày {now:%d/%m/%Y}"
        pdf = await self._signer.sign(self._files.read(draft.pdf), draft.commune, reason, operation)
        return Outgoing(
            document, draft.commune, draft.addressees, draft.title, draft.content, number, NOTATION, now, pdf
        )

    async def _issued(self, spent: Spent, row: Row, outgoing: Outgoing, numbered: Numbered) -> Applied | None:
        """None when somebody else has taken the number."""
        try:
            wire = edxml.build(axis.as_edxml(outgoing))
        except edxml.EdxmlError as error:
            raise RefusedError(422, "edxml-invalid") from error
        pdf, digest, at_ms = self._files.keep(outgoing.pdf), self._files.keep(wire), self._store.now_ms()
        about = (outgoing.document, outgoing.sender, numbered.series)
        async with self._store.write(spent, row.key) as tx:
            if earlier := await self._store.earlier(tx, row.key, ISSUES, row.kept, row.operation):
                return earlier
            last = 0
            for _ in range(numbered.steps):
                last = await self._store.next_number(tx, numbered.series)
            if numbered.steps and last != numbered.number:
                for _ in range(numbered.steps):
                    await tx.run(sql.GIVE_BACK, numbered.series)
                return None

            async def renewed() -> Columns:
                return *about, await self._store.next_number(tx, numbered.series), pdf, digest, at_ms

            row = row._replace(more=(*about, numbered.number, pdf, digest, at_ms), renew=renewed)
            if await self._store.keep(tx, ISSUES, row):
                await _advance(tx, row.subject, SIGNED, ISSUED)
                sender, recipients = outgoing.sender, outgoing.recipients
                await self._axis.hand_over(tx, row.key, outgoing.document, sender, recipients, digest, at_ms)
            else:
                for _ in range(numbered.steps):
                    await tx.run(sql.GIVE_BACK, numbered.series)
        return Applied(make_write(ISSUES, row.key, row.operation, row.subject, row.kept), True)


def as_faults_have_it(faults: Faults, numbered: Numbered, operation: str) -> Numbered:
    """The same number, or one that leaves a gap, or one that is somebody else's already."""
    if faults.hit("number-skip", operation):
        return numbered._replace(number=numbered.number + 1, steps=2)
    if numbered.number > 1 and faults.hit("number-twice", operation):
        return numbered._replace(number=numbered.number - 1, steps=0)
    return numbered


def _letter(draft: Draft) -> Letter:
    province = draft.commune == PROVINCE_OFFICE
    return Letter(
        superior="CHÍNH PHỦ" if province else "UBND TỈNH THANH HÓA",
        issuer="ỦY BAN NHÂN DÂN TỈNH" if province else f"ỦY BAN NHÂN DÂN ĐƠN VỊ {draft.commune}",
        notation=NOTATION,
        place="Thanh Hóa",
        title=draft.title,
        content=draft.content,
        recipients=tuple(axis.organ_name(commune) for commune in draft.addressees),
        authority=_AUTHORITY,
        position=_POSITION,
    )


async def _draft(tx: Tx, code: str, actor: Actor, state: int) -> Draft:
    """A draft of the actor's organisation in that state; refused else."""
    rows = await tx.rows(sql.DRAFT, code)
    if not rows:
        raise RefusedError(404, "draft-unknown")
    draft = Draft(*rows[0])
    _own(actor, draft.commune)
    if draft.state != state:
        raise RefusedError(409, "draft-state-wrong")
    return draft


async def _advance(tx: Tx, code: str, before: int, after: int) -> None:
    if not await tx.rows(sql.ADVANCE, after, code, before):
        raise RefusedError(409, "draft-state-wrong")


def _only(actor: Actor, role: str) -> None:
    if actor.name != role:
        raise RefusedError(403, "role-wrong")


def _own(actor: Actor, commune: str) -> None:
    if actor.commune != commune:
        raise RefusedError(403, "other-commune")
