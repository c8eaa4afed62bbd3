"""Certificates and signatures (chứng thư số, chữ ký số công vụ): leaders sign results, and signed ones are fetched."""

from __future__ import annotations

import datetime as dt
from typing import Any

from scenarios.contract import BY_NAME
from testbed import catalogue, certificates, paper, result_paper
from testbed.platform import Content, Platform, Served, acting
from testbed.result_paper import Result
from testbed.store import HANOI, Applied
from testbed.visit import RefusedError, Visit

LEADER = "lanhdao"
REASON = "Phê duyệt kết quả giải quyết thủ tục hành chính"
_PDF = ((b"content-type", paper.CONTENT_TYPE.encode()),)
_PEM = ((b"content-type", b"application/x-pem-file"),)


async def certificate(platform: Platform, visit: Visit) -> dict[str, Any]:
    account: str = visit.scope["path_params"]["account"]
    if not certificates.is_account(account):
        raise RefusedError(404, "account-unknown")
    return {
        "account": account,
        "serial": f"{platform.signer.authority.serial(account):x}",
        "status": certificates.status_of(account, platform.now()),
        "until": certificates.period_of(account).end.date().isoformat(),
    }


async def result(platform: Platform, visit: Visit) -> Applied:
    """The leader signs the result of an approved dossier. What is signed is made here, from what the platform knows."""
    code, key, actor = visit.dossier(), visit.key(), acting(visit)
    dossier = await platform.dossiers.dossier(visit.spent, code)
    if dossier.commune != actor.commune:
        raise RefusedError(403, "other-commune")
    if actor.name != LEADER:
        raise RefusedError(403, "role-wrong")
    if earlier := await platform.results.earlier(visit.spent, key, visit.operation, code):
        return earlier
    account = f"{actor.commune}.{actor.name}"
    at = dt.datetime.fromtimestamp(platform.now(), HANOI)
    page = Result(code, dossier.commune, catalogue.BY_CODE[dossier.procedure].name, at)
    signed = await platform.signer.sign(result_paper.pdf(page), account, REASON, visit.operation)
    return await platform.results.keep(visit.spent, key, visit.operation, code, account, signed)


async def for_officer(platform: Platform, visit: Visit) -> Content:
    code = visit.dossier()
    if (await platform.dossiers.dossier(visit.spent, code)).commune != acting(visit).commune:
        raise RefusedError(403, "other-commune")
    return Content(await platform.results.pdf(visit.spent, code), _PDF)


async def for_citizen(platform: Platform, visit: Visit) -> Content:
    code = visit.dossier()
    if (await platform.dossiers.dossier(visit.spent, code)).cccd != acting(visit).name:
        raise RefusedError(403, "other-applicant")
    return Content(await platform.results.pdf(visit.spent, code), _PDF)


async def mine(platform: Platform, visit: Visit) -> dict[str, Any]:
    return {"dossiers": await platform.results.mine(visit.spent, acting(visit).name)}


async def roots(platform: Platform, visit: Visit) -> Content:
    """Whom to trust: the authority, and whoever puts time stamps on. Who asks is about to see signatures made."""
    platform.signer.warm()
    return Content(await platform.signer.roots(), _PEM)


async def revoked(platform: Platform, visit: Visit) -> Content:
    return Content(certificates.crl_pem(platform.signer.authority.revoked(platform.now())), _PEM)


SERVED = (
    Served(BY_NAME["sign.certificate"], certificate),
    Served(BY_NAME["sign.result"], result, 201),
    Served(BY_NAME["tthc.result"], for_officer),
    Served(BY_NAME["portal.results"], mine),
    Served(BY_NAME["portal.result"], for_citizen),
)
