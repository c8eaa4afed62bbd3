"""What of the contract and of a profile's promises concerns this run: no target has to have every system."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from loadtests.targets import Target
from record.types import Link, Objective, OperationInfo
from scenarios.contract import OPERATIONS
from scenarios.journeys.catalogue import visited
from scenarios.profiles import Profile
from scenarios.schedule import Plan


def operations_of(plan: Plan, target: Target) -> tuple[OperationInfo, ...]:
    """Every operation that a sample of this run may name."""
    systems = visited(plan.systems)
    return tuple(one for one in target.operations() if one.system in systems or one.name in plan.journeys)


def objectives_of(profile: Profile, target: Target, links: Sequence[Link]) -> tuple[Objective, ...]:
    """The promises that this target can keep or break: none is about a system of the contract that it has not got, nor
    about a link to which the run is not held."""
    lacking = {operation.system for operation in OPERATIONS} - set(target.info().bases)
    held = {link.slug for link in links}
    kept = []
    for objective in profile.objectives:
        about = tuple(
            one for one in objective.operations
            if (one in held if objective.metric == "lag" else one.split(".", 1)[0] not in lacking)
        )  # fmt: skip
        if about:
            kept.append(msgspec.structs.replace(objective, operations=about))
    return tuple(kept)
