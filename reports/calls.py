"""All calls of a record as numpy columns, fetched once and shared by the checks.

Words arrive as small integers (their place in a list), so that five million calls are 150 MB and every question is
array arithmetic. Dropped arrivals are no calls; they are counted where they matter.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from record.reader import RunRecord
from record.types import Outcome
from reports import offered, phases
from reports.verdict import NEVER_NS

LATENCY_NS_MAX = NEVER_NS
BLOCKS_MAX = 3600  # longer runs get longer blocks
OUTCOMES = tuple(outcome.name.lower() for outcome in Outcome)

Codes = NDArray[np.int64]


@dataclass(frozen=True)
class Calls:
    """One element per call in every array. `due_ns` counts from when the call was due, `service_ns` from its sending.

    Both are NEVER_NS where no answer came; `service_ns` is -1 where nothing was sent. `block` is the second in which
    the call was due (longer beyond an hour).
    """

    operations: tuple[str, ...]
    systems: tuple[str, ...]
    communes: tuple[str, ...]
    system_of: NDArray[np.int64]  # operation → system
    operation: NDArray[np.uint8] | NDArray[np.uint16]
    commune: NDArray[np.uint8] | NDArray[np.uint16]
    phase: NDArray[np.uint8]
    outcome: NDArray[np.uint8]
    due_ns: NDArray[np.int64]
    service_ns: NDArray[np.int64]
    block: NDArray[np.int32]
    block_s: float
    planned: NDArray[np.float64]  # (blocks, k): what the plan did to each block (reports.offered)

    def __len__(self) -> int:
        return len(self.operation)

    @cached_property
    def timed(self) -> NDArray[np.bool_]:
        """Calls whose time counts: those carried out, and those without any answer, slower than all that have one.

        An answer that is no success does not count: a fast "no" or a fast HTTP 500 must not improve a percentile. A
        connection cut after a millisecond must not either. All of them are counted as errors.
        """
        return np.asarray((self.outcome == Outcome.OK) | (self.due_ns == NEVER_NS))

    @cached_property
    def failed(self) -> NDArray[np.bool_]:
        return np.isin(self.outcome, (Outcome.REFUSED, Outcome.UNKNOWN))


def load(record: RunRecord) -> Calls:
    """Raises nothing of its own: a record without samples gives empty arrays."""
    manifest = record.manifest
    operations = tuple(operation.name for operation in manifest.operations)
    systems = tuple(sorted({operation.system for operation in manifest.operations}))
    known = record.arrow("SELECT DISTINCT commune FROM samples ORDER BY commune")
    communes = tuple(name for name in known.column("commune").to_pylist() if name is not None)
    span = record.arrow(
        "SELECT coalesce(min(intended_ns), 0) AS low, coalesce(max(intended_ns), 0) AS high FROM samples"
    )
    low, high = span.column("low")[0].as_py(), span.column("high")[0].as_py()
    block_ns = 1_000_000_000 * max(1, -(-(high - low) // (BLOCKS_MAX * 1_000_000_000)))
    table = record.arrow(f"""
        SELECT outcome <> 'ok' AND status IS NULL AS unanswered,
               CAST(operation AS {_enum(operations)}) AS operation, CAST(commune AS {_enum(communes)}) AS commune,
               {phases.code_sql(manifest, "intended_ns")}::UTINYINT AS phase,
               CAST(outcome AS {_enum(OUTCOMES)}) AS outcome,
               if(unanswered, {NEVER_NS}, least(greatest(done_ns - intended_ns, 0), {NEVER_NS})) AS due_ns,
               if(sent_ns IS NULL, -1, if(unanswered, {NEVER_NS}, least(greatest(done_ns - sent_ns, 0), {NEVER_NS})))
                   AS service_ns,
               ((intended_ns - {low}) // {block_ns})::INTEGER AS block
        FROM samples WHERE outcome <> 'dropped'""")
    columns = {name: table.column(name) for name in table.column_names}
    del table  # each column goes as soon as it has become an array: a record may be as large as the memory
    block = _numbers(columns.pop("block"))
    order = {name: index for index, name in enumerate(systems)}
    return Calls(
        operations=operations,
        systems=systems,
        communes=communes,
        system_of=np.array([order[operation.system] for operation in manifest.operations], np.int64),
        operation=_codes(columns.pop("operation")),
        commune=_codes(columns.pop("commune")),
        phase=_numbers(columns.pop("phase")),
        outcome=_codes(columns.pop("outcome")),
        due_ns=_numbers(columns.pop("due_ns")),
        service_ns=_numbers(columns.pop("service_ns")),
        block=block,
        block_s=block_ns / 1e9,
        planned=_planned(record, block, low, block_ns),
    )


def _planned(record: RunRecord, block: NDArray[np.int32], low: int, block_ns: int) -> NDArray[np.float64]:
    """Phase, arrivals and calls due of every block, as the intervals want them."""
    blocks = int(block.max()) + 1 if len(block) else 0
    if not blocks:
        return np.ones((0, 1))
    middle = low + np.arange(blocks, dtype=np.int64) * block_ns + block_ns // 2
    ends = np.array([phase.end_ns for phase in record.manifest.phases[:-1]], np.int64)
    at = _numbers(record.arrow("SELECT at_ns FROM arrivals").column("at_ns"))
    arrivals = np.bincount(np.clip((at - low) // block_ns, 0, blocks - 1), minlength=blocks)
    return offered.design(np.searchsorted(ends, middle, "right"), arrivals, np.bincount(block, minlength=blocks))


def _enum(names: tuple[str, ...]) -> str:
    quoted = ", ".join("'" + name.replace("'", "''") + "'" for name in names or ("",))
    return f"ENUM({quoted})"


def _codes(column: Any) -> Any:
    """The places of a word column; all chunks share one list of words because it is an enum."""
    chunks = [chunk.indices.to_numpy(zero_copy_only=False) for chunk in column.chunks]
    return np.concatenate(chunks) if chunks else np.empty(0, np.uint8)


def _numbers(column: Any) -> Any:
    return column.to_numpy()
