"""Printed numbers never tell another story than the exact ones."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reports.numbers import show
from reports.verdict import NEVER_NS, Quantity, exactly


@pytest.mark.parametrize(
    ("quantity", "vi", "en"),
    [
        (Quantity(1_840_000_000, "ns"), "1,84\u202fs", "1.84\u202fs"),
        (Quantity(525_000_000, "ns"), "525\u202fms", "525\u202fms"),
        (Quantity(0.0021, "share"), "0,21\u202f%", "0.21\u202f%"),
        (Quantity(1_234_567, "count"), "1.234.567", "1,234,567"),
        (Quantity(99.9, "percentile"), "p99,9", "p99.9"),
        (Quantity(NEVER_NS, "ns"), "∞", "∞"),
        (Quantity(2 * NEVER_NS, "ns"), "8.796\u202fs", "8,796\u202fs"),
        (Quantity(0, "share"), "0\u202f%", "0\u202f%"),
    ],
)
def test_numbers_are_written_in_the_style_of_the_language(quantity: Quantity, vi: str, en: str) -> None:
    assert (show(quantity, "vi"), show(quantity, "en")) == (vi, en)


@pytest.mark.parametrize(
    ("quantity", "text", "reason"),
    [
        (Quantity(0.9996, "share"), "99.96\u202f%", "two digits suffice"),
        (Quantity(0.999_999_9, "share"), "99.99999\u202f%", "never 100 %"),
        (Quantity(1e-7, "share"), "0.00001\u202f%", "never 0 %"),
        (Quantity(1 - 1e-11, "share", 0.005), "<\u202f100\u202f%", "no precision that nobody has"),
        (Quantity(1e-11, "share", 0.0), ">\u202f0\u202f%", "above a limit of none stays above"),
        (Quantity(2_000_400_000, "ns", 2e9), "2.0004\u202fs", "above the limit stays above"),
        (Quantity(1_999_999_999, "ns", 2e9), "1.999999999\u202fs", "below the limit stays below"),
        (Quantity(2_000_000_000, "ns", 2e9), "2\u202fs", "on the limit is on the limit"),
        (exactly(1_999_600_000.0, "ns"), "1.9996\u202fs", "a limit is printed whole"),
    ],
)
def test_rounding_stops_before_it_changes_the_verdict(quantity: Quantity, text: str, reason: str) -> None:
    assert show(quantity, "en") == text, reason


@given(value=st.integers(0, 10**12), limit=st.integers(1, 10**12))
def test_a_printed_time_is_on_the_same_side_of_its_limit_as_the_measured_one(value: int, limit: int) -> None:
    measured, promised = _ns(show(Quantity(value, "ns", limit), "en")), _ns(show(exactly(limit, "ns"), "en"))
    assert promised == limit
    assert (measured > promised) == (value > limit)
    assert (measured == promised) == (value == limit)


@given(st.floats(0, 1), st.floats(0, 1))
def test_a_printed_share_is_never_on_the_other_side_of_its_limit(value: float, limit: float) -> None:
    text = show(Quantity(value, "share", limit), "en")
    if text[0] in "<>":  # between the limit and the end of the scale there is room
        assert (value > limit) == ((text[0] == "<" and limit != 1) or (text[0] == ">" and limit == 0))
        return
    printed = Decimal(text.removesuffix("\u202f%")) / 100
    assert (printed > Decimal(repr(limit))) == (Decimal(repr(value)) > Decimal(repr(limit)))


def _ns(text: str) -> Decimal:
    number, unit = text.split("\u202f")
    return Decimal(number.replace(",", "")) * {"ms": 10**6, "s": 10**9}[unit]
