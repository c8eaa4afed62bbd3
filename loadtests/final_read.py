"""After the last request: ask the target for every key of the ledger, for keys that nobody intended, and for what its
linked systems hold."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path

import msgspec

from loadtests.answering import Answering, FinalRead
from loadtests.audit_pages import Asking, AuditError
from loadtests.linked_systems import LinkedSystems, Listing
from loadtests.targets import Target
from record.journal import Journal
from record.tables import json_lines
from record.types import Fact, LedgerEntry, Link
from scenarios.contract import AUDIT_KEYS_MAX, BY_NAME, WritesPage, digest

WORKER = 9999  # journal number of the final read
READ_S_MAX = 900.0  # for all
STRANGERS_MAX = 100_000  # writes with the run's tag that nobody intended: enough to say so


class Done(msgspec.Struct, frozen=True):
    """What was read. What was not read stays open in the audit; `problems` say why."""

    keys: int
    writes_listed: bool  # everything that carries the run's tag
    listing: Listing
    problems: tuple[str, ...]


def final_read(
    folder: Path, target: Target, tag: str, links: tuple[Link, ...], now: Callable[[], int],
    tell: Callable[[str, int, int], None],
) -> Done | None:  # fmt: skip
    """Facts, observations and clock readings into the record's journal; None when the target has no [final_read].

    `tell`: which part, how many keys of how many. An address that does not answer as its target file promises is a
    problem; the others are read all the same.
    """
    where = target.final_read
    if where is None:
        return None
    journal = Journal(folder / "journal", WORKER)
    try:
        return _Reading(journal, folder / "journal", target, where, tag, now, tell).run(links)
    finally:
        journal.close()


class _Reading:
    """One final read."""

    def __init__(
        self, journal: Journal, folder: Path, target: Target, where: FinalRead, tag: str, now: Callable[[], int],
        tell: Callable[[str, int, int], None],
    ) -> None:  # fmt: skip
        self._journal = journal
        self._folder = folder
        self._target = target
        self._where = where
        self._tag = tag
        self._now = now
        self._tell = tell
        self._deadline_ns = now() + round(READ_S_MAX * 1e9)
        self._asked = 0
        self._strangers = 0
        self._intended = {
            entry.key: entry
            for path in sorted(folder.glob("ledger-*.jsonl"))
            for entry in json_lines(path, LedgerEntry)
            if entry.fact is Fact.INTENDED
        }

    def run(self, links: tuple[Link, ...]) -> Done:
        problems = []
        for answering, keys in self._by_address():
            try:
                self._read(answering, keys)
            except AuditError as error:
                problems.append(str(error))
        writes_listed = self._where.lists_writes and not problems
        linked = LinkedSystems(self._target, self._tag, links, self._now)
        path = self._folder / f"observations-{WORKER}.jsonl"
        listing = linked.list_into(self._journal, path, self._where, self._deadline_ns, self._check_listing)
        return Done(self._asked, writes_listed, listing, (*problems, *listing.problems))

    def _by_address(self) -> list[tuple[Answering, list[str]]]:
        """Who is asked for which keys: each system's where it answers."""
        systems = {operation.name: operation.system for operation in self._target.operations()}
        keys: dict[str, list[str]] = {one.system: [] for one in self._where if one.keys_url}
        for key, entry in self._intended.items():
            keys[self._where.keys_at(systems.get(entry.operation, "")).system].append(key)
        return [(one, sorted(keys[one.system])) for one in self._where if one.keys_url]

    def _read(self, answering: Answering, keys: list[str]) -> None:
        with Asking(self._target, answering.headers) as asking:
            for batch in _batches(keys, AUDIT_KEYS_MAX):
                self._check_time("final read", answering.keys_url)
                page = asking.keys(answering.keys_url, batch)
                self._asked += len(batch)
                self._note(page)
                found = {write.key for write in page.writes}
                for key in (key for key in batch if key not in found):
                    entry = self._intended[key]
                    absent = LedgerEntry(key, Fact.ABSENT, self._now(), entry.operation, entry.commune, entry.arrival)
                    self._journal.ledger(absent)
            if answering.writes_url:
                for page in asking.writes(answering.writes_url, self._tag):
                    self._check_time("final read", answering.writes_url)
                    strange = [write for write in page.writes if write.key not in self._intended]
                    self._strangers += len(strange)
                    if self._strangers > STRANGERS_MAX:
                        what = f"more than {STRANGERS_MAX} writes that nobody intended"
                        raise AuditError(f"{answering.writes_url}: {what}", lasting=True)
                    self._note(WritesPage(strange))

    def _note(self, page: WritesPage) -> None:
        at_ns = self._now()
        for write in page.writes:
            entry = self._intended.get(write.key)
            operation = entry.operation if entry else write.operation
            known = operation in BY_NAME and all(name in write.content for name in BY_NAME[operation].kept)
            self._journal.ledger(
                LedgerEntry(
                    write.key,
                    Fact.OBSERVED,
                    at_ns,
                    write.operation,
                    entry.commune if entry else "",
                    entry.arrival if entry else None,
                    digest(operation, write.content) if known else None,
                    write.subject or None,
                )
            )

    def _check_listing(self) -> None:
        self._check_time("linked systems", self._where.main.observations_url)

    def _check_time(self, part: str, url: str) -> None:
        self._tell(part, self._asked, len(self._intended))
        if self._now() > self._deadline_ns:
            raise AuditError(f"{url}: the final read was not over after {READ_S_MAX:g} s", lasting=True)


def _batches(keys: list[str], size: int) -> Iterator[list[str]]:
    rest = iter(keys)
    while batch := list(islice(rest, size)):
        yield batch
