"""Order statistics of many groups, against sorting each of them."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from reports import order
from reports.verdict import NEVER_NS

TIMES = st.one_of(st.integers(0, 200), st.integers(10**6, 10**10), st.just(NEVER_NS))


@given(st.lists(st.tuples(TIMES, st.integers(0, 3), st.integers(0, 5)), max_size=200), st.integers(0, 210))
def test_ranks_and_what_lies_beyond_are_those_of_a_sort(rows: list[tuple[int, int, int]], rank: int) -> None:
    table = np.array(rows, np.int64).reshape(-1, 3)
    values, group, block = table[:, 0], table[:, 1], table[:, 2].astype(np.int32)
    found = order.Groups(values.__getitem__, group, 4)
    ranks = np.minimum(np.tile([rank // 2, rank], (4, 1)), np.bincount(group, minlength=4)[:, None])
    at, totals, beyond = found.beyond(ranks, block, 6)
    assert np.array_equal(at, found.at(ranks))
    for place in range(4):
        mine = np.sort(values[group == place])
        for step in range(2):
            wanted = mine[ranks[place, step] - 1] if ranks[place, step] else -1
            assert at[place, step] == wanted
            late = block[(group == place) & (values > wanted) & (ranks[place, step] > 0)]
            assert np.array_equal(beyond[step, place], np.bincount(late, minlength=6))
        assert np.array_equal(totals[place], np.bincount(block[group == place], minlength=6))


MEMBER = np.array([[0, 0, 1, 1], [2, 3, 4, 5], [6, -1, 6, -1]])  # pairs, each alone, two of four


@given(st.lists(st.tuples(TIMES, st.integers(0, 4), st.integers(0, 5)), max_size=200), st.integers(0, 210))
def test_strata_put_together_are_as_if_each_group_had_been_asked_alone(
    rows: list[tuple[int, int, int]], rank: int
) -> None:
    table = np.array(rows, np.int64).reshape(-1, 3)
    values, stratum, block = table[:, 0], table[:, 1], table[:, 2].astype(np.uint16)
    counted = values % 3 > 0
    buckets = order.Buckets(values.__getitem__, len(values), np.flatnonzero(~counted))
    found = order.Groups(values.__getitem__, stratum, 4, buckets, MEMBER)
    ranks = np.minimum(np.tile([rank, rank // 2], (7, 1)), found.n[:, None])
    at, totals, beyond = found.beyond(ranks, block, 6)
    assert np.array_equal(at, found.at(ranks))
    for group in range(7):
        strata = np.flatnonzero((group == MEMBER).any(axis=0))
        chosen = counted & np.isin(stratum, strata)
        alone = order.Groups(values.__getitem__, (~chosen).astype(np.uint8), 1, buckets)
        assert alone.n[0] == found.n[group]
        for whole, mine in zip((at, totals), alone.beyond(ranks[group][None], block, 6)[:2], strict=True):
            assert np.array_equal(whole[group], mine[0])
        assert np.array_equal(beyond[:, group], alone.beyond(ranks[group][None], block, 6)[2][:, 0])
    assert found.counts.sum() == np.count_nonzero(counted & (stratum < 4))


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 9), st.booleans()), max_size=100))
def test_counting_by_block_is_counting(rows: list[tuple[int, int, bool]]) -> None:
    table = np.array(rows, np.int64).reshape(-1, 3)
    code, block, chosen = table[:, 0], table[:, 1].astype(np.uint16), table[:, 2] > 0
    expected = np.zeros((4, 10), np.int64)
    np.add.at(expected, (code[chosen], block[chosen]), 1)
    assert np.array_equal(order.by_block(code, 4, block, 10, chosen.__getitem__), expected)


@given(st.lists(st.tuples(st.integers(250, 255), st.integers(0, 999)), max_size=50))
def test_a_pair_has_a_number_of_its_own(rows: list[tuple[int, int]]) -> None:
    outer, inner = np.array(rows, np.uint16).reshape(-1, 2).T
    found = order.Pairs(outer.astype(np.uint8), inner, 1000)
    assert found[:].tolist() == [1000 * one + other for one, other in rows]
    assert found[np.arange(len(rows))[::-1]].tolist() == found[:].tolist()[::-1]


@given(st.lists(st.tuples(TIMES, st.booleans()), max_size=200), st.integers(1, 100))
def test_the_nth_of_the_chosen_is_that_of_a_sort(rows: list[tuple[int, bool]], percent: int) -> None:
    table = np.array(rows, np.int64).reshape(-1, 2)
    values, chosen = table[:, 0], table[:, 1] > 0
    mine = np.sort(values[chosen])
    many, found, last = order.nth(values.__getitem__, len(rows), chosen.__getitem__, lambda n: -(-percent * n // 100))
    assert many == len(mine)
    if many:
        assert (found, last) == (mine[-(-percent * many // 100) - 1], mine[-1])


def test_more_values_than_fit_in_one_go(monkeypatch: pytest.MonkeyPatch) -> None:
    random = np.random.default_rng(3)
    values, group = random.integers(0, 10**9, 5000), random.integers(0, 7, 5000)
    ranks, block = np.tile([100, 300], (7, 1)), random.integers(0, 40, 5000).astype(np.uint16)
    whole = order.Groups(values.__getitem__, group, 7).beyond(ranks, block, 40)
    monkeypatch.setattr(order, "CHUNK", 700)
    monkeypatch.setattr(order, "TABLE_MAX", 100)
    parts = order.Groups(values.__getitem__, group, 7).beyond(ranks, block, 40)
    assert all(np.array_equal(one, other) for one, other in zip(whole, parts, strict=True))
