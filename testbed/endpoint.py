"""One address of a process: who may come in, what it costs, and the answer's form."""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from typing import Any

import msgspec
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from scenarios.contract import AUDIT_KEYS_PATH, AUDIT_OBSERVATIONS_PATH, AUDIT_WRITES_PATH, BY_NAME, Write
from testbed import audit
from testbed.observing import View
from testbed.site import JSON, Content, Handler, Headers, Served, Site
from testbed.store import Applied
from testbed.uploads import Files
from testbed.visit import RefusedError, Spent, Visit

ARRIVED = "testbed.arrived_ns"  # in the scope, by the server: when the first byte of the request was parsed
_encode = msgspec.json.Encoder().encode
_BODILESS = (204, 304)
_leaked: list[bytes] = []  # of the fault `leak`


def served_routes(site: Site, served: Sequence[Served]) -> list[Route]:
    """One route per method and path; operations that share both share the route."""
    routes: dict[tuple[str, str], Route] = {}
    for operation, handler, status, shared, inner in served:
        endpoint = Endpoint(
            site, handler, operation.name, auth=operation.auth, status=status, faulty=not inner, shared=shared
        )
        place = (operation.method, operation.path)
        routes.setdefault(place, Route(operation.path, endpoint, methods=[operation.method]))
    return list(routes.values())


def audit_routes(site: Site, views: Sequence[View], files: Files | None = None) -> list[Route]:
    """The final read. `files`: where the attachments are of those writes that have one."""
    return [
        Route(AUDIT_KEYS_PATH, Endpoint(site, audit.keys(files), "audit.keys"), methods=["POST"]),
        Route(AUDIT_WRITES_PATH, Endpoint(site, audit.writes, "audit.writes"), methods=["GET"]),
        Route(
            AUDIT_OBSERVATIONS_PATH, Endpoint(site, audit.observations(views), "audit.observations"), methods=["GET"]
        ),
    ]


async def healthz(request: Request) -> Response:
    return PlainTextResponse("ok\n")


class Endpoint:
    """One address: who may come in, what it costs, and the answer's form."""

    def __init__(
        self,
        site: Site,
        handler: Handler,
        name: str,
        *,
        auth: str = "",
        status: int = 200,
        faulty: bool = False,
        shared: bool = False,
    ) -> None:
        self._site = site
        self._handler = handler
        self._name = f"{name.split('.', 1)[0]}.transition" if shared else name
        self._auth = auth
        self._status = status
        self._faulty = faulty
        self._faults_before = faulty and not shared

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        metrics = self._site.metrics
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
        site = self._site
        try:
            if self._auth:
                actor = site.tokens.check(visit.headers.get(b"authorization"), site.now())
                if actor is None:
                    raise RefusedError(401, "token-missing-or-invalid")
                if actor.kind != self._auth:
                    raise RefusedError(403, "role-wrong")
                visit.actor = actor
            if self._faults_before:
                await site.faults.before(visit.operation)
            if leak := site.faults.hit("leak", visit.operation):
                _leaked.append(os.urandom(int(leak.numbers[0]) * 1024))
            answer = await self._handler(site, visit)
            if isinstance(answer, Applied):
                visit.operation = answer.write.operation
                if answer.fresh:
                    site.faults.after(visit.operation)
                answer = _given(answer.write)
        except RefusedError as refused:
            return refused.status, JSON, _encode({"error": refused.slug})
        if isinstance(answer, Content):
            return answer.status or self._status, answer.headers, answer.body
        return self._status, JSON, _encode(answer)


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


async def not_served(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    slug = {404: "path-unknown", 405: "method-wrong"}.get(error.status_code, "refused")
    return Response(_encode({"error": slug}), error.status_code, media_type="application/json")
