"""A time-stamping authority (RFC 3161) for rehearsals: who asks gets a signed word of when a digest was seen."""

from __future__ import annotations

import datetime as dt
import hashlib
from collections.abc import Callable

from asn1crypto import algos, cms, core, tsp, x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.ec import ECDSA

from testbed.certificates import Authority, as_asn1, pem

CONTENT_TYPE_ASKED = "application/timestamp-query"
CONTENT_TYPE = "application/timestamp-reply"
QUERY_BYTES_MAX = 10_000
POLICY = "1.3.6.1.4.1.99999.166.1"  # of nobody: 99999 is not assigned
DIGESTS = {"sha256": 32, "sha384": 48, "sha512": 64}


class TimeStamping:
    """One authority with a root of its own, the same for the same secret. `now` gives seconds since 1970."""

    def __init__(self, secret: bytes, now: Callable[[], float]) -> None:
        authority = Authority(secret, "Dấu thời gian")
        held = authority.stamper()
        self.roots = pem(authority.root)
        self._key = held.key
        self._certificate = as_asn1(held.certificate)
        self._now = now
        self._number = int(now() * 1e6)  # no number twice, also after a restart

    def answer(self, query: bytes) -> bytes:
        """A TimeStampResp for a TimeStampReq; one that says why not, when it cannot be."""
        try:
            asked = tsp.TimeStampReq.load(query, strict=True)
            imprint = asked["message_imprint"]
            digest = imprint["hash_algorithm"]["algorithm"].native
            size = len(imprint["hashed_message"].native)
            nonce, with_certificates = asked["nonce"].native, asked["cert_req"].native
        except (ValueError, TypeError, KeyError):
            return _refusal("bad_data_format")
        if digest not in DIGESTS:
            return _refusal("bad_alg")
        if size != DIGESTS[digest]:
            return _refusal("bad_data_format")
        return self._granted(imprint, nonce, bool(with_certificates))

    def _granted(self, imprint: tsp.MessageImprint, nonce: int | None, with_certificates: bool) -> bytes:
        self._number += 1
        at = dt.datetime.fromtimestamp(self._now(), dt.UTC)
        info = {
            "version": "v1",
            "policy": POLICY,
            "message_imprint": imprint,
            "serial_number": self._number,
            "gen_time": core.GeneralizedTime(at),
            "tsa": x509.GeneralName(name="directory_name", value=self._certificate.subject),
        }
        if nonce is not None:
            info["nonce"] = nonce
        content = tsp.TSTInfo(info).dump()
        signed = cms.SignedData(
            {
                "version": "v3",
                "digest_algorithms": [{"algorithm": "sha256"}],
                "encap_content_info": {"content_type": "tst_info", "content": cms.ParsableOctetString(content)},
                "certificates": [self._certificate] if with_certificates else [],
                "signer_infos": [self._signer_info(content, at)],
            }
        )
        token = cms.ContentInfo({"content_type": "signed_data", "content": signed})
        answer: bytes = tsp.TimeStampResp({"status": {"status": "granted"}, "time_stamp_token": token}).dump()
        return answer

    def _signer_info(self, content: bytes, at: dt.datetime) -> cms.SignerInfo:
        mine = hashlib.sha256(self._certificate.dump()).digest()
        attributes = cms.CMSAttributes(
            [
                cms.CMSAttribute({"type": "content_type", "values": ["tst_info"]}),
                cms.CMSAttribute({"type": "signing_time", "values": [cms.Time({"utc_time": core.UTCTime(at)})]}),
                cms.CMSAttribute({"type": "message_digest", "values": [hashlib.sha256(content).digest()]}),
                cms.CMSAttribute(
                    {
                        "type": "signing_certificate_v2",
                        "values": [tsp.SigningCertificateV2({"certs": [tsp.ESSCertIDv2({"cert_hash": mine})]})],
                    }
                ),
            ]
        )
        return cms.SignerInfo(
            {
                "version": "v1",
                "sid": cms.IssuerAndSerialNumber(
                    {"issuer": self._certificate.issuer, "serial_number": self._certificate.serial_number}
                ),
                "digest_algorithm": algos.DigestAlgorithm({"algorithm": "sha256"}),
                "signature_algorithm": {"algorithm": "sha256_ecdsa"},
                "signed_attrs": attributes,
                "signature": self._key.sign(attributes.dump(), ECDSA(hashes.SHA256())),
            }
        )


def _refusal(why: str) -> bytes:
    # A TimeStampResp of a status and nothing else; asn1crypto's demands a token even of a refusal.
    status: bytes = tsp.PKIStatusInfo({"status": "rejection", "fail_info": {why}}).dump()
    return bytes((0x30, len(status))) + status
