"""A certification authority for rehearsals: "THỬ NGHIỆM" is in every name, and nothing it signs has legal force.

No key is ever written down: keys and serial numbers are functions of one secret and a name, certificates are made when
they are first asked for. So every process that has the secret has the same authority, also after a restart.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import hmac
import re
from typing import NamedTuple

import asn1crypto.x509
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

TEST = "THỬ NGHIỆM"
EXPIRED = "expired."  # before an account: its certificate of long ago
FORMER = "former.lanhdao"  # somebody who has left office; revoked ever since
REVOKED = (FORMER,)
# Never fetched: whoever judges takes the list from the sign system. `.invalid` reaches nobody (RFC 2606).
CRL_URL = "http://thu-nghiem.invalid/sign/crl"
_ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551  # of P-256
_CURVE = ec.SECP256R1()
_ACCOUNT = re.compile(r"[a-z0-9.-]{1,60}\Z")
_ROLES = {"lanhdao": "Lãnh đạo", "chuyenvien": "Chuyên viên", "motcua": "Cán bộ một cửa", "vanthu": "Văn thư"}


class Period(NamedTuple):
    """From when until when."""

    start: dt.datetime
    end: dt.datetime


def _years(first: int, last: int) -> Period:
    return Period(dt.datetime(first, 1, 1, tzinfo=dt.UTC), dt.datetime(last, 1, 1, tzinfo=dt.UTC))


_OF_ROOT, _NOW, _PAST = _years(2020, 2050), _years(2024, 2040), _years(2021, 2023)
_REVOKED_AT = dt.datetime(2025, 7, 1, tzinfo=dt.UTC)  # the day on which the districts ended
CRL_VALID = dt.timedelta(days=7)


class Held(NamedTuple):
    """A key and the certificate that goes with it."""

    key: ec.EllipticCurvePrivateKey
    certificate: x509.Certificate


class Authority:
    """One authority. `name` tells two with different secrets apart."""

    def __init__(self, secret: bytes, name: str = "Chứng thực số chuyên dùng") -> None:
        self._secret = secret
        self._name = _name(f"{name} - {TEST}")
        self._key = self._private("root")
        self.root = self._root()

    def holder(self, account: str) -> Held:
        """A leader, an officer or an office by account, e.g. "14797.lanhdao", "14797"."""
        key = self._private(account)
        usage = _usage(digital_signature=True, content_commitment=True)
        return Held(key, self._certify(account, _subject(account), key, period_of(account), usage))

    def stamper(self) -> Held:
        """Whoever puts time stamps on signatures (RFC 3161); never revoked, so its certificate names no list."""
        key = self._private("tsa")
        subject = _name(f"Dịch vụ cấp dấu thời gian - {TEST}")
        purpose = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.TIME_STAMPING])
        return Held(key, self._certify("tsa", subject, key, _NOW, _usage(digital_signature=True), purpose))

    def serial(self, account: str) -> int:
        return int.from_bytes(self._derive(f"serial/{account}")[:16], "big") >> 1 or 1

    def revoked(self, now: float) -> x509.CertificateRevocationList:
        """The list of the revoked, as of now."""
        at = dt.datetime.fromtimestamp(now, dt.UTC)
        builder = x509.CertificateRevocationListBuilder(self._name, at, at + CRL_VALID)
        builder = builder.add_extension(x509.CRLNumber(int(now)), critical=False)
        builder = builder.add_extension(_authority(self._key), critical=False)
        for account in REVOKED:
            entry = x509.RevokedCertificateBuilder(self.serial(account), _REVOKED_AT)
            builder = builder.add_revoked_certificate(entry.build())
        return builder.sign(self._key, hashes.SHA256(), ecdsa_deterministic=True)

    def _root(self) -> x509.Certificate:
        usage = _usage(key_cert_sign=True, crl_sign=True)
        builder = _builder(self._name, self._name, self._key, self.serial("root"), _OF_ROOT)
        builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        builder = builder.add_extension(usage, critical=True)
        return builder.sign(self._key, hashes.SHA256(), ecdsa_deterministic=True)

    def _certify(
        self,
        account: str,
        subject: x509.Name,
        key: ec.EllipticCurvePrivateKey,
        period: Period,
        usage: x509.KeyUsage,
        purpose: x509.ExtendedKeyUsage | None = None,
    ) -> x509.Certificate:
        builder = _builder(subject, self._name, key, self.serial(account), period)
        builder = builder.add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        builder = builder.add_extension(usage, critical=True)
        builder = builder.add_extension(_authority(self._key), critical=False)
        if purpose is not None:
            builder = builder.add_extension(purpose, critical=True)
        else:
            point = x509.DistributionPoint([x509.UniformResourceIdentifier(CRL_URL)], None, None, None)
            builder = builder.add_extension(x509.CRLDistributionPoints([point]), critical=False)
        return builder.sign(self._key, hashes.SHA256(), ecdsa_deterministic=True)

    def _private(self, what: str) -> ec.EllipticCurvePrivateKey:
        # 512 bits taken modulo the order: no value is likelier than another by more than 2^-256
        number = int.from_bytes(self._derive(f"key/{what}"), "big") % (_ORDER - 1) + 1
        return ec.derive_private_key(number, _CURVE)

    def _derive(self, what: str) -> bytes:
        return hmac.digest(self._secret, what.encode(), hashlib.sha512)


def authority_secret(secret: str) -> bytes:
    """That of the authority, from the one that the database keeps."""
    return hmac.digest(secret.encode(), b"certification authority", hashlib.sha256)


def stamping_secret(secret: str) -> bytes:
    """That of whoever puts time stamps on: another authority."""
    return hmac.digest(secret.encode(), b"time stamps", hashlib.sha256)


def is_account(text: str) -> bool:
    """Whether a certificate can be made out to it."""
    return _ACCOUNT.match(text) is not None


def period_of(account: str) -> Period:
    return _PAST if account.startswith(EXPIRED) else _NOW


def status_of(account: str, now: float) -> str:
    """good, revoked or expired."""
    if account in REVOKED:
        return "revoked"
    return "good" if now < period_of(account).end.timestamp() else "expired"


def pem(*certificates: x509.Certificate) -> bytes:
    return b"".join(one.public_bytes(serialization.Encoding.PEM) for one in certificates)


def crl_pem(crl: x509.CertificateRevocationList) -> bytes:
    return crl.public_bytes(serialization.Encoding.PEM)


def as_asn1(certificate: x509.Certificate) -> asn1crypto.x509.Certificate:
    """As pyHanko takes it."""
    loaded: asn1crypto.x509.Certificate = asn1crypto.x509.Certificate.load(
        certificate.public_bytes(serialization.Encoding.DER)
    )
    return loaded


def _subject(account: str) -> x509.Name:
    commune, _, role = account.removeprefix(EXPIRED).partition(".")
    who = f"{_ROLES.get(role, role)} {commune}" if role else f"Cơ quan {commune}"
    return _name(f"{who} - {TEST}", account)


def _name(common: str, account: str = "") -> x509.Name:
    parts = [
        x509.NameAttribute(NameOID.COUNTRY_NAME, "VN"),
        x509.NameAttribute(NameOID.ORGANIZATION_NAME, f"Thông Suốt - {TEST}"),
        x509.NameAttribute(NameOID.COMMON_NAME, common),
    ]
    if account:
        parts.append(x509.NameAttribute(NameOID.USER_ID, account))
    return x509.Name(parts)


def _builder(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePrivateKey, serial: int, period: Period
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder(issuer, subject, key.public_key(), serial, period.start, period.end)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    )  # fmt: skip


def _authority(key: ec.EllipticCurvePrivateKey) -> x509.AuthorityKeyIdentifier:
    return x509.AuthorityKeyIdentifier.from_issuer_public_key(key.public_key())


def _usage(
    *,
    digital_signature: bool = False,
    content_commitment: bool = False,
    key_cert_sign: bool = False,
    crl_sign: bool = False,
) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=digital_signature,
        content_commitment=content_commitment,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=key_cert_sign,
        crl_sign=crl_sign,
        encipher_only=False,
        decipher_only=False,
    )
