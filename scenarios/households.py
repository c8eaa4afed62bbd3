"""Who lives together: blocks of 36 people in coherent households whose ages follow the census.

A pool of households is drawn from simple rules (who marries at what age, when children come and leave), weighted until
the persons in them follow the census by sex and five-year band (iterative proportional scaling), sampled by weight and
packed into blocks. A commune is a row of blocks, each picked by a hash: so household, role, sex and age of any citizen
are one table look-up. Only + - * / and square roots are used: the same bits on every machine.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from scenarios.rng import stream, uniforms, words

REFERENCE_DATE = dt.date(2025, 7, 1)  # ages count on this day, the first day of the new communes
ROLES = ("head", "spouse", "child", "parent", "other")  # other: grandchild, brother or sister of the head
HEAD, SPOUSE, CHILD, PARENT, OTHER = range(5)

BLOCK = 36  # citizens in one block
BLOCKS = 512  # different blocks; a power of two
SHADES = 4  # a block holds at most this many people of one sex and birth year
age_max = 99
parent_years_min, parent_years_max = 17, 48  # completed years between parent and child
spouse_years_max = 13

# Census of 1 April 2019, whole country: share of five-year bands in %, and % of men in each. From memory, unverified
# by band (published: 49.8 % men, 3.6 people per household). The census is six years older than REFERENCE_DATE and is
# used unmoved.
CENSUS_SOURCE = "Tổng điều tra dân số và nhà ở 2019"
CENSUS_VERIFIED = False
CENSUS_SHARES = (8.2, 8.6, 7.5, 6.8, 6.7, 8.5, 8.6, 7.8, 6.9, 6.5, 6.0, 5.5, 4.7, 2.9, 1.7, 1.2, 1.0, 0.9)
CENSUS_MEN = (  # of each band, %
    52.6, 52.5, 52.2, 51.8, 51.2, 50.6, 50.4, 50.3, 50.2, 49.8, 49.0, 47.8, 46.5, 45.0, 43.0, 40.0, 36.0, 31.0,
)  # fmt: skip
HOUSEHOLD_SIZE = 3.6  # the same census, official result
BANDS = len(CENSUS_SHARES)  # 0–4, 5–9, …, 85 and older

_POOL = 12_288
_PLACES = 10  # head, spouse, 4 children, 2 parents, 2 others
_ROUNDS = 120
_NONE = -1

Table = NDArray[np.uint8]  # (BLOCKS, BLOCK)


@dataclass(frozen=True, slots=True)
class Blocks:
    """The tables of the blocks. `head` and `family` are places in the block: of the head, and of whose family name."""

    age: Table  # completed years on REFERENCE_DATE
    male: Table
    role: Table  # position in ROLES
    head: Table
    family: Table
    shade: Table  # differs between two people of one sex and birth year


@dataclass(frozen=True, slots=True)
class _Pool:
    """Candidate households, one a row. Absent places have age -1."""

    age: NDArray[np.int64]
    male: NDArray[np.bool_]
    family: NDArray[np.int64]  # place of whose family name


@lru_cache(maxsize=1)
def blocks() -> Blocks:
    """The blocks: the same for every seed and every province."""
    pool = _pool()
    chosen = _sample(pool, _weights(pool))
    return _tables(pool, _pack(pool, chosen))


def age_shares(ages: NDArray[np.uint8]) -> NDArray[np.float64]:
    """Share in % of each five-year band among these ages; shape (BANDS,)."""
    counts = np.bincount(np.minimum(ages.ravel() // 5, BANDS - 1), minlength=BANDS)
    return counts * 100.0 / max(1, ages.size)


def fit(ages: NDArray[np.uint8]) -> float:
    """The largest deviation of a five-year band from the census, in percentage points."""
    return float(np.abs(age_shares(ages) - np.asarray(CENSUS_SHARES)).max())


def _chance(purpose: str) -> NDArray[np.float64]:
    return uniforms(stream(0, f"households/{purpose}"), np.arange(_POOL, dtype=np.uint64))


def _between(purpose: str, low: int, high: int) -> NDArray[np.int64]:
    """Whole numbers from low to high, both included."""
    return low + (_chance(purpose) * (high - low + 1)).astype(np.int64)


def _pool() -> _Pool:
    """Draw households of seven kinds. The shares are rough: the weights do the rest."""
    kind = np.searchsorted([0.48, 0.56, 0.62, 0.73, 0.95, 0.98], _chance("kind"), side="right")
    nuclear, couple, lone, single, three, skipped, siblings = (kind == k for k in range(7))
    age = np.full((_POOL, _PLACES), _NONE)
    male = np.zeros((_POOL, _PLACES), bool)
    family = np.tile(np.arange(_PLACES), (_POOL, 1))

    woman = np.select(
        [nuclear, couple, lone, single, three, skipped],
        [_between("wife", 18, 62), _between("old wife", 20, 92), _between("lone", 22, 90), _between("single", 18, 96),
         _between("middle", 18, 60), _between("grandmother", 46, 84)],
        _between("sibling", 18, 38),
    )  # fmt: skip
    husband = np.clip(woman + _between("husband", -3, 8), 20, 97)  # 20: a man's legal age
    paired = nuclear | couple | three | (skipped & (_chance("grandfather") < 0.7))
    male[:, 0] = np.where(paired, _chance("head") < 0.78, _chance("lone head") < np.where(lone, 0.2, 0.42))
    male[:, 1] = ~male[:, 0]
    age[:, 0] = np.where(male[:, 0], husband, woman)
    age[:, 1] = np.where(paired, np.where(male[:, 0], woman, husband), _NONE)

    _children(age, male, nuclear | lone | three)
    # Children bear their father's family name: the husband's place, or that of the eldest when no father lives here.
    father = np.where(male[:, 0], 0, np.where(age[:, 1] >= 0, 1, 2))
    family[:, 2:6] = father[:, None]

    age[:, 6] = np.where(three & (_chance("father lives") < 0.55), age[:, 0] + _between("father", 18, 40), _NONE)
    mother = np.where(age[:, 6] >= 0, age[:, 6] - _between("mother younger", -2, 8), age[:, 0] + _between("m", 18, 42))
    age[:, 7] = np.where(three & ((age[:, 6] < 0) | (_chance("mother lives") < 0.8)), mother, _NONE)
    male[:, 6] = True
    family[:, 6] = 0

    young = np.minimum(_between("grandchild", 0, 17), woman - 38)
    age[:, 8] = np.select([skipped, siblings], [young, age[:, 0] - _between("brother", 1, 12)], _NONE)
    age[:, 9] = np.where(skipped & (_chance("second") < 0.45), young - _between("younger", 1, 5), _NONE)
    male[:, 8:] = np.stack([_chance("sex 8") < 0.52, _chance("sex 9") < 0.52], axis=1)
    # Grandchildren come through a son; where no grandfather lives they share a name of their own.
    family[:, 8] = np.where(siblings, 0, np.where(male[:, 0], 0, np.where(age[:, 1] >= 0, 1, 8)))
    family[:, 9] = family[:, 8]
    _drop_the_impossible(age)
    return _Pool(age, male, family)


def _children(age: NDArray[np.int64], male: NDArray[np.bool_], parents: NDArray[np.bool_]) -> None:
    """Up to four children, the eldest first; grown-up ones have mostly left."""
    mother = np.where(male[:, 0] & (age[:, 1] >= 0), age[:, 1], age[:, 0])
    number = np.searchsorted([0.16, 0.66, 0.92], _chance("children"), side="right") + 1
    born = mother - 18 - (_between("first", 0, 8) + _between("first again", 0, 7))
    for place in range(2, 6):
        stays = np.select([born < 18, born < 23, born < 30, born < 40], [1.0, 0.72, 0.42, 0.2], 0.08)
        home = parents & (place - 2 < number) & (_chance(f"home {place}") < stays)
        age[:, place] = np.where(home, born, _NONE)
        male[:, place] = _chance(f"sex {place}") < 0.523
        born = born - _between(f"gap {place}", 1, 6)


def _drop_the_impossible(age: NDArray[np.int64]) -> None:
    """Take out whoever is unborn, too old, or no possible child, parent or spouse of the head's generation."""
    age[(age < 0) | (age > age_max)] = _NONE
    far = np.abs(age[:, 0] - age[:, 1]) > spouse_years_max
    age[far & (age[:, 1] >= 0), 1] = _NONE
    for parent in (0, 1):
        years = age[:, parent, None] - age[:, 2:6]
        wrong = (age[:, parent, None] >= 0) & ((years < parent_years_min) | (years > parent_years_max))
        age[:, 2:6][wrong] = _NONE
    for parent in (6, 7):
        years = age[:, parent] - age[:, 0]
        age[(years < parent_years_min) | (years > parent_years_max), parent] = _NONE
    apart = np.abs(age[:, 6] - age[:, 7]) > spouse_years_max
    age[apart & (age[:, 6] >= 0) & (age[:, 7] >= 0), 7] = _NONE


def _cells(pool: _Pool) -> NDArray[np.int64]:
    """Sex and band of each place: men 0…, women BANDS…, absent 2 × BANDS."""
    band = np.minimum(pool.age // 5, BANDS - 1)
    return np.where(pool.age >= 0, band + np.where(pool.male, 0, BANDS), 2 * BANDS)


def _weights(pool: _Pool) -> NDArray[np.float64]:
    """A weight per household such that the weighted people follow the census by sex and band, and by household size."""
    cells = _cells(pool)
    shares = np.asarray(CENSUS_SHARES)
    men = shares * np.asarray(CENSUS_MEN) / 100.0
    target = np.concatenate([men, shares - men])
    target = target * (_POOL * HOUSEHOLD_SIZE / np.cumsum(target)[-1])
    flat = cells.ravel()
    weights = np.ones(_POOL)
    for _ in range(_ROUNDS):
        people = np.bincount(flat, weights=np.repeat(weights, _PLACES), minlength=2 * BANDS + 1)[: 2 * BANDS]
        step = np.ones(2 * BANDS + 1)
        step[: 2 * BANDS] = np.sqrt(np.sqrt(target / np.maximum(people, 1e-9)))
        for place in range(_PLACES):
            weights = weights * step[cells[:, place]]
        weights = weights * np.sqrt(_POOL / np.cumsum(weights)[-1])
    return weights


def _sample(pool: _Pool, weights: NDArray[np.float64]) -> list[int]:
    """Households by systematic sampling, a few more than the blocks need, in a fixed random order.

    Sampling along size and age of the head halves the noise of the bands (0.13 points against 0.29).
    """
    size = (pool.age >= 0).sum(axis=1)
    along = np.lexsort((pool.age[:, 2], pool.age[:, 0], size))
    edges = np.cumsum(weights[along])
    count = int(1.01 * BLOCKS * BLOCK / HOUSEHOLD_SIZE)
    ticks = (np.arange(count) + 0.5) * (edges[-1] / count)
    chosen = along[np.minimum(np.searchsorted(edges, ticks), _POOL - 1)]
    order = np.argsort(words(stream(0, "households/order"), np.arange(count, dtype=np.uint64)), kind="stable")
    return [int(row) for row in chosen[order]]


def _pack(pool: _Pool, chosen: list[int]) -> list[list[int]]:
    """Fill blocks to the last place; a household that does not fit, or makes too many namesake years, waits."""
    members = [[(int(a), int(m)) for a, m in zip(pool.age[h], pool.male[h], strict=True) if a >= 0] for h in chosen]
    waiting = list(range(len(chosen)))
    packed = []
    for _ in range(BLOCKS):
        room, at, block = BLOCK, 0, []
        crowd = [[0] * (age_max + 3), [0] * (age_max + 3)]
        while room:
            people = members[waiting[at]]
            if len(people) > room or not _fits(crowd, people):
                at += 1
                continue
            block.append(chosen[waiting.pop(at)])
            room -= len(people)
        packed.append(block)
    return packed


def _fits(crowd: list[list[int]], people: list[tuple[int, int]]) -> bool:
    """Add people to the crowd of a block, unless more than SHADES could share sex and birth year."""
    for age, male in people:
        crowd[male][age + 1] += 1
    fits = all(crowd[male][age + 1] + max(crowd[male][age], crowd[male][age + 2]) <= SHADES for age, male in people)
    if not fits:
        for age, male in people:
            crowd[male][age + 1] -= 1
    return fits


def _tables(pool: _Pool, packed: list[list[int]]) -> Blocks:
    roles = (HEAD, SPOUSE, CHILD, CHILD, CHILD, CHILD, PARENT, PARENT, OTHER, OTHER)
    table = np.zeros((6, BLOCKS, BLOCK), np.uint8)
    for number, block in enumerate(packed):
        at = 0
        for household in block:
            places = [p for p in range(_PLACES) if pool.age[household, p] >= 0]
            for offset, place in enumerate(places):
                bearer = int(pool.family[household, place])
                # Who is not here (the eldest child has left, say) hands the family name on to the next in line.
                named = places.index(min(p for p in places if p >= bearer))
                table[:5, number, at + offset] = (
                    pool.age[household, place], pool.male[household, place], roles[place], at, at + named,
                )  # fmt: skip
            at += len(places)
        order = np.lexsort((table[0, number], table[1, number]))
        table[5, number, order] = np.arange(BLOCK) % SHADES
    table.setflags(write=False)
    return Blocks(*table)
