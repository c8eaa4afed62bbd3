"""Target files: which real system answers, and how each operation becomes a request there. Strict TOML.

A target may bind the contract's operations, define its own (`[own."name"]`), or both. Nothing secret is in the file:
secrets are named as {env:NAME} and looked up when an operation is bound.
"""

from __future__ import annotations

import hashlib
import ipaddress
import os
import ssl
from collections.abc import Iterable, Mapping
from pathlib import Path
from urllib.parse import urlsplit

import certifi
import msgspec

from loadtests import operations
from loadtests.answering import Control, FinalRead, control_of, final_read_of
from loadtests.bindings import Binding, Session, Spec, header_line
from loadtests.resources import Resource, postgres_of, postgres_problems, resources_of
from loadtests.service import Service, service_of
from loadtests.signatures import Signatures, signatures_of
from loadtests.templates import Template
from record.types import OperationInfo, TargetInfo
from scenarios.contract import BY_NAME
from scenarios.strict_toml import Document, Table, is_name, is_there, read
from scenarios.types import ConfigError

TIMEOUT_MS_MAX = 600_000
SYSTEMS_MAX = 64
IDENTITIES = ("realistic", "marked", "allow-list", "none")


class HttpOptions(msgspec.Struct, frozen=True):
    """How connections are made. `connections`: "journey" one of its own per arrival, "shared" reused across them.

    `trace`: every request carries a trace context (record.traces).
    """

    version: str
    connections: str
    connect_timeout_ms: int
    total_timeout_ms: int
    ca_file: str
    trace: bool = False

    @property
    def trusted(self) -> str:
        """The file of authorities that a server's certificate must come from."""
        return self.ca_file or ssl.get_default_verify_paths().cafile or certifi.where()


class Auth(msgspec.Struct, frozen=True):
    """Who is who: the log-in operation, and the header that its values fill."""

    name: str
    login: str
    header: str


class Target:
    """A checked target file. Its repr and its info hold no secret."""

    def __init__(
        self,
        *,
        info: TargetInfo,
        identities: str,
        allow_hosts: tuple[str, ...],
        http: HttpOptions,
        auth: dict[str, Auth],
        final_read: FinalRead | None,
        metrics: dict[str, str],
        resources: tuple[Resource, ...],
        postgres: str,
        control: Control | None,
        signatures: Signatures | None,
        service: Service | None,
        specs: dict[str, Spec],
        environ: Mapping[str, str],
    ) -> None:
        self.identities = identities
        self.http = http
        self.auth = auth
        self.final_read = final_read
        self.metrics = metrics  # system → whole URL of its process meters
        self.resources = resources
        self.postgres = postgres  # variable with the address of its statistics; "": none
        self.control = control
        self.signatures = signatures
        self.service = service
        self._info = info
        self._allow_hosts = frozenset(host.lower() for host in allow_hosts)
        self._specs = specs
        self._environ = environ
        self._bound: dict[str, Binding] = {}

    def __repr__(self) -> str:
        return f"Target({self._info.name!r})"

    @property
    def name(self) -> str:
        return self._info.name

    @property
    def weights(self) -> dict[str, float]:
        """The target's own operations with their shares."""
        return {spec.name: spec.weight for spec in self._specs.values() if spec.weight}

    def info(self) -> TargetInfo:
        return self._info

    def operations(self) -> tuple[OperationInfo, ...]:
        """Every operation that can be sent here: the contract's for the systems this target has, then its own."""
        verified = self.signatures is not None
        return tuple(OperationInfo(s.name, s.system, s.write, s.signed and verified) for s in self._specs.values())

    def writes(self, operation: str) -> bool:
        return self._specs[operation].write

    def bind(self, operation: str) -> Binding:
        """The operation, ready to be sent. Raises ConfigError when it has no system here or a secret is not set."""
        bound = self._bound.get(operation)
        if bound is None:
            spec = self._specs.get(operation)
            if spec is None:
                raise ConfigError([self._no_operation(operation)])
            missing = self._missing_secrets(secrets_of(spec))
            if missing:
                raise ConfigError(missing)
            base = self._info.bases[spec.system]
            bound = Binding(spec, base, self._environ, self.http.total_timeout_ms)
            self._bound[operation] = bound
        return bound

    def session(self, auth: str, values: Mapping[str, object]) -> Session:
        """What a log-in gave, as the header lines that later calls send. Raises KeyError when a value is missing."""
        line = Template(self.auth[auth].header).compile(self._environ)
        return Session([header_line(line if isinstance(line, str) else line(values))], values)

    def headers(self, texts: Mapping[str, str]) -> dict[str, str]:
        """Headers of the final read or of the control with their secrets in place. ConfigError when one is not set."""
        made = {name: Template(text) for name, text in texts.items()}
        missing = self._missing_secrets(secret for template in made.values() for secret in template.secrets)
        if missing:
            raise ConfigError(missing)
        return {name: str(template.compile(self._environ)) for name, template in made.items()}

    def allows(self, url: str) -> bool:
        """Whether traffic may go there: loopback, or a host that the file names. Redirects are held to it too."""
        try:
            parts = urlsplit(url)
        except ValueError:
            return False
        host = (parts.hostname or "").lower()
        return parts.scheme in ("http", "https") and (is_loopback(host) or host in self._allow_hosts)

    def notes(self) -> list[str]:
        """What is allowed but will cost something: a verdict that cannot be better than undecided."""
        found = []
        if "sign" in self._info.bases and self.signatures is None:
            found.append(f"{self.name}: systems.sign and no [signatures]: nothing signed is verified (docs/targets.md)")
        writing = [spec.name for spec in self._specs.values() if spec.write and spec.weight]
        if writing and self.final_read is None:
            what = f"{', '.join(writing[:3])} write{'s' if len(writing) == 1 else ''} and there is no [final_read]"
            found.append(f"{self.name}: {what}: the verdict can at best be undecided (docs/targets.md)")
        return found

    def problems_before_traffic(self, operations: Iterable[str] = ()) -> list[str]:
        """Why not a single request may leave: hosts, purpose, secrets, and `operations` that have no binding here."""
        found = []
        name = self._info.name
        away = {system: base for system, base in self._info.bases.items() if not is_loopback(_host(base))}
        for system, base in away.items():
            if not self.allows(base):
                found.append(
                    f"{name}: systems.{system}: {_host(base)} is not this machine; "
                    f'if you may load it, add allow_hosts = ["{_host(base)}"] and a purpose'
                )
        if away and not self._info.purpose:
            found.append(f"{name}: purpose: empty; say why this load may be sent to a system that is not this machine")
        secrets: list[str] = [secret for spec in self._specs.values() for secret in secrets_of(spec)]
        secrets += [secret for auth in self.auth.values() for secret in Template(auth.header).secrets]
        others = [*(self.final_read or ()), *([self.control] if self.control else [])]
        secrets += [s for one in others for text in one.headers.values() for s in Template(text).secrets]
        found += self._missing_secrets(secrets)
        found += postgres_problems(name, self.postgres, self._environ, self.allows)
        found += sorted({self._no_operation(operation) for operation in operations if operation not in self._specs})
        return found

    def _missing_secrets(self, secrets: Iterable[str]) -> list[str]:
        found = []
        for secret in dict.fromkeys(secrets):
            value = self._environ.get(secret)
            if not value:
                found.append(
                    f"{self._info.name}: environment variable {secret} is not set; the target file asks for it"
                )
            elif "\n" in value or "\r" in value:
                found.append(f"{self._info.name}: {{env:{secret}}}: the value has a line break; it must be one line")
        return found

    def _no_operation(self, operation: str) -> str:
        name, system = self._info.name, operation.split(".", 1)[0]
        if operation in BY_NAME:
            what = f'missing; the profile sends people to {system}: write {system} = "http://…"'
            how = f"or leave them at home: --set 'world.journeys=[…]' without {system}.*"
            return f"{name}: systems.{system}: {what}, {how} (a system of your own is driven by `run generic`)"
        return f"{name}: operation {operation!r} cannot be sent here: not in the contract, and no [own]"


def load(path: Path, environ: Mapping[str, str] | None = None) -> Target:
    """A checked target file. Raises ConfigError with every problem of it."""
    return parse(str(path), read(path), environ)


def parse(name: str, text: str, environ: Mapping[str, str] | None = None) -> Target:
    """As `load`, from a text; `name` is the path for messages, and relative paths in the file start at its folder."""
    document = Document(name, text)
    root = document.root
    target_name = root.take("name", str, right='a short name such as "testbed"', check=is_name)
    purpose = root.take("purpose", str, "")
    identities = root.take(
        "identities", str, "marked", right=f"one of {', '.join(IDENTITIES)}", check=lambda v: v in IDENTITIES
    )
    allow_hosts = root.words("allow_hosts", [], right='a list of host names such as ["tthc.example.vn"]')
    bases = _bases(root.table("systems", required=True))
    http_table = root.table("http")
    http = _http(http_table, Path(name).parent)
    plain = [system for system, base in bases.items() if base.startswith("http:")]
    if http.version == "2" and plain:
        http_table.problem("version", f'"2" is spoken only over https, and {", ".join(plain)} has http://; take "1.1"')
    auth = {auth_name: _auth(auth_name, table) for auth_name, table in root.named("auth").items()}
    specs = operations.specs(root, bases, {a.login: a.name for a in auth.values()})
    final_read = final_read_of(root, bases)
    metrics = _metrics(root.table("metrics"), bases)
    resources = resources_of(root, bases, metrics)
    postgres = postgres_of(root)
    control = control_of(root, bases)
    signatures = signatures_of(root, bases, Path(name).parent)
    service = service_of(root, bases, Path(name).resolve().parent, metrics)
    document.finish()
    digest = hashlib.sha256(text.encode()).hexdigest()
    return Target(
        info=TargetInfo(target_name, purpose, bases, digest),
        identities=identities,
        allow_hosts=allow_hosts,
        http=http,
        auth=auth,
        final_read=final_read,
        metrics=metrics,
        resources=resources,
        postgres=postgres,
        control=control,
        signatures=signatures,
        service=service,
        specs=specs,
        environ=os.environ if environ is None else environ,
    )


def secrets_of(spec: Spec) -> list[str]:
    return [secret for template in operations.templates_of(spec) for secret in template.secrets]


def is_loopback(host: str) -> bool:
    """This machine by number (127.0.0.0/8, ::1) or by the name that always means it."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host.lower() == "localhost"


def _host(url: str) -> str:
    return urlsplit(url).hostname or ""


def _bases(table: Table) -> dict[str, str]:
    bases = {}
    for system in table:
        url = table.take(system, str, right='a base URL such as "http://127.0.0.1:8166"')
        if not is_name(system):
            table.problem(system, "is no name; should be one line of letters, at most 100")
        wrong = _base_problem(url)
        if wrong and url:
            table.problem(system, f"{wrong}; should be like http://127.0.0.1:8166")
        bases[system] = url.rstrip("/")
    if not bases:
        table.document.problem(table.path, 'empty; name at least one system, e.g. portal = "http://127.0.0.1:8166"')
    if len(bases) > SYSTEMS_MAX:
        table.document.problem(table.path, f"{len(bases)} systems; at most {SYSTEMS_MAX}")
    return bases


def _base_problem(url: str) -> str:
    """What is wrong with a base URL, without repeating it: it may hold a password."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        return f"not a URL ({error})"
    if parts.scheme not in ("http", "https") or not parts.hostname or port == 0:
        return "not an http:// or https:// URL with a host"
    if parts.username is not None or parts.password is not None:
        return "holds a user name or password; secrets come from the environment: headers with {env:NAME}"
    if parts.query or parts.fragment or not url.isascii() or not url.isprintable() or " " in url:
        return "has a query, a fragment, a blank or a letter outside ASCII"
    return ""


def _http(table: Table, folder: Path) -> HttpOptions:
    version = table.take("version", str, "1.1", right='"1.1" or "2"', check=lambda v: v in ("1.1", "2"))
    connections = table.take(
        "connections", str, "journey", right='"journey" or "shared"', check=lambda v: v in ("journey", "shared")
    )
    timeouts = [
        table.take(
            key, int, default, right=f"milliseconds, 1 to {TIMEOUT_MS_MAX}", check=lambda v: 1 <= v <= TIMEOUT_MS_MAX
        )
        for key, default in (("connect_timeout_ms", 3000), ("total_timeout_ms", 20000))
    ]
    ca_file = table.take("ca_file", str, "")
    if ca_file:
        ca_file = str(folder / ca_file)
        wrong = _ca_problem(Path(ca_file))
        if wrong:
            table.problem("ca_file", f"{ca_file} {wrong}; should be a file of certificates in PEM")
    trace = table.take("trace", bool, False, right="true when requests should carry a trace context")
    return HttpOptions(version, connections, timeouts[0], timeouts[1], ca_file, trace)


def _ca_problem(path: Path) -> str:
    if not is_there(path):
        return "is not there"
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(path)
    except OSError as error:  # also what OpenSSL says
        return f"cannot be used ({error})"
    return ""


def _auth(name: str, table: Table) -> Auth:
    login = table.take("login", str, right='the operation that logs in, e.g. "portal.login"')
    header = table.take("header", str, right='a header such as "Authorization: Bearer {token}"')
    operation = BY_NAME.get(login)
    if operation is None and login:
        table.problem(
            "login",
            f"{login!r} is no operation of the contract, e.g. portal.login; [own.*] take a fixed token instead: "
            'headers = { Authorization = "Bearer {env:MY_TOKEN}" }',
        )
    if header:
        if ":" not in header or not header.isprintable():
            table.problem("header", f'{header!r} is no header; should be like "Authorization: Bearer {{token}}"')
        operations.check_template(table, "header", header, operation.gives if operation else None)
    return Auth(name, login, header)


def _metrics(table: Table, bases: Mapping[str, str]) -> dict[str, str]:
    found = {}
    for system in table:
        path = table.take(system, str, right="a path such as /metrics", check=_is_path)
        if system not in bases:
            table.problem(system, f"no such system here; one of {', '.join(bases)}")
        found[system] = bases.get(system, "") + path
    return found


def _is_path(text: str) -> bool:
    return text.startswith("/")
