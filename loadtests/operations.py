"""The [operation.*] and [own.*] tables of a target file, over the contract's defaults."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import msgspec

from loadtests.bindings import BODY_METHODS, OK_DEFAULT, Spec
from loadtests.templates import Template, TemplateError, walk
from scenarios import contract
from scenarios.contract import Operation
from scenarios.strict_toml import REQUIRED, Table, is_name, shown

METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
OWN_VALUES = ("index",)  # what a call of an own operation brings along: the number of its arrival
OWN_MAX = 1000
WEIGHT_MAX = 1e6
TIMEOUT_MS_MAX = 600_000
_BODIES = ("json", "form", "body")
_STATUSES = range(200, 600)


def specs(root: Table, bases: Mapping[str, str], logins: Mapping[str, str]) -> dict[str, Spec]:
    """Every operation that can be sent. `logins`: log-in operation → the auth it serves."""
    found = {}
    changed = root.named("operation")
    for operation in contract.OPERATIONS:
        if operation.system not in bases and operation.name not in changed:
            continue
        gives = _session_names(operation.auth, logins)
        spec = msgspec.structs.replace(default(operation), login_of=logins.get(operation.name, ""))
        table = changed.pop(operation.name, None)
        if table is not None:
            if operation.system not in bases:
                table.document.problem(table.path, f'no [systems] {operation.system} = "http://…"')
            spec = _changed(spec, table, (*operation.takes, *gives), operation.gives)
        found[operation.name] = spec
    for name in changed:
        root.table("operation").problem(name, "not in the contract; an operation of your own goes into [own.…]")
    own = root.named("own")
    if len(own) > OWN_MAX:
        root.problem("own", f"{len(own)} operations; at most {OWN_MAX}")
    for name, table in own.items():
        if name in contract.BY_NAME:
            table.document.problem(table.path, "is an operation of the contract; take another name")
        if not is_name(name):
            table.document.problem(table.path, "is no name; should be one line of letters, at most 100")
        found[name] = _own(name, table, bases)
    return found


def default(operation: Operation) -> Spec:
    """The contract's own binding: what it takes as JSON (GET: query), what it gives as members of the JSON reply."""
    in_path = Template(operation.path).names
    rest = [name for name in operation.takes if name not in in_path]
    fields: dict[str, Any] = {name: f"{{{name}}}" for name in rest if name != operation.upload}
    with_body = operation.method in BODY_METHODS
    return Spec(
        name=operation.name,
        system=operation.system,
        method=operation.method,
        path=operation.path,
        write=operation.write,
        query=None if with_body else fields,
        json=fields if with_body and not operation.upload else None,
        form=fields if operation.upload else None,
        upload=operation.upload,
        reply={name: ("pointer", f"/{name}") for name in operation.gives},
        definite=operation.definite,
        auth=operation.auth,
        conditional=operation.conditional,
        signed=operation.signed,
        subject=operation.subject if operation.write and operation.subject in operation.gives else "",
        about=operation.subject if operation.write and operation.subject in operation.takes else "",
    )


def templates_of(spec: Spec) -> Iterator[Template]:
    """Every template of an operation that was checked."""
    for tree in spec.texts().values():
        yield from walk(tree)


def check_template(table: Table, key: str, tree: Any, names: Iterable[str] | None, what: str = "") -> None:
    """A problem for each text under `key` that is no template or asks for a value that is not in `names`."""
    at = f"{what}: " if what else ""
    known = None if names is None else sorted(set(names))
    try:
        templates = list(walk(tree))
    except TemplateError as error:
        table.problem(key, f"{at}{error}")
        return
    for template in templates:
        for name in template.names:
            if known is not None and name not in known:
                listed = ", ".join(f"{{{k}}}" for k in known)
                table.problem(key, f"{at}{{{name}}} is not known here; known: {listed or 'none'}, {{env:NAME}}")


def headers_of(table: Table) -> dict[str, str]:
    """The `headers` of a table: names of RFC 9110 tokens, texts without line breaks."""
    headers: dict[str, Any] = table.take("headers", dict, {}, right='a table such as { "X-Unit" = "1" }')
    good = {}
    for name, text in headers.items():
        if not re.fullmatch(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+", name):
            table.problem("headers", f"{name!r} is no header name")
        elif not isinstance(text, str) or not text.isprintable():
            table.problem("headers", f"{name}: should be a text of one line, without control characters")
        else:
            good[name] = text
    return good


def _session_names(auth: str, logins: Mapping[str, str]) -> tuple[str, ...]:
    return tuple(name for login, of in logins.items() if of == auth and login in contract.BY_NAME
                 for name in contract.BY_NAME[login].gives)  # fmt: skip


def _own(name: str, table: Table, bases: Mapping[str, str]) -> Spec:
    only = next(iter(bases), "") if len(bases) == 1 else ""
    system = table.take("system", str, only or "", right=f"one of {', '.join(bases)}")
    if system not in bases and bases:
        table.problem("system", f"{system!r} will not do; one of {', '.join(bases)}")
    weight = table.take(
        "weight", float, 1.0, right=f"a share above 0, at most {WEIGHT_MAX:g}", check=lambda v: 0 < v <= WEIGHT_MAX
    )
    write = table.take("write", bool, False)
    definite = contract.Operation("", "", "").definite
    spec = Spec(name, system, "GET", "", write, weight=weight, definite=definite if write else ())
    return _changed(spec, table, OWN_VALUES, None)


def _changed(spec: Spec, table: Table, values: tuple[str, ...], gives: tuple[str, ...] | None) -> Spec:
    """The operation with what the table says. `gives`: values that must be read; None: any may be."""
    method = table.take("method", str, spec.method, right=f"one of {', '.join(METHODS)}", check=lambda v: v in METHODS)
    standard = spec.path or REQUIRED
    path = table.take("path", str, standard, right="a path that begins with /", check=lambda v: v.startswith("/"))
    made = msgspec.structs.replace(
        spec,
        method=method,
        path=path,
        query=table.take("query", dict, None) if "query" in table.data else spec.query,
        headers=headers_of(table),
        upload_field=table.take("upload_field", str, "") if spec.upload else "",
        reply=_reply(table, spec, gives),
        ok=_statuses(table, "ok", spec.ok),
        definite=_statuses(table, "definite", spec.definite),
        timeout_ms=table.take(
            "timeout_ms", int, 0, right=f"milliseconds, 1 to {TIMEOUT_MS_MAX}", check=lambda v: 1 <= v <= TIMEOUT_MS_MAX
        ),
        **_bodies(table, spec, method),
    )
    made = msgspec.structs.replace(made, subject="subject" if "subject" in made.reply else made.subject)
    _check_templates(made, table, values)
    return made


def _bodies(table: Table, spec: Spec, method: str) -> dict[str, Any]:
    """json, form and body: those of the table if it has one, else the contract's as far as the method carries any."""
    given = [key for key in _BODIES if key in table.data]
    if spec.upload:
        for key in given:
            if key != "form":
                table.take(key, object)
                table.problem(key, f"an upload is sent as a form; only form = {{…}} goes beside the file {spec.upload}")
        return {"form": table.take("form", dict)} if "form" in given else {}
    if len(given) > 1:
        table.problem(given[1], f"beside {given[0]}; at most one of {', '.join(_BODIES)}")
    if given and method not in BODY_METHODS:
        table.problem(given[0], f"a {method} has no body; use query = {{…}}")
    if "json" in table.data:
        table.take("json", object)
        return {"json": table.data["json"], "form": None, "body": None}
    if "form" in given:
        return {"json": None, "form": table.take("form", dict), "body": None}
    if "body" in given:
        return {"json": None, "form": None, "body": table.take("body", str)}
    if method not in BODY_METHODS and spec.json is not None:
        moved = {} if "query" in table.data else {"query": spec.json}
        return {"json": None, **moved}
    return {}


def _reply(table: Table, spec: Spec, gives: tuple[str, ...] | None) -> dict[str, tuple[str, str]]:
    found = dict(spec.reply)
    sources = table.table("reply")
    for name, source in sources.data.items():
        child = sources.table(name)
        kinds = [kind for kind in ("pointer", "header", "regex") if kind in child.data]
        texts = [child.take(kind, str) for kind in kinds]
        if len(kinds) != 1 or not isinstance(source, dict):
            child.document.problem(
                child.path, 'should be one of { pointer = "/a/b" }, { header = "X" }, { regex = "…" }'
            )
            continue
        wrong = _source_problem(kinds[0], texts[0])
        if wrong:
            child.problem(kinds[0], wrong)
        elif gives is not None and name not in gives:
            child.document.problem(
                child.path, f"{spec.name} promises no {name}; it gives {', '.join(gives) or 'nothing'}"
            )
        else:
            found[name] = (kinds[0], texts[0])
    return found


def _source_problem(kind: str, text: str) -> str:
    if kind == "pointer" and not text.startswith("/"):
        return f"{text!r} is no JSON pointer; should be like /data/0/code"
    if kind == "header" and not re.fullmatch(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+", text):
        return f"{text!r} is no header name"
    if kind == "regex":
        try:
            re.compile(text)
        except (re.error, OverflowError, RecursionError) as error:
            return f"not a regular expression: {error}"
    return ""


def _statuses(table: Table, key: str, standard: tuple[int, ...]) -> tuple[int, ...]:
    values: list[Any] = table.take(key, list, list(standard), right="a list of statuses such as [200, 201]")
    if not all(isinstance(value, int) and value in _STATUSES for value in values) or (key == "ok" and not values):
        table.problem(key, f"{shown(values)} will not do; should be statuses from 200 to 599, such as [200, 201]")
        return OK_DEFAULT
    return tuple(values)


def _check_templates(spec: Spec, table: Table, values: tuple[str, ...]) -> None:
    names = {*values, "key"} - {spec.upload}
    for key, tree in spec.texts().items():
        if key not in table.data:
            continue
        check_template(table, key, tree, names)
    for key in ("path", "query"):
        try:
            secrets = [s for template in walk(spec.texts()[key]) for s in template.secrets]
        except TemplateError:
            continue
        if secrets:
            table.problem(key, f"{{env:{secrets[0]}}}: a secret in an address ends up in logs; use a header")
