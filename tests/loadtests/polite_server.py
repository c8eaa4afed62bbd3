"""A well-behaved HTTP server for client tests: `python -m tests.loadtests.polite_server [CERT]`. Prints its port.

Without CERT uvicorn speaks HTTP/1.1; with it (a PEM of key and chain) hypercorn speaks HTTP/2 and 1.1 over TLS.
"""

from __future__ import annotations

import asyncio
import gzip
import hashlib
import socket
import sys
from collections.abc import Awaitable, Callable

import hypercorn.asyncio
import hypercorn.config
import uvicorn
from starlette.applications import Starlette
from starlette.datastructures import UploadFile
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.routing import Route

METHODS = ["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"]


async def echo(request: Request) -> Response:
    body = await request.body()
    return JSONResponse(
        {
            "method": request.method,
            "path": request.scope["raw_path"].decode(),
            "query": dict(request.query_params),
            "headers": dict(request.headers),
            "cookies": request.cookies,
            "http": request.scope["http_version"],
            "client_port": request.client.port if request.client else 0,
            "text": body[:5000].decode("utf-8", "replace"),
        },
        headers={"X-Code": "H56-1"},
    )


async def form(request: Request) -> Response:
    parsed = await request.form()
    found = {}
    for name, value in parsed.multi_items():
        if isinstance(value, UploadFile):
            data = await value.read()
            found[name] = [value.filename, value.content_type, len(data), hashlib.sha256(data).hexdigest()]
        else:
            found[name] = value
    return JSONResponse({"fields": found, "length": request.headers.get("content-length")})


async def login(request: Request) -> Response:
    return JSONResponse({"token": f"t-{(await request.json())['account']}"})


async def whoami(request: Request) -> Response:
    token = request.headers.get("authorization", "")
    if token in ("", "Bearer t-expired"):
        return JSONResponse({"error": "token"}, 401)
    return JSONResponse({"dossiers": [token]})


async def status(request: Request) -> Response:
    code = request.path_params["status"]
    return Response(status_code=code) if code in (204, 304) else JSONResponse({"dossier": "d-1"}, code)


async def hop(request: Request) -> Response:
    left = request.path_params["left"]
    return RedirectResponse(f"/hop/{left - 1}" if left else "/echo", 302)


async def forward(request: Request) -> Response:
    return RedirectResponse(request.query_params["to"], int(request.query_params["status"]))


async def cookie(request: Request) -> Response:
    response = JSONResponse({})
    response.set_cookie("phien", "abc123")
    return response


async def zipped(request: Request) -> Response:
    assert "gzip" in request.headers["accept-encoding"]
    data = gzip.compress(b'{"number": 7, "text": "' + b"x" * 10_000 + b'"}')
    return Response(data, headers={"Content-Encoding": "gzip"}, media_type="application/json")


async def slow(request: Request) -> Response:
    await asyncio.sleep(float(request.query_params["s"]))
    return JSONResponse({})


async def timing(request: Request) -> Response:
    return JSONResponse(
        {}, headers={"server-timing": 'app;dur=12.5, db;desc="sqlite";dur=3.25, cache;dur=1, queue;dur=0'}
    )


async def kept(request: Request) -> Response:
    """A page whose state and headers are the query's; 304 for whoever has that state."""
    headers = {name: value for name, value in request.query_params.items() if name in ("etag", "cache-control")}
    headers["last-modified"] = "Fri, 27 Jun 2025 08:00:00 GMT"
    known = request.headers.get("if-none-match")
    since = request.headers.get("if-modified-since")
    same = known == headers["etag"] if known and "etag" in headers else since == headers["last-modified"]
    return Response(status_code=304, headers=headers) if same else Response("x" * 3000, headers=headers)


def route(path: str, handler: Callable[[Request], Awaitable[Response]]) -> Route:
    return Route(path, handler, methods=METHODS)


app = Starlette(
    routes=[
        route("/form", form), route("/login", login), route("/whoami", whoami), route("/status/{status:int}", status),
        route("/hop/{left:int}", hop), route("/forward", forward), route("/cookie", cookie), route("/gzip", zipped),
        route("/slow", slow), route("/timing", timing), route("/kept", kept),
        route("/{rest:path}", echo),
    ]
)  # fmt: skip


async def main() -> None:
    # asyncio switches Nagle's delay off only for sockets that say they are TCP
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.bind(("127.0.0.1", 0))
    listener.listen(1024)
    print(listener.getsockname()[1], flush=True)
    if len(sys.argv) == 1:
        await uvicorn.Server(uvicorn.Config(app, log_level="error", lifespan="off")).serve([listener])
        return
    config = hypercorn.config.Config()
    config.bind = [f"fd://{listener.fileno()}"]
    config.certfile = config.keyfile = sys.argv[1]
    config.alpn_protocols = ["h2", "http/1.1"]
    config.accesslog = config.errorlog = None
    await hypercorn.asyncio.serve(app, config, shutdown_trigger=asyncio.Event().wait)  # type: ignore[arg-type]


if __name__ == "__main__":
    asyncio.run(main())
