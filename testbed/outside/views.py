"""Every view of the outside's audit."""

from __future__ import annotations

from testbed.observing import View

VIEWS: tuple[View, ...] = ()
