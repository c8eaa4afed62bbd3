"""Every table of the outside, in the order in which the final read walks them."""

from __future__ import annotations

from testbed.schema import Table

TABLES: tuple[Table, ...] = ()
OTHERS: tuple[str, ...] = ()  # CREATE statements of tables that hold no writes
