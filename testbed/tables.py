"""Every table of the platform, in the order in which the final read walks them. A new system adds its own here."""

from __future__ import annotations

from testbed import documents_schema, dossiers_schema, outbox, payments_schema, results_schema, web_schema
from testbed.schema import Table

TABLES: tuple[Table, ...] = (
    *dossiers_schema.TABLES,
    *results_schema.TABLES,
    *documents_schema.TABLES,
    *payments_schema.TABLES,
)
# CREATE statements of tables that hold no writes
OTHERS: tuple[str, ...] = (
    *outbox.OTHERS,
    *web_schema.OTHERS,
    *documents_schema.OTHERS,
    *payments_schema.OTHERS,
)
