"""The outside as one ASGI application. A new system adds what it serves to SERVED, or whole routes to `make_app`."""

from __future__ import annotations

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from testbed import control
from testbed.endpoint import Endpoint, audit_routes, healthz, not_served, served_routes
from testbed.metrics import CONTENT_TYPE
from testbed.outside import bank_api, identity_api, national, tsa
from testbed.outside.outside import Outside
from testbed.outside.views import VIEWS
from testbed.site import Served

SERVED: tuple[Served, ...] = (*identity_api.SERVED, *national.SERVED, *bank_api.SERVED)


def make_app(outside: Outside, *, controlled: bool = False) -> Starlette:
    """All operations outside the platform, their final read, /metrics and /healthz; with a switch if `controlled`."""

    async def metrics(request: Request) -> Response:
        return PlainTextResponse(outside.metrics.text(outside.faults), media_type=CONTENT_TYPE)

    routes = [
        *served_routes(outside, (*SERVED, *(control.OUTSIDE if controlled else ()))),
        *audit_routes(outside, VIEWS),
        Route(tsa.PATH, Endpoint(outside, tsa.stamp, "tsa.stamp"), methods=["POST"]),
        Route(tsa.ROOTS_PATH, Endpoint(outside, tsa.roots, "tsa.ca"), methods=["GET"]),
        Route("/metrics", metrics, methods=["GET"]),
        Route("/healthz", healthz, methods=["GET"]),
    ]
    return Starlette(routes=routes, exception_handlers={HTTPException: not_served})
