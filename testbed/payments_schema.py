"""Orders to pay a fee, and what was booked on them: tables and statements of the platform."""

from __future__ import annotations

from testbed.schema import Table

ORDERS = Table(
    "orders",
    "code",
    (("dossier", "dossier"), ("amount", "amount")),
    ("code", "commune", "paid", "at_ms"),
    0,
    "code {key} NOT NULL UNIQUE, dossier {key} NOT NULL, amount BIGINT NOT NULL, commune TEXT NOT NULL,"
    " paid INTEGER NOT NULL",
    (
        "CREATE INDEX IF NOT EXISTS orders_dossier ON orders (dossier)",
        "CREATE INDEX IF NOT EXISTS orders_waiting ON orders (id) WHERE paid = 0",
    ),
)
TABLES = (ORDERS,)
# A booking carries the key of its order's write: whose run it belongs to.
_BOOKING = (
    "key {key} NOT NULL, order_code {key} NOT NULL, transaction_code {key} NOT NULL, amount BIGINT NOT NULL,"
    " commune TEXT NOT NULL, at_ms BIGINT NOT NULL"
)
OTHERS = (
    "CREATE TABLE IF NOT EXISTS bookings (id {identity}, " + _BOOKING + ")",
    "CREATE INDEX IF NOT EXISTS bookings_order ON bookings (order_code)",
)

OF_DOSSIER = "SELECT code, paid FROM orders WHERE dossier = $1 ORDER BY id LIMIT 1"
OF_CODE = "SELECT key, commune FROM orders WHERE code = $1"
BOOKED = "SELECT 1 FROM bookings WHERE order_code = $1 AND transaction_code = $2"
BOOK = (
    "INSERT INTO bookings (key, order_code, transaction_code, amount, commune, at_ms) VALUES ($1, $2, $3, $4, $5, $6)"
)
PAID = "UPDATE orders SET paid = 1 WHERE code = $1"
WAITING = "SELECT id, code FROM orders WHERE paid = 0 AND id > $1 AND at_ms >= $2 AND at_ms <= $3 ORDER BY id LIMIT $4"
