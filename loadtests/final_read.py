"""After the last request: ask the target for every key of the ledger, and for keys that nobody intended."""

from __future__ import annotations

import ssl
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path

import httpx
import msgspec

from loadtests.targets import Target
from record.journal import Journal
from record.tables import json_lines
from record.types import Fact, LedgerEntry
from scenarios.contract import AUDIT_KEYS_MAX, BY_NAME, WritesPage, digest

WORKER = 9999  # journal number of the final read
TIMEOUT_S = 30.0  # for one answer, or a part of it
READ_S_MAX = 900.0  # for all
PAGE_ROWS = 2000
PAGES_MAX = 100_000


class FinalReadError(Exception):
    """The target could not be asked; the verdict of the audit stays open."""


def final_read(folder: Path, target: Target, tag: str, now: Callable[[], int], tell: Callable[[int, int], None]) -> int:
    """Observed and absent facts into the record's journal; the number of keys asked for. `tell`: how many of how many.

    Raises FinalReadError when the target does not answer as its target file promises. What was read until then is kept.
    """
    where = target.final_read
    if where is None:
        return 0
    intended = {
        entry.key: entry
        for path in sorted((folder / "journal").glob("ledger-*.jsonl"))
        for entry in json_lines(path, LedgerEntry)
        if entry.fact is Fact.INTENDED
    }
    journal = Journal(folder / "journal", WORKER)
    deadline_ns, asked = now() + round(READ_S_MAX * 1e9), 0

    def check_time() -> None:
        tell(asked, len(intended))
        if now() > deadline_ns:
            raise FinalReadError(f"{where.keys_url}: the final read was not over after {READ_S_MAX:g} s")

    try:
        with httpx.Client(
            timeout=TIMEOUT_S, trust_env=False, verify=_trust(target), headers=target.final_read_headers()
        ) as client:
            for keys in _batches(sorted(intended), AUDIT_KEYS_MAX):
                check_time()
                page = _page(client.post(where.keys_url, json={"keys": keys}))
                asked += len(keys)
                _note(journal, page, intended, now())
                found = {write.key for write in page.writes}
                for key in (key for key in keys if key not in found):
                    entry = intended[key]
                    journal.ledger(LedgerEntry(key, Fact.ABSENT, now(), entry.operation, entry.commune, entry.arrival))
            if where.writes_url:
                for page in _pages(client, where.writes_url, tag):
                    check_time()
                    strange = [write for write in page.writes if write.key not in intended]
                    _note(journal, WritesPage(strange), intended, now())
    except (httpx.HTTPError, httpx.InvalidURL, ssl.SSLError, ValueError) as error:
        raise FinalReadError(f"{where.keys_url}: the final read failed: {error}") from error
    finally:
        journal.close()
    return len(intended)


def _note(journal: Journal, page: WritesPage, intended: dict[str, LedgerEntry], at_ns: int) -> None:
    for write in page.writes:
        entry = intended.get(write.key)
        operation = entry.operation if entry else write.operation
        known = operation in BY_NAME and all(name in write.content for name in BY_NAME[operation].kept)
        journal.ledger(
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


def _pages(client: httpx.Client, url: str, tag: str) -> Iterator[WritesPage]:
    after = ""
    for _ in range(PAGES_MAX):
        page = _page(client.get(url, params={"tag": tag, "after": after, "limit": PAGE_ROWS}))
        yield page
        if page.next is None:
            return
        after = page.next
    raise FinalReadError(f"{url}: more than {PAGES_MAX} pages")


def _page(response: httpx.Response) -> WritesPage:
    response.raise_for_status()
    return msgspec.json.decode(response.content, type=WritesPage)


def _trust(target: Target) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=target.http.ca_file or None)


def _batches(keys: list[str], size: int) -> Iterator[list[str]]:
    rest = iter(keys)
    while batch := list(islice(rest, size)):
        yield batch
