"""`trial-ca`: an authority for trials and a certificate for each role, made when it is asked for. No legal force.

A signature that counts needs a certificate of the Government Cipher Committee's public key infrastructure.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import click
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import pkcs12
from cryptography.x509.oid import NameOID

from scenarios.types import ConfigError
from thongsuot.keys import password

MARK = "THỬ NGHIỆM – KHÔNG CÓ GIÁ TRỊ PHÁP LÝ"
ROLES = {"tester": "Trưởng nhóm kiểm thử", "unit-head": "Thủ trưởng đơn vị", "province": "Đại diện UBND tỉnh"}
VALID = timedelta(days=365)
CRL_VALID = timedelta(days=30)
# Never fetched (`.invalid` reaches nobody): it tells whoever verifies that there is a list to ask for.
CRL_URL = "http://thu-nghiem.invalid/ca.crl"
Key = ec.EllipticCurvePrivateKey


class TrialAuthority:
    """A key and a certificate that make others'. `now` is when it makes them."""

    def __init__(self, key: Key, certificate: x509.Certificate) -> None:
        self.key = key
        self.certificate = certificate

    @classmethod
    def new(cls, now: datetime) -> TrialAuthority:
        key = ec.generate_private_key(ec.SECP256R1())
        digest = x509.SubjectKeyIdentifier.from_public_key(key.public_key()).digest
        name = _name(f"Chứng thực số Thông Suốt {digest.hex()[:8]}")  # two authorities never share a name
        builder = _builder(name, name, key, now, now + 2 * VALID)
        builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        builder = builder.add_extension(_usage(authority=True), critical=True)
        return cls(key, builder.sign(key, hashes.SHA256()))

    def issue(self, name: str, start: datetime, end: datetime) -> tuple[Key, x509.Certificate]:
        """A key and its certificate, made out to `name`."""
        key = ec.generate_private_key(ec.SECP256R1())
        builder = _builder(_name(name), self.certificate.subject, key, start, end)
        builder = builder.add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        builder = builder.add_extension(_usage(authority=False), critical=True)
        issuer = x509.AuthorityKeyIdentifier.from_issuer_public_key(self.key.public_key())
        builder = builder.add_extension(issuer, critical=False)
        point = x509.DistributionPoint([x509.UniformResourceIdentifier(CRL_URL)], None, None, None)
        builder = builder.add_extension(x509.CRLDistributionPoints([point]), critical=False)
        return key, builder.sign(self.key, hashes.SHA256())

    def revoked(self, serials: Iterable[int], now: datetime) -> x509.CertificateRevocationList:
        """The list of the revoked, as of `now`."""
        builder = x509.CertificateRevocationListBuilder(self.certificate.subject, now, now + CRL_VALID)
        builder = builder.add_extension(x509.CRLNumber(int(now.timestamp())), critical=False)
        issuer = x509.AuthorityKeyIdentifier.from_issuer_public_key(self.key.public_key())
        builder = builder.add_extension(issuer, critical=False)
        for serial in serials:
            builder = builder.add_revoked_certificate(x509.RevokedCertificateBuilder(serial, now).build())
        return builder.sign(self.key, hashes.SHA256())


def packed(name: str, key: Key, certificate: x509.Certificate, root: x509.Certificate | None, secret: bytes) -> bytes:
    """PKCS#12 under a password."""
    chain = [root] if root is not None else None
    lock = serialization.BestAvailableEncryption(secret)
    return pkcs12.serialize_key_and_certificates(name.encode(), key, certificate, chain, lock)


@click.command("trial-ca")
@click.option("--out", type=click.Path(path_type=Path), required=True, help="Folder for what is made.")
@click.option("--revoke", type=click.Choice(list(ROLES)), help="Put a role of the authority there on its list.")
def command(out: Path, revoke: str | None) -> None:
    """Make an authority for trials: ca.pem, ca.p12, ca.crl and a key with certificate for each role, <role>.p12.

    The password of the p12 files comes from THONGSUOT_P12_PASSWORD or is asked for. Nothing signed with them has legal
    force: every certificate says so.

    Example: thongsuot trial-ca --out trial
    """
    now = datetime.now(UTC).replace(microsecond=0)
    secret = password("the new p12 files", confirm=revoke is None)
    written = _revoke(out, revoke, secret, now) if revoke else _make(out, secret, now)
    for path in written:
        click.echo(str(path))


def _make(out: Path, secret: bytes, now: datetime) -> list[Path]:
    there = [path.name for path in out.glob("*.p12")] if out.is_dir() else []
    if there:
        raise ConfigError([f"--out {out}: has {', '.join(sorted(there))} already; name another folder"])
    start = now - timedelta(minutes=5)  # for clocks that are a little behind
    authority = TrialAuthority.new(start)
    root = authority.certificate
    files = {
        "ca.pem": root.public_bytes(serialization.Encoding.PEM),
        "ca.p12": packed("ca", authority.key, root, None, secret),
        "ca.crl": _crl(authority.revoked([], now)),
    }
    for role, title in ROLES.items():
        files[f"{role}.p12"] = packed(role, *authority.issue(title, start, start + VALID), root, secret)
    return _write(out, files)


def _revoke(out: Path, role: str, secret: bytes, now: datetime) -> list[Path]:
    try:
        key, root, _ = pkcs12.load_key_and_certificates((out / "ca.p12").read_bytes(), secret)
        _, certificate, _ = pkcs12.load_key_and_certificates((out / f"{role}.p12").read_bytes(), secret)
        old = x509.load_pem_x509_crl((out / "ca.crl").read_bytes())
    except (OSError, ValueError) as error:
        raise ConfigError([f"--out {out}: no authority of trial-ca can be opened there: {error}"]) from error
    assert isinstance(key, Key)
    assert root is not None
    assert certificate is not None
    serials = dict.fromkeys([*(one.serial_number for one in old), certificate.serial_number])
    return _write(out, {"ca.crl": _crl(TrialAuthority(key, root).revoked(serials, now))})


def _crl(revoked: x509.CertificateRevocationList) -> bytes:
    return revoked.public_bytes(serialization.Encoding.PEM)


def _write(out: Path, files: dict[str, bytes]) -> list[Path]:
    """Private keys are for the owner of the files alone."""
    try:
        out.mkdir(parents=True, exist_ok=True)
        for name, data in files.items():
            mode = 0o600 if name.endswith(".p12") else 0o644
            descriptor = os.open(out / name, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode)
            with os.fdopen(descriptor, "wb") as file:
                file.write(data)
    except OSError as error:
        raise ConfigError([f"--out {out}: cannot be written: {error.strerror}"]) from error
    return [out / name for name in files]


def _name(common: str) -> x509.Name:
    """A common name holds 64 letters, so the mark has the organisation to itself and a short form beside the name."""
    return x509.Name([
        x509.NameAttribute(NameOID.COUNTRY_NAME, "VN"),
        x509.NameAttribute(NameOID.ORGANIZATION_NAME, MARK),
        x509.NameAttribute(NameOID.COMMON_NAME, f"{common} - THỬ NGHIỆM"),
    ])  # fmt: skip


def _builder(
    subject: x509.Name, issuer: x509.Name, key: Key, start: datetime, end: datetime
) -> x509.CertificateBuilder:
    number = x509.random_serial_number()
    builder = x509.CertificateBuilder(issuer, subject, key.public_key(), number, start, end)
    return builder.add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)


def _usage(*, authority: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not authority,
        content_commitment=not authority,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=authority,
        crl_sign=authority,
        encipher_only=False,
        decipher_only=False,
    )
