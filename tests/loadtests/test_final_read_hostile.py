"""The final read of a target that answers rubbish: a problem that names the address, and a record that still seals."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from loadtests import asking, audit_pages, final_read, targets
from loadtests.asking import Asker, AskError
from loadtests.meters import Meters
from loadtests.telemetry import Telemetry
from record import tables
from record.journal import Journal
from record.types import Fact, LedgerEntry, Link
from tests.loadtests.clients import server
from tests.loadtests.hostile_table import TABLE
from tests.loadtests.scripted import Asked, Scripted, scripted

NATIONAL = Link("national", "state", "tthc", "national")
KEYS = tuple(f"t-{number}.own" for number in range(5))


@pytest.fixture(scope="module")
def hostile() -> Iterator[str]:
    with server("hostile_server") as port:
        yield f"http://127.0.0.1:{port}"


def read(folder: Path, url: str, keys: str, observations: str) -> final_read.Done:
    """Five writes were intended; `keys` and `observations` are paths."""
    text = f"""
        name = "thu"
        [systems]
        tthc = "{url}"
        national = "{url}"
        [own.note]
        system = "tthc"
        path = "/note"
        [final_read]
        system = "tthc"
        keys = "{keys}"
        writes = "{keys}"
        observations = "{observations}"
        settle_s = 0
        """
    target = targets.parse("thu.toml", text, {})
    (folder / "journal").mkdir(parents=True)
    journal = Journal(folder / "journal", 0)
    for key in KEYS:
        journal.ledger(LedgerEntry(key, Fact.INTENDED, 1, "note"))
    journal.close()
    done = final_read.final_read(folder, target, "t", (NATIONAL,), time.monotonic_ns, lambda part, asked, of: None)
    assert done is not None
    for table in (tables.ledger, tables.observations, tables.readings):
        table(folder / "journal")  # what was kept can be sealed
    return done


@pytest.mark.parametrize("kind", [row.kind for row in TABLE])
def test_whatever_an_address_does_is_a_problem_that_names_it_and_soon_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, hostile: str, kind: str
) -> None:
    monkeypatch.setattr(audit_pages, "PAGE_S_MAX", 0.5)
    began = time.monotonic()
    done = read(tmp_path, hostile, f"/{kind}", f"/{kind}")
    assert time.monotonic() - began < 20
    assert [problem.startswith(f"{hostile}/{kind}: ") for problem in done.problems] == [True, True]
    assert all(len(problem) < 1000 for problem in done.problems)
    assert (done.keys, done.writes_listed, done.listing.places) == (0, False, ())


def test_strangers_are_told_and_not_collected_for_ever(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(final_read, "STRANGERS_MAX", 1000)
    pages = 0

    def answer(asked: Asked) -> tuple[int, Any]:
        nonlocal pages
        if asked.body is not None:
            return 200, {"writes": []}
        pages += 1
        rows = [{"key": f"x-{pages}-{n}", "operation": "note", "subject": "", "content": {}} for n in range(300)]
        return 200, {"writes": rows, "next": str(pages)}

    with scripted(answer) as target:
        done = read(tmp_path, target.url, "/keys", "")
    assert done.problems == (f"{target.url}/keys: more than 1000 writes that nobody intended",)
    assert pages == 4
    assert tables.ledger(tmp_path / "journal").num_rows == 2 * len(KEYS) + 900


TEXT = st.text(max_size=20) | st.sampled_from(["tthc", "national", "state", "note", *KEYS])
JSON = st.recursive(
    st.none() | st.booleans() | TEXT | st.integers() | st.integers(-(2**70), 2**70) | st.floats(allow_nan=False),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=4),
    max_leaves=10,
)
NUMBER = st.integers(-5, 10**14) | st.just(10**400)
NEXT = st.none() | st.sampled_from(["", "a", "b"])
WRITE = st.fixed_dictionaries(
    {"key": TEXT, "operation": TEXT, "subject": TEXT, "content": st.dictionaries(TEXT, TEXT, max_size=2)}
)
WRITES = st.fixed_dictionaries({"writes": st.lists(WRITE | JSON, max_size=4)}, optional={"next": NEXT | JSON})
SEEN = st.fixed_dictionaries(
    {"place": TEXT, "kind": st.sampled_from(["state", "history", "count", "odd"]), "subject": TEXT},
    optional={name: TEXT | st.none() for name in ("value", "key", "digest", "commune")} | {"at_ms": NUMBER},
)
OBSERVATIONS = st.fixed_dictionaries(
    {"observations": st.lists(SEEN | SEEN | JSON, max_size=4), "places": st.lists(TEXT, max_size=4), "at_ms": NUMBER},
    optional={"next": NEXT | JSON},
)


def some_bytes(value: Any) -> bytes:
    return value if isinstance(value, bytes) else msgspec.json.encode(value)


@pytest.fixture(scope="module")
def puppet() -> Iterator[tuple[Scripted, dict[str, bytes]]]:
    answers: dict[str, bytes] = {}
    with scripted(lambda asked: (200, answers["keys" if asked.body else asked.path.strip("/")])) as target:
        yield target, answers


@settings(max_examples=60)
@given(
    keys=WRITES | JSON | st.binary(max_size=50),
    writes=WRITES | JSON | st.binary(max_size=50),
    seen=OBSERVATIONS | OBSERVATIONS | JSON | st.binary(max_size=50),
)
def test_no_answer_breaks_the_final_read_or_the_record(
    tmp_path_factory: pytest.TempPathFactory,
    puppet: tuple[Scripted, dict[str, bytes]],
    keys: Any,
    writes: Any,
    seen: Any,
) -> None:
    target, answers = puppet
    answers |= {"keys": some_bytes(keys), "all": some_bytes(writes), "seen": some_bytes(seen)}
    done = read(tmp_path_factory.mktemp("r"), target.url, "/all", "/seen")
    assert all(problem.startswith(target.url) for problem in done.problems)


def test_an_answer_in_drops_is_given_up_when_its_time_is_over(hostile: str) -> None:
    """A limit on the time between two bytes would never end it."""
    with Asker("", {}, within_s=1.0, bytes_max=1000) as asker:
        began = time.monotonic()
        for kind in ("slow-body", "slow-header", "continue-and-silence"):
            with pytest.raises(AskError, match="total-timeout") as caught:
                asker.ask(f"{hostile}/{kind}")
            assert (caught.value.reached, caught.value.lasting) == (True, False)
        assert time.monotonic() - began < 20
        assert asker.ask(f"{hostile}/echo/1").body == b'{"n": "1"}'


def test_nothing_of_the_harness_follows_a_redirect(hostile: str) -> None:
    with Asker("", {}, within_s=5, bytes_max=1000) as asker:
        assert asker.ask(f"{hostile}/away").status == 302


def test_a_question_that_cannot_be_asked_was_never_understood(hostile: str) -> None:
    with Asker("", {"X": "a\0b"}, within_s=5, bytes_max=1000) as asker, pytest.raises(AskError) as caught:
        asker.ask(f"{hostile}/echo/1")
    assert (caught.value.reached, caught.value.lasting) == (False, True)


@pytest.mark.parametrize("kind", ["endless-body", "endless-1xx", "bomb", "slow-body", "deep-list", "binary"])
def test_meters_that_answer_rubbish_are_not_measured(
    tmp_path: Path, hostile: str, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []
    ask = asking.Asker.ask
    monkeypatch.setattr("loadtests.telemetry.EVERY_S", 0.01)
    monkeypatch.setattr("loadtests.telemetry.TIMEOUT_S", 0.3)
    monkeypatch.setattr(asking.Asker, "ask", lambda self, url: (asked.append(url), ask(self, url))[1])
    (tmp_path / "journal").mkdir()
    with Telemetry({"own": f"{hostile}/{kind}"}, Journal(tmp_path / "journal", 1), time.monotonic_ns):
        until = time.monotonic() + 10
        while len(asked) < 2 and time.monotonic() < until:
            time.sleep(0.01)
    assert len(asked) >= 2
    assert tables.readings(tmp_path / "journal").num_rows == 0


def test_meters_that_are_no_numbers_are_not_measured(tmp_path: Path) -> None:
    (tmp_path / "journal").mkdir()
    journal = Journal(tmp_path / "journal", 1)
    meters = Telemetry({}, journal, time.monotonic_ns)
    for value in ("1.2.3", "NaN", "-", "1e999", "e+", "9" * 500, "--1", "1_0"):
        text = f'process_resident_memory_bytes {value}\nprocess_open_fds{{a="b"}} {value}\n'
        meters._keep("own", Meters(text), 7)
    meters._keep("own", Meters('process_open_fds{a="b"} 1.2e1\n'), 7)
    journal.close()
    assert tables.readings(tmp_path / "journal")["value"].to_pylist() == [12.0]
