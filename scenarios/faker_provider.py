"""A Faker provider over the synthetic province: citizens, card numbers, names and dossiers, seeded through Faker.

    fake = Faker("vi_VN")
    fake.add_provider(ThanhHoaProvider)
    Faker.seed(2025)
    fake.citizen(), fake.cccd(), fake.vietnamese_name(male=False), fake.dossier()

Faker itself gives what it is good at: occupations and companies. Its Vietnamese names are not used: they stand in
reversed order, carry forms of address, and give "Thị" to men.
"""

from __future__ import annotations

import unicodedata
from functools import lru_cache

import msgspec
from faker.providers import BaseProvider

from scenarios.population import Population
from scenarios.province import communes
from scenarios.types import Citizen, Dossier, Identities

SEED = 1  # of the province that Faker draws from; Faker's own seed decides whom it draws
_LOOK_MAX = 1_000  # neighbours asked for the wanted sex


class ThanhHoaProvider(BaseProvider):
    """People of Thanh Hóa. Identities are marked (nobody's) unless a mode is given; see scenarios.types.Identities."""

    def citizen(self, commune: str | None = None, mode: Identities = Identities.MARKED) -> Citizen:
        """Any resident of the province, or of the commune with this code (KeyError for none such)."""
        people = _province(Identities(mode))
        return people.citizen(self._number(people, commune))

    def household(self, commune: str | None = None, mode: Identities = Identities.MARKED) -> tuple[Citizen, ...]:
        """Everybody of one household, the head first. Large households come more often: a citizen is drawn."""
        people = _province(Identities(mode))
        return people.household(self._number(people, commune))

    def cccd(self, mode: Identities = Identities.MARKED) -> str:
        """A card number of 12 digits."""
        return self.citizen(mode=mode).cccd

    def vietnamese_name(self, male: bool | None = None) -> str:
        """Family, middle and given name, of a man or a woman if `male` is given."""
        people = _province(Identities.MARKED)
        first = self._number(people, None)
        for number in range(first, first + _LOOK_MAX):
            citizen = people.citizen(number % len(people))
            if male is None or citizen.male == male:
                return citizen.name
        raise AssertionError("a thousand neighbours of one sex")

    def dossier(self, commune: str | None = None, mode: Identities = Identities.MARKED) -> Dossier:
        """A filled-in dossier of a resident, for a procedure as often as people ask for it, with a place of work."""
        # Here because forms and procedures load Faker's own tables, which somebody who wants names can do without.
        from scenarios.dossiers import dossier
        from scenarios.procedures import choose

        people = _province(Identities(mode))
        number = self._number(people, commune)
        citizen, household = people.citizen(number), people.household(number)
        unit = next(c for c in people.communes if c.code == citizen.commune)
        key = self.generator.random.getrandbits(63)
        made = dossier(citizen, household, choose(key, number, unit), key, number)
        work = unicodedata.normalize("NFC", self.generator.company())
        return msgspec.structs.replace(made, form={**made.form, "noi_lam_viec": work})

    def _number(self, people: Population, commune: str | None) -> int:
        numbers = people.in_commune(commune) if commune else range(len(people))
        at: int = self.generator.random.randrange(len(numbers))
        return numbers[at]


@lru_cache(maxsize=2)
def _province(mode: Identities) -> Population:
    return Population(communes(), SEED, mode)
