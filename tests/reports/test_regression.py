"""A run against a stored one: what is worse, what only warns, what cannot be compared, and what is not worth a word."""

from __future__ import annotations

from pathlib import Path

import msgspec
import numpy as np
import pytest

from record.reader import RunRecord, open_record
from record.types import Outcome, Reading, Zero
from reports import markdown, regression
from reports.assess import Assessment, assess
from reports.junit import render_junit
from reports.verdict import Finding, Verdict, worst
from tests import records
from tests.records import MS, S

BOOT = "boot"


def a_run(
    folder: Path,
    *,
    slower: float = 1.0,
    size: float = 1000.0,
    cpu: float = 0.4,
    seed: int = 1,
    n: int = 3000,
    spread: float = 0.15,
) -> RunRecord:
    """A run of 35 s whose times, answers and processor seconds are as given."""

    def took(count: int) -> list[int]:
        return [round(ns * slower) for ns in records.latencies(count, sigma=spread, seed=seed)]

    made = records.healthy(n, took)
    made["samples"] = [msgspec.structs.replace(each, bytes_received=round(size)) for each in made["samples"]]  # type: ignore[attr-defined]
    rng = np.random.default_rng(seed)
    used = [
        Reading("target:portal", "cpu_share", "cores", second * S, cpu * float(rng.normal(1, 0.02)))
        for second in range(1, 36)
    ]
    made["meters"] = [*records.readings(), *used]
    return open_record(records.make_record(folder, **made))  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def baseline(tmp_path_factory: pytest.TempPathFactory) -> RunRecord:
    return a_run(tmp_path_factory.mktemp("baseline") / "run")


def verdicts(findings: tuple[Finding, ...]) -> dict[str, Verdict]:
    return {finding.check: finding.verdict for finding in findings}


def worse(findings: tuple[Finding, ...]) -> set[str]:
    return {finding.check for finding in findings if finding.verdict is Verdict.FAIL}


def test_the_same_again_is_no_regression(baseline: RunRecord, tmp_path: Path) -> None:
    found = regression.check(baseline, a_run(tmp_path / "run", seed=2))
    assert verdicts(found) == dict.fromkeys(
        [
            "regression.bytes.portal.track",
            "regression.bytes.tthc.receive",
            "regression.cpu",
            "regression.p50.portal.track",
            "regression.p50.tthc.receive",
            "regression.p95.portal.track",
            "regression.p95.tthc.receive",
        ],
        Verdict.PASS,
    )


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"cpu": 0.48}, {"regression.cpu"}),
        ({"size": 1100}, {"regression.bytes.portal.track", "regression.bytes.tthc.receive"}),
        ({"slower": 1.5}, {f"regression.{p}.{o}" for p in ("p50", "p95") for o in ("portal.track", "tthc.receive")}),
        ({"size": 1040}, set()),
        ({"cpu": 0.3}, set()),
    ],
    ids=["a fifth more work", "larger answers", "half as long again", "4 % is below the floor", "less work"],
)
def test_what_grew_is_named_and_nothing_else(
    baseline: RunRecord, tmp_path: Path, change: dict[str, float], expected: set[str]
) -> None:
    assert worse(regression.check(baseline, a_run(tmp_path / "run", seed=2, **change))) == expected  # type: ignore[arg-type]


def test_times_of_another_start_of_the_machine_only_warn(baseline: RunRecord, tmp_path: Path) -> None:
    run = a_run(tmp_path / "run", seed=2, slower=1.5, cpu=0.6, size=1100)
    run.manifest = msgspec.structs.replace(run.manifest, zero=Zero(0, 0, "another"))
    found = regression.check(baseline, run)
    assert worse(found) == {"regression.bytes.portal.track", "regression.bytes.tthc.receive"}
    warned = {finding.check for finding in found if finding.summary.key == "regression.warns"}
    assert {"regression.cpu", "regression.p50.portal.track"} <= warned


def test_what_scatters_too_much_to_exclude_a_regression_is_open(tmp_path: Path) -> None:
    one, other = (a_run(tmp_path / str(seed), seed=seed, spread=0.8) for seed in (1, 2))
    found = {finding.check: finding for finding in regression.check(one, other)}
    assert found["regression.p95.portal.track"].verdict is Verdict.UNDECIDED
    assert found["regression.p95.portal.track"].needs_more is not None
    assert found["regression.cpu"].verdict is Verdict.PASS


def test_where_everything_only_warns_nothing_is_passed(tmp_path: Path) -> None:
    one, other = (a_run(tmp_path / str(seed), seed=seed, size=0) for seed in (1, 2))
    other.manifest = msgspec.structs.replace(other.manifest, zero=Zero(0, 0, "another"))
    found = regression.check(one, other)
    assert worst(found) is Verdict.UNDECIDED
    assert found[-1].summary.key == "regression.warns_only"


def test_unlike_runs_are_told_apart_in_every_respect(baseline: RunRecord) -> None:
    manifest = baseline.manifest
    assert regression.unlike(manifest, msgspec.structs.replace(manifest, run_id="other", code="test+digest")) == ()
    other = msgspec.structs.replace(manifest, seed=2, workers=3, compression=1.0, plan_digest="f" * 64)
    assert regression.unlike(manifest, other) == (
        "seed: 1 against 2",
        "plan: 000000000000 against ffffffffffff",
        "workers: 1 against 3",
        "compression: 60.0 against 1.0",
    )


def test_too_few_calls_leave_it_open(baseline: RunRecord, tmp_path: Path) -> None:
    few = open_record(records.healthy_run(tmp_path / "run", n=60))
    (finding,) = regression.check(few, few)
    assert (finding.verdict, finding.needs_more is not None) == (Verdict.UNDECIDED, True)


def test_calls_without_an_answer_are_slow_not_absent(baseline: RunRecord, tmp_path: Path) -> None:
    made = records.healthy(3000, lambda count: records.latencies(count, sigma=0.15, seed=2))
    silent = [
        msgspec.structs.replace(each, outcome=Outcome.UNKNOWN, status=0, done_ns=each.intended_ns + 30 * MS)
        if index % 4 == 0
        else each
        for index, each in enumerate(made["samples"])  # type: ignore[arg-type, var-annotated]
    ]
    run = open_record(records.make_record(tmp_path / "run", **made | {"samples": silent}))  # type: ignore[arg-type]
    assert "regression.p95.portal.track" in worse(regression.check(baseline, run))


def test_the_pages_of_a_pipeline_name_it(baseline: RunRecord, tmp_path: Path) -> None:
    run = a_run(tmp_path / "run", seed=2, cpu=0.6)
    judged = assess(run)
    findings = (*judged.findings, *regression.check(baseline, run))
    whole = Assessment(**{**vars(judged), "findings": findings, "gate": worst(findings)})
    page = markdown.render_markdown(whole)
    assert len(page.splitlines()) <= markdown.LINES_MAX
    assert page.startswith("## ✗ CHƯA ĐỦ ĐIỀU KIỆN / NOT READY")
    assert "| ✗ | regression.cpu | " in page
    assert "objective.fast" in page
    assert 'name="cpu"' in render_junit(whole)
