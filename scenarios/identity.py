"""Card and telephone numbers that cannot collide: a keyed bijection instead of a set of numbers already given.

CCCD, 12 digits: province of birth registration (3), century and sex (1), year of birth (2), 6 more without a check
digit. Modes (danh tính tổng hợp): realistic numbers may belong to somebody, marked ones to nobody, allowed ones were
issued for the trial. The tables of assigned codes are those of vn-ident 0.1.0, not checked against the Ministry's plan.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from scenarios.rng import U64, stream, word, words
from scenarios.types import ConfigError, Identities

Text = NDArray[np.bytes_]

SERIALS = 1_000_000  # the last six digits of a card
SUBSCRIBERS = 10_000_000  # the last seven digits of a telephone number
_ELSEWHERE_SHARE = 0.03  # born in another province; unverified
_PLACES = 1024  # length of the table of birth provinces
allow_list_max = 10_000_000

PLANS_VERIFIED = False
HOME = 38  # Thanh Hóa
# Where else people of Thanh Hóa are born: Hà Nội, Ninh Bình, Nghệ An, Nam Định, Hồ Chí Minh, Bình Dương, Đồng Nai, …
ELSEWHERE = (1, 37, 40, 36, 79, 74, 75, 14, 17, 35, 31, 22, 34, 66, 67, 64)
MARKED_HOME = 98  # nobody's: no province has 097, 098, 099 or the codes below
MARKED_ELSEWHERE = (97, 99, 90, 88, 85, 81, 78, 76, 73, 71, 69, 65, 63, 61, 59, 57)
MOBILE_PREFIXES = (
    "032", "033", "034", "035", "036", "037", "038", "039", "086", "096", "097", "098",
    "081", "082", "083", "084", "085", "088", "091", "094",
    "070", "076", "077", "078", "079", "089", "090", "093",
    "052", "056", "058", "092", "059", "099",
)  # fmt: skip
# No operator holds these. 055, 080, 087 and 095 are free in the table too, but are or were somebody's elsewhere.
MARKED_PREFIXES = ("030", "040", "050", "053", "060", "071")


@dataclass(frozen=True, slots=True)
class Scatter:
    """A bijection of 0 … left × right - 1 onto itself for every tweak: three rounds of a Feistel network.

    Two values with the same tweak never meet. `one` and `many` agree bit for bit.
    """

    key: int
    left: int  # below 2**31, as right
    right: int

    def one(self, value: int, tweak: int = 0) -> int:
        """The number at which `value` ends up."""
        high, low = divmod(value, self.right)
        salt = tweak << 34
        high = (high + ((word(self.key, salt | low) >> 32) * self.left >> 32)) % self.left
        low = (low + ((word(self.key, salt | 1 << 32 | high) >> 32) * self.right >> 32)) % self.right
        high = (high + ((word(self.key, salt | 2 << 32 | low) >> 32) * self.left >> 32)) % self.left
        return high * self.right + low

    def many(self, values: U64, tweaks: U64 | None = None) -> U64:
        """`one` for whole arrays."""
        left, right = np.uint64(self.left), np.uint64(self.right)
        high = values // right
        low = values - high * right
        salt = np.uint64(0) if tweaks is None else tweaks << np.uint64(34)
        high = _add(high, words(self.key, salt | low), left)
        low = _add(low, words(self.key, salt | np.uint64(1 << 32) | high), right)
        high = _add(high, words(self.key, salt | np.uint64(2 << 32) | low), left)
        high *= right
        high += low
        return high


def _add(value: U64, random: U64, size: np.uint64) -> U64:
    """value + (random mapped below size), modulo size; `random` is used up."""
    random >>= np.uint64(32)
    random *= size
    random >>= np.uint64(32)
    random += value
    # Below `size` the subtraction wraps to something huge, so the smaller of the two is the remainder.
    remainder: U64 = np.minimum(random, random - size)
    return remainder


@dataclass(frozen=True, slots=True)
class Numbers:
    """Number plans of one population: where cards are registered, which prefixes telephones have."""

    cards: Scatter
    phones: Scatter
    provinces: tuple[int, ...]  # 1,024 codes, drawn by ten bits
    prefixes: tuple[str, ...]

    def card(self, province: int, century_sex: int, year: int, serial: int) -> str:
        """One CCCD; `serial` must differ among people of the same sex and year of birth."""
        bucket = century_sex * 100 + year % 100
        return f"{province:03d}{bucket:03d}{self.cards.one(serial, bucket):06d}"

    def phone(self, number: int) -> str:
        """The telephone number of citizen `number`."""
        prefix, rest = divmod(self.phones.one(number), SUBSCRIBERS)
        return f"{self.prefixes[prefix]}{rest:07d}"


def numbers(seed: int, mode: Identities) -> Numbers:
    """The number plans of a mode; with an allow-list only the telephone numbers are made, and they are marked ones."""
    real = mode is Identities.REALISTIC
    home, elsewhere = (HOME, ELSEWHERE) if real else (MARKED_HOME, MARKED_ELSEWHERE)
    strangers = round(_PLACES * _ELSEWHERE_SHARE)
    places = tuple(elsewhere[at % len(elsewhere)] for at in range(strangers)) + (home,) * (_PLACES - strangers)
    prefixes = MOBILE_PREFIXES if real else MARKED_PREFIXES
    return Numbers(
        cards=Scatter(stream(seed, "citizen/card"), 1000, 1000),
        phones=Scatter(stream(seed, "citizen/phone"), len(prefixes) * 1000, SUBSCRIBERS // 1000),
        provinces=places,
        prefixes=prefixes,
    )


def allowed(listed: Sequence[str] | None, needed: int) -> Text:
    """The numbers of an allow-list, in order. ConfigError when fewer than `needed`, malformed or given twice."""
    listed = listed or ()
    problems = []
    if len(listed) < needed:
        problems.append(f"allow-list: {len(listed)} numbers for {needed} communes; each needs at least one")
    if len(listed) > allow_list_max:
        problems.append(f"allow-list: {len(listed)} numbers, at most {allow_list_max} are taken")
    seen: dict[str, int] = {}
    for line, number in enumerate(listed[:allow_list_max], 1):
        if not (len(number) == 12 and number.isascii() and number.isdigit()):
            problems.append(f'allow-list: number {line}: "{number[:20]}" is not 12 digits')
        elif seen.setdefault(number, line) != line:
            problems.append(f"allow-list: number {line}: {number} stands at {seen[number]} already")
        if len(problems) > 20:
            break
    if problems:
        raise ConfigError(problems)
    return np.array(listed, dtype="S12")


_FOUR = np.frombuffer("".join(f"{n:04d}" for n in range(10_000)).encode(), dtype=np.uint32)


def digits(values: U64, width: int) -> Text:
    """Whole numbers as text with leading zeros, `width` ≤ 12 digits each; shape of `values`, one dimension."""
    ten8, ten4 = np.uint64(100_000_000), np.uint64(10_000)
    out = np.empty((len(values), 3), np.uint32)
    high = values // ten8
    rest = values - high * ten8
    middle = rest // ten4
    out[:, 0] = _FOUR[high]
    out[:, 1] = _FOUR[middle]
    out[:, 2] = _FOUR[rest - middle * ten4]
    text = out.view(np.uint8)[:, 12 - width :]
    return np.ascontiguousarray(text).view(f"S{width}").ravel()
