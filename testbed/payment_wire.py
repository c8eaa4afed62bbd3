"""What platform and bank say to each other about payments."""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta

NOTICE_PATH = "/portal/payments/notices"  # bank → platform: somebody paid
STATEMENT_PATH = "/bank/statement"  # platform → bank: which of these were paid
ORDERS_MAX = 500
AMOUNT_VND_MAX = 1_000_000_000


class Notice(msgspec.Struct, frozen=True):
    """One payment as the bank has it. It may be told any number of times; `transaction` says which it is."""

    order: str
    transaction: str
    amount: int


class Question(msgspec.Struct, frozen=True):
    orders: Annotated[list[str], Meta(max_length=ORDERS_MAX)]


class Statement(msgspec.Struct, frozen=True):
    payments: list[Notice]


NOTICE = msgspec.json.Decoder(Notice)
QUESTION = msgspec.json.Decoder(Question)
STATEMENT = msgspec.json.Decoder(Statement)
