"""Operations of the bank: for people who pay, and for the platform that asks what was paid."""

from __future__ import annotations

import re
from typing import Any

from scenarios.contract import BY_NAME, Operation
from testbed import bodies
from testbed.neighbours import heard
from testbed.outside.outside import Outside
from testbed.payment_wire import QUESTION, STATEMENT_PATH, Statement
from testbed.site import Served
from testbed.store import Applied
from testbed.visit import RefusedError, Visit

_ORDER = re.compile(r"[!-~]{1,64}\Z")


async def pay(outside: Outside, visit: Visit) -> Applied:
    order, key, body = visit.scope["path_params"]["order"], visit.key(), await visit.json(bodies.PAYMENT)
    _open(outside)
    if not _ORDER.match(order):
        raise RefusedError(404, "order-unknown")
    return await outside.bank.pay(visit.spent, key, visit.operation, (order, body.amount))


async def statement(outside: Outside, visit: Visit) -> Any:
    body = await heard(visit, outside.platform.secret)
    _open(outside)
    return Statement(await outside.bank.statement(visit.spent, QUESTION.decode(body).orders))


def _open(outside: Outside) -> None:
    if outside.faults.hit("bank-down"):
        raise RefusedError(503, "bank-down")


SERVED = (
    Served(BY_NAME["bank.pay"], pay, 201),
    Served(Operation("bank.statement", "POST", STATEMENT_PATH), statement, inner=True),
)
