"""What the run did not test. Said in every report, whatever the verdict: a pass is a pass of what was tried."""

from __future__ import annotations

from urllib.parse import urlsplit

import numpy as np

from record.types import Manifest
from reports import places
from reports.case import Case
from reports.verdict import PhaseNames, Quantity, Text

NAMES_MAX = 20
_HERE = ("127.0.0.1", "localhost", "::1")


def untested(case: Case) -> tuple[Text, ...]:
    """Sentences, in a fixed order."""
    manifest = case.manifest
    limits: list[Text] = [Text("limit.one_load", {"rate": Quantity(case.arrivals_per_s, "factor")})]
    if manifest.compression != 1:
        limits.append(Text("limit.compression", {"factor": Quantity(manifest.compression, "factor")}))
    if not any(operation.write for operation in manifest.operations):
        limits.append(Text("limit.read_only"))
    limits += _unlinked(case)
    limits += _unused_operations(case)
    limits += _silent_communes(case)
    if _same_machine(manifest):
        limits.append(Text("limit.same_machine"))
    unjudged = [phase.name for phase in manifest.phases if not phase.judged]
    if unjudged:
        limits.append(Text("limit.unjudged_phases", {"names": PhaseNames(tuple(unjudged[:NAMES_MAX]))}))
    limits += _unpromised_operations(case)
    unverified = [objective.slug for objective in manifest.objectives if not objective.verified]
    if unverified:
        limits.append(Text("limit.unverified", {"names": _names(unverified)}))
    if manifest.identities == "realistic":
        limits.append(Text("limit.realistic_identities"))
    return tuple(limits)


def caveats(manifest: Manifest) -> tuple[Text, ...]:
    """What must stand beside the verdict itself, whatever it is: by which limits, and where the system ran."""
    said: list[Text] = []
    if any(not objective.verified for objective in manifest.objectives):
        said.append(Text("caveat.unverified"))
    if _same_machine(manifest):
        said.append(Text("caveat.same_machine"))
    return tuple(said)


def _same_machine(manifest: Manifest) -> bool:
    return any(_here(base) for base in manifest.target.bases.values())


def _here(base: str) -> bool:
    try:
        return urlsplit(base).hostname in _HERE
    except ValueError:  # an address that nobody can read is not known to be here
        return False


def _unused_operations(case: Case) -> list[Text]:
    used = _called(case)
    idle = [name for name in case.calls.operations if name not in used]
    return [Text("limit.unused_operations", {"names": _names(idle)})] if idle else []


def _called(case: Case) -> list[str]:
    counts = case.calls.counts.sum(axis=(0, 2))
    return [case.calls.operations[place] for place in np.flatnonzero(counts)]


def _unlinked(case: Case) -> list[Text]:
    """What was not asked of the linked systems. Where they could not be read, their own checks say so."""
    if not places.applies(case) or not (places.observed(case) or places.read(case)):
        return [Text("limit.unlinked")]
    if not case.one("SELECT count(*) AS n FROM observations WHERE kind = 'number'")["n"]:
        return [Text("limit.no_numbers")]
    return []


def _unpromised_operations(case: Case) -> list[Text]:
    """Operations that were called without any promise about their times."""
    calls = case.calls
    timed = [calls.matching(objective) for objective in case.manifest.objectives if objective.metric == "latency"]
    promised = {calls.operations[place] for meant in timed for place in np.flatnonzero(meant)}
    free = [name for name in _called(case) if name not in promised]
    return [Text("limit.unpromised_operations", {"names": _names(free)})] if free else []


def _silent_communes(case: Case) -> list[Text]:
    heard, known = set(case.calls.communes), [row["code"] for row in case.rows("SELECT code FROM communes")]
    silent = sum(code not in heard for code in known)
    if not silent:
        return []
    counts = {"silent": silent, "all": len(known)}
    return [Text("limit.silent_communes", {name: Quantity(count, "count") for name, count in counts.items()})]


def _names(names: list[str]) -> str:
    return ", ".join(names[:NAMES_MAX]) + (" …" if len(names) > NAMES_MAX else "")
