"""docs/record.md, printed from the schema so that it cannot go stale: `python -m record.describe`."""

from __future__ import annotations

import msgspec

from record import schema
from record.rows import ERRORS
from record.types import Fact, Manifest, Outcome, State

ABOUT = {
    "communes": "the world as it was, so that the judgement need not know scenarios/",
    "arrivals": "the plan, written before the first request",
    "samples": "one row per call",
    "journeys": "the end of each arrival: planned = ok + refused + unknown + dropped",
    "ledger": "one row per fact about a write",
    "readings": "telemetry, generator included",
    "observations": "what each linked system held at the final read, a row per thing held",
}


def text() -> str:
    """The whole page."""
    lines = [
        "# The run record",
        "",
        f"Format {schema.FORMAT}. Printed from `record/schema.py` by `python -m record.describe`; a test checks that.",
        "",
        "Times are whole nanoseconds since the run's zero on a monotonic clock; wall time stands in the manifest.",
        "Null means *not measured*, never zero. There are no bodies and no personal data: keys and digests only.",
        "A sealed record has a digest of every file in `manifest.json`; reading checks them. A run that was killed",
        "keeps its `journal/` and can be read with a flag; its verdict is undecided.",
        "",
        "| file | what |",
        "|---|---|",
        "| `manifest.json` | the head: "
        + " → ".join(State)
        + " (or aborted instead of sealed); the only file rewritten |",
        *(f"| `{name}.parquet` | {ABOUT[name]} |" for name in schema.TABLES),
        "| `events.jsonl` | phase changes, stops, faults, the final reads, notes: `at_ns`, `kind`, `text` |",
        "| `journal/` | what the workers append during the run; becomes the Parquet files when sealing |",
        "| `assessments/<id>/` | judgements; not part of the sealed set |",
    ]
    for name, shape in schema.TABLES.items():
        lines += ["", f"## {name}", "", "| column | type |", "|---|---|"]
        lines += [f"| `{field.name}` | {_kind(str(field.type))} |" for field in shape]
    lines += ["", "## Words", ""]
    lines += [
        "outcome: " + ", ".join(outcome.name.lower() for outcome in Outcome) + "  ",
        "fact: " + ", ".join(Fact) + "  ",
    ]
    lines += ["error: " + ", ".join(error for error in ERRORS if error) + " (explained in `messages.md`)", ""]
    lines += ["## manifest.json", ""]
    lines += [", ".join(f"`{field.name}`" for field in msgspec.structs.fields(Manifest)), ""]
    return "\n".join(lines)


def _kind(arrow: str) -> str:
    return (
        "text (dictionary)"
        if arrow.startswith("dictionary")
        else {"string": "text", "double": "float64"}.get(arrow, arrow)
    )


if __name__ == "__main__":
    print(text(), end="")
