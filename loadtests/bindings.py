"""An operation bound to a real system's request: compiled once, then cheap to render for each call."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

import msgspec

from loadtests.bodies import CONTENT_TYPE, Body, multipart
from loadtests.replies import Reader
from loadtests.templates import Render, Template, Values, compile_tree
from scenarios.contract import KEY_HEADER, as_text

OK_DEFAULT = tuple(range(200, 300))
BODY_METHODS = ("POST", "PUT", "PATCH", "DELETE")

_encode_json = msgspec.json.Encoder().encode
_URL_SAFE = "%/:?#[]@!$&'()*+,;=~"
_NO_VALUES: Mapping[str, Any] = {}

Headers = list[str | bytes]
Content = bytes | Body | None


class Spec(msgspec.Struct, frozen=True):
    """One operation as contract and target file have it. Texts may be templates; nothing is resolved yet.

    At most one of `json`, `form`, `body` is set. With `upload` the form's fields go beside the file. `reply` names
    where each promised value stands: ("pointer" | "header" | "regex", where).
    """

    name: str
    system: str
    method: str
    path: str
    write: bool
    query: dict[str, Any] | None = None
    headers: dict[str, str] = {}
    json: Any = None
    form: dict[str, Any] | None = None
    body: str | None = None
    upload: str = ""
    upload_field: str = ""
    reply: dict[str, tuple[str, str]] = {}
    ok: tuple[int, ...] = OK_DEFAULT
    definite: tuple[int, ...] = ()
    timeout_ms: int = 0
    auth: str = ""
    login_of: str = ""  # the auth whose log-in this operation is
    subject: str = ""  # the reply value that is the number the target gave
    about: str = ""  # else the call's value that is
    weight: float = 0.0
    conditional: bool = False  # who asks again says what they have
    signed: bool = False  # the reply is a document whose signatures are verified

    def texts(self) -> dict[str, Any]:
        """Everything that may hold placeholders, by key of the target file."""
        return {
            "path": self.path, "query": self.query, "headers": self.headers,
            "json": self.json, "form": self.form, "body": self.body,
        }  # fmt: skip


class Session:
    """Somebody who is logged in: the header lines to send, and the values the log-in gave. Never shown."""

    __slots__ = ("lines", "values")

    def __init__(self, lines: Headers, values: Mapping[str, Any]) -> None:
        self.lines = lines
        self.values = values


class Binding:
    """One operation, ready to be sent. The public fields are read for each call and never change."""

    __slots__ = (
        "_body", "_key_prefix", "_merge", "_moving_headers", "_standing_headers", "_url", "about", "auth",
        "conditional", "definite", "has_body", "login_of", "method", "name", "ok", "reader", "signed", "subject",
        "system", "timeout_ms", "write",
    )  # fmt: skip

    def __init__(self, spec: Spec, base: str, environ: Mapping[str, str], timeout_ms: int) -> None:
        self.name = spec.name
        self.system = spec.system
        self.method = spec.method
        self.write = spec.write
        self.conditional = spec.conditional
        self.signed = spec.signed
        self.ok = frozenset(spec.ok)
        self.definite = frozenset(spec.definite)
        self.timeout_ms = spec.timeout_ms or timeout_ms
        self.auth = spec.auth
        self.login_of = spec.login_of
        self.subject = spec.subject
        self.about = spec.about
        self.reader = Reader(spec.reply)
        self._url = _url(spec, base).compile(environ, _percent)
        self._body = _content(spec, environ)
        self.has_body = self._body is not None
        self._key_prefix = f"{KEY_HEADER}: " if spec.write and not _sends_key(spec) else ""
        self._standing_headers, self._moving_headers = _headers(spec, environ, self.has_body)
        self._merge = _needs_merge(spec)

    def request(self, values: Values, key: str | None, session: Session | None) -> tuple[str, Headers, Content]:
        """URL, header lines and body of one call. The header list is the same object while nothing in it varies."""
        if self._merge:
            values = {**(session.values if session is not None else _NO_VALUES), **values, "key": key or ""}
        url = self._url
        headers = self._standing_headers
        if self._moving_headers or self._key_prefix or session is not None:
            headers = list(headers)
            if session is not None:
                headers += session.lines
            if self._key_prefix:
                headers.append(self._key_prefix + (key or ""))
            for render in self._moving_headers:
                headers.append(header_line(render(values)))
        body = self._body
        return url if isinstance(url, str) else url(values), headers, body(values) if callable(body) else body


def header_line(text: str) -> str | bytes:
    """As libcurl takes it: one line, bytes where it is not ASCII."""
    if "\n" in text or "\r" in text:
        text = text.replace("\r", " ").replace("\n", " ")
    return text if text.isascii() else text.encode()


def _percent(value: Any) -> str:
    return quote(as_text(value), safe="")


def _url(spec: Spec, base: str) -> Template:
    """Base, path and query. Standing text may be written plainly; characters that mean something in a path stay."""
    url = Template(_escaped(base) + spec.path).with_literals(lambda text: quote(text, safe=_URL_SAFE))
    mark = "&" if "?" in spec.path else "?"
    for name, value in (spec.query or {}).items():
        text = value if isinstance(value, str) else _escaped(as_text(value))
        url += Template(f"{mark}{_escaped(quote(name, safe=''))}=") + Template(text).with_literals(_percent)
        mark = "&"
    return url


def _escaped(text: str) -> str:
    return text.replace("{", "{{").replace("}", "}}")


def _content(spec: Spec, environ: Mapping[str, str]) -> Any:
    """None, the constant bytes, or a function of the values."""
    if spec.upload:
        return _upload(spec, environ)
    if spec.json is not None:
        tree = compile_tree(spec.json, environ)
        return (lambda values: _encode_json(tree(values))) if callable(tree) else _encode_json(tree)
    if spec.form is not None:
        form = [(quote(name, safe=""), compile_tree(value, environ)) for name, value in spec.form.items()]
        if not any(callable(value) for _, value in form):
            return _urlencoded(form, _NO_VALUES)
        return lambda values: _urlencoded(form, values)
    if spec.body is not None:
        text = Template(spec.body).compile(environ)
        return text.encode() if isinstance(text, str) else lambda values: text(values).encode()
    return b"" if spec.method in ("POST", "PUT", "PATCH") else None


def _urlencoded(form: list[tuple[str, Any]], values: Values) -> bytes:
    return "&".join(
        [f"{name}={_percent(value(values) if callable(value) else value)}" for name, value in form]
    ).encode()


def _upload(spec: Spec, environ: Mapping[str, str]) -> Any:
    fields = [(name, compile_tree(value, environ)) for name, value in (spec.form or {}).items()]
    file_field = spec.upload_field or spec.upload

    def build(values: Values) -> Body:
        texts = [(name, as_text(value(values) if callable(value) else value)) for name, value in fields]
        return multipart(texts, file_field, values[spec.upload])

    return build


def _headers(spec: Spec, environ: Mapping[str, str], has_body: bool) -> tuple[Headers, list[Render]]:
    lines: dict[str, str | Render] = {}
    if has_body:
        kind = CONTENT_TYPE if spec.upload else "application/json" if spec.json is not None else ""
        kind = kind or ("application/x-www-form-urlencoded" if spec.form is not None else "text/plain; charset=utf-8")
        lines["content-type"] = f"Content-Type: {kind}"
        lines["expect"] = "Expect:"  # libcurl would wait for 100-continue before a large body
    for name, value in spec.headers.items():
        if name.lower() == "content-type" and spec.upload:
            continue  # the boundary is ours
        lines[name.lower()] = Template(f"{_escaped(name)}: {value}").compile(environ)
    standing = [header_line(line) for line in lines.values() if isinstance(line, str)]
    return standing, [line for line in lines.values() if not isinstance(line, str)]


def _sends_key(spec: Spec) -> bool:
    return any("{key}" in value for value in spec.headers.values())


def _needs_merge(spec: Spec) -> bool:
    """Whether the request uses more than the call's own values: the key or what the log-in gave."""
    return bool(spec.headers or spec.json is not None or spec.form or spec.body or spec.query or "{" in spec.path)
