"""What the linked systems hold at the final read, listed again and again until they agree or their time is over.

Only the last listing is kept. Its rows go to disk as they come; in memory there are eight bytes for each row of a link.
"""

from __future__ import annotations

import shutil
import tempfile
import time
from array import array
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import msgspec
import numpy as np

from loadtests.answering import Answering, FinalRead
from loadtests.audit_pages import Asking, AuditError
from loadtests.targets import Target
from record.journal import Journal
from record.types import Link, Observation, Reading
from scenarios.contract import LINK_PEOPLE, LINKS, ObservationsPage
from scenarios.contract import Observation as Seen

KINDS = ("state", "history", "move", "number", "payment", "delivery", "count")
PLACES_MAX = 1000  # for which one address may speak
PAUSE_S_MIN = 0.5  # between two listings, else as long as the last one took


def links_of(target: Target, systems: Sequence[str]) -> tuple[Link, ...]:
    """The links that a run can be held to: both systems are there and observed, and people are sent to one of those
    through which something comes about. `systems`: where the plan sends people."""
    where, bases = target.final_read, target.info().bases
    if where is None:
        return ()
    ends = {link.slug: {place.split(".", 1)[0] for place in (link.source, link.mirror)} for link in LINKS}
    return tuple(
        link
        for link in LINKS
        if all(system in bases and where.observed(system) for system in ends[link.slug])
        and any(system in systems for system in LINK_PEOPLE[link.slug])
    )


class Listing(msgspec.Struct, frozen=True):
    """What came of it: the places that were listed whole, what was still missing, which addresses failed."""

    places: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()
    problems: tuple[str, ...] = ()


class LinkedSystems:
    """All addresses of a target that list observations. `now` and `deadline_ns` are on the run's clock."""

    def __init__(self, target: Target, tag: str, links: Sequence[Link], now: Callable[[], int]) -> None:
        self._target = target
        self._tag = tag
        self._links = links
        self._now = now

    def list_into(
        self, journal: Journal, path: Path, where: FinalRead, deadline_ns: int, tell: Callable[[], None]
    ) -> Listing:
        """Observations into the file at `path`, clock readings into the journal.

        `tell` is called for each page and may raise to break off.
        """
        asked = [one for one in where if one.observations_url]
        if not asked:
            return Listing()
        settled_ns = min(self._now() + round(where.settle_s * 1e9), deadline_ns)
        while True:
            began_ns = self._now()
            with tempfile.TemporaryDirectory(dir=path.parent, prefix="listing-") as folder:
                one_round = _Round(self._links)
                for number, answering in enumerate(asked):
                    self._list(one_round, answering, Path(folder) / str(number), journal, tell)
                if self._now() >= settled_ns or not one_round.worth_another:
                    _join(one_round.files, path)
                    return Listing(tuple(one_round.places), one_round.missing(), tuple(one_round.problems))
            pause_s = max(PAUSE_S_MIN, (self._now() - began_ns) * 1e-9)
            time.sleep(max(0.0, min(pause_s, (settled_ns - self._now()) * 1e-9)))

    def _list(
        self, one_round: _Round, answering: Answering, folder: Path, journal: Journal, tell: Callable[[], None]
    ) -> None:
        """One address. When it fails, nothing of it is kept: half a listing would look like a loss."""
        folder.mkdir()
        spool = Journal(folder, 0)
        clock = _Clock(self._now)
        places: list[str] = []
        try:
            with Asking(self._target, answering.headers) as asking:
                pages = asking.observations(answering.observations_url, self._tag)
                while (page := clock.timed(pages)) is not None:
                    tell()
                    places += dict.fromkeys(place for place in page.places[: PLACES_MAX + 1] if place not in places)
                    _check(page, places, one_round.places, answering)
                    for seen in page.observations:
                        spool.observation(_as_record(seen))
                        one_round.note(seen)
        except AuditError as error:
            one_round.problems.append(str(error))
            one_round.passing = one_round.passing or not error.lasting
        else:
            one_round.places += places
            one_round.files.append(folder / "observations-0000.jsonl")
        finally:
            spool.close()
        if clock.skew_ms is not None:
            source = f"target:{answering.system}"
            journal.reading(Reading(source, "clock_skew_ms", "ms", self._now(), clock.skew_ms))


class _Round:
    """One listing of everything."""

    def __init__(self, links: Sequence[Link]) -> None:
        self.places: list[str] = []
        self.files: list[Path] = []
        self.problems: list[str] = []
        self.passing = False  # one of the problems may pass
        self._links = [(link, array("q"), array("q")) for link in links]
        self._sides: dict[tuple[str, str], list[array[int]]] = {}
        for link, source, mirror in self._links:
            self._sides.setdefault((link.source, link.kind), []).append(source)
            self._sides.setdefault((link.mirror, link.kind), []).append(mirror)

    def note(self, seen: Seen) -> None:
        for side in self._sides.get((seen.place, seen.kind), ()):
            side.append(hash((seen.subject, seen.value)))

    def missing(self) -> tuple[str, ...]:
        """For each link whose two places were listed: how much of the source is not at the mirror."""
        found = []
        for link, source, mirror in self._links:
            if link.source in self.places and link.mirror in self.places:
                there = np.unique(np.array(source, np.int64))
                lacking = len(np.setdiff1d(there, np.array(mirror, np.int64), assume_unique=False))
                if lacking:
                    found.append(f"{link.slug}: {lacking} of {len(there)} of {link.source} not at {link.mirror}")
        return tuple(found)

    @property
    def worth_another(self) -> bool:
        """Whether time may still mend something."""
        return self.passing or bool(self.missing())


class _Clock:
    """How far a system's clock is ahead of ours: from the answer that took the least time."""

    def __init__(self, now: Callable[[], int]) -> None:
        self.skew_ms: float | None = None
        self._now = now
        self._least_ns = 0

    def timed(self, pages: Iterator[ObservationsPage]) -> ObservationsPage | None:
        asked_ns = self._now()
        page = next(pages, None)
        took_ns = self._now() - asked_ns
        if page is not None and (self.skew_ms is None or took_ns < self._least_ns):
            self._least_ns = took_ns
            self.skew_ms = page.at_ms - (time.time_ns() - took_ns / 2) * 1e-6
        return page


def _check(page: ObservationsPage, places: list[str], others: list[str], answering: Answering) -> None:
    """What no reader of the record could make sense of."""
    wrong = [f"place {place!r} was listed by another address already" for place in page.places if place in others]
    for seen in page.observations:
        if seen.kind not in KINDS:
            wrong.append(f"kind {seen.kind!r} is none of {', '.join(KINDS)}")
        if seen.place not in places:
            wrong.append(f"place {seen.place!r} is not among its places")
    if len(places) > PLACES_MAX:
        wrong.append(f"more than {PLACES_MAX} places")
    if wrong:
        raise AuditError(f"{answering.observations_url}: {wrong[0]}", lasting=True)


def _as_record(seen: Seen) -> Observation:
    return Observation(seen.place, seen.kind, seen.subject, seen.value, seen.at_ms, seen.key, seen.digest, seen.commune)


def _join(parts: Sequence[Path], path: Path) -> None:
    there = [part for part in parts if part.exists()]
    if there:
        with path.open("wb") as whole:
            for part in there:
                with part.open("rb") as file:
                    shutil.copyfileobj(file, whole)
