"""`thongsuot testbed`: the reference systems as a process of their own. Also what the rehearsal starts."""

from __future__ import annotations

import json
import os
import secrets
import subprocess
import sys
from types import TracebackType

import click

PASSWORD = "THONGSUOT_OFFICER_PASSWORD"
START_S_MAX = 20.0
END_S_MAX = 40.0
SHIPPED_URL = "http://127.0.0.1:8166"
SHIPPED_OUTSIDE_URL = "http://127.0.0.1:8167"
_FREE_PORTS = ("--port", "0", "--outside-port", "0")


def at(target: str, url: str, outside_url: str) -> str:
    """The text of the shipped target file, leading to a testbed that listens elsewhere."""
    return target.replace(SHIPPED_URL, url).replace(SHIPPED_OUTSIDE_URL, outside_url)


class Testbed:
    """Context manager around a testbed on free ports. `url` and `outside_url` are where it listens, `pid` is that of
    the process that serves the platform."""

    def __init__(self, *options: str) -> None:
        self._options = options
        self.url = ""
        self.outside_url = ""
        self.pid = 0

    def __enter__(self) -> Testbed:
        os.environ.setdefault(PASSWORD, secrets.token_hex(16))
        command = [sys.executable, "-m", "testbed", *_FREE_PORTS, "--until-stdin-closes", *self._options]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, start_new_session=True)
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            self._process.wait()
            raise click.ClickException("the testbed did not start; its message stands above")
        ready = json.loads(line)
        self.url, self.outside_url, self.pid = ready["url"], ready["outside_url"], ready["pid"]
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        try:
            self._process.wait(END_S_MAX)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process.stdout.close()


@click.command(
    "testbed", context_settings={"ignore_unknown_options": True, "help_option_names": []}, add_help_option=False
)
@click.argument("options", nargs=-1, type=click.UNPROCESSED)
def command(options: tuple[str, ...]) -> None:
    """Serve the reference systems (TTHC and portal) until Ctrl-C; `thongsuot testbed --help` lists its switches."""
    os.execv(sys.executable, [sys.executable, "-m", "testbed", *options])
