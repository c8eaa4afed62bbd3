"""The synthetic province of one run: plan, people and papers, each a pure function of (profile, seed, arrival)."""

from __future__ import annotations

from collections.abc import Container, Iterable, Mapping
from typing import Any

import numpy as np

from scenarios import documents, rng, schedule, traffic
from scenarios.attachments import Library
from scenarios.contract import PROVINCE_OFFICE
from scenarios.documents import Document
from scenarios.dossiers import applicant_of
from scenarios.dossiers import dossier as make_dossier
from scenarios.flows import BY_JOURNEY, ESSENTIAL, JOURNEYS
from scenarios.population import Population
from scenarios.procedures import catalogue, choose
from scenarios.profiles import Profile
from scenarios.province import communes, fold
from scenarios.types import Arrival, Citizen, Commune, ConfigError, Dossier, Identities, Procedure

THINK_SPREAD = (0.5, 1.5)  # of the mean, evenly


def communes_of(profile: Profile) -> tuple[Commune, ...]:
    """The communes that the profile names, all of the province when it names none. Raises ConfigError."""
    everything = communes()
    known = {commune.code for commune in everything}
    wrong = [code for code in profile.communes if code not in known]
    if wrong:
        raise ConfigError(
            [
                f"{profile.name}: world.communes: {code!r} is no commune code of the province, e.g. 14797"
                for code in wrong
            ]
        )
    return tuple(commune for commune in everything if not profile.communes or commune.code in profile.communes)


def plan_of(
    profile: Profile, seed: int, own: Mapping[str, float], systems: Container[str] | None = None
) -> schedule.Plan:
    """Every arrival of the run. `own` are the weights of the target's own operations, for profiles of kind "flat".

    `systems` are those of the target, None: all. Where it lacks one that is not essential, nobody is sent there, unless
    the profile names its journeys.
    """
    if profile.kind == "flat":
        if not own:
            raise ConfigError([f'{profile.name}: kind = "flat" needs a target with operations of its own ([own.*])'])
        factors = profile.traffic.factors
        return schedule.constant(
            profile.rate_per_s, profile.duration_s, own, seed, poisson=profile.poisson, factors=factors
        )
    journeys = profile.journeys
    if systems is not None and journeys == JOURNEYS:
        sent_to = {one: BY_JOURNEY[one].system for one in journeys}
        journeys = tuple(one for one, system in sent_to.items() if system in ESSENTIAL or system in systems)
    streams = traffic.streams(communes_of(profile), profile.window, profile.traffic, seed, journeys)
    return schedule.make_plan(streams)


class World:
    """What journeys draw from. `systems` are those of the target. Holds caches, no state that changes an answer."""

    def __init__(
        self,
        profile: Profile,
        seed: int,
        tag: str,
        plan: schedule.Plan,
        population: Population,
        library: Library,
        systems: Iterable[str],
    ) -> None:
        self.tag = tag
        self.systems = frozenset(systems)
        self._seed = seed
        self._plan = plan
        self._compression = profile.traffic.compression
        self._population = population
        self._library = library
        self._commune = {commune.code: commune for commune in communes_of(profile)}
        self._procedures = {procedure.code: procedure for procedure in catalogue()}
        self._submits = _submits(plan)
        self._near = documents.neighbours(tuple(self._commune.values()))

    def warm(self) -> None:
        """Make one of everything, so that the first arrivals do not wait for tables and caches."""
        for index, commune in enumerate(self._commune):
            arrival = Arrival(index, 0, "", commune, "")
            self.upload(arrival, self.dossier(arrival).procedure, 0)

    def has(self, system: str) -> bool:
        """Whether the target has that system; people do not miss what their province has not got."""
        return system in self.systems

    def key(self, arrival: Arrival, what: str) -> str:
        """Idempotency key of one write: same seed and tag, same key."""
        return f"{self.tag}-{arrival.index:x}.{what}"

    def chance(self, arrival: Arrival, purpose: str) -> float:
        """A number in [0, 1) for one decision of one arrival."""
        return rng.uniform(rng.stream(self._seed, f"journey/{purpose}"), arrival.index)

    def think(self, arrival: Arrival, purpose: str, mean_s: float) -> int:
        """Think time in ns of the run, `mean_s` in seconds of the modelled day."""
        low, high = THINK_SPREAD
        factor = low + (high - low) * self.chance(arrival, f"think/{purpose}")
        return round(mean_s * factor / self._compression * 1e9)

    def applicant(self, arrival: Arrival) -> Citizen:
        """Who hands in: the drawn resident, or for a child the head of the household."""
        number = self._applicant_number(arrival)
        return applicant_of(self._population.citizen(number), self._population.household(number))

    def earlier_applicant(self, arrival: Arrival) -> Citizen:
        """Somebody whose online dossier was due before this arrival in the same commune; else any resident."""
        due, indices = self._submits.get(arrival.commune, (np.empty(0, np.int64), np.empty(0, np.int64)))
        before = int(np.searchsorted(due, arrival.at_ns))
        if not before:
            return self.applicant(arrival)
        chosen = rng.below(rng.stream(self._seed, "track"), arrival.index, before)
        return self.applicant(self._plan.arrival(int(indices[chosen])))

    def procedure(self, arrival: Arrival, purpose: str = "procedure") -> Procedure:
        key = rng.stream(self._seed, purpose)
        return choose(key, arrival.index, self._commune[arrival.commune])

    def dossier(self, arrival: Arrival) -> Dossier:
        number = self._applicant_number(arrival)
        return make_dossier(
            self._population.citizen(number),
            self._population.household(number),
            self.procedure(arrival),
            rng.stream(self._seed, "dossier"),
            arrival.index,
        )

    def application(self, dossier: Dossier) -> dict[str, Any]:
        """The values of `portal.submit` and `tthc.receive`."""
        return {
            "commune": dossier.commune,
            "procedure": dossier.procedure,
            "cccd": dossier.applicant.cccd,
            "applicant": dossier.applicant.name,
            "form": dossier.form,
        }

    def upload(self, arrival: Arrival, code: str, number: int) -> dict[str, Any]:
        """The values of `portal.attach` and `tthc.scan`; `sha256` is what the final read must find."""
        file = self._library.attachment(code, rng.stream(self._seed, f"attachment/{number}"), arrival.index)
        return {"dossier": code, "kind": "scan", "file": file, "sha256": file.sha256}

    def document(self, arrival: Arrival) -> Document:
        """What the arrival drafts; who is in this run are also those it is written to."""
        key = rng.stream(self._seed, f"document/{arrival.index}")
        if arrival.commune == PROVINCE_OFFICE:
            recipients = documents.from_province(key, tuple(self._commune))
        else:
            recipients = documents.from_commune(key, self._near[arrival.commune])
        return documents.document(key, recipients)

    def search_words(self, code: str) -> str:
        """What a hurried person types: the first words of the procedure's name without diacritics."""
        return " ".join(fold(self._procedures[code].name).split()[:3])

    def _applicant_number(self, arrival: Arrival) -> int:
        numbers = self._population.in_commune(arrival.commune)
        return numbers[rng.below(rng.stream(self._seed, "applicant"), arrival.index, len(numbers))]


def identities_of(text: str) -> Identities:
    """Raises ConfigError naming the three modes."""
    try:
        return Identities(text)
    except ValueError:
        raise ConfigError([f"identities: {text!r} will not do; one of {', '.join(Identities)}"]) from None


def _submits(plan: schedule.Plan) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Per commune the due times and indices of its online dossiers, ascending."""
    if "portal.submit" not in plan.journeys:
        return {}
    rows = np.flatnonzero(plan.journey == plan.journeys.index("portal.submit"))
    of = plan.commune[rows]
    return {code: (plan.at_ns[rows[of == n]], rows[of == n]) for n, code in enumerate(plan.communes)}
