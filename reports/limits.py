"""What the run did not test. Said in every report, whatever the verdict: a pass is a pass of what was tried."""

from __future__ import annotations

from urllib.parse import urlsplit

import numpy as np

from reports.case import Case
from reports.verdict import Quantity, Text

NAMES_MAX = 20
_HERE = ("127.0.0.1", "localhost", "::1")


def untested(case: Case) -> tuple[Text, ...]:
    """Sentences, in a fixed order."""
    manifest = case.manifest
    limits: list[Text] = [Text("limit.one_load", {"factor": Quantity(manifest.rate_factor, "factor")})]
    if manifest.compression != 1:
        limits.append(Text("limit.compression", {"factor": Quantity(manifest.compression, "factor")}))
    if not any(operation.write for operation in manifest.operations):
        limits.append(Text("limit.read_only"))
    limits += _unused_operations(case)
    limits += _silent_communes(case)
    if any(urlsplit(base).hostname in _HERE for base in manifest.target.bases.values()):
        limits.append(Text("limit.same_machine"))
    unjudged = [phase.name for phase in manifest.phases if not phase.judged]
    if unjudged:
        limits.append(Text("limit.unjudged_phases", {"names": _names(unjudged)}))
    unverified = [objective.slug for objective in manifest.objectives if not objective.verified]
    if unverified:
        limits.append(Text("limit.unverified", {"names": _names(unverified)}))
    if manifest.identities == "realistic":
        limits.append(Text("limit.realistic_identities"))
    return tuple(limits)


def _unused_operations(case: Case) -> list[Text]:
    calls = case.calls
    used = set(np.unique(calls.operation).tolist())
    idle = [name for index, name in enumerate(calls.operations) if index not in used]
    return [Text("limit.unused_operations", {"names": _names(idle)})] if idle else []


def _silent_communes(case: Case) -> list[Text]:
    found = case.one("""
        SELECT count(*) AS all, count(*) FILTER (code NOT IN (SELECT DISTINCT commune FROM samples)) AS silent
        FROM communes""")
    if not found["silent"]:
        return []
    return [Text("limit.silent_communes", {name: Quantity(found[name], "count") for name in ("silent", "all")})]


def _names(names: list[str]) -> str:
    return ", ".join(names[:NAMES_MAX]) + (" …" if len(names) > NAMES_MAX else "")
