"""pytest: a load run as a fixture, so that what a system must carry stands beside the other tests.

    @pytest.mark.readiness(profile="generic", target="shop.toml", sets=("time.rate_per_s=40",))
    def test_search_is_quick(run):
        assert run.p95("search") < 500

Tests with the same marker share one run. pytest loads this module for everybody who has the package installed, so it
imports nothing of the harness before a test asks for `run`.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from record.reader import RunRecord
    from record.types import Manifest
    from reports.assess import Assessment
    from reports.latency import Row
    from reports.verdict import Verdict

MARKER = "readiness"
_RUNS: pytest.StashKey[dict[tuple[Any, ...], Run]] = pytest.StashKey()
_NS_PER_MS = 1e6


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("thongsuot", "load runs")
    group.addoption("--readiness-runs", default="runs", metavar="DIR", help="Folder of the records of load runs.")


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line(
        "markers",
        f"{MARKER}(profile, target, sets=(), seed=None): drive a profile against a target before the test, "
        "which finds what came of it in the fixture `run`",
    )


@pytest.fixture
def run(request: pytest.FixtureRequest) -> Run:
    """The sealed and judged run that the test's `readiness` marker asks for; driven once for all that ask alike."""
    marker = request.node.get_closest_marker(MARKER)
    if marker is None:
        raise pytest.UsageError(
            f"{request.node.nodeid}: the fixture `run` needs @pytest.mark.{MARKER}(profile=…, target=…)"
        )
    wanted = _wanted(request.path.parent, *marker.args, **marker.kwargs)
    done = request.config.stash.setdefault(_RUNS, {})
    if wanted not in done:
        done[wanted] = Run(Path(request.config.getoption("--readiness-runs")), *wanted)
    return done[wanted]


class Run:
    """One run: driven when this is made, judged as `thongsuot assess` does. Times are milliseconds from due time."""

    def __init__(self, runs: Path, profile: str, target: str, sets: tuple[str, ...], seed: int | None) -> None:
        from record.reader import open_record
        from reports.assess import assess

        self.folder = _drive(runs, profile, target, sets, seed)
        self.record: RunRecord = open_record(self.folder)
        self.assessment: Assessment = assess(self.record)

    def __repr__(self) -> str:
        deciding = ", ".join(finding.check for finding in self.assessment.deciding)
        return f"<run {self.folder}: {self.verdict.word} ({deciding})>"

    @property
    def verdict(self) -> Verdict:
        """The gate, as `reports.verdict.Verdict`."""
        return self.assessment.gate

    @property
    def passed(self) -> bool:
        return self.verdict.word == "pass"

    @property
    def verdicts(self) -> dict[str, str]:
        """What each check said, by its slug."""
        return {finding.check: finding.verdict.word for finding in self.assessment.findings}

    @property
    def manifest(self) -> Manifest:
        return self.record.manifest

    def p50(self, operation: str = "") -> float:
        return self.percentile(50.0, operation)

    def p95(self, operation: str = "") -> float:
        return self.percentile(95.0, operation)

    def p99(self, operation: str = "") -> float:
        return self.percentile(99.0, operation)

    def percentile(self, percentile: float, operation: str = "") -> float:
        """50, 90, 95 or 99, over all judged phases; infinite where it falls among the calls without any answer.

        Fails the test when the run has too few calls to say: a guess must not pass an assertion.
        """
        from reports.verdict import NEVER_NS

        row = self._row(operation)
        found = {estimate.percentile: estimate for estimate in row.due}
        if percentile not in found:
            raise ValueError(f"percentile {percentile:g}: one of {', '.join(f'{one:g}' for one in found)}")
        estimate = found[percentile]
        if estimate.value is None:
            pytest.fail(f"{operation or 'all'}: {row.timed} calls are too few for p{percentile:g}; run longer")
        return float("inf") if estimate.value >= NEVER_NS else estimate.value / _NS_PER_MS

    def calls(self, operation: str = "") -> int:
        return self._row(operation).calls

    def errors(self, operation: str = "") -> float:
        """Share of calls that were refused or whose outcome nobody knows."""
        row = self._row(operation)
        return row.failed / row.calls

    def _row(self, operation: str) -> Row:
        from reports.latency import ALL_JUDGED

        judged = [phase.name for phase in self.manifest.phases if phase.judged]
        scope = ("operation" if operation else "run", judged[0] if len(judged) == 1 else ALL_JUDGED)
        rows = [row for row in self.assessment.latency if (row.dimension, row.phase) == scope]
        found = [row for row in rows if row.name == operation or not operation]
        if not found:
            known = ", ".join(sorted(row.name for row in rows)) or "none"
            pytest.fail(f"no call of {operation or 'any operation'} in the judged phases; there were: {known}")
        return found[0]


def _wanted(
    folder: Path, profile: str, target: str, sets: Sequence[str] = (), seed: int | None = None
) -> tuple[str, str, tuple[str, ...], int | None]:
    """The marker's arguments. Files are sought beside the test first, then where pytest was started."""
    if isinstance(sets, str):
        sets = (sets,)
    found = [str(folder / name) if (folder / name).is_file() else name for name in (profile, target)]
    return found[0], found[1], tuple(sets), seed


def _drive(runs: Path, profile: str, target: str, sets: tuple[str, ...], seed: int | None) -> Path:
    from loadtests.run import run as drive
    from record.types import State
    from scenarios.types import ConfigError
    from thongsuot import options

    try:
        loaded = options.profile_of(profile, sets, None, None)
        settings = options.settings_of(loaded, target, runs=runs, seed=seed)
        folder, manifest = drive(settings, lambda step: None, lambda: False)
    except ConfigError as error:
        problems = "\n".join(error.problems)
    else:
        if manifest.state is State.SEALED:
            return folder
        problems = f"the run was aborted: {manifest.abort_reason}; {folder}"
    return pytest.fail(problems, pytrace=False)
