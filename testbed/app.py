"""The platform as one ASGI application: routes, tokens, errors, timing."""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from typing import Any

import msgspec
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import BaseRoute, Route
from starlette.types import Receive, Scope, Send

from scenarios.contract import AUDIT_KEYS_PATH, AUDIT_OBSERVATIONS_PATH, AUDIT_WRITES_PATH, BY_NAME, Write
from testbed import audit, portal, tthc
from testbed.metrics import CONTENT_TYPE
from testbed.platform import Content, Handler, Headers, Platform
from testbed.store import Applied
from testbed.visit import RefusedError, Spent, Visit

ARRIVED = "testbed.arrived_ns"  # in the scope, by serve.Protocol: when the first byte of the request was parsed
_encode = msgspec.json.Encoder().encode
_JSON: Headers = ((b"content-type", b"application/json"),)
_BODILESS = (204, 304)
_leaked: list[bytes] = []  # of the fault `leak`


def make_app(platform: Platform) -> Starlette:
    """All operations of the contract, the final read, /metrics and /healthz."""

    async def metrics(request: Request) -> Response:
        text = platform.metrics.text(platform.dossiers, platform.faults)
        return PlainTextResponse(text, media_type=CONTENT_TYPE)

    async def healthz(request: Request) -> Response:
        return PlainTextResponse("ok\n")

    routes: list[BaseRoute] = [*_contract_routes(platform)]
    routes += [
        Route(AUDIT_KEYS_PATH, _Endpoint(platform, audit.keys, "audit.keys"), methods=["POST"]),
        Route(AUDIT_WRITES_PATH, _Endpoint(platform, audit.writes, "audit.writes"), methods=["GET"]),
        Route(AUDIT_OBSERVATIONS_PATH, _Endpoint(platform, audit.observations, "audit.observations"), methods=["GET"]),
        Route("/metrics", metrics, methods=["GET"]),
        Route("/healthz", healthz, methods=["GET"]),
    ]
    return Starlette(routes=routes, exception_handlers={HTTPException: _not_served})


def _contract_routes(platform: Platform) -> Sequence[Route]:
    """One route per method and path; operations that share both share the route."""
    routes: dict[tuple[str, str], Route] = {}
    for operation, handler, status, shared in (*portal.SERVED, *tthc.SERVED):
        endpoint = _Endpoint(
            platform, handler, operation.name, auth=operation.auth, status=status, faulty=True, shared=shared
        )
        place = (operation.method, operation.path)
        routes.setdefault(place, Route(operation.path, endpoint, methods=[operation.method]))
    return list(routes.values())


class _Endpoint:
    """One address: who may come in, what it costs, and the answer's form."""

    def __init__(
        self,
        platform: Platform,
        handler: Handler,
        name: str,
        *,
        auth: str = "",
        status: int = 200,
        faulty: bool = False,
        shared: bool = False,
    ) -> None:
        self._platform = platform
        self._handler = handler
        self._name = f"{name.split('.', 1)[0]}.transition" if shared else name
        self._auth = auth
        self._status = status
        self._faulty = faulty
        self._faults_before = faulty and not shared

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        metrics = self._platform.metrics
        entered = time.perf_counter_ns()
        arrived: int = scope.get(ARRIVED, entered)
        visit = Visit(scope, receive, Spent(entered - arrived, self._name))
        status = 500
        metrics.in_flight += 1
        try:
            status, headers, body = await self._answer(visit)
            total_ns = time.perf_counter_ns() - arrived - visit.spent.body_ns
            await _send(send, status, headers, body, visit.spent, total_ns)
        finally:
            metrics.in_flight -= 1
            total_ns = time.perf_counter_ns() - arrived - visit.spent.body_ns
            metrics.count(visit.operation, status, total_ns, visit.spent)

    async def _answer(self, visit: Visit) -> tuple[int, Headers, bytes]:
        platform = self._platform
        try:
            if self._auth:
                actor = platform.tokens.check(visit.headers.get(b"authorization"), platform.now())
                if actor is None:
                    raise RefusedError(401, "token-missing-or-invalid")
                if actor.kind != self._auth:
                    raise RefusedError(403, "role-wrong")
                visit.actor = actor
            if self._faults_before:
                await platform.faults.before(visit.operation)
            if leak := platform.faults.hit("leak", visit.operation):
                _leaked.append(os.urandom(int(leak.numbers[0]) * 1024))
            answer = await self._handler(platform, visit)
            if isinstance(answer, Applied):
                visit.operation = answer.write.operation
                if answer.fresh:
                    platform.faults.after(visit.operation)
                answer = _given(answer.write)
        except RefusedError as refused:
            return refused.status, _JSON, _encode({"error": refused.slug})
        if isinstance(answer, Content):
            return answer.status or self._status, answer.headers, answer.body
        return self._status, _JSON, _encode(answer)


def _given(write: Write) -> dict[str, Any]:
    """What a write answers, now and when it is repeated: made from the write alone."""
    operation = BY_NAME[write.operation]
    answer: dict[str, Any] = {}
    for name in operation.gives:
        if name == operation.subject:
            answer[name] = write.subject or None
        elif name == "state":
            answer[name] = int(write.content["to"])
        else:
            answer[name] = write.content[name]
    return answer


async def _send(send: Send, status: int, given: Headers, body: bytes, spent: Spent, total_ns: int) -> None:
    """`app` is what is left when database, waiting for a turn and waiting for the client's bytes are taken away."""
    app_ns = max(0, total_ns - spent.db_ns - spent.queue_ns)
    timing = f"app;dur={app_ns / 1e6:.3f}, db;dur={spent.db_ns / 1e6:.3f}, queue;dur={spent.queue_ns / 1e6:.3f}"
    headers = [*given, (b"server-timing", timing.encode())]
    if status not in _BODILESS:
        headers.append((b"content-length", str(len(body)).encode()))
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


async def _not_served(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    slug = {404: "path-unknown", 405: "method-wrong"}.get(error.status_code, "refused")
    return Response(_encode({"error": slug}), error.status_code, media_type="application/json")
