"""Operations of payment on the platform: ask for an order, look whether it is paid, and the bank's word that it is."""

from __future__ import annotations

from typing import Any

from scenarios.contract import BY_NAME, Operation
from testbed import bodies, catalogue
from testbed.neighbours import heard
from testbed.payment_wire import NOTICE, NOTICE_PATH
from testbed.platform import Platform, Served, acting
from testbed.store import Applied
from testbed.visit import RefusedError, Visit


async def pay(platform: Platform, visit: Visit) -> Applied:
    code, key, body = visit.dossier(), visit.key(), await visit.json(bodies.PAYMENT)
    dossier = await platform.dossiers.dossier(visit.spent, code)
    if dossier.cccd != acting(visit).name:
        raise RefusedError(403, "other-applicant")
    if body.amount != catalogue.BY_CODE[dossier.procedure].fee_vnd:
        raise RefusedError(422, "amount-wrong")
    return await platform.payments.order(visit.spent, key, visit.operation, dossier.commune, (code, body.amount))


async def paid(platform: Platform, visit: Visit) -> dict[str, Any]:
    code = visit.dossier()
    if (await platform.dossiers.dossier(visit.spent, code)).cccd != acting(visit).name:
        raise RefusedError(403, "other-applicant")
    return {"status": await platform.payments.status(visit.spent, code)}


async def notice(platform: Platform, visit: Visit) -> dict[str, Any]:
    body = await heard(visit, platform.outside.secret)
    await platform.payments.book(visit.spent, NOTICE.decode(body))
    return {}


SERVED = (
    Served(BY_NAME["portal.pay"], pay, 201),
    Served(BY_NAME["portal.paid"], paid),
    Served(Operation("portal.notice", "POST", NOTICE_PATH), notice, inner=True),
)
