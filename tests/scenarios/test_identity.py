from __future__ import annotations

import numpy as np
import pytest
import vn_ident
from hypothesis import given
from hypothesis import strategies as st

from scenarios import identity
from scenarios.identity import Scatter, allowed, digits, numbers
from scenarios.types import ConfigError, Identities


@given(st.integers(0, 2**64 - 1), st.integers(1, 60), st.integers(1, 60), st.integers(0, 400))
def test_scattering_is_a_bijection_for_every_tweak(key: int, left: int, right: int, tweak: int) -> None:
    scatter = Scatter(key, left, right)
    values = np.arange(left * right, dtype=np.uint64)
    many = scatter.many(values, np.full(len(values), tweak, np.uint64))
    assert sorted(many.tolist()) == values.tolist()
    assert many.tolist() == [scatter.one(value, tweak) for value in values.tolist()]


@given(st.integers(0, 2**64 - 1), st.lists(st.tuples(st.integers(0, 999_999), st.integers(0, 399)), min_size=1))
def test_one_number_scatters_as_in_an_array(key: int, pairs: list[tuple[int, int]]) -> None:
    scatter = Scatter(key, 1000, 1000)
    values, tweaks = np.array(pairs, np.uint64).T
    assert scatter.many(values, tweaks).tolist() == [scatter.one(value, tweak) for value, tweak in pairs]


def test_the_last_digits_of_a_card_do_not_show_the_order_of_the_citizens() -> None:
    cards = numbers(1, Identities.REALISTIC).cards
    made = np.array([cards.one(serial, 85) for serial in range(0, 4000, 4)])
    assert abs(np.corrcoef(np.arange(1000), made)[0, 1]) < 0.1
    assert len(set(np.diff(made).tolist())) > 900


@given(st.lists(st.integers(0, 999_999_999_999), min_size=1))
def test_digits_write_whole_numbers_with_leading_zeros(values: list[int]) -> None:
    assert digits(np.array(values, np.uint64), 12).tolist() == [f"{value:012d}".encode() for value in values]
    small = [value % 10**10 for value in values]
    assert digits(np.array(small, np.uint64), 10).tolist() == [f"{value:010d}".encode() for value in small]


def test_the_tables_of_assigned_codes_agree_with_an_independent_package() -> None:
    assert len(set(identity.MOBILE_PREFIXES)) == vn_ident.ASSIGNED_PREFIX_COUNT
    assert all(vn_ident.carrier_of_prefix(prefix) for prefix in identity.MOBILE_PREFIXES)
    assert not any(vn_ident.carrier_of_prefix(prefix) for prefix in identity.MARKED_PREFIXES)
    assert vn_ident.province_name(f"{identity.HOME:03d}") == "Thanh Hóa"
    assert all(vn_ident.is_province_code(f"{code:03d}") for code in identity.ELSEWHERE)
    marked = (identity.MARKED_HOME, *identity.MARKED_ELSEWHERE)
    assert not any(vn_ident.is_province_code(f"{code:03d}") for code in marked)


@pytest.mark.parametrize(
    ("listed", "says"),
    [
        (None, "0 numbers for 2 communes"),
        (["038090000001"], "1 numbers for 2 communes"),
        (["038090000001", "38090000002"], 'number 2: "38090000002" is not 12 digits'),
        (["038090000001", "03809000000a"], "number 2"),
        (["038090000001", "038090000001"], "number 2: 038090000001 stands at 1 already"),
    ],
)
def test_a_bad_allow_list_is_refused(listed: list[str] | None, says: str) -> None:
    with pytest.raises(ConfigError, match=says):
        allowed(listed, needed=2)


def test_a_long_bad_allow_list_is_not_answered_with_a_million_lines() -> None:
    with pytest.raises(ConfigError) as caught:
        allowed(["x"] * 100_000, needed=1)
    assert len(caught.value.problems) < 30
