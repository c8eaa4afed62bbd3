"""Who is logged in: signed tokens that need no table, so that any number of citizens costs no memory."""

from __future__ import annotations

import hashlib
import hmac
import re
from typing import NamedTuple

TOKEN_S_MAX = 12 * 3600
ROLES = ("motcua", "chuyenvien", "lanhdao")
CLERKS = ("vanthu", "chuyenvien", "truongphong", "lanhdao")  # of the document system
CCCD = re.compile(r"[0-9]{12}\Z")
_ACCOUNT = re.compile(r"([0-9]{5})\.([a-z]+)\Z")
_BEARER = b"Bearer "


class Actor(NamedTuple):
    """A citizen (name: CCCD), or an officer of TTHC or of the document system (name: role, with the commune's code)."""

    kind: str  # "citizen", "officer" or "clerk"
    name: str
    commune: str = ""


class Tokens:
    """Makes and checks tokens. The secret lives in the database: a restart logs nobody out."""

    def __init__(self, secret: bytes) -> None:
        self._secret = secret

    def issue(self, actor: Actor, now: float) -> str:
        text = f"{actor.kind}:{actor.name}:{actor.commune}:{int(now) + TOKEN_S_MAX}"
        return f"{text}:{self._sign(text)}"

    def check(self, header: bytes | None, now: float) -> Actor | None:
        """The actor of an Authorization header, None when there is none, it was altered, or its time is over."""
        if header is None or not header.startswith(_BEARER):
            return None
        text, _, signature = header[len(_BEARER) :].decode("latin-1").rpartition(":")
        if not hmac.compare_digest(self._sign(text).encode(), signature.encode()):
            return None
        kind, name, commune, until = text.split(":")
        return Actor(kind, name, commune) if now < int(until) else None

    def _sign(self, text: str) -> str:
        return hmac.digest(self._secret, text.encode(), "sha256")[:16].hex()


def officer(account: str) -> Actor | None:
    """The officer whose account is `<commune>.<role>`; every commune has one account per role."""
    match = _ACCOUNT.match(account)
    return Actor("officer", match[2], match[1]) if match and match[2] in ROLES else None


def clerk(account: str) -> Actor | None:
    """As `officer`, in the document system, where the office of the province has accounts too."""
    match = _ACCOUNT.match(account)
    return Actor("clerk", match[2], match[1]) if match and match[2] in CLERKS else None


def same_password(given: str, right: str) -> bool:
    """Compared as digests: the time it takes tells nothing about the length or the place of the difference."""
    return hmac.compare_digest(hashlib.sha256(given.encode()).digest(), hashlib.sha256(right.encode()).digest())
