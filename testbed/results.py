"""The signed results of dossiers: who may sign what and when, one result per dossier, kept as a file by its digest."""

from __future__ import annotations

from testbed import results_schema as sql
from testbed.results_schema import RESULTS
from testbed.store import Applied, Columns, Row, Store, Tx, make_write
from testbed.uploads import Files
from testbed.visit import RefusedError, Spent

APPROVED = 9  # Đã xử lý xong
MINE_MAX = 50


class Results:
    """All signed results of the platform."""

    def __init__(self, store: Store, files: Files) -> None:
        self._store = store
        self._files = files

    async def earlier(self, spent: Spent, key: str, operation: str, code: str) -> Applied | None:
        """What this key signed before. Raises RefusedError when the dossier's result is not there to be signed."""
        async with self._store.read(spent) as tx:
            return await self._earlier(tx, key, operation, (code,))

    async def keep(self, spent: Spent, key: str, operation: str, code: str, account: str, pdf: bytes) -> Applied:
        """The PDF that was signed, unless somebody was quicker."""
        kept = (code,)
        async with self._store.write(spent, key) as tx:
            if earlier := await self._earlier(tx, key, operation, kept):
                return earlier
            row = Row(key, operation, code, kept, (self._files.keep(pdf), len(pdf), account, self._store.now_ms()))
            await self._store.keep(tx, RESULTS, row)
        return Applied(make_write(RESULTS, key, operation, code, kept), True)

    async def pdf(self, spent: Spent, code: str) -> bytes:
        """Raises RefusedError 404 when the result has not been signed."""
        async with self._store.read(spent) as tx:
            rows = await tx.rows(sql.RESULT, code)
        if not rows:
            raise RefusedError(404, "result-unknown")
        return self._files.place(rows[0][0]).read_bytes()

    async def mine(self, spent: Spent, cccd: str) -> list[str]:
        """Codes of an applicant's dossiers whose signed results can be fetched, newest first, at most MINE_MAX."""
        async with self._store.read(spent) as tx:
            return [code for code, _ in await tx.rows(sql.MINE, cccd, MINE_MAX)]

    async def _earlier(self, tx: Tx, key: str, operation: str, kept: Columns) -> Applied | None:
        if earlier := await self._store.earlier(tx, key, RESULTS, kept, operation):
            return earlier
        state = await tx.rows(sql.STATE, kept[0])
        if not state:
            raise RefusedError(404, "dossier-unknown")
        if state[0][0] != APPROVED:
            raise RefusedError(409, "not-approved")
        if await tx.rows(sql.RESULT, kept[0]):
            raise RefusedError(409, "already-signed")
        return None
