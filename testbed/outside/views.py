"""Every view of the outside's audit."""

from __future__ import annotations

from testbed.observing import View
from testbed.outside import national

VIEWS: tuple[View, ...] = (*national.VIEWS,)
