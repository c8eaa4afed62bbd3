"""Numbers as people read them, never rounded across a limit.

`Quantity.limit`, zero and (for shares) one are fences: when the usual rounding would put a number on another side of
a fence, or on the fence, digits are added until it stays where it is. 99.96 % is never "100 %", 2000.4 ms against a
limit of 2 s never "2 s". A share nearer to none or all than a record can tell apart is "> 0 %" or "< 100 %".
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import ROUND_HALF_EVEN, Decimal

from reports.verdict import NEVER_NS, Quantity

DIGITS_MAX = 12
NARROW_SPACE = "\u202f"
SHARE_FINEST = Decimal("0.00001")  # per cent: one call in ten million, more than a record holds
_MS = Decimal(1_000_000)
_S = Decimal(1_000_000_000)


def show(quantity: Quantity, language: str) -> str:
    """A quantity with its unit, in the number style of the language (vi: 1.234,5 · en: 1,234.5)."""
    value = Decimal(repr(quantity.value)) if isinstance(quantity.value, float) else Decimal(quantity.value)
    limit = None if quantity.limit is None else Decimal(repr(float(quantity.limit)))
    if quantity.unit == "ns":
        return _duration(value, limit, language)
    if quantity.unit == "share":
        return _share(value * 100, None if limit is None else limit * 100, language)
    if quantity.unit == "percentile":
        return f"p{_localised(_trim(value), language)}"
    if quantity.unit == "count":
        return _localised(_round(value, 0, [Decimal(0)]), language)
    unit = {"factor": "", "per_s": f"{NARROW_SPACE}/s", "mb": f"{NARROW_SPACE}MB"}[quantity.unit]
    return _localised(_trim(_round(value, 2, [Decimal(0)])), language) + unit


def _share(percent: Decimal, limit: Decimal | None, language: str) -> str:
    """Two digits unless a fence wants more. A limit that is itself close to none or all keeps every digit."""
    for edge, sign in ((Decimal(0), ">"), (Decimal(100), "<")):
        plain = limit is None or limit == edge or abs(limit - edge) > 100 * SHARE_FINEST
        if plain and percent != edge and abs(percent - edge) < SHARE_FINEST / 2:
            return f"{sign}{NARROW_SPACE}{edge}{NARROW_SPACE}%"
    rounded = _round(percent, 2, [Decimal(0), Decimal(100), *([limit] if limit is not None else [])])
    return _localised(_trim(rounded) if rounded in (0, 100) else rounded, language) + f"{NARROW_SPACE}%"


def _duration(ns: Decimal, limit: Decimal | None, language: str) -> str:
    """Below a second in ms, from there in s; three significant digits unless a fence wants more."""
    if ns == NEVER_NS:
        return "∞"
    scale, unit = (_MS, "ms") if abs(ns) < _S else (_S, "s")
    value = ns / scale
    fences = [Decimal(0), *([limit / scale] if limit is not None else [])]
    whole_digits = len(str(int(abs(value)))) if abs(value) >= 1 else 0
    rounded = _round(value, max(0, 3 - whole_digits), fences)
    return f"{_localised(_trim(rounded), language)}{NARROW_SPACE}{unit}"


def _round(value: Decimal, digits: int, fences: Sequence[Decimal]) -> Decimal:
    """Rounded to `digits` places, or to as many as keep it on its side of every fence."""
    for places in range(digits, DIGITS_MAX + 1):
        rounded = value.quantize(Decimal(1).scaleb(-places), ROUND_HALF_EVEN)
        if all(_side(rounded, fence) == _side(value, fence) for fence in fences):
            return rounded
    return value


def _side(value: Decimal, fence: Decimal) -> int:
    return (value > fence) - (value < fence)


def _trim(value: Decimal) -> Decimal:
    """Without zeros behind the point."""
    return value.quantize(Decimal(1)) if value == value.to_integral_value() else value.normalize()


def _localised(value: Decimal, language: str) -> str:
    text = f"{value:,f}"
    return text.translate(str.maketrans(",.", ".,")) if language == "vi" else text
