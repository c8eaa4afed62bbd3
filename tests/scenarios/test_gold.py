"""Seed and code make the plan, byte for byte: the digests of the shipped profiles are pinned.

A change here is a change of every plan: say why in the commit. `python -m tests.scenarios.test_gold` prints the file.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from scenarios import profiles
from scenarios.schedule import share
from scenarios.world import plan_of

GOLD = Path(__file__).parents[1] / "gold/plans.json"
OWN = {"search": 3.0, "create": 1.0}


def digests() -> dict[str, str]:
    found = {}
    for name in profiles.shipped():
        profile = profiles.load(name)
        found[name] = plan_of(profile, profile.seed, OWN).digest
    return found


def test_the_plans_of_the_shipped_profiles_are_what_they_were() -> None:
    assert digests() == json.loads(GOLD.read_text("utf-8"))


@pytest.mark.parametrize("workers", [1, 2, 4, 7])
def test_shares_of_workers_make_up_the_plan_exactly(workers: int) -> None:
    profile = profiles.load("monday-peak")
    plan = plan_of(profile, profile.seed, OWN)
    shares = [share(plan, number, workers) for number in range(workers)]
    assert np.array_equal(np.sort(np.concatenate(shares)), np.arange(len(plan)))


if __name__ == "__main__":
    print(json.dumps(digests(), indent=1))
