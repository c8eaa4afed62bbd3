"""What people paid, and what the bank still has to tell the platform about it: tables and statements."""

from __future__ import annotations

from testbed.schema import Table

PAYMENTS = Table(
    "payments",
    "order_code",
    (("order", "order_code"), ("amount", "amount")),
    ("transaction_code", "at_ms"),
    0,
    "order_code {key} NOT NULL, amount BIGINT NOT NULL, transaction_code {key} NOT NULL",
    ("CREATE INDEX IF NOT EXISTS payments_order ON payments (order_code)",),
)
TABLES = (PAYMENTS,)
_NOTICE = "order_code TEXT, transaction_code TEXT, amount BIGINT, tries INTEGER, next_ms BIGINT"
OTHERS = (
    f"CREATE TABLE IF NOT EXISTS notices (id {{identity}}, {_NOTICE})",
    "CREATE INDEX IF NOT EXISTS notices_next ON notices (next_ms)",
)

PAID = "SELECT 1 FROM payments WHERE order_code = $1"
STATEMENT = (
    "SELECT order_code, transaction_code, amount FROM payments"
    " WHERE order_code IN (SELECT value FROM json_each($1)) ORDER BY id"
)
TELL = "INSERT INTO notices (order_code, transaction_code, amount, tries, next_ms) VALUES ($1, $2, $3, 0, $4)"
DUE = (
    "SELECT id, tries, order_code, transaction_code, amount FROM notices WHERE next_ms <= $1 ORDER BY next_ms LIMIT $2"
)
NEXT = "SELECT min(next_ms) FROM notices"
LATER = "UPDATE notices SET tries = $1, next_ms = $2 WHERE id = $3"
TOLD = "DELETE FROM notices WHERE id = $1"
