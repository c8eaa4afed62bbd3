"""Every table of the outside, in the order in which the final read walks them."""

from __future__ import annotations

from testbed.outside import identity, national
from testbed.schema import Table

TABLES: tuple[Table, ...] = ()
OTHERS: tuple[str, ...] = (*identity.OTHERS, *national.OTHERS)  # CREATE statements of tables that hold no writes
