"""Keys that sign, as files (PKCS#12) or on a token (PKCS#11). Secrets come from the environment or are asked for."""

from __future__ import annotations

import importlib
import importlib.util
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, pkcs12

from scenarios.types import ConfigError

if TYPE_CHECKING:
    from pyhanko.sign.signers import Signer

PASSWORD = "THONGSUOT_P12_PASSWORD"
PIN = "THONGSUOT_PIN"


def password(what: str, *, confirm: bool = False) -> bytes:
    """Never on the command line, where every process of the machine can read it. Raises ConfigError for a new one that
    is empty (`confirm`)."""
    found = os.environ.get(PASSWORD)
    if found is None:
        found = click.prompt(f"Password of {what}", hide_input=True, confirmation_prompt=confirm, err=True)
    if confirm and not found:
        raise ConfigError([f"{PASSWORD}: empty; new keys need a password of at least one letter"])
    return str(found).encode()


@contextmanager
def from_file(path: Path) -> Iterator[Signer]:
    """The key of a p12 file. Raises ConfigError."""
    from reports.signing import HeldKeySigner

    try:
        key, certificate, chain = pkcs12.load_key_and_certificates(path.read_bytes(), password(str(path)))
    except OSError as error:
        raise ConfigError([f"--p12 {path}: cannot be read: {error.strerror}"]) from error
    except ValueError as error:
        raise ConfigError([f"--p12 {path}: the password is wrong, or this is no PKCS#12 file"]) from error
    if certificate is None or not isinstance(key, ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey):
        raise ConfigError([f"--p12 {path}: should hold a certificate and its RSA or ECDSA key"])
    yield HeldKeySigner(_plain(certificate), key, [_plain(one) for one in chain])


@contextmanager
def on_token(module: Path, token: str | None, label: str | None) -> Iterator[Signer]:
    """The key on a token; its certificate lies beside it under the same label. Raises ConfigError."""
    if importlib.util.find_spec("pkcs11") is None:
        raise ConfigError(["--pkcs11: needs the package python-pkcs11; pip install python-pkcs11"])
    if label is None:
        raise ConfigError(["--pkcs11: needs --label, the label of key and certificate on the token"])
    from pyhanko.config.pkcs11 import TokenCriteria
    from pyhanko.sign import pkcs11

    driver: Any = importlib.import_module("pkcs11")
    pin = os.environ.get(PIN) or click.prompt("PIN of the token", hide_input=True, err=True)
    try:
        with pkcs11.open_pkcs11_session(
            str(module), token_criteria=TokenCriteria(label=token), user_pin=pin
        ) as session:
            # Digests are made here: many a token signs them and knows no mechanism that makes them itself.
            yield pkcs11.PKCS11Signer(session, cert_label=label, key_label=label, use_raw_mechanism=True)
    except (driver.exceptions.PKCS11Error, RuntimeError) as error:
        why = f"{type(error).__name__} {error}".strip()
        raise ConfigError(
            [f"--pkcs11 {module}: the token does not sign: {why}; right --token, --label, PIN?"]
        ) from error


def _plain(certificate: x509.Certificate) -> Any:
    """As pyHanko takes it."""
    from asn1crypto import x509 as asn1

    return asn1.Certificate.load(certificate.public_bytes(Encoding.DER))
