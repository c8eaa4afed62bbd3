"""Every table of the outside, in the order in which the final read walks them."""

from __future__ import annotations

from testbed.outside import bank_schema, identity, national
from testbed.schema import Table

TABLES: tuple[Table, ...] = (*bank_schema.TABLES,)
# CREATE statements of tables that hold no writes
OTHERS: tuple[str, ...] = (*identity.OTHERS, *national.OTHERS, *bank_schema.OTHERS)
