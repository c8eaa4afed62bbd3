"""`thongsuot live`, and the `--live` of a run: the operations room, its address, and who may do what there."""

from __future__ import annotations

import contextlib
import secrets
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click
import msgspec

from loadtests.targets import is_loopback
from record.types import Manifest, Unit

if TYPE_CHECKING:
    from loadtests.live_frame import Frame
    from loadtests.live_server import Room

Command = TypeVar("Command", bound=Callable[..., Any])
_PORT = click.option(
    "--live-port", type=click.IntRange(0, 65535), default=0, show_default="any free", help="Port of the live page."
)
_HOST = click.option(
    "--live-host", default="127.0.0.1", show_default=True, help="Address of the live page; elsewhere it has a token."
)


@dataclass(frozen=True)
class Wanted:
    """Whether there is a room, and where."""

    live: bool = False
    live_host: str = "127.0.0.1"
    live_port: int = 0


def options(command: Command) -> Command:
    """--live and where; they arrive as the fields of Wanted."""
    live = click.option("--live", is_flag=True, help="Serve a page that shows the run while it goes.")
    return live(_PORT(_HOST(command)))


@click.command("live")
@click.argument("run", type=click.Path(path_type=Path))
@_PORT
@_HOST
def command(run: Path, live_port: int, live_host: str) -> None:
    """Show the run in the folder RUN while it goes: units, load, errors, generator; drain it, take notes.

    Ctrl-C ends the page and leaves the run alone. The address is printed on standard error.

    Example: thongsuot live runs/20250701T000000Z-monday-peak-1 --live-port 8200
    """
    from loadtests.live_tally import Tally

    Tally(run).close()  # whatever is wrong with the folder is told before anything is served
    over = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: over.set())
    with opened(Wanted(True, live_host, live_port)) as room:
        assert room is not None
        room.follow(run)
        over.wait()


@contextlib.contextmanager
def opened(wanted: Wanted) -> Iterator[Room | None]:
    """The room, or None where none is wanted. Raises ConfigError when it cannot listen there."""
    if not wanted.live:
        yield None
        return
    from loadtests.live_server import Room

    token = "" if is_loopback(wanted.live_host) else secrets.token_urlsafe(16)
    with Room(wanted.live_host, wanted.live_port, token, _page) as room:
        click.echo(f"live: {room.url}", err=True)
        yield room
    if room.trouble:
        click.echo(f"note: the live page stopped: {room.trouble}", err=True)


def _page(manifest: Manifest | None, units: Sequence[Unit], last: Frame | None, writable: bool) -> str:
    from reports import live_page

    return live_page.render(manifest, units, msgspec.to_builtins(last), writable=writable)
