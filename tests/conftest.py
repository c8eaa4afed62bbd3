"""Hypothesis for all tests: the same examples every time, and no deadlines on a noisy machine."""

from __future__ import annotations

from hypothesis import settings

settings.register_profile("house", deadline=None, derandomize=True)
settings.load_profile("house")
