"""The national portal as far as it hears of the province's dossiers: takes each message once, whatever comes first."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import msgspec

from scenarios.contract import BY_NAME, Observation, Operation, mark
from testbed.observing import View
from testbed.outside.outside import Outside
from testbed.site import Served
from testbed.store import Tx
from testbed.sync_messages import (
    CREATION,
    KEYS_HEADER,
    PATH,
    PROGRESS,
    TURNS_HEADER,
    Answer,
    Creation,
    Message,
    Progress,
)
from testbed.visit import RefusedError, Visit

PLACE = "national"
RECEIVE = Operation("national.receive", "POST", PATH)
# `at_ms` of a message: since when its state can be seen here; null while the dossier itself is not known yet.
_DOSSIERS = (
    "CREATE TABLE IF NOT EXISTS national_dossiers (id {identity}, key {key} NOT NULL, dossier {key} NOT NULL,"
    " procedure TEXT NOT NULL, applicant TEXT NOT NULL, unit TEXT NOT NULL, state INTEGER NOT NULL,"
    " turn BIGINT NOT NULL, at_ms BIGINT NOT NULL)"
)
_MESSAGES = (
    "CREATE TABLE IF NOT EXISTS national_messages (id {identity}, key {key} NOT NULL, dossier {key} NOT NULL,"
    " state INTEGER NOT NULL, turn BIGINT NOT NULL, at_ms BIGINT)"
)
OTHERS = (
    _DOSSIERS,
    _MESSAGES,
    "CREATE INDEX IF NOT EXISTS national_dossiers_dossier ON national_dossiers (dossier)",
    "CREATE INDEX IF NOT EXISTS national_messages_key ON national_messages (key)",
    "CREATE INDEX IF NOT EXISTS national_messages_dossier ON national_messages (dossier, turn)",
)
_STATE = "SELECT state FROM national_dossiers WHERE dossier = $1 ORDER BY id LIMIT 1"
_TAKEN = "SELECT 1 FROM national_messages WHERE key = $1 AND dossier = $2 LIMIT 1"
_NOTE = "INSERT INTO national_messages (key, dossier, state, turn) VALUES ($1, $2, $3, $4)"
_SHOW = "UPDATE national_messages SET at_ms = $1 WHERE dossier = $2 AND at_ms IS NULL"
_NEWEST = "SELECT state, turn FROM national_messages WHERE dossier = $1 ORDER BY turn DESC LIMIT 1"
_CREATE = (
    "INSERT INTO national_dossiers (key, dossier, procedure, applicant, unit, state, turn, at_ms)"
    " VALUES ($1, $2, $3, $4, $5, $6, $7, $8)"
)
_MOVE = "UPDATE national_dossiers SET state = $1, turn = $2, at_ms = $3 WHERE dossier = $4 AND turn < $5"

_message = msgspec.json.Decoder(Message)
_item: dict[str, msgspec.json.Decoder[Any]] = {
    CREATION: msgspec.json.Decoder(Creation),
    PROGRESS: msgspec.json.Decoder(Progress),
}


class Item(NamedTuple):
    """One item with its key and its turn among those of its dossier."""

    key: str
    turn: int
    content: Creation | Progress


async def receive(outside: Outside, visit: Visit) -> Answer:
    """Takes all of a message or nothing. What is taken already is passed over."""
    message = await visit.json(_message)
    items = _items(message, visit)
    at_ms, taken = outside.store.now_ms(), 0
    async with outside.store.write(visit.spent, PLACE) as tx:
        for item in items:
            if outside.faults.hit("sync-lose") or await tx.rows(_TAKEN, item.key, item.content.dossier):
                continue
            taken += 1
            await _take(outside, tx, item, at_ms)
    return Answer("00", "", f"{taken} of {len(items)}")


async def track(outside: Outside, visit: Visit) -> dict[str, Any]:
    code = visit.dossier()
    async with outside.store.read(visit.spent) as tx:
        found = await tx.rows(_STATE, code)
    return {"dossier": code, "state": found[0][0] if found else None}


async def _take(outside: Outside, tx: Tx, item: Item, at_ms: int) -> None:
    content = item.content
    state = int(content.state)
    await tx.run(_NOTE, item.key, content.dossier, state, item.turn)
    known = bool(await tx.rows(_STATE, content.dossier))
    if isinstance(content, Creation):
        state, turn = (await tx.rows(_NEWEST, content.dossier))[0]
        row = (item.key, content.dossier, content.procedure, content.applicant, content.unit, state, turn, at_ms)
        for _ in range(2 if outside.faults.hit("sync-double") else 0 if known else 1):
            await tx.run(_CREATE, *row)
    elif known and not outside.faults.hit("sync-reverse"):  # as if the older one had come last
        await tx.run(_MOVE, state, item.turn, at_ms, content.dossier, item.turn)
    if known or isinstance(content, Creation):
        await tx.run(_SHOW, at_ms, content.dossier)


def _items(message: Message, visit: Visit) -> Sequence[Item]:
    """Raises RefusedError where the message is not of the published shape or its headers do not fit."""
    keys, turns = (
        visit.headers.get(name.lower().encode(), b"").decode("latin-1").split() for name in (KEYS_HEADER, TURNS_HEADER)
    )
    if not len(keys) == len(turns) == len(message.data) or not all(turn.isdigit() for turn in turns):
        raise RefusedError(422, "headers-do-not-fit")
    decoder = _item.get(message.service)
    if decoder is None:
        raise RefusedError(422, "service-unknown")
    try:
        contents = [decoder.decode(raw) for raw in message.data]
    except msgspec.ValidationError as error:
        raise RefusedError(422, "body-invalid") from error
    if not all(content.state.isdigit() for content in contents):
        raise RefusedError(422, "state-unknown")
    return [Item(key, int(turn), content) for key, turn, content in zip(keys, turns, contents, strict=True)]


SERVED = (Served(BY_NAME["national.track"], track), Served(RECEIVE, receive, inner=True))

_OF_RUN = "WHERE id > $1 AND key || '' >= $2 AND key || '' < $3"
VIEWS = (
    View(
        PLACE,
        f"SELECT id, dossier, state, at_ms, key, procedure, applicant, unit FROM national_dossiers {_OF_RUN}"
        " ORDER BY id LIMIT $4",
        lambda c: Observation(
            PLACE, "state", c[0], str(c[1]), c[2], c[3], mark(c[4], c[5]), c[6].removesuffix(".H56").rsplit(".", 1)[-1]
        ),
    ),
    View(
        PLACE,
        f"SELECT id, dossier, state, at_ms, key FROM national_messages {_OF_RUN} AND at_ms IS NOT NULL"
        " ORDER BY id LIMIT $4",
        lambda c: Observation(PLACE, "history", c[0], str(c[1]), c[2], c[3]),
    ),
)
