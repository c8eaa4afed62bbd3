"""The command line of the testbed. Every problem is said at once, before anything is opened."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from testbed import fault_kinds
from testbed.faults import Fault

PASSWORD_VARIABLE = "THONGSUOT_OFFICER_PASSWORD"
DURABILITIES = ("normal", "full")
_SQLITE = "sqlite:///"
_POSTGRES = ("postgresql://", "postgres://")


class Options(NamedTuple):
    """How to run. `data` None: a temporary folder. `sqlite` None with no `postgres`: a file in the data folder."""

    host: str
    port: int
    outside_port: int
    sqlite: Path | None
    postgres: str
    data: Path | None
    durability: str
    faults: tuple[Fault, ...]
    officer_password: str
    until_stdin_closes: bool
    restart: bool
    control: bool


def parse(arguments: Sequence[str]) -> Options:
    """Ends the process with status 2 and the problems on stderr when something is wrong."""
    parser = _parser()
    given = parser.parse_args(arguments)
    enabled, problems = fault_kinds.parse(given.fault)
    password = os.environ.get(PASSWORD_VARIABLE, "")
    if not password:
        problems.append(f"{PASSWORD_VARIABLE} is not set: the password of every officer's account has no default")
    for name, port in (("--port", given.port), ("--outside-port", given.outside_port)):
        if not 0 <= port <= 65_535:
            problems.append(f"{name} {port}: expected 0 (any free port) to 65535")
    sqlite = _sqlite_path(given.db)
    if given.db and sqlite is None and not given.db.startswith(_POSTGRES):
        # Not repeated: it may hold a password.
        problems.append("--db: expected sqlite:///PATH or postgresql://[user[:password]@]host[:port]/database")
    if sqlite is not None and not sqlite.parent.is_dir():
        problems.append(f"--db: the folder {sqlite.parent} does not exist")
    if given.data is not None and given.data.exists() and not given.data.is_dir():
        problems.append(f"--data {given.data}: is not a folder")
    if problems:
        for problem in problems:
            print(f"testbed: {problem}", file=sys.stderr)
        raise SystemExit(2)
    return Options(
        given.host,
        given.port,
        given.outside_port,
        sqlite,
        given.db if given.db.startswith(_POSTGRES) else "",
        given.data,
        given.durability,
        tuple(enabled),
        password,
        given.until_stdin_closes,
        given.restart,
        given.control,
    )


def _sqlite_path(db: str) -> Path | None:
    return Path(db.removeprefix(_SQLITE)) if db.startswith(_SQLITE) and len(db) > len(_SQLITE) else None


def _parser() -> argparse.ArgumentParser:
    kinds = "; ".join(kind.usage for kind in fault_kinds.KINDS.values())
    parser = argparse.ArgumentParser(
        prog="testbed",
        allow_abbrev=False,
        description="A reference platform (TTHC, portal, websites) with a real database, and what is outside of it.",
        epilog="example: testbed --port 0 --fault lose=100:portal.rate",
    )
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (127.0.0.1)")
    parser.add_argument("--port", type=int, default=8166, help="port to listen on, 0 for any free one (8166)")
    parser.add_argument(
        "--outside-port", type=int, default=8167, help="port of what is outside of it, 0 for any free one (8167)"
    )
    parser.add_argument("--db", default="", metavar="URL", help="sqlite:///PATH or postgresql://…; a file in --data")
    parser.add_argument("--data", type=Path, metavar="DIR", help="folder of the attachments; a temporary one")
    parser.add_argument(
        "--durability",
        choices=DURABILITIES,
        default="normal",
        help="SQLite: normal keeps acknowledged writes when the process dies, full also when the power fails",
    )
    parser.add_argument("--fault", action="append", default=[], metavar="KIND=VALUE", help=f"repeatable; {kinds}")
    parser.add_argument("--until-stdin-closes", action="store_true", help="end when standard input is closed")
    parser.add_argument("--control", action="store_true", help="faults may be switched while it runs")
    parser.add_argument("--restart", action="store_true", help="start a process that died again, as an operator would")
    return parser
