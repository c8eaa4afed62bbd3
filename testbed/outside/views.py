"""Every view of the outside's audit."""

from __future__ import annotations

from testbed.observing import View
from testbed.outside import bank_views, national

VIEWS: tuple[View, ...] = (*national.VIEWS, *bank_views.VIEWS)
