"""Is the candidate worse than the base? From the sealed records of a duet, and nothing else.

Both versions were asked at random within the same seconds, so what troubles the machine troubles both and cancels. What
does not cancel is how a process happens to have started; so both were restarted again and again, and a restart is one
observation: the mean over its blocks of ln(candidate / base). A restart in which the generator was late or stood still
is of no use, and a record that does not add up, or whose generator had no processor left, makes the duet void. Work per
request comes first because it hardly depends on the machine, then median and p95 of the time from when a call was due;
never p99, which a few minutes cannot hold.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import exp, inf, log

import numpy as np
from numpy.typing import NDArray

from record.reader import RunRecord
from record.types import DUET_SIDES, DuetRule, Outcome
from reports import phases, signed_rank, validity
from reports.case import Case
from reports.verdict import NEVER_NS, Text, Verdict

CALLS_MIN = 15  # of one operation and side in one block; below it the block has no percentile
RESTARTS_MIN = 6
BUSY_MAX = 0.5
METER_NS_MAX = 500_000_000  # a meter read further from the end of its block belongs to another
PERCENTILES = ((50.0, "p50"), (95.0, "p95"))

Floats = NDArray[np.float64]


@dataclass(frozen=True, order=True)
class Question:
    """One thing that is compared: what (cpu, p50, bytes, …) of which operation ("" for all of them together)."""

    rank: int  # 0 work, 1 time, 2 errors; the order in which they are shown
    what: str
    operation: str = ""

    @property
    def is_tail(self) -> bool:
        return self.what == "p95"

    @property
    def is_share(self) -> bool:
        return self.what == "errors"


@dataclass(frozen=True)
class Compared:
    """The answer. Changes are shares of the base's value (+0.1: a tenth more), of `errors` shares of all calls.

    Bounds hold one by one with the rule's `pass_alpha`; None where there are too few restarts for one.
    """

    question: Question
    restarts: int
    change: float
    low: float | None
    high: float | None
    p: float
    verdict: Verdict


@dataclass(frozen=True)
class Duet:
    """What the records of a duet show. `restarts` counts those that could be used, `unusable` the others.

    `busy` is the median share of the whole machine in use during the blocks: above BUSY_MAX one version slows the other
    and hides a part of what it costs. None: not measured.
    """

    verdict: Verdict
    restarts: int
    unusable: int
    busy: float | None
    compared: tuple[Compared, ...]
    rule: DuetRule
    records: tuple[str, ...]  # digests, in order
    unfit: tuple[Text, ...] = ()  # why a record is not fit to judge by

    @property
    def decided(self) -> bool:
        """Whether further restarts would be for nothing."""
        return self.verdict in (Verdict.PASS, Verdict.FAIL)


def judge(records: Sequence[RunRecord], rule: DuetRule) -> Duet:
    """Pure: the same records and rule give the same value. Void with fewer than RESTARTS_MIN usable restarts."""
    found: dict[Question, list[float]] = defaultdict(list)
    restarts = unusable = 0
    for record in records:
        for differences in differences_of(record):
            restarts += bool(differences)
            unusable += not differences
            for question, difference in differences.items():
                found[question].append(difference)
    reached = sum(look <= restarts + unusable for look in rule.looks)
    compared = decide(found, max(reached - 1, 0), rule)
    unfit = tuple(text for record in records for text in _unfit(record))
    verdict = Verdict.VOID
    if restarts >= RESTARTS_MIN and compared and not unfit:
        verdict = worst(compared)
    digests = tuple(record.digest for record in records)
    return Duet(verdict, restarts, unusable, _busy(records), compared, rule, digests, unfit)


def decide(found: Mapping[Question, Sequence[float]], look: int, rule: DuetRule) -> tuple[Compared, ...]:
    """Every question that most restarts could answer: worse (fail), surely not much worse (pass), or undecided.

    `look` counts from 0.
    """
    most = max(map(len, found.values()), default=0)
    asked = {question: values for question, values in sorted(found.items()) if 2 * len(values) > most}
    p_values = {question: signed_rank.p_above(values) for question, values in asked.items()}
    # What is equal to the last byte in every restart could not come out significant, so it is not counted (Tarone,
    # Biometrics 46, 1990).
    family = {one: p for one, p in p_values.items() if any(asked[one]) and not one.is_share}
    weights = {one: rule.tail_weight if one.is_tail else 1.0 for one in family}
    worse = signed_rank.holm(family, rule.alphas[look], weights)
    worse |= {one for one, p in p_values.items() if one.is_share and p <= rule.errors_alpha}
    return tuple(_compared(one, values, p_values[one], one in worse, rule) for one, values in asked.items())


def worst(compared: Sequence[Compared]) -> Verdict:
    """Failed if anything did, passed if everything did."""
    order = (Verdict.PASS, Verdict.UNDECIDED, Verdict.FAIL)
    return max((one.verdict for one in compared), key=order.index, default=Verdict.UNDECIDED)


def differences_of(record: RunRecord) -> list[dict[Question, float]]:
    """One per restart, in order; empty where a side was not ready or a block has no calls of one of them."""
    stretches = record.manifest.phases
    failed = {event.text.split(":")[0] for event in record.events() if event.kind == "restart-failed"}
    blocks: dict[str, list[int]] = {phase.name.removeprefix("start-"): [] for phase in stretches
                                    if phase.name.startswith("start-")}  # fmt: skip
    for place, phase in enumerate(stretches):
        if phase.name.startswith("block-"):
            blocks[phase.name.split("-")[1]].append(place)
    calls, meters, disturbed = Calls(record), Meters(record), _disturbed(record)
    found = []
    for restart, places in blocks.items():
        each = [_block(calls, meters, place, stretches[place].start_ns, stretches[place].end_ns) for place in places]
        usable = bool(each) and all(each) and restart not in failed and disturbed.isdisjoint(places)
        found.append(_means(each) if usable else {})
    return found


def _unfit(record: RunRecord) -> list[Text]:
    """What makes a whole record worthless: accounts that do not add up, arrivals without a user, no processor left.

    A generator that was not watched counts as unfit too.
    """
    case = Case(record)
    findings = [check(case) for check in (validity.conservation, validity.drops, validity.cpu)]
    return [finding.summary for finding in findings if finding.verdict is not Verdict.PASS]


def _disturbed(record: RunRecord) -> set[int]:
    """Phases in which the generator sent late or stood still for longer than the manifest allows."""
    limits = record.manifest.limits
    rows = record.query("""
        SELECT at_ns, value FROM readings
        WHERE starts_with(source::VARCHAR, 'generator-') AND metric = 'hub_lag_ms' AND value IS NOT NULL""")
    sent = record.query("SELECT intended_ns, sent_ns - intended_ns AS late FROM samples WHERE sent_ns IS NOT NULL")
    lags_at, lags, due, late = (
        table[name].to_numpy(np.float64)
        for table, name in ((rows, "at_ns"), (rows, "value"), (sent, "intended_ns"), (sent, "late"))
    )
    found = set()
    for place, phase in enumerate(record.manifest.phases):
        lag = lags[(lags_at >= phase.start_ns) & (lags_at < phase.end_ns + validity.READING_LATE_NS_MAX)]
        here = late[(due >= phase.start_ns) & (due < phase.end_ns)]
        stood_still = bool(len(lag)) and float(lag.max()) > limits.hub_lag_ms_max
        if stood_still or (len(here) and percentile(here, 99) > limits.lateness_p99_ms_max * 1e6):
            found.add(place)
    return found


def _busy(records: Sequence[RunRecord]) -> float | None:
    found = [
        record.query(f"""SELECT value FROM readings WHERE source = 'host' AND metric = 'cpu_share'
                         AND value IS NOT NULL AND {phases.judged_sql(record.manifest, "at_ns")}""")["value"].to_numpy()
        for record in records
    ]
    values = np.concatenate(found) if found else np.empty(0)
    return float(np.median(values)) if len(values) else None


def _compared(question: Question, values: Sequence[float], p: float, worse: bool, rule: DuetRule) -> Compared:
    floor, below = (rule.tail_floor, rule.tail_below) if question.is_tail else (rule.floor, rule.pass_below)
    if question.is_share:
        floor, below = rule.errors_floor, rule.errors_floor
    low, high = (_change(question, bound) for bound in signed_rank.bounds(values, rule.pass_alpha))
    change = _change(question, signed_rank.centre(values))
    verdict = Verdict.UNDECIDED
    if worse and change > floor:
        verdict = Verdict.FAIL
    elif high < below:
        verdict = Verdict.PASS
    return Compared(question, len(values), change, _finite(low), _finite(high), p, verdict)


def _change(question: Question, value: float) -> float:
    return value if question.is_share or value == inf else exp(value) - 1


def _finite(bound: float) -> float | None:
    return bound if -1 < bound < inf else None


class Calls:
    """The calls of a record as columns."""

    def __init__(self, record: RunRecord) -> None:
        names = [operation.name for operation in record.manifest.operations]
        self.side = {name: DUET_SIDES.index(name.split(".")[0]) for name in names}
        table = record.query(f"""
            SELECT operation::VARCHAR AS operation, outcome::VARCHAR AS outcome, intended_ns, done_ns,
                   coalesce(bytes_received, 0) AS bytes,
                   if(outcome <> 'ok' AND status IS NULL, {NEVER_NS}, done_ns - intended_ns) AS took_ns
            FROM samples WHERE outcome <> 'dropped'""")
        self.operation = table["operation"].to_numpy()
        self.of = np.array([self.side[name] for name in self.operation], np.int64)
        self.ok = (table["outcome"] == Outcome.OK.name.lower()).to_numpy()
        self.due_ns = table["intended_ns"].to_numpy()
        self.done_ns = table["done_ns"].to_numpy()
        self.bytes = table["bytes"].to_numpy(np.float64)
        self.took_ns = table["took_ns"].to_numpy(np.float64)
        self.timed = self.ok | (self.took_ns == NEVER_NS)
        self.names = sorted({name.split(".", 1)[1] for name in names})


class Meters:
    """Readings of both services by side and metric: (times, values), ascending."""

    def __init__(self, record: RunRecord) -> None:
        rows = record.query("""
            SELECT source::VARCHAR AS source, metric::VARCHAR AS metric, at_ns, value FROM readings
            WHERE starts_with(source::VARCHAR, 'service:') AND value IS NOT NULL ORDER BY at_ns""")
        self.series: dict[tuple[int, str], tuple[Floats, Floats]] = {}
        for key, part in rows.groupby(["source", "metric"]):
            source, metric = key if isinstance(key, tuple) else (key, "")
            side = DUET_SIDES.index(str(source).split(":")[1])
            times, values = part["at_ns"].to_numpy(np.float64), part["value"].to_numpy(np.float64)
            self.series[side, str(metric)] = (times, values)

    @property
    def metrics(self) -> list[str]:
        return sorted({metric for _, metric in self.series})

    def spent(self, side: int, metric: str, start_ns: int, end_ns: int) -> tuple[float, float, float] | None:
        """(used, from, to) between the readings at the two ends of a block."""
        times, values = self.series.get((side, metric), (np.empty(0), np.empty(0)))
        if len(times) < 2:
            return None
        first, last = (int(np.argmin(np.abs(times - edge))) for edge in (start_ns, end_ns))
        near = abs(times[first] - start_ns) <= METER_NS_MAX and abs(times[last] - end_ns) <= METER_NS_MAX
        used = values[last] - values[first]
        return (float(used), float(times[first]), float(times[last])) if near and last > first and used >= 0 else None


def _block(calls: Calls, meters: Meters, place: int, start_ns: int, end_ns: int) -> dict[Question, float]:
    """ln(candidate / base) of everything that this block can tell; of errors the difference."""
    due = (calls.due_ns >= start_ns) & (calls.due_ns < end_ns)
    masks = [due & (calls.of == side) for side in range(len(DUET_SIDES))]
    if not all(mask.any() for mask in masks):
        return {}
    found = {Question(2, "errors"): _share_failed(calls, masks[1]) - _share_failed(calls, masks[0])}
    for metric in meters.metrics:
        costs = [per_call(calls, meters, side, metric, start_ns, end_ns) for side in range(len(DUET_SIDES))]
        _put(found, Question(0, "cpu" if metric == "cpu_s" else metric), costs)
    for name in calls.names:
        mine = [mask & (calls.operation == f"{side}.{name}") for side, mask in zip(DUET_SIDES, masks, strict=True)]
        sizes = [calls.bytes[mask & calls.ok] for mask in mine]
        _put(found, Question(0, "bytes", name), [float(size.mean()) if len(size) else None for size in sizes])
        times = [calls.took_ns[mask & calls.timed] for mask in mine]
        if min(map(len, times)) >= CALLS_MIN:
            for share, what in PERCENTILES:
                _put(found, Question(1, what, name), [percentile(each, share) for each in times])
    return found


def per_call(calls: Calls, meters: Meters, side: int, metric: str, start_ns: int, end_ns: int) -> float | None:
    spent = meters.spent(side, metric, start_ns, end_ns)
    if spent is None:
        return None
    used, begin, end = spent
    done = np.count_nonzero((calls.of == side) & (calls.done_ns > begin) & (calls.done_ns <= end))
    return used / done if done else None


def _put(found: dict[Question, float], question: Question, values: Sequence[float | None]) -> None:
    base, candidate = values
    if base and candidate:  # nothing used on one side says nothing of a ratio
        found[question] = log(candidate / base)


def _share_failed(calls: Calls, mask: NDArray[np.bool_]) -> float:
    return 1.0 - np.count_nonzero(calls.ok & mask) / np.count_nonzero(mask)


def percentile(times: Floats, wanted: float) -> float:
    return float(np.quantile(times, wanted / 100, method="inverted_cdf"))


def _means(blocks: Iterable[dict[Question, float]]) -> dict[Question, float]:
    """The mean over blocks, of what each of them could tell."""
    each = list(blocks)
    shared = set.intersection(*(set(block) for block in each))
    return {question: float(np.mean([block[question] for block in each])) for question in sorted(shared)}
