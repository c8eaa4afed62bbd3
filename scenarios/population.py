"""Every citizen of the province as a pure function of (seed, citizen number).

A commune is a range of numbers, cut into blocks of 36 people; the block's table gives household, role, sex and age, a
few random bits give the rest. `Population.columns` makes one commune as numpy columns (arrays of this size stay in the
cache); `Population.citizen` makes one person alone, with the same values. Neither depends on what was made before.
"""

from __future__ import annotations

import datetime as dt
from bisect import bisect_right
from collections.abc import Sequence
from functools import cached_property, lru_cache
from itertools import accumulate, pairwise
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from scenarios import identity
from scenarios.columns import Columns, arrow_table
from scenarios.households import BLOCK, BLOCKS, REFERENCE_DATE, ROLES, SHADES, blocks
from scenarios.names import AGES, SIZE, ethnicity_table, family_tables, mail_names, names
from scenarios.places import HAMLET_BLOCKS, hamlets
from scenarios.rng import U64, stream, word, words
from scenarios.types import Citizen, Commune, ConfigError, Identities

citizens_max = identity.SERIALS // SHADES * BLOCK  # 9 million; beyond it card numbers would run out

# Share with an e-ID account of level 2 from each age on. Unverified.
E_ID_SHARES = {0: 0.0, 14: 0.55, 18: 0.92, 60: 0.75, 70: 0.5, 80: 0.25}
E_ID_VERIFIED = False

_MASK = SIZE - 1
_STEP = 633  # golden section of SIZE: members of a household spread over the table of given names
_EPOCH = dt.date(1970, 1, 1).toordinal()


def _year_tables() -> tuple[list[int], list[int]]:
    """By age: the last possible birthday, and 1 January of its year; days since 1970."""
    last = [REFERENCE_DATE.replace(year=REFERENCE_DATE.year - age).toordinal() - _EPOCH for age in range(AGES)]
    january = [dt.date(REFERENCE_DATE.year - age, 1, 1).toordinal() - _EPOCH for age in range(AGES)]
    return last, january


_BIRTHDAY, _JANUARY = _year_tables()
_BIRTHDAYS, _JANUARIES = np.array(_BIRTHDAY, np.int32), np.array(_JANUARY, np.int32)
_E_ID = [round(256 * max((a, s) for a, s in E_ID_SHARES.items() if a <= age)[1]) for age in range(AGES)]
_E_IDS = np.array(_E_ID, np.uint16)


class _Rows(NamedTuple):
    """The block tables as bytes, which a single look-up reads ten times faster than an array."""

    age: bytes
    male: bytes
    role: bytes
    head: bytes
    family: bytes
    shade: bytes


@lru_cache(maxsize=1)
def _rows() -> _Rows:
    table = blocks()
    return _Rows(*(getattr(table, field).tobytes() for field in _Rows._fields))


class Population:
    """The citizens of some communes under one seed; numbers count from 0 through the communes in their order.

    With an allow-list there are as many citizens as listed numbers, shared out by population, at least one a commune.
    The numbers are used in order and as they are: they need not agree with a citizen's sex and year of birth.
    Raises ConfigError for no or too many (`citizens_max`) people and for a bad or too short allow-list.
    """

    def __init__(
        self,
        communes: Sequence[Commune],
        seed: int,
        mode: Identities = Identities.MARKED,
        allow_list: Sequence[str] | None = None,
    ) -> None:
        self.communes = tuple(communes)
        self.seed = seed
        self.mode = mode
        sizes = [c.population for c in self.communes]
        self._allowed = identity.allowed(allow_list, len(sizes)) if mode is Identities.ALLOW_LIST else None
        if self._allowed is not None:
            sizes = _shared_out(sizes, len(self._allowed))
        self._starts = list(accumulate(sizes, initial=0))
        self._blocks = list(accumulate((-(-size // BLOCK) for size in sizes), initial=0))
        if not 0 < len(self) <= citizens_max or self._blocks[-1] * SHADES > identity.SERIALS:
            raise ConfigError([f"population: {len(self)} citizens; must be 1 to about {citizens_max}"])
        self._index = {c.code: at for at, c in enumerate(self.communes)}
        self._numbers = identity.numbers(seed, mode)
        self._hamlets: dict[int, tuple[str, ...]] = {}
        self._block_key = stream(seed, "citizen/block")
        self._person_key = stream(seed, "citizen/person")
        self._home_key = stream(seed, "citizen/household")

    def __len__(self) -> int:
        return self._starts[-1]

    def in_commune(self, code: str) -> range:
        """The citizen numbers of the commune with this code; KeyError when it is not among the communes."""
        at = self._index[code]
        return range(self._starts[at], self._starts[at + 1])

    def citizen(self, number: int) -> Citizen:
        """One citizen alone, in some 20 µs; IndexError beyond the last."""
        commune, start, block = self._locate(number)
        slot = (number - start) % BLOCK
        return self._make(commune, start, block, number - slot, slot)

    def household(self, number: int) -> tuple[Citizen, ...]:
        """All who live with this citizen, the head first and the citizen included."""
        commune, start, block = self._locate(number)
        table = _rows()
        at = self._template(block) * BLOCK
        slot = (number - start) % BLOCK
        base, head = number - slot, table.head[at + slot]
        end = min(BLOCK, self._starts[commune + 1] - base)
        return tuple(
            self._make(commune, start, block, base, member)
            for member in range(head, end)
            if table.head[at + member] == head
        )

    def columns(self, commune: int) -> Columns:
        """All citizens of the commune at this position, as columns; see Columns for types and codes."""
        start, end = self._starts[commune], self._starts[commune + 1]
        people = end - start
        table = blocks()
        block = np.arange(self._blocks[commune], self._blocks[commune + 1], dtype=np.uint64)
        row = (words(self._block_key, block) >> np.uint64(64 - BLOCKS.bit_length() + 1)).astype(np.intp)

        def spread(values: NDArray[Any]) -> NDArray[Any]:
            return values[row].ravel()[:people]

        number = np.arange(start, end, dtype=np.uint64)
        base = np.repeat(np.arange(0, people, BLOCK), BLOCK)[:people]
        age, male, head = spread(table.age), spread(table.male), base + spread(table.head)
        bits = words(self._person_key, number)
        home = words(self._home_key, number)[head]
        born, year = _births(age, bits)
        card_bucket = _century_sex(year, male) * np.uint64(100) + (year % np.uint16(100))
        serial = np.repeat(block * np.uint64(SHADES), BLOCK)[:people] + spread(table.shade)
        ethnicity, family, middle, given = self._name_codes(
            commune, bits, home, age, male, np.arange(people) - head, base + spread(table.family)
        )
        return Columns(
            commune=self.communes[commune],
            position=commune,
            first=start,
            cccd=self._cards(start, bits, card_bucket, serial),
            family=family,
            middle=middle,
            given=given,
            male=male.view(np.bool_),
            born=born,
            phone=self._phones(number),
            household=(head + start).astype(np.uint32),
            role=spread(table.role),
            ethnicity=ethnicity,
            hamlet=(base // (BLOCK * HAMLET_BLOCKS)).astype(np.uint16),
            e_id=((bits >> np.uint64(16)) & np.uint64(255)).astype(np.uint16) < _E_IDS[age],
        )

    def arrow(self, commune: int) -> Any:
        """`columns` as a pyarrow.Table with the fields of Citizen, names and addresses as text."""
        addresses, firsts = self._all_addresses
        return arrow_table(self.columns(commune), tuple(self._index), addresses, firsts[commune])

    def hamlets(self, commune: int) -> tuple[str, ...]:
        """The addresses in the commune at this position, by hamlet code."""
        if commune not in self._hamlets:
            self._hamlets[commune] = hamlets(self.communes[commune], self.seed)
        return self._hamlets[commune]

    @cached_property
    def _all_addresses(self) -> tuple[tuple[str, ...], list[int]]:
        """The addresses of all communes, and where those of each begin."""
        each = [self.hamlets(commune) for commune in range(len(self.communes))]
        return tuple(text for texts in each for text in texts), list(accumulate(map(len, each), initial=0))

    @cached_property
    def _ethnicities(self) -> list[bytes]:
        return [ethnicity_table(commune) for commune in self.communes]

    def _locate(self, number: int) -> tuple[int, int, int]:
        """Commune, its first citizen, and the block of a citizen."""
        if not 0 <= number < len(self):
            raise IndexError(f"citizen {number}: there are {len(self)}")
        commune = bisect_right(self._starts, number) - 1
        start = self._starts[commune]
        return commune, start, self._blocks[commune] + (number - start) // BLOCK

    def _template(self, block: int) -> int:
        return word(self._block_key, block) * BLOCKS >> 64

    def _make(self, commune: int, start: int, block: int, base: int, slot: int) -> Citizen:
        """The scalar twin of `columns`."""
        table, names_, numbers = _rows(), names(), self._numbers
        at = self._template(block) * BLOCK + slot
        number, head = base + slot, base + table.head[at]
        age, male = table.age[at], table.male[at]
        bits, home = word(self._person_key, number), word(self._home_key, head)
        born = _BIRTHDAY[age] - ((bits & 0xFFFF) * 365 >> 16)
        year = REFERENCE_DATE.year - age - (born < _JANUARY[age])
        unit = self.communes[commune]
        ethnicity = self._ethnicities[commune][home & _MASK]
        source = word(self._person_key, base + table.family[at])
        family = family_tables(unit.zone)[ethnicity * SIZE + (source >> 24 & _MASK)]
        style = names_.rows[(ethnicity * 2 + male) * AGES + age] * SIZE
        given = names_.given[style + (((home >> 10) + (slot - table.head[at]) * _STEP) & _MASK)]
        middle = names_.middle[style + (bits >> 34 & _MASK)]
        if names_.clash[middle] == given:
            middle = names_.plain_middle[male]
        if self._allowed is not None:
            card = self._allowed[number].decode()
        else:
            place = numbers.provinces[bits >> 44 & _MASK]
            century_sex = (2 if year >= 2000 else 0) + 1 - male
            card = numbers.card(place, century_sex, year, block * SHADES + table.shade[at])
        families, middles, givens = mail_names()
        return Citizen(
            number=number,
            cccd=card,
            name=names_.full(family, middle, given),
            male=bool(male),
            born=dt.date.fromordinal(_EPOCH + born),
            phone=numbers.phone(number),
            email=f"{givens[given]}.{families[family]}{middles[middle]}.{number}@congdan.test",
            commune=unit.code,
            address=self.hamlets(commune)[(base - start) // (BLOCK * HAMLET_BLOCKS)],
            household=head,
            role=ROLES[table.role[at]],
            ethnicity=names_.ethnicities[ethnicity],
            e_id=(bits >> 16 & 255) < _E_ID[age],
        )

    def _name_codes(
        self,
        commune: int,
        bits: U64,
        home: U64,
        age: NDArray[np.uint8],
        male: NDArray[np.uint8],
        member: NDArray[np.intp],
        namesake: NDArray[np.intp],
    ) -> tuple[NDArray[np.uint8], NDArray[np.uint8], NDArray[np.uint8], NDArray[np.uint16]]:
        """Codes of ethnicity, family, middle and given name. `namesake` is at whose place the family name is drawn."""
        table, mask = names(), np.uint64(_MASK)
        zone = self.communes[commune].zone
        ethnicity = np.frombuffer(self._ethnicities[commune], np.uint8)[(home & mask).astype(np.intp)]
        own = ethnicity.astype(np.intp)
        drawn = ((bits >> np.uint64(24)) & mask).astype(np.intp)
        family = np.frombuffer(family_tables(zone), np.uint8)[own * SIZE + drawn[namesake]]
        style = np.frombuffer(table.rows, np.uint8)[(own * 2 + male) * AGES + age].astype(np.intp) * SIZE
        spin = ((home >> np.uint64(10)).astype(np.intp) + member * _STEP) & _MASK
        given = np.frombuffer(table.given, np.uint16)[style + spin]
        middle = np.frombuffer(table.middle, np.uint8)[style + ((bits >> np.uint64(34)) & mask).astype(np.intp)]
        plain = np.frombuffer(table.plain_middle, np.uint8)[male]
        middle = np.where(np.frombuffer(table.clash, np.uint16)[middle] == given, plain, middle)
        return ethnicity, family, middle, given

    def _cards(self, start: int, bits: U64, bucket: U64, serial: U64) -> identity.Text:
        if self._allowed is not None:
            return self._allowed[start : start + len(bits)]
        place = np.array(self._numbers.provinces, np.uint64)[
            ((bits >> np.uint64(44)) & np.uint64(_MASK)).astype(np.intp)
        ]
        place *= np.uint64(1000)
        place += bucket
        place *= np.uint64(identity.SERIALS)
        return identity.digits(place + self._numbers.cards.many(serial, bucket), 12)

    def _phones(self, number: U64) -> identity.Text:
        value = self._numbers.phones.many(number)
        size = np.uint64(identity.SUBSCRIBERS)
        prefix = value // size
        codes = np.array([int(p) for p in self._numbers.prefixes], np.uint64) * size
        return identity.digits(codes[prefix.astype(np.intp)] + (value - prefix * size), 10)


def _shared_out(sizes: list[int], total: int) -> list[int]:
    """`total` people over communes of these sizes in proportion, at least one each."""
    edges = [at + (total - len(sizes)) * edge // sum(sizes) for at, edge in enumerate(accumulate(sizes, initial=0))]
    return [end - start for start, end in pairwise(edges)] if total < sum(sizes) else sizes


def _births(age: NDArray[np.uint8], bits: U64) -> tuple[NDArray[np.int32], NDArray[np.uint16]]:
    """Birthdays as days since 1970, evenly spread over the year that gives this age, and their years."""
    days = ((bits & np.uint64(0xFFFF)) * np.uint64(365)) >> np.uint64(16)
    born = _BIRTHDAYS[age] - days.astype(np.int32)
    year = np.uint16(REFERENCE_DATE.year) - age - (born < _JANUARIES[age])
    return born, year.astype(np.uint16)


def _century_sex(year: NDArray[np.uint16], male: NDArray[np.uint8]) -> U64:
    """The fourth digit of a card: 0 and 2 men, 1 and 3 women, of the 20th and 21st century."""
    return ((year >= 2000).astype(np.uint64) << np.uint64(1)) + (np.uint8(1) - male)
