"""Which names people bear: tables from data/people.toml turned into look-ups by random bits.

A name is family, middle, given. Family names depend on ethnicity and zone, the others on sex, ethnicity and the year of
birth. All tables are unverified: from memory of the region, good for load and search, not for statistics.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from importlib import resources

import msgspec

from scenarios.households import REFERENCE_DATE, age_max
from scenarios.province import fold
from scenarios.types import Commune

BITS = 10  # of randomness per name part
SIZE = 1 << BITS
_RANK_SHIFT = 14  # weight of the r-th given name: 1 / (r + 14); the commonest then has about 3.5 %
_FASHIONS = ("old", "middle", "new", "mong")
_HIGHLAND = ("Mường", "Thái", "Thổ", "Dao", "Khơ Mú")
_BAN = ("Thái", "Mông", "Dao", "Khơ Mú")
_FASHION_YEARS = (1975, 2000)


class _Parts(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    first: list[str]
    second: list[str]


class _File(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    verified: bool
    ethnicities: dict[str, dict[str, dict[str, float]]]
    families: dict[str, dict[str, dict[str, float]]]
    middle: dict[str, dict[str, dict[str, float]]]
    given: dict[str, dict[str, list[str]]]
    hamlets: dict[str, _Parts]


@dataclass(frozen=True, slots=True)
class Names:
    """The look-ups: texts by code, and tables of SIZE codes each (16 bits where there may be more than 255 texts).

    `rows[ethnicity * 2 * AGES + male * AGES + age]` is the table of `middle` and `given` to use.
    """

    ethnicities: tuple[str, ...]
    families: tuple[str, ...]
    middles: tuple[str, ...]
    givens: tuple[str, ...]
    middle: bytes
    given: array[int]
    rows: bytes
    clash: array[int]  # by middle: the given name that must not follow it, NO_CLASH for none
    plain_middle: bytes  # by sex: what stands in its place
    lowland: _Parts
    highland: _Parts

    def full(self, family: int, middle: int, given: int) -> str:
        """The whole name of three codes."""
        return f"{self.families[family]} {self.middles[middle]} {self.givens[given]}"


AGES = age_max + 1
NO_CLASH = 0xFFFF


@lru_cache(maxsize=1)
def names() -> Names:
    """The tables of the shipped file."""
    file = _file()
    ethnicities = tuple(file.families)
    families = _unique(name for zones in file.families.values() for table in zones.values() for name in table)
    middles = _unique(name for sex in file.middle.values() for table in sex.values() for name in table)
    givens = _unique(name for sex in file.given.values() for table in sex.values() for name in table)
    sexes = ("female", "male")
    middle = [code for sex in sexes for fashion in _FASHIONS for code in _spread(file.middle[sex][fashion], middles)]
    given = [c for sex in sexes for fashion in _FASHIONS for c in _spread(_ranked(file.given[sex][fashion]), givens)]
    rows = bytes(
        male * len(_FASHIONS) + _fashion(ethnicity, age)
        for ethnicity in ethnicities
        for male in (0, 1)
        for age in range(AGES)
    )
    clash = array("H", (givens.index(last) if (last := m.split()[-1]) in givens else NO_CLASH for m in middles))
    return Names(
        ethnicities, families, middles, givens, bytes(middle), array("H", given), rows, clash,
        bytes((middles.index("Thị"), middles.index("Văn"))), file.hamlets["lowland"], file.hamlets["highland"],
    )  # fmt: skip


def ethnicity_table(commune: Commune) -> bytes:
    """SIZE ethnicity codes in the proportions of this commune."""
    return bytes(_spread(_mix(commune), names().ethnicities))


def highland_share(commune: Commune) -> float:
    """Share of the commune's people whose hamlets are called bản."""
    mix = _mix(commune)
    return sum(mix.get(ethnicity, 0.0) for ethnicity in _BAN) / sum(mix.values())


@lru_cache(maxsize=8)
def family_tables(zone: str) -> bytes:
    """SIZE family codes for every ethnicity, one table after the other, in the proportions of this zone."""
    known = names().families
    return b"".join(bytes(_spread(zones.get(zone) or zones["any"], known)) for zones in _file().families.values())


@lru_cache(maxsize=1)
def mail_names() -> tuple[tuple[str, ...], tuple[str, ...], tuple[str, ...]]:
    """How e-mail addresses spell each family name, the initials of each middle name, and each given name."""
    table = names()
    plain = [tuple(fold(text).replace(" ", "") for text in texts) for texts in (table.families, table.givens)]
    return plain[0], tuple("".join(w[0] for w in fold(text).split()) for text in table.middles), plain[1]


@lru_cache(maxsize=1)
def _file() -> _File:
    content = (resources.files("scenarios") / "data" / "people.toml").read_bytes()
    return msgspec.toml.decode(content, type=_File)


def _mix(commune: Commune) -> dict[str, float]:
    own, by_district = _file().ethnicities["commune"], _file().ethnicities["district"]
    return own.get(commune.code) or by_district.get(commune.former_district) or by_district[""]


def _fashion(ethnicity: str, age: int) -> int:
    """Position in _FASHIONS for a person of this age."""
    if ethnicity == "Mông":
        return _FASHIONS.index("mong")
    fashion = sum(REFERENCE_DATE.year - age >= year for year in _FASHION_YEARS)
    return max(0, fashion - 1) if ethnicity in _HIGHLAND else fashion


def _unique(texts: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(texts))


def _ranked(texts: Sequence[str]) -> dict[str, float]:
    return {text: 1 / (rank + _RANK_SHIFT) for rank, text in enumerate(texts)}


def _spread(weights: Mapping[str, float], known: Sequence[str]) -> list[int]:
    """SIZE codes, each text as often as its weight says, to the nearest whole place."""
    code = {text: position for position, text in enumerate(known)}
    total = sum(weights.values())
    table: list[int] = []
    edge = 0.0
    for text, weight in weights.items():
        edge += weight
        table += [code[text]] * (round(edge / total * SIZE) - len(table))
    return table
