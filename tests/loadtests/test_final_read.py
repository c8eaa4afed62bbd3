"""The final read: every key where it is answered for, every linked system listed until they agree or time is over."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest

from loadtests import audit_pages, targets
from loadtests.final_read import Done, final_read
from loadtests.linked_systems import links_of
from record.journal import Journal
from record.tables import json_lines
from record.types import Fact, LedgerEntry, Link, Observation, Reading
from tests.loadtests.scripted import Answer, Asked, Scripted, scripted

NATIONAL = Link("national", "state", "tthc", "national")


def page(places: list[str], *rows: dict[str, Any], ahead_ms: int = 0, next: str | None = None) -> dict[str, Any]:
    at_ms = time.time_ns() // 1_000_000 + ahead_ms
    return {"observations": list(rows), "places": places, "at_ms": at_ms, "next": next}


def row(place: str, subject: str, value: str, kind: str = "state") -> dict[str, Any]:
    return {"place": place, "kind": kind, "subject": subject, "value": value}


def read(
    folder: Path, platform: Scripted, outside: Scripted, *links: Link, keys: dict[str, str] | None = None,
    settle_s: float = 5.0,
) -> Done:  # fmt: skip
    """`keys`: key → operation that were intended."""
    text = f"""
        name = "thu"
        [systems]
        tthc = "{platform.url}"
        national = "{outside.url}"
        bank = "{outside.url}"
        [final_read]
        system = "tthc"
        observations = "/observations"
        settle_s = {settle_s}
        [final_read.national]
        observations = "/observations"
        headers = {{ Authorization = "Bearer {{env:K}}" }}
        [own.pay]
        system = "bank"
        path = "/pay"
        [own.note]
        system = "tthc"
        path = "/note"
        [final_read.bank]
        keys = "/keys"
        writes = "/writes"
        """
    target = targets.parse("thu.toml", text, {"K": "k"})
    (folder / "journal").mkdir()
    journal = Journal(folder / "journal", 0)
    for key, operation in (keys or {}).items():
        journal.ledger(LedgerEntry(key, Fact.INTENDED, 1, operation))
    journal.close()
    done = final_read(folder, target, "t", links, time.monotonic_ns, lambda part, asked, of: None)
    assert done is not None
    return done


def observations(folder: Path) -> list[Observation]:
    path = folder / "journal" / "observations-9999.jsonl"
    return list(json_lines(path, Observation)) if path.exists() else []


def platform_of(*rows: dict[str, Any]) -> Answer:
    def answer(asked: Asked) -> tuple[int, Any]:
        if asked.path == "/observations":
            return 200, page(["tthc", "web"], *rows)
        return 200, {"writes": [], "next": None}

    return answer


def test_keys_are_asked_where_their_system_answers(tmp_path: Path) -> None:
    def outside(asked: Asked) -> tuple[int, Any]:
        if asked.path == "/keys":
            return 200, {"writes": [{"key": "t-2", "operation": "pay", "subject": "", "content": {}}]}
        return 200, page(["national"]) if asked.path == "/observations" else {"writes": []}

    with scripted(platform_of()) as platform, scripted(outside) as other:
        done = read(tmp_path, platform, other, keys={"t-1": "note", "t-2": "pay"})
    assert (done.keys, done.writes_listed, done.problems) == (2, True, ())
    assert [a.body for a in platform.asked if a.body] == [{"keys": ["t-1"]}]
    assert [a.body for a in other.asked if a.body] == [{"keys": ["t-2"]}]
    facts = {e.key: e.fact for e in json_lines(tmp_path / "journal/ledger-9999.jsonl", LedgerEntry)}
    assert facts == {"t-1": Fact.ABSENT, "t-2": Fact.OBSERVED}


def test_every_address_is_listed_page_by_page_and_its_clock_is_read(tmp_path: Path) -> None:
    def outside(asked: Asked) -> tuple[int, Any]:
        return 200, page(["national"], row("national", "d1", "2"), ahead_ms=3000)

    def answer(asked: Asked) -> tuple[int, Any]:
        return (200, {"writes": []}) if "/audit/" in asked.path else platform_pages(asked)

    def platform_pages(asked: Asked) -> tuple[int, Any]:
        if asked.query.get("after") == "1.7":
            return 200, page(["tthc"], row("tthc", "d2", "4"))
        return 200, page(["tthc"], row("tthc", "d1", "2"), next="1.7")

    with scripted(answer) as first, scripted(outside) as other:
        done = read(tmp_path, first, other)
    assert done.listing.places == ("tthc", "national")
    assert [(o.place, o.subject, o.value) for o in observations(tmp_path)] == [
        ("tthc", "d1", "2"), ("tthc", "d2", "4"), ("national", "d1", "2"),
    ]  # fmt: skip
    assert {a.headers.get("Authorization") for a in other.asked if a.path == "/observations"} == {"Bearer k"}
    skews = {r.source: r.value for r in json_lines(tmp_path / "journal/readings-9999.jsonl", Reading)}
    assert abs(skews["target:tthc"]) < 500
    assert abs(skews["target:national"] - 3000) < 500


def test_linked_systems_are_listed_again_until_they_agree_and_only_the_last_listing_is_kept(tmp_path: Path) -> None:
    rounds = []

    def outside(asked: Asked) -> tuple[int, Any]:
        if asked.path != "/observations":
            return 200, {"writes": []}
        rounds.append(asked)
        return 200, page(["national"], row("national", "d1", "2" if len(rounds) < 3 else "4"))

    with scripted(platform_of(row("tthc", "d1", "4"))) as platform, scripted(outside) as other:
        done = read(tmp_path, platform, other, NATIONAL, settle_s=30)
    assert len(rounds) == 3
    assert done.listing.missing == ()
    assert [(o.place, o.value) for o in observations(tmp_path)] == [("tthc", "4"), ("national", "4")]


def test_patience_ends_and_says_what_is_missing(tmp_path: Path) -> None:
    def outside(asked: Asked) -> tuple[int, Any]:
        return (200, page(["national"])) if asked.path == "/observations" else (200, {"writes": []})

    with scripted(platform_of(row("tthc", "d1", "4"), row("tthc", "d2", "1"))) as platform, scripted(outside) as other:
        done = read(tmp_path, platform, other, NATIONAL, settle_s=0.2)
    assert done.listing.missing == ("national: 2 of 2 of tthc not at national",)
    assert done.problems == ()
    assert len(observations(tmp_path)) == 2


def test_nobody_waits_for_a_place_that_is_not_listed(tmp_path: Path) -> None:
    def outside(asked: Asked) -> tuple[int, Any]:
        return (200, page(["elsewhere"])) if asked.path == "/observations" else (200, {"writes": []})

    with scripted(platform_of(row("tthc", "d1", "4"))) as platform, scripted(outside) as other:
        done = read(tmp_path, platform, other, NATIONAL, settle_s=60)
    assert done.listing.missing == ()
    assert sum(a.path == "/observations" for a in other.asked) == 1


def test_an_address_that_breaks_off_leaves_nothing_and_the_others_are_kept(tmp_path: Path) -> None:
    def outside(asked: Asked) -> tuple[int, Any]:
        if asked.query.get("after"):
            return 404, {}
        if asked.path == "/observations":
            return 200, page(["national"], row("national", "d1", "4"), next="x")
        return 500, {}

    with scripted(platform_of(row("tthc", "d1", "4"))) as platform, scripted(outside) as other:
        done = read(tmp_path, platform, other, NATIONAL, keys={"t-1": "note", "t-2": "pay"})
    assert done.listing.places == ("tthc", "web")
    assert [o.place for o in observations(tmp_path)] == ["tthc"]
    assert done.problems == (f"{other.url}/keys: status 500", f"{other.url}/observations: status 404")
    assert not done.writes_listed
    assert done.keys == 1


def test_an_address_that_comes_back_in_time_is_listed(tmp_path: Path) -> None:
    seen = []

    def outside(asked: Asked) -> tuple[int, Any]:
        seen.append(asked)
        listed = sum(a.path == "/observations" for a in seen)
        if asked.path == "/observations":
            return (503, {}) if listed < 2 else (200, page(["national"], row("national", "d1", "4")))
        return 200, {"writes": []}

    with scripted(platform_of(row("tthc", "d1", "4"))) as platform, scripted(outside) as other:
        done = read(tmp_path, platform, other, NATIONAL, settle_s=30)
    assert (done.problems, done.listing.places) == ((), ("tthc", "web", "national"))


@pytest.mark.parametrize(
    ("answer", "says"),
    [
        (page(["national"], row("national", "d1", "4", kind="stat")), "kind 'stat' is none of state, history"),
        (page(["national"], row("national", "d" * 1001, "4")), "a text of more than 1000 characters"),
        (page([], row("national", "d1", "4")), "place 'national' is not among its places"),
        (page(["tthc"]), "place 'tthc' was listed by another address already"),
        (page(["national"], next=""), "the page after '' leads to itself"),
        ({"observations": []}, "missing required field `places`"),
        (b"<html>", "JSON is malformed"),
        (b'{"observations": [], "places": ["\xff"], "at_ms": 1}', "nvalid"),
        (b" " * 2500, "a page of more than 2000 bytes"),
    ],
    ids=["kind", "long", "place", "twice", "loop", "shape", "no JSON", "no UTF-8", "too large"],
)
def test_an_answer_that_means_nothing_is_told_and_not_asked_for_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, answer: Any, says: str
) -> None:
    monkeypatch.setattr(audit_pages, "PAGE_BYTES_MAX", 2000)

    def outside(asked: Asked) -> tuple[int, Any]:
        return (200, answer) if asked.path == "/observations" else (200, {"writes": []})

    with scripted(platform_of(row("tthc", "d1", "4"))) as platform, scripted(outside) as other:
        done = read(tmp_path, platform, other, NATIONAL, settle_s=60)
    assert len(done.problems) == 1
    assert says in done.problems[0]
    assert done.problems[0].startswith(f"{other.url}/observations: ")
    assert done.listing.places == ("tthc", "web")


def test_a_run_is_held_to_the_links_between_systems_that_are_there_and_observed() -> None:
    def slugs(systems: str, observed: str, *people: str) -> list[str]:
        bases = "\n".join(f'{name} = "http://127.0.0.1:1"' for name in systems.split())
        text = f'name = "thu"\n[systems]\n{bases}\n[final_read]\nsystem = "tthc"\n{observed}'
        return [link.slug for link in links_of(targets.parse("thu.toml", text, {}), people)]

    everywhere = 'observations = "/o"\n'
    everything = "tthc portal web docs national bank"
    assert slugs(everything, everywhere, "portal", "tthc", "docs") == ["national", "payments", "deliveries", "counts"]
    assert slugs(everything, everywhere, "portal", "tthc") == ["national", "payments", "counts"]
    assert slugs(everything, everywhere, "web") == []
    assert slugs("tthc portal", everywhere, "portal", "tthc") == []
    assert slugs(everything, "", "portal", "tthc", "docs") == []
    alone = '[final_read.national]\nobservations = "/o"\n[final_read.bank]\nobservations = "/o"\n'
    assert slugs(everything, alone, "portal", "tthc") == []
    assert links_of(targets.parse("thu.toml", 'name = "t"\n[systems]\ntthc = "http://[::1]"\n', {}), ("tthc",)) == ()
