"""Randomness as a pure function of (seed, purpose, index): any value can be made alone, in any order.

splitmix64's finaliser over a counter (Steele, Lea, Flood, OOPSLA 2014). numpy promises stable streams for its bit
generators but not for the methods above them, so words become numbers by the rules below only.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from functools import lru_cache
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

U64 = NDArray[np.uint64]
T = TypeVar("T")

_GAMMA = 0x9E37_79B9_7F4A_7C15
_MASK = 0xFFFF_FFFF_FFFF_FFFF


@lru_cache(maxsize=4096)
def stream(seed: int, purpose: str) -> int:
    """A 64-bit key for one purpose. Different purposes give unrelated words."""
    return int.from_bytes(hashlib.sha256(f"{seed}/{purpose}".encode()).digest()[:8], "little")


def word(key: int, index: int) -> int:
    """The word at `index` of stream `key`: 64 random bits."""
    z = (key + (index + 1) * _GAMMA) & _MASK
    z = ((z ^ (z >> 30)) * 0xBF58_476D_1CE4_E5B9) & _MASK
    z = ((z ^ (z >> 27)) * 0x94D0_49BB_1331_11EB) & _MASK
    return z ^ (z >> 31)


def words(key: int, index: U64) -> U64:
    """`word` for a whole array of indices at once; same bits."""
    z = (index + np.uint64(1)) * np.uint64(_GAMMA)
    z += np.uint64(key)
    z ^= z >> np.uint64(30)
    z *= np.uint64(0xBF58_476D_1CE4_E5B9)
    z ^= z >> np.uint64(27)
    z *= np.uint64(0x94D0_49BB_1331_11EB)
    z ^= z >> np.uint64(31)
    return z


def uniform(key: int, index: int) -> float:
    """A number in [0, 1) with 53 bits."""
    return (word(key, index) >> 11) * 2.0**-53


def uniforms(key: int, index: U64) -> NDArray[np.float64]:
    """`uniform` for a whole array."""
    return (words(key, index) >> np.uint64(11)).astype(np.float64) * 2.0**-53


def below(key: int, index: int, n: int) -> int:
    """A whole number in [0, n) by multiply-shift; bias below n / 2**64."""
    return (word(key, index) * n) >> 64


def pick(key: int, index: int, items: Sequence[T]) -> T:
    """One of `items`, each equally likely."""
    return items[below(key, index, len(items))]


def weighted(key: int, index: int, cumulative: Sequence[float]) -> int:
    """Position in a list of cumulative weights that ends at its total."""
    at = uniform(key, index) * cumulative[-1]
    for position, edge in enumerate(cumulative):
        if at < edge:
            return position
    return len(cumulative) - 1
