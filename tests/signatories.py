"""People who sign papers in tests, and authorities that stand behind them: made in memory, no files."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import NamedTuple

from asn1crypto import keys as asn1_keys
from asn1crypto import x509 as asn1
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import ExtendedKeyUsageOID
from pyhanko.sign.timestamps.dummy_client import DummyTimeStamper

from reports import signed, signing
from reports.pdf import HANOI
from thongsuot.trial_ca import ROLES, TrialAuthority

NOW = datetime(2026, 3, 2, 9, 0, tzinfo=HANOI)
DAY = timedelta(days=1)


class Signatory(NamedTuple):
    """An authority in memory, and the paper of the office to be signed below it."""

    authority: TrialAuthority
    paper: bytes

    def signer(self, role: str, start: datetime = NOW - DAY, end: datetime = NOW + 30 * DAY) -> signing.HeldKeySigner:
        key, certificate = self.authority.issue(ROLES[role], start, end)
        return signing.HeldKeySigner(plain(certificate), key)

    def trust(self, *more: x509.Certificate) -> signed.Trust:
        return signed.Trust(tuple(plain(one) for one in (self.authority.certificate, *more)))


def plain(certificate: x509.Certificate) -> asn1.Certificate:
    return asn1.Certificate.load(certificate.public_bytes(serialization.Encoding.DER))


def of_rsa(
    authority: TrialAuthority, now: datetime, purpose: x509.ExtendedKeyUsage | None = None, bits: int = 2048
) -> tuple[rsa.RSAPrivateKey, x509.Certificate]:
    """As the authority issues, for a key of another kind."""
    key = rsa.generate_private_key(65537, bits)
    _, model = authority.issue("Một người", now - DAY, now + 3 * DAY)
    builder = x509.CertificateBuilder(
        model.issuer, model.subject, key.public_key(), 7, model.not_valid_before_utc, model.not_valid_after_utc
    )
    for extension in model.extensions:
        if not isinstance(extension.value, x509.SubjectKeyIdentifier):
            builder = builder.add_extension(extension.value, extension.critical)
    if purpose is not None:
        builder = builder.add_extension(purpose, critical=True)
    return key, builder.sign(authority.key, model.signature_hash_algorithm)


def stamper(authority: TrialAuthority, now: datetime, fixed: bool = True) -> DummyTimeStamper:
    key, certificate = of_rsa(authority, now, x509.ExtendedKeyUsage([ExtendedKeyUsageOID.TIME_STAMPING]))
    secret = key.private_bytes(
        serialization.Encoding.DER, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    private = asn1_keys.PrivateKeyInfo.load(secret)
    return DummyTimeStamper(plain(certificate), private, fixed_dt=now if fixed else None)
