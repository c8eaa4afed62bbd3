"""The document axis (trục liên thông): an issued document as edXML, and its way into the inboxes of its recipients.

In the sound case both sides of a delivery, what was sent and what was received, are written in one transaction with the
issue itself.
"""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Sequence

import msgspec

from scenarios import edxml
from scenarios.contract import PROVINCE_OFFICE
from testbed import documents_schema as sql
from testbed.faults import Faults
from testbed.schema import Dialect
from testbed.store import Tx
from testbed.uploads import Files

OPERATION = "docs.issue"
OFFICIAL_LETTER = 18  # công văn, as public senders number the kinds


def organ_id(commune: str) -> str:
    """The province's code is published; those of the new communes are not: this form is made up for this testbed."""
    return "000.00.00.H56" if commune == PROVINCE_OFFICE else f"H56.{commune}"


def organ_name(commune: str) -> str:
    """This platform knows its organisations by their codes only."""
    if commune == PROVINCE_OFFICE:
        return "Văn phòng Ủy ban nhân dân tỉnh"
    return f"Ủy ban nhân dân đơn vị {commune}"


def organisation(commune: str) -> edxml.Organisation:
    superior = "Ủy ban nhân dân tỉnh Thanh Hóa"
    return edxml.Organisation(organ_id(commune), organ_name(commune), in_charge=superior)


class Outgoing(msgspec.Struct, frozen=True):
    """What is issued."""

    document: str
    sender: str
    recipients: tuple[str, ...]
    title: str
    content: str
    number: int
    notation: str
    at: dt.datetime
    pdf: bytes


def as_edxml(outgoing: Outgoing) -> edxml.Document:
    sender = organisation(outgoing.sender)
    return edxml.Document(
        sender=sender,
        recipients=tuple(organisation(commune) for commune in outgoing.recipients),
        number=str(outgoing.number),
        notation=outgoing.notation,
        place="Thanh Hóa",
        promulgated=outgoing.at.date(),
        type=OFFICIAL_LETTER,
        type_name="Công văn",
        subject=outgoing.title,
        content=outgoing.content,
        signer=edxml.Signer("TM.", "Chủ tịch", f"Lãnh đạo {sender.name}"),
        traces=(edxml.Trace(sender.organ_id, outgoing.at.replace(tzinfo=None, microsecond=0)),),
        bussiness=edxml.Bussiness(reason="Văn bản mới", department="Văn phòng", staff=f"Văn thư {sender.name}"),
        places=("Như trên", "Lưu: VT"),
        attachments=(
            edxml.Attachment(
                outgoing.document,
                f"{outgoing.number}-{outgoing.notation}.pdf",
                "application/pdf",
                "Bản ký số",
                outgoing.pdf,
            ),
        ),
    )


class Axis:
    """Carries documents from one organisation to others."""

    def __init__(self, dialect: Dialect, files: Files, faults: Faults) -> None:
        self._files = files
        self._faults = faults
        self._send = sql.deliver(dialect, "docs_sent")
        self._receive = sql.deliver(dialect, "docs_inbox")

    async def hand_over(
        self, tx: Tx, key: str, document: str, sender: str, recipients: Sequence[str], kept: str, at_ms: int
    ) -> None:
        """The document, whose edXML is kept under that digest, to each recipient: on their side and on the sender's."""
        await tx.run(self._send, key, document, kept, at_ms, _json(recipients))
        for digest, communes in self._arriving(recipients, sender, kept).items():
            await tx.run(self._receive, key, document, digest, at_ms, _json(communes))

    def _arriving(self, recipients: Sequence[str], sender: str, kept: str) -> dict[str, list[str]]:
        """Which content arrives where: as it was sent, or as a fault has it."""
        hit = self._faults.hit
        arriving: defaultdict[str, list[str]] = defaultdict(list)
        for commune in recipients:
            if hit("delivery-lose", OPERATION):
                continue
            if hit("delivery-astray", OPERATION):
                commune = sender
            digest = self._altered(kept) if hit("delivery-change", OPERATION) else kept
            copies = 2 if hit("delivery-double", OPERATION) else 1
            arriving[digest] += [commune] * copies
        return arriving

    def _altered(self, kept: str) -> str:
        document = edxml.read(self._files.place(kept).read_bytes())
        altered = msgspec.structs.replace(document, subject=f"{document.subject} *")
        return self._files.keep(edxml.build(altered))


def _json(communes: Sequence[str]) -> str:
    return msgspec.json.encode(communes).decode()
