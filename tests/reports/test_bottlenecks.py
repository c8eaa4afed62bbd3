"""Who is named, by which law, and when nobody is. Every record here has a known answer."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from record.reader import open_record
from record.types import Event, Outcome, Reading, Sample
from reports import bottleneck_page, bottlenecks
from reports.bottlenecks import Judgement
from tests.records import COMMUNES, MS, S, make_record, manifest, shuffle
from tests.sweeps import RATES, STEP_S, at, changed, dues, held, queued, quick, station, swept

LIMIT = 95.0  # calls per second
CUT = {"outcome": Outcome.UNKNOWN, "status": 0, "error": 6}
NO = {"outcome": Outcome.REFUSED, "status": 429, "error": 12}


def judged(folder: Path, samples: list[Sample], *meters: list[Reading], **more: object) -> Judgement:
    rows = [row for each in meters for row in each]
    return bottlenecks.judge([open_record(swept(folder / "run", samples, rows, **more))])  # type: ignore[arg-type]


def first(found: Judgement) -> tuple[str, str, str]:
    one = found.suspects[0]
    return found.status, one.law, one.name


def test_what_is_used_up_is_named_and_a_busy_neighbour_is_not(tmp_path: Path) -> None:
    samples = queued(dues(), LIMIT)
    found = judged(
        tmp_path,
        samples,
        station("busy neighbour", samples, demand_ms=0.85 * 4 / LIMIT * 1e3, size=4),
        station("culprit", samples, demand_ms=3 / LIMIT * 1e3, size=3),
    )
    assert first(found) == ("named", "used_up", "culprit")
    assert found.suspects[0].ceiling is not None
    assert found.suspects[0].ceiling.rate == pytest.approx(LIMIT, rel=0.03)
    assert found.limit == pytest.approx(LIMIT, rel=0.03)
    assert found.hurt_from == pytest.approx(110, rel=0.03)


def _slower_at_80(samples: list[Sample]) -> list[Sample]:
    """One server alone makes calls wait long before it is used up: one call in ten at 80 per second, none is lost."""
    return changed(samples, lambda s: {"done_ns": s.done_ns + 300 * MS} if at(s) == 3 and s.arrival % 10 == 0 else {})


def test_a_single_server_is_named_though_calls_took_longer_before_it_was_used_up(tmp_path: Path) -> None:
    limit = 80 / 0.77
    samples = _slower_at_80(queued(dues(), limit))
    found = judged(
        tmp_path,
        samples,
        station("culprit", samples, demand_ms=1 / limit * 1e3),
        station("busy neighbour", samples, demand_ms=0.85 / limit * 1e3),
    )
    assert found.hurt_from == pytest.approx(80, rel=0.03)
    assert first(found) == ("named", "used_up", "culprit")


@pytest.mark.parametrize("share", [0.57, 0.64])
def test_what_is_used_up_only_beyond_the_limit_is_not_what_limits(tmp_path: Path, share: float) -> None:
    """It stands in front, so it does what is offered and is nearly used up at 130 per second; the limit is 104."""
    samples = _slower_at_80(queued(dues(), 80 / 0.77))
    found = judged(tmp_path, samples, station("in front", quick(dues()), demand_ms=share / 80 * 1e3))
    assert found.status == "unconfirmed"
    assert bottleneck_page.summary(found, None)["named"] == []


def test_a_pool_that_waits_for_the_database_is_a_symptom(tmp_path: Path) -> None:
    samples = queued(dues(), LIMIT)
    found = judged(
        tmp_path,
        samples,
        held("pool", samples, size=5),
        station("database", samples, demand_ms=1 / LIMIT * 1e3, kind="cpu"),
    )
    assert first(found) == ("named", "used_up", "database")
    assert [(one.name, one.law) for one in found.suspects][1] == ("pool", "held")


def test_two_that_end_within_ten_per_cent_are_named_together(tmp_path: Path) -> None:
    samples = queued(dues(), LIMIT)
    found = judged(
        tmp_path,
        samples,
        station("one", samples, demand_ms=1 / LIMIT * 1e3),
        station("other", samples, demand_ms=0.96 / LIMIT * 1e3),
        station("third", samples, demand_ms=0.7 / LIMIT * 1e3),
    )
    assert found.status == "together"
    assert {one.name for one in bottlenecks.together(found)} == {"one", "other"}


def _limiter(due: list[Sample]) -> list[Sample]:
    """What is above the limit within its second is refused after 2 ms."""
    seen: dict[int, int] = {}
    samples = []
    for one in due:
        second = one.intended_ns // S
        seen[second] = seen.get(second, 0) + 1
        refused = seen[second] > LIMIT
        samples += changed([one], lambda s, no=refused: NO | {"done_ns": s.intended_ns + 2 * MS} if no else {})  # type: ignore[misc]
    return samples


def _connections(due: list[Sample]) -> list[Sample]:
    return [
        changed([one], lambda s: CUT | {"done_ns": s.intended_ns + MS})[0] if was.status == 429 else one
        for one, was in zip(due, _limiter(due), strict=True)
    ]


def _one_operation(due: list[Sample]) -> list[Sample]:
    slow = [one for one in due if one.operation == 2]
    late = {one.arrival: one for one in queued([d for d in dues() if d.operation == 2], LIMIT / 4)}
    assert len(late) == len(slow)
    return [late.get(one.arrival, one) for one in due]


def _one_system(due: list[Sample]) -> list[Sample]:
    late = {one.arrival: one for one in queued([d for d in dues() if d.operation >= 2], LIMIT / 2)}
    return [late.get(one.arrival, one) for one in due]


def _one_commune(due: list[Sample]) -> list[Sample]:
    late = {one.arrival: one for one in queued([d for d in dues() if d.commune == COMMUNES[1]], LIMIT / 3)}
    return [late.get(one.arrival, one) for one in due]


def _line(_: list[Sample]) -> list[Sample]:
    return changed(queued(dues(), LIMIT), lambda s: {"first_byte_us": 15_000})


def _span(_: list[Sample]) -> list[Sample]:
    return changed(
        queued(dues(), LIMIT),
        lambda s: {"app_us": 3000, "db_us": (s.done_ns - s.intended_ns) // 1000 - 5000, "queue_us": 100},
    )


def _front_door(_: list[Sample]) -> list[Sample]:
    return changed(queued(dues(), LIMIT), lambda s: {"connect_us": (s.done_ns - s.intended_ns) // 1000 - 5000})


SHAPES: list[tuple[str, Callable[[list[Sample]], list[Sample]], str, str]] = [
    ("a limiter lets through a level rate", _limiter, "limiter", "rate limiter of a, b"),
    ("too many connections are cut", _connections, "connections", "connections of a, b"),
    ("one operation waits for a row", _one_operation, "local", "operation b.sign"),
    ("another system is slow", _one_system, "local", "system b"),
    ("one commune has a thin line", _one_commune, "local", f"commune {COMMUNES[1]}"),
    ("the line is thin for all", _line, "transfer", "network link"),
    ("the server says it is the database", _span, "span", "a, b: span db"),
    ("the front door is narrow", _front_door, "connect", "accepting connections"),
]


@pytest.mark.parametrize(("why", "make", "law", "name"), SHAPES, ids=[shape[0] for shape in SHAPES])
def test_what_no_meter_tells_is_read_from_the_answers(
    tmp_path: Path, why: str, make: Callable[[list[Sample]], list[Sample]], law: str, name: str
) -> None:
    samples = make(quick(dues()))
    busy = station("busy neighbour", samples, demand_ms=0.65 / LIMIT * 1e3)
    assert first(judged(tmp_path, samples, busy)) == ("named", law, name), why


def test_an_operation_whose_time_follows_its_bytes_is_told(tmp_path: Path) -> None:
    sized = [
        changed(
            [one], lambda s: {"bytes_sent": 1000 * (1 + s.arrival % 7), "done_ns": s.done_ns + MS * (s.arrival % 7)}
        )[0]
        for one in _one_operation(quick(dues()))
    ]
    found = judged(tmp_path, sized)
    assert [(one.law, one.name) for one in found.suspects][:2] == [
        ("local", "operation b.sign"),
        ("payload", "size of what b.sign moves"),
    ]


def test_work_that_is_left_undone_is_a_backlog_though_all_are_answered(tmp_path: Path) -> None:
    due = dues()
    waiting = [0.0]
    for t in range(1, 32):
        waiting.append(max(0.0, waiting[-1] + sum((t - 1) * S < d.at_ns <= t * S for d in due) - LIMIT))
    worker = [Reading("resource:queue:worker", "waiting", "count", t * S, waiting[t]) for t in range(1, 32)]
    assert first(judged(tmp_path, quick(due), worker)) == ("named", "backlog", "worker")
    level = [Reading("resource:queue:worker", "waiting", "count", t * S, 8.0 + 4 * (t % 2)) for t in range(1, 32)]
    assert judged(tmp_path / "level", quick(due), level).status == "healthy"


def test_what_is_waited_for_says_more_than_who_waits(tmp_path: Path) -> None:
    samples = _one_operation(quick(dues()))
    late = [one for one in samples if one.operation == 2]
    waiting = [
        Reading("resource:queue:turns", "waiting", "count", t * S,
                float(sum(one.intended_ns <= t * S < one.done_ns - 20 * MS for one in late)))
        for t in range(1, 32)
    ]  # fmt: skip
    found = judged(tmp_path, samples, waiting)
    assert [(one.law, one.name) for one in found.suspects][:2] == [
        ("waited_for", "turns"),
        ("local", "operation b.sign"),
    ]


def test_what_refuses_is_named_by_its_own_word(tmp_path: Path) -> None:
    samples = [
        changed([one], lambda s: {"status": 503, "done_ns": s.done_ns + 30 * MS})[0] if one.status == 429 else one
        for one in _limiter(quick(dues()))
    ]
    no = [s.done_ns for s in samples if s.status == 503]
    counter = [
        Reading("resource:queue:inbox", metric, "count", t * S, value)
        for t in range(1, 32)
        for metric, value in (("refused_total", float(sum(at <= t * S for at in no))), ("waiting", 3.0))
    ]
    assert first(judged(tmp_path, samples, counter)) == ("named", "refusing", "inbox")


def test_without_any_trace_nobody_is_named(tmp_path: Path) -> None:
    samples = queued(dues(), LIMIT)
    found = judged(tmp_path, samples, station("idle", samples, demand_ms=1.0))
    assert (found.status, found.suspects[0].law) == ("unconfirmed", "unmetered")
    assert bottleneck_page.summary(found, None)["named"] == []


def test_memory_that_grows_with_every_call_is_named_though_nothing_is_hurt_yet(tmp_path: Path) -> None:
    due = dues()
    leaking = [
        Reading("target:a", "rss_mb", "MB", second * S, 80 + 0.3 * sum(d.at_ns <= second * S for d in due))
        for second in range(1, 31)
    ]
    assert first(judged(tmp_path, quick(due), leaking)) == ("named", "leak", "memory of a")


def test_a_cache_that_fills_up_is_no_leak(tmp_path: Path) -> None:
    filling = [Reading("target:a", "rss_mb", "MB", n * S, 80 + min(120.0, 12.0 * n)) for n in range(1, 31)]
    assert judged(tmp_path, quick(dues()), filling).status == "healthy"


def test_a_system_that_keeps_up_accuses_nobody_however_busy(tmp_path: Path) -> None:
    samples = quick(dues())
    found = judged(tmp_path, samples, station("busy", samples, demand_ms=0.9 / 130 * 1e3))
    assert (found.status, found.hurt_from, found.highest) == ("healthy", None, pytest.approx(130, rel=0.02))


def test_a_single_bad_step_below_good_ones_is_chance(tmp_path: Path) -> None:
    samples = changed(quick(dues()), lambda s: {"done_ns": s.done_ns + 900 * MS} if at(s) == 2 else {})
    assert judged(tmp_path, samples).status == "healthy"


def test_the_goal_decides_whether_a_ceiling_matters(tmp_path: Path) -> None:
    samples = quick(dues())
    run = open_record(swept(tmp_path / "run", samples, station("next", samples, demand_ms=1 / 200 * 1e3)))
    assert bottlenecks.judge([run], goal=180.0).status == "healthy"
    assert bottlenecks.judge([run], goal=220.0).status == "expected"


def test_the_generator_is_suspected_first(tmp_path: Path) -> None:
    samples = queued(dues(), LIMIT)
    culprit = station("culprit", samples, demand_ms=1 / LIMIT * 1e3)
    assert first(judged(tmp_path / "cpu", samples, culprit, cpu=0.97))[0::2] == ("generator", "generator")
    late = changed(quick(dues()), lambda s: _late(s, 800 * MS) if at(s) >= 4 else {})
    assert first(judged(tmp_path / "late", late))[0::2] == ("generator", "generator")


@pytest.mark.parametrize(("lag_ms", "law"), [(350.0, "generator"), (60.0, "unmetered")])
def test_a_generator_that_stands_still_cannot_keep_up_either(tmp_path: Path, lag_ms: float, law: str) -> None:
    """What piles up in it takes far longer than it stood still: eight times as long here."""
    samples = queued(dues(), LIMIT)
    from_s, to_s = 4 * STEP_S, len(RATES) * STEP_S
    half_s = [0.6 * place for place in range(int(from_s / 0.6), int(to_s / 0.6))]
    lags = [Reading("generator-1", "hub_lag_ms", "ms", round(at_s * S), lag_ms) for at_s in half_s]
    assert first(judged(tmp_path, samples, lags))[1] == law


def _late(sample: Sample, by_ns: int) -> dict[str, object]:
    return {"sent_ns": sample.sent_ns + by_ns, "done_ns": sample.done_ns + by_ns}


@pytest.mark.parametrize(("to", "status", "confirmed"), [(0.75, "named", True), (1.0, "unconfirmed", False)])
def test_an_intervention_must_move_the_limit_as_predicted(
    tmp_path: Path, to: float, status: str, confirmed: bool
) -> None:
    plain, after = queued(dues(), LIMIT), queued(dues(), LIMIT * to)
    runs = [
        swept(tmp_path / "plain", plain, station("culprit", plain, demand_ms=1 / LIMIT * 1e3)),
        swept(tmp_path / "after", after, events=[Event(0, "adjusted", "culprit=0.75")]),
    ]
    found = bottlenecks.judge([open_record(run) for run in runs])
    assert (found.status, found.confirmed) == (status, confirmed)


def test_a_record_without_phases_that_lasted_is_undecided(tmp_path: Path) -> None:
    record = make_record(tmp_path / "run", manifest(0, phases=()))
    found = bottlenecks.judge([open_record(record)])
    assert (found.status, found.suspects) == ("undecided", ())
    assert "0" not in bottleneck_page.text(found, None)


def test_the_order_of_rows_changes_not_a_byte(tmp_path: Path) -> None:
    samples = queued(dues(), LIMIT)
    run = swept(tmp_path / "run", samples, station("culprit", samples, demand_ms=1 / LIMIT * 1e3))
    before = bottlenecks.judge([open_record(run)])
    for seed, name in enumerate(("samples", "readings")):
        shuffle(run, name, seed)
    after = bottlenecks.judge([open_record(run, check_digests=False)])
    assert bottleneck_page.text(after, None) == bottleneck_page.text(before, None)
    assert bottleneck_page.summary(after, None) == bottleneck_page.summary(before, None)
