"""Fetches whom to trust before the first request of a run: certificates of roots, and the list of the revoked."""

from __future__ import annotations

from pathlib import Path

from cryptography import x509

from loadtests.asking import Asker, AskError
from loadtests.signatures import Trust
from loadtests.targets import Target
from scenarios.types import ConfigError

TIMEOUT_S = 20.0
PEM_BYTES_MAX = 1024 * 1024


def trust_of(target: Target) -> Trust | None:
    """None when the target file has no [signatures]. Raises ConfigError when what it names is not there or no PEM."""
    named = target.signatures
    if named is None:
        return None
    problems: list[str] = []
    roots, revoked = b"", b""
    try:
        roots = _content(target, named.roots)
        if not x509.load_pem_x509_certificates(roots):
            problems.append(f"{target.name}: signatures: {named.roots} holds no certificate")
        revoked = _content(target, named.revoked) if named.revoked else b""
        if revoked:
            x509.load_pem_x509_crl(revoked)
    except ValueError as error:
        problems.append(f"{target.name}: signatures: what is to be trusted is not in PEM: {error}")
    except (OSError, AskError) as error:
        problems.append(f"{target.name}: signatures: what is to be trusted cannot be read: {error}")
    if problems:
        raise ConfigError(problems)
    return Trust(roots, revoked, named.stamped)


def _content(target: Target, place: str) -> bytes:
    """Of a file or a URL. Raises OSError, AskError."""
    if not place.startswith(("http://", "https://")):
        return Path(place).read_bytes()
    with Asker(target.http.trusted, {}, within_s=TIMEOUT_S, bytes_max=PEM_BYTES_MAX) as asker:
        answer = asker.ask(place)
    if answer.status != 200:
        raise OSError(f"{place} answers with status {answer.status}")
    return bytes(answer.body)
