"""National synchronisation: what the platform holds comes to the national portal once and in order, come what may."""

from __future__ import annotations

import asyncio
import datetime as dt
import itertools
import os
import signal
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

import asyncpg
import httpx
import msgspec
import pytest

from scenarios.contract import AUDIT_OBSERVATIONS_PATH, Observation, ObservationsPage, mark
from testbed.sync_messages import CREATION, KEYS_HEADER, PATH, PROGRESS, TURNS_HEADER, Creation, Progress, time_text
from tests.servers import RunningTestbed, start_testbed
from tests.testbed.people import NAME, PROCEDURE, Office

WAIT_S = 20
_numbers = itertools.count(1)


class Scene(NamedTuple):
    """An office of a running testbed, and a way to the outside."""

    testbed: RunningTestbed
    office: Office
    outside: httpx.Client

    def national(self, kind: str) -> list[Observation]:
        return _observed(self.outside, self.office.tag, "national", kind)

    def tthc(self, kind: str) -> list[Observation]:
        return _observed(self.office.client, self.office.tag, "tthc", kind)

    def state(self, code: str) -> int | None:
        state: int | None = self.outside.get(f"/national/dossiers/{code}").json()["state"]
        return state

    def arrives(self, there: Callable[[], bool]) -> None:
        until = time.monotonic() + WAIT_S
        while not there():
            assert time.monotonic() < until, "it did not arrive"
            time.sleep(0.02)

    def settled(self) -> bool:
        here = Counter((one.subject, one.value) for one in self.tthc("history"))
        return here == Counter((one.subject, one.value) for one in self.national("history"))

    def work_through(self) -> str:
        """A dossier from the citizen to the result."""
        code = str(self.office.submit().json()["dossier"])
        steps = ((2, "motcua"), (4, "chuyenvien"), (5, "chuyenvien"), (4, "motcua"), (9, "lanhdao"), (10, "motcua"))
        for to, who in steps:
            assert self.office.move(code, to, who).is_success
        return code


def _observed(client: httpx.Client, tag: str, place: str, kind: str) -> list[Observation]:
    query = {"tag": tag, "after": "", "limit": "500"}
    page = msgspec.json.decode(client.get(AUDIT_OBSERVATIONS_PATH, params=query).content, type=ObservationsPage)
    assert place in page.places
    assert page.next is None
    return [one for one in page.observations if (one.place, one.kind) == (place, kind)]


@pytest.fixture(params=["sqlite", "postgres"])
def database(request: pytest.FixtureRequest) -> list[str]:
    if request.param == "sqlite":
        return []
    url, name = request.getfixturevalue("postgres_url"), f"national{next(_numbers)}"
    asyncio.run(_create_database(url, name))  # of its own: what another test left unsent would be sent here
    return ["--db", f"{url.rsplit('/', 1)[0]}/{name}"]


async def _create_database(url: str, name: str) -> None:
    connection = await asyncpg.connect(url)
    try:
        await connection.execute(f"CREATE DATABASE {name}")
    finally:
        await connection.close()


@contextmanager
def scene(*options: str, faults: tuple[str, ...] = ()) -> Iterator[Scene]:
    switches = [word for fault in faults for word in ("--fault", fault)]
    with (
        start_testbed(*options, *switches) as testbed,
        httpx.Client(base_url=testbed.url, timeout=WAIT_S) as client,
        httpx.Client(base_url=testbed.outside_url, timeout=WAIT_S) as outside,
    ):
        yield Scene(testbed, Office(client), outside)


def test_the_national_portal_comes_to_know_every_dossier_and_every_step(database: list[str]) -> None:
    with scene(*database) as one:
        assert one.state("000.00.00001.H56-260701-0001") is None
        code, counter = one.work_through(), one.office.receive().json()["dossier"]
        one.arrives(one.settled)
        assert (one.state(code), one.state(counter)) == (10, 2)
        states = {o.subject: o for o in one.national("state")}
        assert {o.subject: (o.value, o.digest, o.commune) for o in one.tthc("state")} == {
            subject: (o.value, o.digest, o.commune) for subject, o in states.items()
        }
        assert states[code].digest == mark(PROCEDURE, NAME)
        assert {o.key for o in one.national("history")} == {f"{o.key}.sync" for o in one.tthc("history")}
        here = {(o.subject, o.value): o.at_ms for o in reversed(one.tthc("history"))}
        lags = [(o.at_ms or 0) - (here[o.subject, o.value] or 0) for o in one.national("history")]
        assert min(lags) >= 0
        assert max(lags) < WAIT_S * 1000


def test_what_was_not_sent_when_the_platform_was_killed_is_sent_when_it_lives_again(database: list[str]) -> None:
    """Killed in the middle of sending as well: nothing is missing, and nothing is there twice."""
    with scene("--restart", *database, faults=("sync-slow=150",)) as one:
        codes = []
        for _ in range(3):
            codes += [one.office.submit().json()["dossier"], one.office.receive().json()["dossier"]]
            pid = _pid(one)
            os.kill(pid, signal.SIGKILL)
            one.arrives(lambda pid=pid: _pid(one) not in (0, pid))  # type: ignore[misc]
        one.arrives(one.settled)
        assert sorted(o.subject for o in one.national("state")) == sorted(codes)


def test_an_outside_that_is_away_is_told_later() -> None:
    with scene("--restart") as one:
        codes, pid = [one.office.submit().json()["dossier"]], _pid_at(one.outside)
        os.kill(pid, signal.SIGKILL)
        codes.append(one.office.submit().json()["dossier"])
        one.arrives(lambda: _pid_at(one.outside) not in (0, pid))
        with httpx.Client(base_url=one.testbed.outside_url, timeout=WAIT_S) as again:
            one = one._replace(outside=again)
            one.arrives(one.settled)
            assert sorted(o.subject for o in one.national("state")) == sorted(codes)


def test_a_step_that_was_refused_or_repeated_is_not_told_again(database: list[str]) -> None:
    with scene(*database) as one:
        key = one.office.key()
        codes = {one.office.submit(key).json()["dossier"] for _ in range(3)}
        (code,) = codes
        assert one.office.move(code, 9, "lanhdao").status_code == 409
        one.arrives(one.settled)
        assert [o.value for o in one.national("history")] == ["1"]


def _pid(one: Scene) -> int:
    return _pid_at(one.office.client)


def _pid_at(client: httpx.Client) -> int:
    """On a connection of its own, since the one before may have died with its server."""
    try:
        text = httpx.get(f"{client.base_url}/metrics", timeout=WAIT_S, trust_env=False).text
    except httpx.TransportError:  # accepted by the one that was killed a moment later
        return 0
    return int(next(line for line in text.splitlines() if line.startswith("testbed_pid ")).split()[1])


# -- the receiver alone: messages as somebody else's platform might send them


def _creation(code: str, state: int = 1) -> Creation:
    return Creation(
        dossier=code, procedure=PROCEDURE, procedure_name="Đăng ký khai sinh", channel="2", applicant=NAME,
        submitted="20260701080000", received="", due="", state=str(state), unit=code[:16], submitted_at="14797",
    )  # fmt: skip


def _progress(code: str, state: int) -> Progress:
    return Progress(code, "motcua", "motcua", "20260701080000", code[:16], "", str(state), "20260701080000")


def _post(client: httpx.Client, service: str, *items: tuple[str, int, Any]) -> httpx.Response:
    """Each item: key, turn, content."""
    headers = {
        KEYS_HEADER: " ".join(key for key, _, _ in items),
        TURNS_HEADER: " ".join(str(turn) for _, turn, _ in items),
        "Content-Type": "application/json",
    }
    data = [msgspec.to_builtins(content) for _, _, content in items]
    body = {"service": service, "madonvi": "H56", "isUpdating": "False", "data": data}
    return client.post(PATH, content=msgspec.json.encode(body), headers=headers)


@pytest.fixture(scope="module")
def receiver() -> Iterator[httpx.Client]:
    with start_testbed() as testbed, httpx.Client(base_url=testbed.outside_url, timeout=WAIT_S) as client:
        yield client


@pytest.fixture
def code() -> str:
    return f"000.00.14797.H56-260701-{next(_numbers):04d}"


def _state_of(client: httpx.Client, code: str) -> int | None:
    state: int | None = client.get(f"/national/dossiers/{code}").json()["state"]
    return state


def test_a_message_that_comes_again_changes_nothing(receiver: httpx.Client, code: str) -> None:
    for _ in range(3):
        assert _post(receiver, CREATION, (f"{code}-a", 1, _creation(code))).json()["error_code"] == "00"
        assert _post(receiver, PROGRESS, (f"{code}-b", 2, _progress(code, 2))).json()["error_code"] == "00"
    assert [o.value for o in _observed(receiver, code, "national", "state")] == ["2"]
    assert [o.value for o in _observed(receiver, code, "national", "history")] == ["1", "2"]


@pytest.mark.parametrize("order", list(itertools.permutations(range(3))))
def test_messages_in_any_order_come_to_the_same(receiver: httpx.Client, code: str, order: tuple[int, ...]) -> None:
    sent: list[tuple[str, tuple[str, int, Any]]] = [
        (CREATION, (f"{code}-a", 11, _creation(code))),
        (PROGRESS, (f"{code}-b", 12, _progress(code, 2))),
        (PROGRESS, (f"{code}-c", 17, _progress(code, 4))),
    ]
    for number in order:
        before = _state_of(receiver, code)
        service, item = sent[number]
        assert _post(receiver, service, item).status_code == 200
        after = _state_of(receiver, code)
        assert (after or 0) >= (before or 0), "a status went backwards"
    assert _state_of(receiver, code) == 4
    assert sorted(o.value or "" for o in _observed(receiver, code, "national", "history")) == ["1", "2", "4"]


def test_steps_of_a_dossier_that_is_not_known_are_not_shown(receiver: httpx.Client, code: str) -> None:
    assert _post(receiver, PROGRESS, (f"{code}-b", 2, _progress(code, 2))).status_code == 200
    assert _state_of(receiver, code) is None
    assert _observed(receiver, code, "national", "history") == []


@pytest.mark.parametrize(
    ("service", "items", "slug"),
    [
        ("XoaHoSoMC", [("k", 1, _progress("d", 2))], "service-unknown"),
        (CREATION, [("k", 1, _progress("d", 2))], "body-invalid"),
        (PROGRESS, [("k k", 1, _progress("d", 2))], "headers-do-not-fit"),
        (PROGRESS, [("k", -1, _progress("d", 2))], "headers-do-not-fit"),
        (PROGRESS, [("k", 1, msgspec.structs.replace(_progress("d", 2), state="two"))], "state-unknown"),
    ],
)
def test_a_message_of_another_shape_is_refused_whole(
    receiver: httpx.Client, service: str, items: list[tuple[str, int, Any]], slug: str
) -> None:
    reply = _post(receiver, service, *items)
    assert (reply.status_code, reply.json()) == (422, {"error": slug})


def test_times_are_written_as_in_viet_nam() -> None:
    at = dt.datetime(2026, 6, 30, 17, 0, 5, tzinfo=dt.UTC)
    assert time_text(int(at.timestamp() * 1000)) == "20260701000005"


# -- faults: each strikes, and shows where it should


def test_lost_messages_are_acknowledged_and_never_shown(database: list[str]) -> None:
    with scene(*database, faults=("sync-lose=2",)) as one:
        codes = [one.office.submit().json()["dossier"] for _ in range(4)]
        one.arrives(lambda: _strikes(one.outside, "sync-lose=2") == 2)
        one.arrives(lambda: len(one.national("state")) == 2)
        assert [one.state(code) for code in codes] == [1, None, 1, None]


def test_a_receiver_that_forgets_keeps_two(database: list[str]) -> None:
    with scene(*database, faults=("sync-double=3",)) as one:
        codes = [one.office.submit().json()["dossier"] for _ in range(4)]
        one.arrives(lambda: len(one.national("state")) == 5)
        held = Counter(o.subject for o in one.national("state"))
        assert [held[code] for code in codes] == [1, 1, 2, 1]


def test_an_older_status_wins(database: list[str]) -> None:
    with scene(*database, faults=("sync-reverse=2",)) as one:
        code = one.office.submit().json()["dossier"]
        for to, who in ((2, "motcua"), (4, "chuyenvien")):
            assert one.office.move(code, to, who).is_success
        one.arrives(one.settled)
        assert one.state(code) == 2


def test_a_worker_that_is_stuck_tells_nothing(database: list[str]) -> None:
    with scene(*database, faults=("sync-stuck",)) as one:
        code = one.office.submit().json()["dossier"]
        one.arrives(lambda: _strikes(one.office.client, "sync-stuck") >= 20)  # a second of standing still
        assert one.state(code) is None


def test_a_slow_worker_tells_late(database: list[str]) -> None:
    with scene(*database, faults=("sync-slow=700",)) as one:
        one.office.submit()
        one.arrives(one.settled)
        (here,), (there,) = one.tthc("history"), one.national("history")
        assert (there.at_ms or 0) - (here.at_ms or 0) >= 600


def test_a_status_that_goes_back_leaves_no_step_behind(database: list[str]) -> None:
    with scene(*database, faults=("state-back=1:tthc.hand_over",)) as one:
        code = one.work_through()
        one.arrives(one.settled)
        assert [o.value for o in one.tthc("state")] == ["9"]
        assert one.tthc("move")[-1].value == "9>10"
        assert one.state(code) == 10


def _strikes(client: httpx.Client, fault: str) -> int:
    line = f'testbed_fault_strikes_total{{fault="{fault}"}} '
    return int(next(one for one in client.get("/metrics").text.splitlines() if one.startswith(line)).split()[-1])
