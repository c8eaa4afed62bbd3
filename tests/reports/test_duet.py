"""A duet judged from sealed records: what is worse is found, what is alike passes, a bad start is one observation."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from pathlib import Path

import msgspec
import numpy as np
import pyarrow as pa
import pytest

from record import schema
from record.reader import open_record
from record.types import DuetRule, Event, OperationInfo, Outcome, Phase, Reading, Sample
from reports import duet, duet_pages
from reports.duet import Question
from reports.verdict import Verdict
from tests import records
from tests.records import MS, S

OPERATIONS = tuple(OperationInfo(f"{side}.get", f"{side}-own", False) for side in ("base", "candidate"))
STARTS_S, WARM_S, BLOCK_S = 0.4, 0.6, 1.0
CYCLE_S = STARTS_S + WARM_S + 2 * BLOCK_S
PER_SIDE = 40  # calls a block
CPU, P50, P95 = Question(0, "cpu"), Question(1, "p50", "get"), Question(1, "p95", "get")
ERRORS, BYTES = Question(2, "errors"), Question(0, "bytes", "get")


def phases_of(restarts: int) -> tuple[Phase, ...]:
    found = []
    for number in range(1, restarts + 1):
        at = (number - 1) * CYCLE_S
        for name, length in (("start", STARTS_S), ("warm", WARM_S), ("block-1", BLOCK_S), ("block-2", BLOCK_S)):
            kind, _, part = name.partition("-")
            full = f"{kind}-{number:02d}" + (f"-{part}" if part else "")
            found.append(Phase(full, round(at * S), round((at + length) * S), kind == "block"))
            at += length
    return tuple(found)


def a_duet(
    folder: Path,
    restarts: int = 11,
    *,
    cpu: Callable[[int], float] = lambda restart: 1.0,
    slower: float = 1.0,
    fails: int = 0,
    events: tuple[Event, ...] = (),
    unmetered: bool = False,
    generator: Sequence[Reading] | None = None,
    late: Collection[int] = (),
) -> Path:
    """A record of a duet. `cpu` is how much more the candidate works after each restart; one call in `fails` fails.

    After the restarts `late` the generator sends 80 ms late.
    """
    rng = np.random.default_rng(7)
    samples, due = list[Sample](), list[int]()
    meters = list(records.readings(round(restarts * CYCLE_S) + 1) if generator is None else generator)

    spent = [0.0, 0.0]
    for phase in phases_of(restarts):
        if not phase.judged:
            spent = [0.0, 0.0] if phase.name.startswith("start") else spent
            continue
        restart = int(phase.name.split("-")[1])
        for side, name in enumerate(("base", "candidate")):
            used = 2e-3 * PER_SIDE * float(rng.normal(1, 0.02)) * (cpu(restart) if side else 1.0)
            if not unmetered:
                meters += [
                    Reading(f"service:{name}", "cpu_s", "s", at_ns, value)
                    for at_ns, value in ((phase.start_ns, spent[side]), (phase.end_ns, spent[side] + used))
                ]
            spent[side] += used
            for number in range(PER_SIDE):
                at_ns = phase.start_ns + round((number + 0.5 + side / 4) / PER_SIDE * BLOCK_S * S)
                took = round(5 * MS * float(rng.lognormal(0, 0.1)) * (slower if side else 1.0))
                failed = bool(side and fails and number % fails == 0)
                outcome, status = (Outcome.REFUSED, 500) if failed else (Outcome.OK, 200)
                samples.append(
                    records.call(len(due), at_ns, took, side, outcome=outcome, status=status, bytes_received=600)
                )
                if restart in late:
                    samples[-1] = msgspec.structs.replace(samples[-1], sent_ns=at_ns + 80 * MS, done_ns=at_ns + 90 * MS)
                due.append(at_ns)
    order = np.argsort(due, kind="stable")
    place = {int(old): new for new, old in enumerate(order)}
    samples = [msgspec.structs.replace(sample, arrival=place[sample.arrival]) for sample in samples]
    n = len(due)
    arrivals = pa.table(
        [pa.array(range(n), pa.uint32()), pa.array([due[index] for index in order], pa.int64())]
        + [pa.array([word] * n, pa.string()) for word in ("own", "", "base.get")],
        names=schema.ARRIVALS.names,
    ).cast(schema.ARRIVALS)
    head = records.manifest(n, phases=phases_of(restarts), operations=OPERATIONS)
    return records.make_record(
        folder, head, arrivals=arrivals, samples=samples, meters=meters, communes=(), events=events
    )


def judged(folder: Path, rule: DuetRule | None = None) -> duet.Duet:
    return duet.judge([open_record(folder)], rule or DuetRule())


def verdicts(found: duet.Duet) -> dict[Question, Verdict]:
    return {one.question: one.verdict for one in found.compared}


def test_two_alike_pass_in_everything(tmp_path: Path) -> None:
    found = judged(a_duet(tmp_path / "run"))
    assert (found.verdict, found.restarts, found.unusable, found.decided) == (Verdict.PASS, 11, 0, True)
    assert verdicts(found) == dict.fromkeys([BYTES, CPU, P50, P95, ERRORS], Verdict.PASS)


def test_a_tenth_more_work_is_seen_where_times_do_not_show_it(tmp_path: Path) -> None:
    found = judged(a_duet(tmp_path / "run", cpu=lambda restart: 1.1))
    assert verdicts(found) == {BYTES: Verdict.PASS, CPU: Verdict.FAIL, P50: Verdict.PASS, P95: Verdict.PASS,
                               ERRORS: Verdict.PASS}  # fmt: skip
    (cpu,) = [one for one in found.compared if one.question == CPU]
    assert cpu.change == pytest.approx(0.1, abs=0.02)
    assert cpu.low is not None
    assert cpu.low > 0.05


def test_later_answers_are_worse(tmp_path: Path) -> None:
    found = verdicts(judged(a_duet(tmp_path / "run", 13, slower=1.2)))
    assert (found[P50], found[P95], found[CPU]) == (Verdict.FAIL, Verdict.FAIL, Verdict.PASS)


def test_less_work_is_no_reason_to_stop_a_change(tmp_path: Path) -> None:
    assert verdicts(judged(a_duet(tmp_path / "run", cpu=lambda restart: 0.8)))[CPU] is Verdict.PASS


def test_one_bad_start_is_one_observation_not_twenty_blocks(tmp_path: Path) -> None:
    found = judged(a_duet(tmp_path / "run", cpu=lambda restart: 1.6 if restart == 4 else 1.0))
    assert verdicts(found)[CPU] is not Verdict.FAIL


def test_failing_quickly_is_worse_not_faster(tmp_path: Path) -> None:
    found = judged(a_duet(tmp_path / "run", 13, fails=10, slower=0.5))
    assert (verdicts(found)[ERRORS], found.verdict) == (Verdict.FAIL, Verdict.FAIL)


def test_a_service_that_was_not_ready_in_time_has_no_say(tmp_path: Path) -> None:
    late = Event(S, "restart-failed", "03: candidate: not ready in time")
    found = judged(a_duet(tmp_path / "run", events=(late,)))
    assert (found.restarts, found.unusable) == (10, 1)


def test_a_restart_in_which_the_generator_was_late_or_stood_still_has_no_say(tmp_path: Path) -> None:
    stood = Reading("generator-0", "hub_lag_ms", "ms", round(4.5 * CYCLE_S * S), 900.0)
    found = judged(a_duet(tmp_path / "run", late=(2, 7), generator=[*records.readings(34), stood]))
    assert (found.restarts, found.unusable, found.unfit) == (8, 3, ())


@pytest.mark.parametrize("meters", [records.readings(34, cpu=0.97), ()], ids=["no processor", "not watched"])
def test_an_unfit_generator_makes_a_duet_void(tmp_path: Path, meters: Sequence[Reading]) -> None:
    found = judged(a_duet(tmp_path / "run", generator=meters))
    assert found.verdict is Verdict.VOID
    assert [text.key.rpartition(".")[0] for text in found.unfit] == ["validity.cpu"]
    assert duet_pages.lines(found)[-1].startswith("  ⊘ ")
    assert "⊘" in duet_pages.markdown(found)


def test_equal_versions_are_seldom_told_to_differ_however_wild_the_machine() -> None:
    rng, rule, alarms, draws = np.random.default_rng(3), DuetRule(), 0, 3000
    for _ in range(draws):
        shared = rng.standard_t(3, (3, 17)) * np.array([[0.02], [0.2], [0.3]])  # far beyond the floor
        for look, restarts in enumerate(rule.looks):
            found = {one: row[:restarts].tolist() for one, row in zip((CPU, P50, P95), shared, strict=True)}
            if duet.worst(duet.decide(found, look, rule)) is Verdict.FAIL:
                alarms += 1
                break
    assert alarms / draws <= sum(rule.alphas)


def test_too_few_restarts_say_nothing(tmp_path: Path) -> None:
    found = judged(a_duet(tmp_path / "run", restarts=5, cpu=lambda restart: 2.0))
    assert (found.verdict, found.decided) == (Verdict.VOID, False)


def test_without_meters_times_are_still_compared(tmp_path: Path) -> None:
    found = judged(a_duet(tmp_path / "run", unmetered=True, slower=1.12))
    assert CPU not in verdicts(found)
    assert found.verdict is Verdict.FAIL


def test_legs_add_up_and_give_the_same_bytes_again(tmp_path: Path) -> None:
    folders = [a_duet(tmp_path / "one", 6), a_duet(tmp_path / "two", 4)]
    once, again = (duet.judge([open_record(folder) for folder in folders], DuetRule()) for _ in range(2))
    assert once.restarts == 10
    assert duet_pages.encode(once) == duet_pages.encode(again)


def test_the_pages_say_it_in_both_languages(tmp_path: Path) -> None:
    found = judged(a_duet(tmp_path / "run", cpu=lambda restart: 1.2))
    page = duet_pages.markdown(found)
    assert page.startswith("## ✗ KÉM HƠN / WORSE")
    assert "thời gian bộ xử lý / processor time" in page
    assert 'failures="1"' in duet_pages.junit(found)
    assert any("processor time" in line and line.startswith("  ✗") for line in duet_pages.lines(found))
