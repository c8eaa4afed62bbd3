"""The document system (quản lý văn bản): the province and the communes issue documents, clerks take in what arrives.

Think times in day seconds: a document has been written and talked over before somebody puts it in.
"""

from __future__ import annotations

from collections.abc import Generator, Mapping
from typing import Any

from scenarios.types import Arrival, Call, Journey, Reply
from scenarios.world import World

DRAFT_S, REVIEW_S, SIGN_S, ISSUE_S = 120.0, 300.0, 300.0, 120.0
TAKE_S, READ_S, ACCEPT_S, REGISTER_S, ASSIGN_S = 15.0, 30.0, 60.0, 60.0, 120.0
BEGIN_S, FINISH_S, REPORT_S = 300.0, 600.0, 30.0
OPEN_S, OPEN_SHARE = 20.0, 0.15  # of those who receive; who issues looks at every one
CLERK, SPECIALIST, HEAD, LEADER = "vanthu", "chuyenvien", "truongphong", "lanhdao"
ACCEPTED, IN_PROGRESS, DONE = "03", "05", "06"
OPINION, NOTE = "Đồng ý trình lãnh đạo ký.", "Đã thực hiện, báo cáo theo yêu cầu của văn bản."


def issue(arrival: Arrival, world: World) -> Journey:
    """Draft, review, sign and issue: by the province to one or to all communes, by a commune to the province and some
    neighbours."""
    document = world.document(arrival)
    values = {
        "commune": arrival.commune,
        "title": document.title,
        "content": document.content,
        "recipients": list(document.recipients),
    }
    reply = yield from _step(arrival, world, SPECIALIST, "docs.draft", values, DRAFT_S)
    if not reply.ok:
        return
    draft = {"draft": str(reply.values["draft"])}
    for role, operation, more, think_s in (
        (HEAD, "docs.review", {"opinion": OPINION}, REVIEW_S),
        (LEADER, "docs.sign", {}, SIGN_S),
        (CLERK, "docs.issue", {}, ISSUE_S),
    ):
        reply = yield from _step(arrival, world, role, operation, draft | more, think_s)
        if not reply.ok:
            return
    yield _open(arrival, world, str(reply.values["document"]))


def incoming(arrival: Arrival, world: World) -> Journey:
    """Look into the inbox; take the oldest, read, accept, register and assign it; a specialist sees to it."""
    reply, clerk = yield from _log_in(arrival, CLERK)
    if not reply.ok:
        return
    commune = {"commune": arrival.commune}
    reply = yield Call("docs.inbox", commune, actor=clerk)
    if not reply.ok or not reply.values["documents"]:
        return
    reply = yield from _step(arrival, world, CLERK, "docs.take", commune, TAKE_S)
    if not reply.ok or reply.values["document"] is None:
        return
    place = commune | {"document": str(reply.values["document"])}
    yield Call("docs.fetch", place, think_ns=world.think(arrival, "read", READ_S), actor=clerk)
    if world.chance(arrival, "open") < OPEN_SHARE:
        yield _open(arrival, world, place["document"])
    for role, operation, more, think_s in (
        (CLERK, "docs.confirm", {"status": ACCEPTED}, ACCEPT_S),
        (CLERK, "docs.register", {}, REGISTER_S),
        (CLERK, "docs.assign", {"to": f"{arrival.commune}.{SPECIALIST}"}, ASSIGN_S),
        (SPECIALIST, "docs.confirm", {"status": IN_PROGRESS}, BEGIN_S),
        (SPECIALIST, "docs.finish", {"note": NOTE}, FINISH_S),
        (SPECIALIST, "docs.confirm", {"status": DONE}, REPORT_S),
    ):
        reply = yield from _step(arrival, world, role, operation, place | more, think_s)
        if not reply.ok:
            return


def _open(arrival: Arrival, world: World, document: str) -> Call:
    """The clerk opens the signed letter."""
    think_ns = world.think(arrival, "open", OPEN_S)
    return Call("docs.file", {"document": document}, think_ns=think_ns, actor=f"clerk:{arrival.commune}.{CLERK}")


def _step(
    arrival: Arrival, world: World, role: str, operation: str, values: Mapping[str, Any], think_s: float
) -> Generator[Call, Reply, Reply]:
    """One write by somebody of the organisation, who may first have to log in."""
    reply, actor = yield from _log_in(arrival, role)
    if reply.ok:
        what = f"{operation.partition('.')[2]}{values.get('status', '')}"
        think_ns = world.think(arrival, what, think_s)
        reply = yield Call(operation, values, key=world.key(arrival, what), think_ns=think_ns, actor=actor)
    return reply


def _log_in(arrival: Arrival, role: str) -> Generator[Call, Reply, tuple[Reply, str]]:
    """What the system said, and the actor's name. They stay logged in through the day."""
    account = f"{arrival.commune}.{role}"
    actor = f"clerk:{account}"
    reply = yield Call("docs.login", {"account": account}, actor=actor, once=True)
    return reply, actor
