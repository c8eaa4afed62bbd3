"""For all tests: Hypothesis draws the same examples every time, without deadlines; whole runs begin first."""

from __future__ import annotations

import pytest
from hypothesis import settings

settings.register_profile("house", deadline=None, derandomize=True)
settings.load_profile("house")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Whole runs mostly wait: one worker begins with them while the others keep the processors busy with the rest."""
    items.sort(key=lambda item: not item.nodeid.startswith("tests/runs/"))
