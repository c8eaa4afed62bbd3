"""The wire contract: every operation of every system, by name.

Journeys speak in values, a target file binds operations to requests, the testbed serves the paths given here.
Besides `edxml`, this is the one module of scenarios/ that testbed/ may import.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

import msgspec

from record.types import Link

HANOI_OFFSET_HOURS = 7


class Operation(msgspec.Struct, frozen=True):
    """One operation.

    `takes` and `gives` are value names. `kept` are the values of a write that the final read must find unchanged; their
    digest goes into the ledger, with `subject`, the value that is the number the target gave or was asked about.
    `upload` names the value that holds an Attachment. A status in `definite` says for certain that a write was not
    done; any other failure of a write leaves it unknown. `signed`: the reply is a PDF whose signatures must verify.
    `conditional`: who asks again says what they have (ETag), and 304 is as good as 200.
    """

    name: str
    method: str
    path: str
    takes: tuple[str, ...] = ()
    gives: tuple[str, ...] = ()
    kept: tuple[str, ...] = ()
    upload: str = ""
    auth: str = ""  # "citizen", "officer" or "clerk"
    definite: tuple[int, ...] = (400, 401, 403, 404, 405, 409, 410, 413, 415, 422, 429)
    subject: str = "dossier"
    signed: bool = False
    conditional: bool = False

    @property
    def system(self) -> str:
        return self.name.split(".", 1)[0]

    @property
    def write(self) -> bool:
        return bool(self.kept)


_FORM = ("commune", "procedure", "cccd", "applicant", "form")

# portal (cổng dịch vụ công): what citizens do
_PORTAL = (
    # `code`: from identity.authorize; empty where the target has no such system
    Operation("portal.login", "POST", "/portal/login", ("cccd", "applicant", "code"), ("token",)),
    Operation("portal.search", "GET", "/portal/procedures", ("q", "commune"), ("procedures",)),
    Operation("portal.procedure", "GET", "/portal/procedures/{procedure}", ("procedure",), ("fee_vnd", "legal_days")),
    Operation("portal.submit", "POST", "/portal/dossiers", _FORM, ("dossier",), _FORM, auth="citizen"),
    Operation(
        "portal.attach", "POST", "/portal/dossiers/{dossier}/attachments", ("dossier", "kind", "file"),
        ("sha256",), ("dossier", "kind", "sha256"), upload="file", auth="citizen",
    ),
    # the dossiers of the citizen who is logged in, newest first
    Operation("portal.mine", "GET", "/portal/dossiers", (), ("dossiers",), auth="citizen"),
    Operation("portal.track", "GET", "/portal/dossiers/{dossier}", ("dossier",), ("state",)),
    Operation(
        "portal.rate", "POST", "/portal/dossiers/{dossier}/rating", ("dossier", "stars", "comment"),
        (), ("dossier", "stars", "comment"), auth="citizen",
    ),
)  # fmt: skip

# TTHC (hệ thống giải quyết thủ tục hành chính): what officers do
_TTHC = (
    Operation("tthc.login", "POST", "/tthc/login", ("account",), ("token",)),
    Operation("tthc.queue", "GET", "/tthc/queue", ("commune", "state"), ("dossiers",), auth="officer"),
    Operation("tthc.dossier", "GET", "/tthc/dossiers/{dossier}", ("dossier",), ("state", "procedure"), auth="officer"),
    Operation("tthc.receive", "POST", "/tthc/dossiers", _FORM, ("dossier",), _FORM, auth="officer"),
    Operation(
        "tthc.scan", "POST", "/tthc/dossiers/{dossier}/attachments", ("dossier", "kind", "file"),
        ("sha256",), ("dossier", "kind", "sha256"), upload="file", auth="officer",
    ),
    Operation("tthc.claim", "POST", "/tthc/claims", ("commune",), ("dossier",), ("commune",), auth="officer"),
    *(
        Operation(
            f"tthc.{verb}", "POST", "/tthc/dossiers/{dossier}/transitions", ("dossier", "to", "note"),
            ("state",), ("dossier", "to", "note"), auth="officer",
        )
        for verb in ("accept", "start", "ask", "resume", "approve", "hand_over")
    ),
)  # fmt: skip

# sign (chứng thư số, chữ ký số công vụ)
_SIGN = (
    Operation(  # whose account, e.g. "14797.lanhdao"; status: good, revoked, expired
        "sign.certificate", "GET", "/sign/certificates/{account}", ("account",), ("serial", "status"), auth="officer",
    ),
    Operation(  # the leader signs the result of an approved dossier
        "sign.result", "POST", "/sign/dossiers/{dossier}/signature", ("dossier",), (), ("dossier",), auth="officer",
    ),
    Operation("tthc.result", "GET", "/tthc/dossiers/{dossier}/result", ("dossier",), auth="officer", signed=True),
    # their dossiers whose signed results are there to be fetched (kho kết quả), newest first
    Operation("portal.results", "GET", "/portal/results", (), ("dossiers",), auth="citizen"),
    Operation(
        "portal.result", "GET", "/portal/dossiers/{dossier}/result", ("dossier",), auth="citizen", signed=True,
    ),
)  # fmt: skip

# docs (hệ thống quản lý văn bản và trục liên thông); commune "00000" is the office of the province
_DRAFT = ("commune", "title", "content", "recipients")
_INBOX = "/docs/inbox/{commune}/{document}"
_DOCS = (
    Operation("docs.login", "POST", "/docs/login", ("account",), ("token",)),
    Operation("docs.draft", "POST", "/docs/drafts", _DRAFT, ("draft",), _DRAFT, auth="clerk", subject="draft"),
    Operation(  # the head of the unit agrees
        "docs.review", "POST", "/docs/drafts/{draft}/review", ("draft", "opinion"), (), ("draft", "opinion"),
        auth="clerk", subject="draft",
    ),
    Operation(
        "docs.sign", "POST", "/docs/drafts/{draft}/signature", ("draft",), (), ("draft",),
        auth="clerk", subject="draft",
    ),
    Operation(  # the clerk gives the outgoing number and sends it to all recipients as edXML
        "docs.issue", "POST", "/docs/drafts/{draft}/issue", ("draft",), ("document",), ("draft",),
        auth="clerk", subject="document",
    ),
    Operation("docs.inbox", "GET", "/docs/inbox", ("commune",), ("documents",), auth="clerk"),  # not taken yet
    Operation(  # the oldest that nobody has taken; null when there is none
        "docs.take", "POST", "/docs/inbox/takings", ("commune",), ("document",), ("commune",),
        auth="clerk", subject="document",
    ),
    Operation("docs.fetch", "GET", _INBOX, ("commune", "document"), auth="clerk"),  # edXML
    Operation(  # 01 arrived, 02 refused, 03 accepted, 04 assigned, 05 in progress, 06 done; the sender sees it
        "docs.confirm", "POST", f"{_INBOX}/status", ("commune", "document", "status"), (),
        ("commune", "document", "status"), auth="clerk", subject="document",
    ),
    Operation(  # gives the incoming number (số đến)
        "docs.register", "POST", f"{_INBOX}/registration", ("commune", "document"), ("number",),
        ("commune", "document"), auth="clerk", subject="number",
    ),
    Operation(
        "docs.assign", "POST", f"{_INBOX}/assignment", ("commune", "document", "to"), (),
        ("commune", "document", "to"), auth="clerk", subject="document",
    ),
    Operation(
        "docs.finish", "POST", f"{_INBOX}/completion", ("commune", "document", "note"), (),
        ("commune", "document", "note"), auth="clerk", subject="document",
    ),
    Operation(  # the signed PDF
        "docs.file", "GET", "/docs/documents/{document}/file", ("document",), auth="clerk", signed=True,
    ),
)  # fmt: skip

# web (trang thông tin điện tử): a site per commune by its code; "00000" is the e-portal of the province
_WEB = (
    Operation("web.home", "GET", "/sites/{site}/", ("site",), conditional=True),
    Operation("web.notices", "GET", "/sites/{site}/notices", ("site",), conditional=True),
    Operation("web.article", "GET", "/sites/{site}/articles/{article}", ("site", "article"), conditional=True),
    Operation("web.search", "GET", "/sites/{site}/search", ("site", "q")),
    Operation("web.procedures", "GET", "/sites/{site}/procedures", ("site",), conditional=True),
    # anybody may look a dossier up by its code; null when there is none
    Operation("web.dossier", "GET", "/sites/{site}/dossiers/{dossier}", ("site", "dossier"), ("state",)),
    Operation(  # the dossiers named are the newest of the commune, which it makes public
        "web.statistics", "GET", "/sites/{site}/statistics", ("site",), ("received", "processed", "dossiers"),
    ),
    Operation("web.asset", "GET", "/assets/{asset}", ("asset",), conditional=True),
)  # fmt: skip
SITE_ARTICLES = 40  # of each site: article 1 is the oldest
SITE_ASSETS = ("site.css", "site.js", "emblem.svg", "icons.svg", "banner.png", "map.png")  # what every page refers to

# outside the platform: who people are, the national portal, a bank
_IDENTITY = (
    Operation("identity.authorize", "POST", "/identity/authorize", ("cccd", "applicant"), ("code",)),
    # asks the national population data; null when it does not answer
    Operation("tthc.lookup", "GET", "/tthc/people/{cccd}", ("cccd",), ("known",), auth="officer"),
)
_NATIONAL = (
    Operation("national.track", "GET", "/national/dossiers/{dossier}", ("dossier",), ("state",)),  # null: not there yet
)
_PAYMENT = (
    # ask for an order to pay the fee; the bank takes the money (bank.pay) and calls the platform back
    Operation(
        "portal.pay", "POST", "/portal/dossiers/{dossier}/payment", ("dossier", "amount"),
        ("order",), ("dossier", "amount"), auth="citizen", subject="order",
    ),
    Operation(  # "waiting", "paid"; "none" without an order
        "portal.paid", "GET", "/portal/dossiers/{dossier}/payment", ("dossier",), ("status",), auth="citizen",
    ),
    Operation(
        "bank.pay", "POST", "/bank/orders/{order}/payment", ("order", "amount"), (), ("order", "amount"),
        subject="order",
    ),
)  # fmt: skip

OPERATIONS: tuple[Operation, ...] = (*_PORTAL, *_TTHC, *_SIGN, *_DOCS, *_IDENTITY, *_WEB, *_NATIONAL, *_PAYMENT)
BY_NAME: dict[str, Operation] = {operation.name: operation for operation in OPERATIONS}
PROVINCE_OFFICE = "00000"

STATES: dict[int, str] = {
    1: "Mới đăng ký",
    2: "Được tiếp nhận",
    3: "Không được tiếp nhận",
    4: "Đang xử lý",
    5: "Yêu cầu bổ sung giấy tờ",
    6: "Yêu cầu thực hiện nghĩa vụ tài chính",
    7: "Công dân yêu cầu rút hồ sơ",
    8: "Dừng xử lý",
    9: "Đã xử lý xong",
    10: "Đã trả kết quả",
}

# The final read. Keys travel in the header below with each write; both operations answer {"writes": [Write, …]}.
KEY_HEADER = "Idempotency-Key"
AUDIT_KEYS_PATH = "/audit/keys"  # POST {"keys": [...]}
AUDIT_WRITES_PATH = "/audit/writes"  # GET ?tag=&after=&limit=, pages ordered by row number; reply has "next" or null
AUDIT_OBSERVATIONS_PATH = "/audit/observations"  # GET ?tag=&after=&limit=, pages; what linked systems hold of the run
AUDIT_KEYS_MAX = 500


class Write(msgspec.Struct, frozen=True):
    """One applied write as the target's own tables hold it. `content` has the operation's `kept` values as strings."""

    key: str
    operation: str
    subject: str
    content: dict[str, str]


class WritesPage(msgspec.Struct, frozen=True):
    """Answer of both audit operations. A key applied twice appears twice; an unknown key does not appear."""

    writes: list[Write]
    next: str | None = None


class Observation(msgspec.Struct, frozen=True, omit_defaults=True):
    """One thing that one system holds; the kinds are explained in docs/audit.md. Times are that system's wall clock."""

    place: str
    kind: str
    subject: str
    value: str | None = None
    at_ms: int | None = None
    key: str | None = None
    digest: str | None = None
    commune: str | None = None


class ObservationsPage(msgspec.Struct, frozen=True):
    """Everything that the run's tag has left, place by place. `places` are all that this address speaks for, also
    those that hold nothing. `at_ms`: the wall clock of the system when it answered."""

    observations: list[Observation]
    places: list[str]
    at_ms: int
    next: str | None = None


# What two systems must hold alike once they had time to agree, and through which systems' people it comes about.
LINKS: tuple[Link, ...] = (
    Link("national", "state", "tthc", "national", lag=True),
    Link("payments", "payment", "bank", "tthc"),
    Link("deliveries", "delivery", "docs.sent", "docs.received"),
    Link("counts", "count", "tthc", "web"),
)
LINK_PEOPLE: dict[str, tuple[str, ...]] = {
    "national": ("portal", "tthc"),
    "payments": ("portal",),
    "deliveries": ("docs",),
    "counts": ("portal", "tthc"),
}


def digest(operation: str, content: Mapping[str, Any]) -> str:
    """What was written, as 32 hex digits: sha256 over the kept values in the contract's order, each as text."""
    kept = BY_NAME[operation].kept
    text = "\x1e".join(f"{name}\x1f{as_text(content[name])}" for name in kept)
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def mark(*values: str) -> str:
    """The content that two linked systems must agree on, as 32 hex digits: sha256 over the values in order."""
    return hashlib.sha256("\x1f".join(values).encode()).hexdigest()[:32]


def as_text(value: Any) -> str:
    """A value as the digest sees it: text as it is, everything else as compact JSON with sorted keys."""
    return value if isinstance(value, str) else msgspec.json.encode(value, order="sorted").decode()
