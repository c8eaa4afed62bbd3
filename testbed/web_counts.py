"""The sites' own copy of the communes' figures, refreshed from the dossiers every few seconds by a job.

Only communes in which something happened are counted anew. The lag this brings is what a nightly or hourly job has in
the field, made short.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Mapping, Sequence

import msgspec

from testbed import web_schema as sql
from testbed.dossiers import Dossiers
from testbed.faults import Fault, Faults
from testbed.store import DATABASE_ERRORS, Store
from testbed.visit import Spent
from testbed.web_pages import Figures

REFRESH_S = 2.0
NEWEST_MAX = 10  # codes that a site makes public
_codes = msgspec.json.Decoder(list[str]).decode


class WebCounts:
    """Figures of every site; the table is what sites and audit read."""

    def __init__(self, store: Store, dossiers: Dossiers, faults: Faults) -> None:
        self._store = store
        self._dossiers = dossiers
        self._faults = faults
        self._newest: dict[str, Sequence[str]] = {}  # by commune, the latest last
        self._faults_then: tuple[Fault, ...] = faults.active

    async def open(self) -> None:
        """Count everything once: what happened since the last refresh of an earlier process is not known."""
        async with self._store.read(Spent()) as tx:
            for commune, newest in await tx.rows(sql.ALL_NEWEST):
                self._newest[commune] = _codes(newest)
            communes = [commune for (commune,) in await tx.rows(sql.COMMUNES)]
        self._dossiers.touch(dict.fromkeys(communes, ()))
        await self.refresh()

    async def of(self, spent: Spent, site: str) -> Figures:
        """As the copy has them; zeros where it has none."""
        async with self._store.read(spent) as tx:
            rows = await tx.rows(sql.KEPT, site)
        if not rows:
            return Figures()
        received, processed, newest, at_ms = rows[0]
        return Figures(received, processed, tuple(reversed(_codes(newest))), at_ms)

    async def run(self) -> None:
        """For ever. When the database fails it is tried again the next time, as requests are."""
        while True:
            await asyncio.sleep(REFRESH_S)
            try:
                await self.refresh()
            except DATABASE_ERRORS as error:
                print(f"testbed: the sites' figures were not refreshed: {error}", file=sys.stderr, flush=True)

    async def refresh(self) -> None:
        """Count the communes in which something happened since the last time. Nothing is forgotten when this raises."""
        if self._faults.hit("counts-stuck"):
            return
        if self._faults.active is not self._faults_then:  # one begins or ends to tell what is not so
            self._faults_then = self._faults.active
            self._dossiers.touch(dict.fromkeys(self._newest, ()))
        touched = self._dossiers.take_touched()
        if not touched:
            return
        try:
            await self._refresh(touched)
        except DATABASE_ERRORS:
            self._dossiers.touch(touched)
            raise

    async def _refresh(self, touched: Mapping[str, Sequence[str]]) -> None:
        off, missing = int(self._faults.value("counts-wrong") or 0), self._faults.value("site-missing")
        newest = {commune: [*self._newest.get(commune, ()), *codes][-NEWEST_MAX:] for commune, codes in touched.items()}
        counted = []
        for commune in touched:
            async with self._store.read(Spent()) as tx:
                received, processed = (await tx.rows(sql.COUNT, commune))[0]
            counted.append((commune, received + off, processed, _text(newest[commune]), self._store.now_ms()))
            await asyncio.sleep(0)  # requests have their turn between two communes
        async with self._store.write(Spent(), "web-counts") as tx:
            for row in counted:
                if missing == int(row[0]):
                    await tx.run(sql.FORGET, row[0])
                else:
                    await tx.run(sql.KEEP, *row)
            await tx.run(sql.KEEP_PROVINCE, "[]", self._store.now_ms())
        self._newest.update(newest)


def is_missing(faults: Faults, site: str) -> bool:
    """A fault has taken this site away."""
    return bool(faults.active) and faults.value("site-missing") == int(site)


def _text(codes: Sequence[str]) -> str:
    return msgspec.json.encode(codes).decode()
