"""What requests may hold. Sizes are limits of this platform, not of any regulation."""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta

from scenarios.contract import AUDIT_KEYS_MAX, as_text
from testbed.payment_wire import AMOUNT_VND_MAX

CommuneCode = Annotated[str, Meta(pattern=r"^[0-9]{5}\Z")]
Cccd = Annotated[str, Meta(pattern=r"^[0-9]{12}\Z")]
PersonName = Annotated[str, Meta(min_length=1, max_length=200)]
Note = Annotated[str, Meta(max_length=2_000)]
FieldName = Annotated[str, Meta(min_length=1, max_length=100)]
FieldText = Annotated[str, Meta(max_length=4_000)]
WRITES_LIMIT_MAX = 5_000
RECIPIENTS_MAX = 200
_WRITABLE = "^[^\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ufffe\uffff]*\\Z"  # letters that XML has a form for


class CitizenLogin(msgspec.Struct, frozen=True):
    cccd: Cccd
    applicant: PersonName
    code: Annotated[str, Meta(max_length=100)] = ""


class OfficerLogin(msgspec.Struct, frozen=True):
    account: Annotated[str, Meta(max_length=100)]
    password: Annotated[str, Meta(max_length=500)]


class DossierBody(msgspec.Struct, frozen=True):
    commune: CommuneCode
    procedure: Annotated[str, Meta(min_length=1, max_length=64)]
    cccd: Cccd
    applicant: PersonName
    form: Annotated[dict[FieldName, FieldText], Meta(max_length=200)]

    def kept(self) -> tuple[str, str, str, str, str]:
        """The values of the write in the contract's order, as stored."""
        return self.commune, self.procedure, self.cccd, self.applicant, as_text(self.form)


class Payment(msgspec.Struct, frozen=True):
    amount: Annotated[int, Meta(ge=1, le=AMOUNT_VND_MAX)]


class Rating(msgspec.Struct, frozen=True):
    stars: Annotated[int, Meta(ge=1, le=5)]
    comment: Note


class Transition(msgspec.Struct, frozen=True):
    to: Annotated[int, Meta(ge=1, le=10)]
    note: Note


class Claim(msgspec.Struct, frozen=True):
    commune: CommuneCode


class DraftBody(msgspec.Struct, frozen=True):
    commune: CommuneCode
    title: Annotated[str, Meta(min_length=1, max_length=500, pattern=_WRITABLE)]
    content: Annotated[str, Meta(min_length=1, max_length=10_000, pattern=_WRITABLE)]
    recipients: Annotated[list[CommuneCode], Meta(min_length=1, max_length=RECIPIENTS_MAX)]

    def kept(self) -> tuple[str, str, str, str]:
        """The values of the write in the contract's order, as stored."""
        return self.commune, self.title, self.content, as_text(self.recipients)


class Opinion(msgspec.Struct, frozen=True):
    opinion: Note


class Confirmation(msgspec.Struct, frozen=True):
    status: Annotated[str, Meta(pattern=r"^0[1-6]\Z")]


class Assignment(msgspec.Struct, frozen=True):
    to: Annotated[str, Meta(min_length=1, max_length=100)]


class Completion(msgspec.Struct, frozen=True):
    note: Note


class InboxQuery(msgspec.Struct, frozen=True):
    commune: CommuneCode


class SearchQuery(msgspec.Struct, frozen=True):
    q: Annotated[str, Meta(max_length=200)] = ""
    commune: str = ""


class SiteQuery(msgspec.Struct, frozen=True):
    q: Annotated[str, Meta(max_length=200)] = ""


class DeskQuery(msgspec.Struct, frozen=True):
    commune: CommuneCode
    state: Annotated[int, Meta(ge=1, le=10)]


class KeysBody(msgspec.Struct, frozen=True):
    keys: Annotated[list[Annotated[str, Meta(max_length=200)]], Meta(max_length=AUDIT_KEYS_MAX)]


class WritesQuery(msgspec.Struct, frozen=True):
    tag: Annotated[str, Meta(pattern=r"^[!-~]{1,150}\Z")]
    after: Annotated[str, Meta(pattern=r"^([0-9]{1,2}\.[0-9]{1,18})?\Z")] = ""
    limit: Annotated[int, Meta(ge=1, le=WRITES_LIMIT_MAX)] = 1_000


def cursor(after: str) -> tuple[int, int]:
    """Where a page of the final read ended, from its text: (table, row number)."""
    room, _, last = after.partition(".")
    return (int(room), int(last)) if after else (0, 0)


CITIZEN_LOGIN = msgspec.json.Decoder(CitizenLogin)
OFFICER_LOGIN = msgspec.json.Decoder(OfficerLogin)
DOSSIER = msgspec.json.Decoder(DossierBody)
PAYMENT = msgspec.json.Decoder(Payment)
RATING = msgspec.json.Decoder(Rating)
TRANSITION = msgspec.json.Decoder(Transition)
CLAIM = msgspec.json.Decoder(Claim)
DRAFT = msgspec.json.Decoder(DraftBody)
OPINION = msgspec.json.Decoder(Opinion)
CONFIRMATION = msgspec.json.Decoder(Confirmation)
ASSIGNMENT = msgspec.json.Decoder(Assignment)
COMPLETION = msgspec.json.Decoder(Completion)
KEYS = msgspec.json.Decoder(KeysBody)
