"""Citizens at the portal (cổng dịch vụ công): submit, look round, ask how it stands. Think times in day seconds."""

from __future__ import annotations

from collections.abc import Generator

from scenarios.types import Arrival, Call, Citizen, Journey, Reply
from scenarios.world import World

SEARCH_S, READ_S, FORM_S, FILE_S, CHECK_S, RATE_S = 15.0, 20.0, 240.0, 30.0, 60.0, 30.0
PAY_S, BANK_S, PAID_S = 15.0, 60.0, 10.0
RATING_SHARE = 0.3
NATIONAL_SHARE = 0.3  # assumption: of those who look at the portal, who look at the national one as well
RESULTS_SHARE = 0.3  # assumption: of the same, who look for signed results
COMMENTS = ("", "Cán bộ hướng dẫn tận tình.", "Giao diện dễ sử dụng.", "Mong được xử lý nhanh hơn.")


def submit(arrival: Arrival, world: World) -> Journey:
    """Log in, find the procedure, fill in the form, attach the papers, pay, look whether it arrived, perhaps rate."""
    dossier = world.dossier(arrival)
    actor = yield from _log_in(world, dossier.applicant)
    if actor is None:
        return
    words = {"q": world.search_words(dossier.procedure), "commune": arrival.commune}
    yield Call("portal.search", words, think_ns=world.think(arrival, "search", SEARCH_S))
    think_ns = world.think(arrival, "read", READ_S)
    reply = yield Call("portal.procedure", {"procedure": dossier.procedure}, think_ns=think_ns)
    fee_vnd = int(reply.values["fee_vnd"]) if reply.ok else 0
    reply = yield Call(
        "portal.submit",
        world.application(dossier),
        key=world.key(arrival, "submit"),
        think_ns=world.think(arrival, "form", FORM_S),
        actor=actor,
    )
    if not reply.ok:
        return
    code = str(reply.values["dossier"])
    for number in range(dossier.attachments):
        yield Call(
            "portal.attach",
            world.upload(arrival, code, number),
            key=world.key(arrival, f"attach{number}"),
            think_ns=world.think(arrival, f"file{number}", FILE_S),
            actor=actor,
        )
    if fee_vnd and world.has("bank"):
        yield from _pay(arrival, world, code, fee_vnd, actor)
    yield Call("portal.track", {"dossier": code}, think_ns=world.think(arrival, "check", CHECK_S))
    if world.chance(arrival, "rate") < RATING_SHARE:
        stars = 1 + int(world.chance(arrival, "stars") ** 0.4 * 5)
        comment = COMMENTS[int(world.chance(arrival, "comment") * len(COMMENTS))]
        yield Call(
            "portal.rate",
            {"dossier": code, "stars": stars, "comment": comment},
            key=world.key(arrival, "rate"),
            think_ns=world.think(arrival, "rate", RATE_S),
            actor=actor,
        )


def visit(arrival: Arrival, world: World) -> Journey:
    """Search twice and read what was found, without logging in."""
    for number in range(2):
        procedure = world.procedure(arrival, f"visit{number}").code
        words = {"q": world.search_words(procedure), "commune": arrival.commune}
        yield Call("portal.search", words, think_ns=world.think(arrival, f"search{number}", SEARCH_S) if number else 0)
        think_ns = world.think(arrival, f"read{number}", READ_S)
        yield Call("portal.procedure", {"procedure": procedure}, think_ns=think_ns)


def track(arrival: Arrival, world: World) -> Journey:
    """Somebody who submitted earlier logs in again, opens the list of own dossiers and looks at the newest.

    Some look at the national portal too, which may not have heard of it yet, and some whether a signed result of theirs
    is there to be fetched.
    """
    actor = yield from _log_in(world, world.earlier_applicant(arrival))
    if actor is None:
        return
    reply = yield Call("portal.mine", {}, think_ns=world.think(arrival, "mine", SEARCH_S), actor=actor)
    codes = reply.values.get("dossiers") if reply.ok else None
    if codes:
        newest = {"dossier": str(codes[0])}
        yield Call("portal.track", newest, think_ns=world.think(arrival, "track", READ_S))
        if world.has("national") and world.chance(arrival, "national") < NATIONAL_SHARE:
            yield Call("national.track", newest, think_ns=world.think(arrival, "national", READ_S))
    if codes and world.has("sign") and world.chance(arrival, "results") < RESULTS_SHARE:
        reply = yield Call("portal.results", {}, think_ns=world.think(arrival, "results", SEARCH_S), actor=actor)
        codes = reply.values.get("dossiers") if reply.ok else None
        if codes:
            newest = {"dossier": str(codes[0])}
            yield Call("portal.result", newest, think_ns=world.think(arrival, "result", READ_S), actor=actor)


def _pay(arrival: Arrival, world: World, code: str, fee_vnd: int, actor: str) -> Journey:
    """Ask for an order, pay it at the bank, come back and look whether the portal knows."""
    reply = yield Call(
        "portal.pay",
        {"dossier": code, "amount": fee_vnd},
        key=world.key(arrival, "pay"),
        think_ns=world.think(arrival, "pay", PAY_S),
        actor=actor,
    )
    if not reply.ok:
        return
    reply = yield Call(
        "bank.pay",
        {"order": str(reply.values["order"]), "amount": fee_vnd},
        key=world.key(arrival, "bank"),
        think_ns=world.think(arrival, "bank", BANK_S),
    )
    if reply.ok:
        yield Call("portal.paid", {"dossier": code}, think_ns=world.think(arrival, "paid", PAID_S), actor=actor)


def _log_in(world: World, citizen: Citizen) -> Generator[Call, Reply, str | None]:
    """By the identity provider, where there is one. The citizen's actor name, or None when it did not work."""
    who = {"cccd": citizen.cccd, "applicant": citizen.name}
    code = ""
    if world.has("identity"):
        reply = yield Call("identity.authorize", who)
        if not reply.ok:
            return None
        code = str(reply.values["code"])
    actor = f"citizen:{citizen.cccd}"
    reply = yield Call("portal.login", {**who, "code": code}, actor=actor)
    return actor if reply.ok else None
