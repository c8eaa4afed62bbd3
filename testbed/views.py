"""Every view of the platform's audit. A new system adds its own here."""

from __future__ import annotations

from testbed import documents_views, dossiers_views, payments_views, web_views
from testbed.observing import View

VIEWS: tuple[View, ...] = (
    *dossiers_views.VIEWS,
    *documents_views.VIEWS,
    *web_views.VIEWS,
    *payments_views.VIEWS,
)
