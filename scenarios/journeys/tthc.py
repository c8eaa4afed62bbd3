"""Officers in the TTHC system (giải quyết thủ tục hành chính): counter, online, and a look at the desk.

Three roles share one dossier: cán bộ một cửa receives and hands over, chuyên viên processes, lãnh đạo approves.
"""

from __future__ import annotations

from collections.abc import Generator

from scenarios.flows import SIGNED
from scenarios.types import Arrival, Call, Journey, Reply
from scenarios.world import World

LOOKUP_S, RECEIVE_S, SCAN_S, READ_S = 20.0, 160.0, 30.0, 60.0
STEP_S, SUPPLEMENT_S, APPROVE_S, RETURN_S = 120.0, 600.0, 180.0, 120.0
CERTIFICATE_S, SIGN_S, RESULT_S = 30.0, 120.0, 30.0
SUPPLEMENT_SHARE = 0.08
CERTIFICATE_SHARE = 0.3  # assumption: of those who sign, who look first whether their certificate is still good


def counter(arrival: Arrival, world: World) -> Journey:
    """Look the person up, receive a dossier from them, scan the papers, process it to the end."""
    clerk = yield from _log_in(arrival, "motcua")
    if clerk is None:
        return
    dossier = world.dossier(arrival)
    if world.has("identity"):
        who = {"cccd": dossier.applicant.cccd}
        yield Call("tthc.lookup", who, think_ns=world.think(arrival, "lookup", LOOKUP_S), actor=clerk)
    reply = yield Call(
        "tthc.receive",
        world.application(dossier),
        key=world.key(arrival, "receive"),
        think_ns=world.think(arrival, "receive", RECEIVE_S),
        actor=clerk,
    )
    if not reply.ok:
        return
    code = str(reply.values["dossier"])
    for number in range(dossier.attachments):
        yield Call(
            "tthc.scan",
            world.upload(arrival, code, number),
            key=world.key(arrival, f"scan{number}"),
            think_ns=world.think(arrival, f"scan{number}", SCAN_S),
            actor=clerk,
        )
    yield from _process(arrival, world, code, clerk)


def online(arrival: Arrival, world: World) -> Journey:
    """Take the oldest online dossier of the commune, if there is one, accept it and process it to the end."""
    clerk = yield from _log_in(arrival, "motcua")
    if clerk is None:
        return
    reply = yield Call("tthc.claim", {"commune": arrival.commune}, key=world.key(arrival, "claim"), actor=clerk)
    code = reply.values.get("dossier") if reply.ok else None
    if not code:
        return
    code = str(code)
    yield Call("tthc.dossier", {"dossier": code}, think_ns=world.think(arrival, "read", READ_S), actor=clerk)
    reply = yield _move(arrival, world, "accept", 2, code, clerk, STEP_S)
    if reply.ok:
        yield from _process(arrival, world, code, clerk)


def desk(arrival: Arrival, world: World) -> Journey:
    """Look through what is waiting and open the first."""
    clerk = yield from _log_in(arrival, "motcua")
    if clerk is None:
        return
    state = 1 if world.chance(arrival, "state") < 0.5 else 4
    reply = yield Call("tthc.queue", {"commune": arrival.commune, "state": state}, actor=clerk)
    codes = reply.values.get("dossiers") if reply.ok else None
    if codes:
        think_ns = world.think(arrival, "open", READ_S)
        yield Call("tthc.dossier", {"dossier": str(codes[0])}, think_ns=think_ns, actor=clerk)


def _process(arrival: Arrival, world: World, code: str, clerk: str) -> Journey:
    """Start, perhaps ask for a supplement and go on when it came, approve, perhaps sign, hand over.

    Stops at the first refusal."""
    specialist = yield from _log_in(arrival, "chuyenvien")
    if specialist is None:
        return
    reply = yield _move(arrival, world, "start", 4, code, specialist, STEP_S)
    if reply.ok and world.chance(arrival, "supplement") < SUPPLEMENT_SHARE:
        reply = yield _move(arrival, world, "ask", 5, code, specialist, STEP_S)
        if reply.ok:
            reply = yield _move(arrival, world, "resume", 4, code, specialist, SUPPLEMENT_S)
    if not reply.ok:
        return
    leader = yield from _log_in(arrival, "lanhdao")
    if leader is None:
        return
    reply = yield _move(arrival, world, "approve", 9, code, leader, APPROVE_S)
    if not reply.ok:
        return
    if world.has("sign") and world.chance(arrival, "sign") < SIGNED.value:
        signed = yield from _sign(arrival, world, code, leader, clerk)
        if not signed:
            return
    yield _move(arrival, world, "hand_over", 10, code, clerk, RETURN_S)


def _sign(arrival: Arrival, world: World, code: str, leader: str, clerk: str) -> Generator[Call, Reply, bool]:
    """The leader, perhaps after a look at the own certificate, signs the result; the clerk opens it before anybody else
    gets it. Whether it is fit to be handed over."""
    if world.chance(arrival, "certificate") < CERTIFICATE_SHARE:
        account = {"account": leader.partition(":")[2]}
        think_ns = world.think(arrival, "certificate", CERTIFICATE_S)
        reply = yield Call("sign.certificate", account, think_ns=think_ns, actor=leader)
        if not reply.ok or reply.values["status"] != "good":
            return False
    dossier = {"dossier": code}
    key, think_ns = world.key(arrival, "sign"), world.think(arrival, "sign", SIGN_S)
    reply = yield Call("sign.result", dossier, key=key, think_ns=think_ns, actor=leader)
    if reply.ok:
        reply = yield Call("tthc.result", dossier, think_ns=world.think(arrival, "result", RESULT_S), actor=clerk)
    return reply.ok


def _move(arrival: Arrival, world: World, verb: str, to: int, code: str, actor: str, think_s: float) -> Call:
    return Call(
        f"tthc.{verb}",
        {"dossier": code, "to": to, "note": NOTES[verb]},
        key=world.key(arrival, verb),
        think_ns=world.think(arrival, verb, think_s),
        actor=actor,
    )


def _log_in(arrival: Arrival, role: str) -> Generator[Call, Reply, str | None]:
    """The officer's actor name, or None when the log-in failed. Officers stay logged in through the day."""
    account = f"{arrival.commune}.{role}"
    actor = f"officer:{account}"
    reply = yield Call("tthc.login", {"account": account}, actor=actor, once=True)
    return actor if reply.ok else None


NOTES = {
    "accept": "Hồ sơ hợp lệ, tiếp nhận.",
    "start": "Chuyển bộ phận chuyên môn xử lý.",
    "ask": "Đề nghị bổ sung giấy tờ còn thiếu.",
    "resume": "Đã nhận giấy tờ bổ sung.",
    "approve": "Đồng ý phê duyệt kết quả.",
    "hand_over": "Đã trả kết quả cho công dân.",
}
