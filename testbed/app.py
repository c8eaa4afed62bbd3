"""The platform as one ASGI application."""

from __future__ import annotations

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from testbed import control, docs, identity, paying, portal, sign, tthc, web
from testbed.endpoint import Endpoint, audit_routes, healthz, not_served, served_routes
from testbed.metrics import CONTENT_TYPE, dossiers_text
from testbed.platform import Platform
from testbed.site import Served
from testbed.views import VIEWS

SERVED: tuple[Served, ...] = (
    *portal.SERVED,
    *tthc.SERVED,
    *sign.SERVED,
    *identity.SERVED,
    *web.SERVED,
    *docs.SERVED,
    *paying.SERVED,
)


def make_app(platform: Platform, *, controlled: bool = False) -> Starlette:
    """All operations of the contract, the final read, /metrics and /healthz; a switch for faults if `controlled`."""

    async def metrics(request: Request) -> Response:
        text = platform.metrics.text(platform.faults, dossiers_text(platform.dossiers))
        return PlainTextResponse(text, media_type=CONTENT_TYPE)

    routes = [
        *served_routes(platform, (*SERVED, *(control.PLATFORM if controlled else ()))),
        *audit_routes(platform, VIEWS, platform.files),
        Route("/sign/ca", Endpoint(platform, sign.roots, "sign.ca"), methods=["GET"]),
        Route("/sign/crl", Endpoint(platform, sign.revoked, "sign.crl"), methods=["GET"]),
        Route("/metrics", metrics, methods=["GET"]),
        Route("/healthz", healthz, methods=["GET"]),
    ]
    return Starlette(routes=routes, exception_handlers={HTTPException: not_served})
