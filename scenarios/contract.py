"""The wire contract: every operation of every system, by name.

Journeys speak in values, a target file binds operations to requests, the testbed serves the paths given here.
This is the one module of scenarios/ that testbed/ may import.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

import msgspec

HANOI_OFFSET_HOURS = 7


class Operation(msgspec.Struct, frozen=True):
    """One operation.

    `takes` and `gives` are value names. `kept` are the values of a write that the final read must find unchanged; their
    digest goes into the ledger. `upload` names the value that holds an Attachment. A status in `definite` says for
    certain that a write was not done; any other failure of a write leaves it unknown.
    """

    name: str
    method: str
    path: str
    takes: tuple[str, ...] = ()
    gives: tuple[str, ...] = ()
    kept: tuple[str, ...] = ()
    upload: str = ""
    auth: str = ""  # "citizen" or "officer"
    definite: tuple[int, ...] = (400, 401, 403, 404, 405, 409, 410, 413, 415, 422, 429)

    @property
    def system(self) -> str:
        return self.name.split(".", 1)[0]

    @property
    def write(self) -> bool:
        return bool(self.kept)


_FORM = ("commune", "procedure", "cccd", "applicant", "form")

OPERATIONS: tuple[Operation, ...] = (
    # portal (cổng dịch vụ công): what citizens do
    Operation("portal.login", "POST", "/portal/login", ("cccd", "applicant"), ("token",)),
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
    # TTHC (hệ thống giải quyết thủ tục hành chính): what officers do
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
BY_NAME: dict[str, Operation] = {operation.name: operation for operation in OPERATIONS}

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


def digest(operation: str, content: Mapping[str, Any]) -> str:
    """What was written, as 32 hex digits: sha256 over the kept values in the contract's order, each as text."""
    kept = BY_NAME[operation].kept
    text = "\x1e".join(f"{name}\x1f{as_text(content[name])}" for name in kept)
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def as_text(value: Any) -> str:
    """A value as the digest sees it: text as it is, everything else as compact JSON with sorted keys."""
    return value if isinstance(value, str) else msgspec.json.encode(value, order="sorted").decode()
