"""The Locust side: one User class per system, a master that hands out the job, workers that do their share.

The only user of Locust. Its runner, its messages and its web page are used and fed; its pacing is not (users are parked
until the dispatcher wakes them) and its statistics feed no verdict. Other hosts join with Locust's own flags:
`locust -f …/locustfile.py --worker --master-host HOST`.
"""

from __future__ import annotations

import contextlib
import logging
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import gevent
import msgspec
from gevent.event import Event
from locust import User, events, runners
from locust.dispatch import UsersDispatcher
from locust.env import Environment
from locust.runners import MasterRunner, WorkerRunner

from loadtests.ports import Exchange
from loadtests.worker import JOB_FILE, STOP_FILE, ZERO_FILE, Job, Worker, orphaned
from loadtests.zero import boot_id, new_zero
from record.rows import ERRORS
from record.types import Zero

CHUNK_BYTES = 1 << 20
QUIT_S_MAX = 3.0  # after its share, for the master's word to leave
# Seconds without a sign of life until Locust gives a worker up and takes its users away. With Locust's own 3 s, one
# that draws up a long plan or whose network stutters would lose them and never get them back.
runners.HEARTBEAT_LIVENESS = 60
log = logging.getLogger("thongsuot")


class ServingUser(User):
    """A parked user; `on_start` is its whole life, so Locust's task loop and its waits are never entered."""

    abstract = True
    system = ""

    def on_start(self) -> None:
        _process.made.wait()
        assert _process.worker is not None
        _process.worker.serve(self.system)


class PortalUser(ServingUser):
    system = "portal"


class TthcUser(ServingUser):
    system = "tthc"


class WebUser(ServingUser):
    system = "web"


class DocsUser(ServingUser):
    system = "docs"


class OwnUser(ServingUser):
    system = "own"


class EvenDispatcher(UsersDispatcher):
    """Every worker gets the same users of every class at once; Locust's own would give one worker one class only."""

    def new_dispatch(
        self, target_user_count: int, spawn_rate: float, user_classes: list[type[User]] | None = None
    ) -> None:
        classes = user_classes or self._original_user_classes
        share = {one.__name__: one.fixed_count // len(self._worker_nodes) for one in classes}
        self._even = iter([{worker.id: dict(share) for worker in self._worker_nodes}])

    def __next__(self) -> dict[str, dict[str, int]]:
        return next(self._even)


class Process:
    """What this process is in the run: master, or one worker."""

    def __init__(self) -> None:
        self.worker: Worker | None = None
        self.made = Event()  # the worker is there
        self.job: Job | None = None
        self.folder: Path | None = None
        self.began = False  # the zero is known
        # the master's view of its workers
        self.spawned = False
        self.prepared: set[int] = set()
        self.waiting: set[int] = set()


_process = Process()


def _leave_with_the_harness() -> None:
    """No process outlives the harness that started it: before the zero it leaves at once, after it it drains first.

    Runs from the import on: a worker that finds no master asks for it for minutes before Locust calls anything here.
    """
    while not orphaned() or _process.began:
        gevent.sleep(0.5)
    os._exit(2)


gevent.spawn(_leave_with_the_harness)


@events.init.add_listener  # type: ignore[untyped-decorator]
def on_init(environment: Environment, runner: Any, **_: Any) -> None:
    if isinstance(runner, MasterRunner):
        _set_up_master(environment, runner)
    elif isinstance(runner, WorkerRunner):
        _set_up_worker(environment, runner)
    else:
        raise SystemExit("this file wants a master and workers; use `thongsuot run`, or Locust's --master and --worker")


def _set_up_master(environment: Environment, runner: MasterRunner) -> None:
    job = msgspec.json.decode(Path(os.environ[JOB_FILE]).read_bytes(), type=Job)
    folder = Path(job.folder)
    _process.job, _process.folder = job, folder
    _process.waiting = set(range(job.manifest.workers))
    environment.dispatcher_class = EvenDispatcher
    for user_class in environment.user_classes:
        user_class.fixed_count = job.users.get(cast(type[ServingUser], user_class).system, 0)

    def on_hello(environment: Environment, msg: Any, **_: Any) -> None:
        runner.send_message("job", {"job": msgspec.json.encode(job)}, msg.node_id)

    def on_prepared(environment: Environment, msg: Any, **_: Any) -> None:
        _process.prepared.add(msg.data["index"])

    def on_chunk(environment: Environment, msg: Any, **_: Any) -> None:
        name = Path(msg.data["name"]).name
        with _or_out("a worker's journal cannot be kept"), (folder / "journal" / name).open("ab") as file:
            file.write(msg.data["data"])

    def on_spawned(**_: Any) -> None:
        _process.spawned = True

    def on_done(environment: Environment, msg: Any, **_: Any) -> None:
        with _or_out("a worker's journals did not arrive whole"):
            for name, size in msg.data["shipped"].items():
                assert (folder / "journal" / Path(name).name).stat().st_size == size, name
            _mark_done(folder, msg.data["index"])
        _process.waiting.discard(msg.data["index"])

    environment.events.spawning_complete.add_listener(on_spawned)  # type: ignore[no-untyped-call]
    runner.register_message("hello", on_hello)
    runner.register_message("prepared", on_prepared)
    runner.register_message("journal", on_chunk)
    runner.register_message("done", on_done)
    gevent.spawn(_watch_master, runner, folder)


def _watch_master(runner: MasterRunner, folder: Path) -> None:
    """Set the zero when everybody is ready, pass the stop switch on, leave when the last worker is done."""
    assert _process.job is not None
    told, expected, patience_s = False, len(_process.waiting), _process.job.drain_s + QUIT_S_MAX
    while _process.waiting:
        gevent.sleep(0.1)
        patience_s -= 0.1 if orphaned() else 0.0
        if patience_s < 0:
            os._exit(2)
        if not _process.began and _process.spawned and len(_process.prepared) == expected:
            zero = msgspec.json.encode(new_zero())
            (folder / "journal" / "zero.new").write_bytes(zero)
            (folder / "journal" / "zero.new").rename(folder / "journal" / ZERO_FILE)
            runner.send_message("zero", {"zero": zero})
            _process.began = True
        if not told and ((folder / "journal" / STOP_FILE).exists() or orphaned()):
            runner.send_message("halt", {})
            told = True
    runner.quit()


@contextlib.contextmanager
def _or_out(what: str) -> Iterator[None]:
    """Locust logs what a message handler raises and goes on; here that would be a record with a hole in it."""
    try:
        yield
    except BaseException:
        log.exception(what)
        os._exit(2)


def _mark_done(folder: Path, index: int) -> None:
    (folder / "journal" / f"done-{index:04d}").touch()


def _set_up_worker(environment: Environment, runner: WorkerRunner) -> None:
    def watch(operation: str, exchange: Exchange, latency_ns: int) -> None:
        environment.events.request.fire(  # type: ignore[no-untyped-call]
            request_type="",
            name=operation,
            response_time=latency_ns * 1e-6,
            response_length=exchange.bytes_received,
            exception=_FAILURES.get(exchange.reply.error),
            context={},
        )

    def on_job(environment: Environment, msg: Any, **_: Any) -> None:
        job = msgspec.json.decode(msg.data["job"], type=Job)
        _process.job, _process.folder = job, _folder_here(job)
        with _or_out("the worker cannot do this job"):
            _process.worker = Worker(job, runner.worker_index, _process.folder, watch)
        _process.made.set()
        runner.send_message("prepared", {"index": runner.worker_index})

    def on_zero(environment: Environment, msg: Any, **_: Any) -> None:
        _process.began = True
        gevent.spawn(_work, runner, msgspec.json.decode(msg.data["zero"], type=Zero))

    def on_halt(environment: Environment, msg: Any, **_: Any) -> None:
        if _process.worker is not None:
            _process.worker.stop()

    runner.register_message("job", on_job)
    runner.register_message("zero", on_zero)
    runner.register_message("halt", on_halt)
    # Only now: whatever the master sent before these were registered would be lost.
    runner.send_message("hello", {})


def _work(runner: WorkerRunner, zero: Zero) -> None:
    worker, job, folder = _process.worker, _process.job, _process.folder
    assert worker is not None
    assert job is not None
    assert folder is not None
    with _or_out("the worker broke; the run will be aborted"):
        worker.run(zero)
        shipped = {} if folder == Path(job.folder) else _ship(runner, folder)
        if not shipped:
            _mark_done(folder, runner.worker_index)  # also by itself, since the master may have died
        runner.send_message("done", {"index": runner.worker_index, "ended": worker.ended, "shipped": shipped})
    while not orphaned():
        gevent.sleep(0.5)
    gevent.sleep(QUIT_S_MAX)
    os._exit(0)


def _ship(runner: WorkerRunner, folder: Path) -> dict[str, int]:
    """A worker on another machine sends its journals home. Returns how long each of them must be there."""
    sizes = {}
    for path in sorted((folder / "journal").iterdir()):
        sizes[path.name] = path.stat().st_size
        with path.open("rb") as file:
            while data := file.read(CHUNK_BYTES):
                runner.send_message("journal", {"name": path.name, "data": data})
    shutil.rmtree(folder)
    return sizes


def _folder_here(job: Job) -> Path:
    """The record's own folder when this machine is the master's, else a temporary one."""
    folder = Path(job.folder)
    if job.boot_id == boot_id() and (folder / "journal").is_dir() and "THONGSUOT_SHIP" not in os.environ:
        return folder
    folder = Path(tempfile.mkdtemp(prefix="thongsuot-worker-"))
    (folder / "journal").mkdir()
    return folder


class CallFailedError(Exception):
    """What Locust's page shows for a call that did not go well."""


_FAILURES = {slug: CallFailedError(slug) for slug in ERRORS if slug}
