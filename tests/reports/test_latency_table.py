"""The percentile table against plain arithmetic over the same calls."""

from __future__ import annotations

from pathlib import Path

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from record.reader import open_record
from record.types import Outcome, Phase, RecordError
from reports import calls
from reports.case import Case
from reports.latency import ALL_JUDGED, Row
from reports.verdict import NEVER_NS
from tests.records import COMMUNES, MS, OPERATIONS, S, call, healthy, make_record, manifest, plan


def rows(folder: Path) -> dict[tuple[str, str, str], Row]:
    return {(row.dimension, row.name, row.phase): row for row in Case(open_record(folder)).latency}


def test_every_percentile_is_the_inverted_cdf_of_its_group(tmp_path: Path) -> None:
    case = healthy(3000)
    folder = make_record(tmp_path / "r", **case)
    table = rows(folder)
    samples = [sample for sample in case["samples"] if sample.intended_ns >= 5 * S]
    for dimension, name, member in (
        ("run", "", lambda s: True),
        ("operation", "portal.track", lambda s: s.operation == 0),
        ("commune", COMMUNES[1], lambda s: s.arrival % 3 == 1),
    ):
        chosen = [sample for sample in samples if member(sample)]
        row = table[dimension, name, "peak"]
        assert (row.calls, row.timed, row.failed) == (len(chosen), len(chosen), 0)
        for clock, took in (
            ("due", [s.done_ns - s.intended_ns for s in chosen]),
            ("service", [s.done_ns - s.sent_ns for s in chosen]),
        ):
            for estimate in getattr(row, clock):
                expected = np.percentile(took, estimate.percentile, method="inverted_cdf")
                assert estimate.value == expected or (estimate.percentile == 99 and estimate.value is None)
                assert estimate.low < expected
                assert estimate.high is None or estimate.high > expected


def test_a_second_frozen_in_ten_shows_as_the_citizens_saw_it(tmp_path: Path) -> None:
    """200 calls a second, 20 ms each, frozen for 1 s of 10: p95 525 ms and p99 925 ms from due time, by arithmetic."""
    due = np.arange(2000) * S // 200
    done = np.where((due >= 4 * S) & (due < 5 * S), 5 * S, due) + 20 * MS
    samples = [call(index, int(due[index]), int(done[index] - due[index]), 0) for index in range(2000)]
    head = manifest(2000, phases=(Phase("peak", 0, 10 * S, True),))
    folder = make_record(tmp_path / "r", head, arrivals=plan(2000, 10), samples=samples)
    # One stall is one event: the table rightly gives it no p99 interval.
    took = Case(open_record(folder)).calls.due_ns()
    assert len(took) == 2000
    assert np.percentile(took, 95, method="inverted_cdf") / MS == pytest.approx(525, rel=0.02)
    assert np.percentile(took, 99, method="inverted_cdf") / MS == pytest.approx(925, rel=0.02)


def altered(every: int, took_ns: int, **changes: object) -> dict[str, object]:
    """A healthy run in which each of every ten calls below `every` went another way."""
    case = healthy(3000)
    case["samples"] = [
        call(s.arrival, s.intended_ns, took_ns, s.operation, **changes) if s.arrival % 10 < every else s
        for s in case["samples"]
    ]
    return case | {"ledger": []}


def test_a_fast_refusal_does_not_improve_a_percentile(tmp_path: Path) -> None:
    honest = rows(make_record(tmp_path / "a", **healthy(3000)))["run", "", "peak"]
    refusing = rows(make_record(tmp_path / "b", **altered(4, MS, outcome=Outcome.REFUSED, status=503)))[
        "run", "", "peak"
    ]
    assert refusing.failed / refusing.calls == pytest.approx(0.4, abs=0.01)
    assert refusing.due[0].value == pytest.approx(honest.due[0].value, rel=0.05)


@pytest.mark.parametrize("outcome", [Outcome.UNKNOWN, Outcome.REFUSED])
@pytest.mark.parametrize("took_ns", [MS, 10 * S])
def test_what_was_never_answered_is_slower_than_any_answer(tmp_path: Path, outcome: Outcome, took_ns: int) -> None:
    """A time-out, and a connection that is cut after a millisecond, which must not look like a quick answer."""
    row = rows(make_record(tmp_path / "r", **altered(2, took_ns, outcome=outcome, status=0)))["run", "", "peak"]
    assert [estimate.value for estimate in row.due[1:]] == [NEVER_NS] * 3
    assert row.service[1].value == NEVER_NS
    assert row.due[0].high is not None
    assert row.due[0].high < S


def test_a_fast_error_of_unknown_outcome_does_not_improve_a_percentile(tmp_path: Path) -> None:
    honest = rows(make_record(tmp_path / "a", **healthy(3000)))["run", "", "peak"]
    failing = rows(make_record(tmp_path / "b", **altered(4, MS, outcome=Outcome.UNKNOWN, status=500)))[
        "run", "", "peak"
    ]
    assert failing.due[0].value == pytest.approx(honest.due[0].value, rel=0.05)


def test_nothing_is_printed_that_the_sample_does_not_support(tmp_path: Path) -> None:
    folder = make_record(tmp_path / "r", **healthy(100))
    row = rows(folder)["commune", COMMUNES[0], "peak"]
    p50, *_, p99 = row.due
    assert row.calls < 40
    assert p50.value is not None
    assert (p99.value, p99.high) == (None, None)
    assert p99.calls_needed >= 368


def test_several_judged_phases_also_appear_as_one(tmp_path: Path) -> None:
    case = healthy(3000)
    phases = (Phase("warm-up", 0, 5 * S, False), Phase("a", 5 * S, 20 * S, True), Phase("b", 20 * S, 35 * S, True))
    case["head"] = manifest(3000, phases=phases)
    table = rows(make_record(tmp_path / "r", **case))
    both = table["run", "", ALL_JUDGED]
    assert both.calls == table["run", "", "a"].calls + table["run", "", "b"].calls
    assert {name for dimension, name, _ in table if dimension == "operation"} == {o.name for o in OPERATIONS}


def test_phases_are_kept_apart_however_many_there_are(tmp_path: Path) -> None:
    case = healthy(3000)
    edges = [place * 35 * S // 300 for place in range(301)]
    phases = tuple(Phase(f"p{place}", *edges[place : place + 2], place > 250) for place in range(300))
    case["head"] = manifest(3000, phases=phases)
    found = rows(make_record(tmp_path / "r", **case))
    due = [sample.intended_ns for sample in case["samples"]]
    told = {name: row.calls for (dimension, _, name), row in found.items() if dimension == "run"}
    assert told.pop(ALL_JUDGED) == sum(at >= edges[251] for at in due)
    counts = np.histogram(due, edges)[0]
    assert told == {phase.name: count for phase, count in zip(phases, counts, strict=True) if count}


def test_what_failed_counts_as_it_ended(tmp_path: Path) -> None:
    """Refused, broken after an answer began, never answered, never sent; and communes that turn up in another order."""
    communes = sorted(COMMUNES, reverse=True)
    case = healthy(3000) | {"arrivals": plan(3000, communes=communes), "ledger": []}
    changes: tuple[dict[str, object], ...] = (
        {"outcome": Outcome.REFUSED, "status": 503},
        {"outcome": Outcome.UNKNOWN, "status": 200},
        {"outcome": Outcome.UNKNOWN, "status": 0},
        {"outcome": Outcome.UNKNOWN, "status": 0, "sent_ns": -1},
    )
    kinds = [index % 16 for index in range(3000)]
    case["samples"] = [
        msgspec.structs.replace(each, **changes[kind]) if kind < 4 else each
        for each, kind in zip(case["samples"], kinds, strict=True)
    ]
    calls = Case(open_record(make_record(tmp_path / "r", **case))).calls
    assert list(calls.failed_at) == [place for place, kind in enumerate(kinds) if kind < 4]
    assert list(calls.failed_as) == [changes[kind]["outcome"] for kind in kinds if kind < 4]
    unanswered = [kind in (2, 3) for kind in kinds]
    assert list(calls.due_ns() == NEVER_NS) == unanswered
    assert list(calls.due_ns(np.arange(3000)[::-1]) == NEVER_NS) == unanswered[::-1]
    assert list(calls.due_ns(slice(7, 90)) == NEVER_NS) == unanswered[7:90]
    assert list(calls.due_ns(np.array(unanswered)) == NEVER_NS) == [True] * sum(unanswered)
    service = calls.service_ns()
    assert list(service == NEVER_NS) == [kind == 2 for kind in kinds]
    assert list(service == -1) == [kind == 3 for kind in kinds]
    assert list(calls.timed()) == [kind not in (0, 1) for kind in kinds]
    assert calls.communes == tuple(sorted(COMMUNES))
    assert [calls.communes[place] for place in calls.commune] == [communes[place % 3] for place in range(3000)]


def test_rows_that_are_no_calls_leave_no_gap_and_communes_are_gathered_from_every_part(tmp_path: Path) -> None:
    """Three parts with dictionaries of their own, hundreds of communes, some of which only dropped arrivals name."""
    folder = make_record(tmp_path / "r", **healthy(3000) | {"ledger": []})
    kinds = [place % 10 for place in range(3000)]
    outcome = [{3: "dropped", 4: "refused", 5: "unknown", 6: None}.get(kind, "ok") for kind in kinds]
    commune = [f"g{place % 7}" if kinds[place] == 3 else f"{9999 - place // 9}" for place in range(3000)]
    status = [None if kind in (5, 6) else 200 for kind in kinds]
    path = folder / "samples.parquet"
    table = pq.read_table(path)
    with pq.ParquetWriter(path, table.schema) as writer:
        for at in (slice(0, 1000), slice(1000, 1700), slice(1700, 3000)):
            part = table.slice(at.start, at.stop - at.start).to_pydict()
            part |= {"outcome": outcome[at], "commune": commune[at], "status": status[at]}
            columns = [
                pa.array(part[each.name], each.type.value_type).dictionary_encode()
                if pa.types.is_dictionary(each.type)
                else pa.array(part[each.name], each.type)
                for each in table.schema
            ]
            writer.write_table(pa.table(columns, schema=table.schema))
    calls = Case(open_record(folder, check_digests=False)).calls
    kept = [place for place in range(3000) if outcome[place] not in ("dropped", None)]
    assert calls.communes == tuple(sorted(set(commune)))
    assert [calls.communes[place] for place in calls.commune] == [commune[place] for place in kept]
    assert list(calls.failed_at) == [at for at, place in enumerate(kept) if kinds[place] in (4, 5)]
    assert list(calls.unanswered_at) == [at for at, place in enumerate(kept) if kinds[place] == 5]
    assert calls.impossible == 3000 - len(kept)


@pytest.mark.parametrize("every", [1, 2])
def test_communes_that_only_rows_without_a_call_name_are_known_too(tmp_path: Path, every: int) -> None:
    folder = make_record(tmp_path / "r", **healthy(600) | {"ledger": []})
    path = folder / "samples.parquet"
    table = pq.read_table(path)
    names = [f"{999 - place // 2:03}" for place in range(600)]
    words = {"outcome": ["dropped" if place % every == 0 else "ok" for place in range(600)], "commune": names}
    for name, values in words.items():
        column = pa.array(values, pa.string()).dictionary_encode()
        table = table.set_column(table.schema.get_field_index(name), name, column)
    pq.write_table(table, path)
    case = Case(open_record(folder, check_digests=False))
    assert case.calls.communes == tuple(sorted(set(names)))
    assert [case.calls.communes[place] for place in case.calls.commune] == (names[1::2] if every == 2 else [])


def test_a_word_that_is_none_is_told_of_the_file(tmp_path: Path) -> None:
    folder = make_record(tmp_path / "r", **healthy(100) | {"ledger": []})
    path = folder / "samples.parquet"
    table = pq.read_table(path)
    broken = pa.Array.from_buffers(
        pa.string(), 1, [None, pa.py_buffer(np.array([0, 1], np.int32)), pa.py_buffer(b"\xff")]
    )
    column = pa.DictionaryArray.from_arrays(pa.array([0] * 100, pa.int32()), broken)
    pq.write_table(table.set_column(table.schema.get_field_index("commune"), "commune", column), path)
    with pytest.raises(RecordError, match=r"samples\.parquet: cannot be read"):
        _ = Case(open_record(folder, check_digests=False)).calls


@pytest.mark.parametrize("index", [2, 261, -1])
def test_a_word_that_the_list_does_not_have_is_missing(index: int) -> None:
    column = pa.DictionaryArray.from_arrays(pa.array([0, 1, index], pa.int32()), pa.array(["a", "b"]), safe=False)
    found = calls.codes(column, {"a": 0, "b": 1}, calls.NO_WORD)
    assert list(found[:2]) == [0, 1]
    assert found[2] == (calls.NO_WORD if index > 0 else 0), "as the places of the words are clipped"
