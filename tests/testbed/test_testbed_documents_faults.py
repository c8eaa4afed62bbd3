"""Faults of the document system strike where they say, and the audit is shown what they did."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from scenarios import edxml
from tests.servers import start_testbed
from tests.testbed.clerks import TITLE, Registry


@contextmanager
def _registry(options: list[str], *enabled: str) -> Iterator[Registry]:
    switches = [word for fault in enabled for word in ("--fault", fault)]
    with start_testbed(*options, *switches) as testbed, httpx.Client(base_url=testbed.url, timeout=20) as client:
        yield Registry(client)


@pytest.fixture(params=["sqlite", "postgres"])
def options(request: pytest.FixtureRequest, tmp_path: Path) -> list[str]:
    if request.param == "sqlite":
        return []
    return ["--db", request.getfixturevalue("postgres_url"), "--data", str(tmp_path)]


def _sides(sender: Registry) -> tuple[Counter[tuple[str, str | None]], Counter[tuple[str, str | None]]]:
    """What was sent and what was received: (delivery, digest), each with how often."""
    sent, received = sender.observed("docs.sent", "delivery"), sender.observed("docs.received", "delivery")
    return Counter((s.subject, s.digest) for s in sent), Counter((r.subject, r.digest) for r in received)


def test_delivery_lose_leaves_every_nth_delivery_out_of_its_inbox(options: list[str]) -> None:
    with _registry(options, "delivery-lose=3") as here:
        communes = [here.neighbour() for _ in range(4)]
        document = here.send(*communes)
        sent, received = _sides(here)
        assert [subject for subject, _ in sent - received] == [f"{document}→{communes[2].commune}"]
        assert not received - sent
        assert [len(commune.untaken()) for commune in communes] == [1, 1, 0, 1]


def test_delivery_double_puts_every_nth_delivery_there_twice(options: list[str]) -> None:
    with _registry(options, "delivery-double=2") as here:
        communes = [here.neighbour() for _ in range(3)]
        document = here.send(*communes)
        sent, received = _sides(here)
        assert [subject for subject, _ in received - sent] == [f"{document}→{communes[1].commune}"]
        assert communes[1].untaken() == [document, document]


def test_delivery_change_alters_the_edxml_on_its_way(options: list[str]) -> None:
    with _registry(options, "delivery-change=2") as here:
        communes = [here.neighbour() for _ in range(2)]
        document = here.send(*communes)
        assert [edxml.read(one.fetch(document).content).subject for one in communes] == [TITLE, f"{TITLE} *"]
        sent, received = _sides(here)
        assert {subject for subject, _ in sent} == {subject for subject, _ in received}
        assert [subject for subject, _ in sent - received] == [f"{document}→{communes[1].commune}"]


def test_delivery_astray_hands_every_nth_delivery_to_somebody_else(options: list[str]) -> None:
    with _registry(options, "delivery-astray=2") as here:
        communes = [here.neighbour() for _ in range(2)]
        document = here.send(*communes)
        sent, received = _sides(here)
        assert [subject for subject, _ in sent - received] == [f"{document}→{communes[1].commune}"]
        assert [subject for subject, _ in received - sent] == [f"{document}→{here.commune}"]


def test_confirm_lost_keeps_every_nth_code_from_the_sender(options: list[str]) -> None:
    with _registry(options, "confirm-lost=2") as here:
        communes = [here.neighbour() for _ in range(2)]
        document = here.send(*communes)
        for commune in communes:
            assert commune.confirm(document, "03").status_code == 200
        assert [each.value for each in here.observed("docs.received", "delivery")] == ["03", "03"]
        assert [each.value for each in here.observed("docs.sent", "delivery")] == ["03", "sent"]


def test_number_skip_leaves_a_gap_and_number_twice_gives_one_to_two(options: list[str]) -> None:
    with _registry(options, "number-skip=3:docs.issue", "number-twice=3:docs.register") as here:
        there = here.neighbour()
        documents = [here.send(there) for _ in range(5)]
        assert here.numbers("di") == [1, 2, 4, 5, 6]
        assert [edxml.read(there.fetch(one).content).number for one in documents] == ["1", "2", "4", "5", "6"]
        assert [there.accept(document) for document in documents] == ["1", "2", "3", "3", "4"]
        assert there.numbers("den") == [1, 2, 3, 3, 4]
    with _registry(options, "number-twice=2:docs.issue", "number-skip=2:docs.register") as here:
        there = here.neighbour()
        documents = [here.send(there) for _ in range(4)]
        assert here.numbers("di") == [1, 2, 2, 3]
        assert len(set(documents)) == 4
        assert [there.accept(document) for document in documents] == ["1", "3", "4", "6"]


def test_a_lost_issue_takes_no_number_and_sends_nothing(options: list[str]) -> None:
    with _registry(options, "lose=2:docs.issue", "lose=2:docs.register") as here:
        there = here.neighbour()
        kept, lost, other = (here.send(there) for _ in range(3))
        assert here.numbers("di") == [1, 2]
        assert there.untaken() == [kept, other]
        assert [there.accept(kept), there.accept(other)] == ["1", "2"]
        assert there.numbers("den") == [1]
        assert lost not in (kept, other)


def test_a_doubled_issue_has_two_numbers_and_is_sent_once(options: list[str]) -> None:
    with _registry(options, "double=2:docs.issue", "phantom=2:docs.register") as here:
        there = here.neighbour()
        for _ in range(2):
            there.accept(here.send(there))
        assert here.numbers("di") == [1, 2, 3]
        assert there.numbers("den") == [1, 2, 3]
        assert not (_sides(here)[0] - _sides(here)[1]) + (_sides(here)[1] - _sides(here)[0])


def test_two_platforms_on_one_database_leave_no_gap_either(postgres_url: str, tmp_path: Path) -> None:
    options = ["--db", postgres_url, "--data", str(tmp_path)]
    with _registry(options) as here, start_testbed(*options) as second, httpx.Client(base_url=second.url) as client:
        there, beside = here.neighbour(), Registry(client, here.tag)
        beside.commune = here.commune
        drafts = [here.signed_draft(there) for _ in range(10)]
        beside.headers("vanthu")
        with ThreadPoolExecutor(4) as clerks:
            issued = [
                clerks.submit((here, beside)[n % 2].issue, draft, f"{here.tag}-{n}") for n, draft in enumerate(drafts)
            ]
        statuses = Counter(one.result().status_code for one in issued)
        assert set(statuses) <= {201, 503}, "503: the number was taken again and again meanwhile"
        assert here.numbers("di") == [*range(1, statuses[201] + 1)]
        assert len(there.untaken()) == statuses[201] >= 5
