"""One worker process: its share of the plan, its users' common parts, its journal. Knows nothing of Locust."""

from __future__ import annotations

import gc
import os
import resource
from collections.abc import Iterable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import gevent
import msgspec
from gevent.queue import SimpleQueue

from loadtests import targets
from loadtests.caching import Keeping
from loadtests.curl_hub import CONNECTIONS_MAX, CurlHub
from loadtests.dispatcher import Dispatcher
from loadtests.driver import drive
from loadtests.http import Person
from loadtests.pacing import RunClock, Timer
from loadtests.selfwatch import SelfWatch
from loadtests.sessions import Sessions
from loadtests.signatures import Trust
from loadtests.sink import JournalSink, Watch
from loadtests.verifiers import Verifiers
from loadtests.zero import zero_here
from record.journal import Journal
from record.rows import ERROR_INDEX
from record.traces import traceparent
from record.types import JourneyEnd, Manifest, Outcome, RecordError, Zero
from scenarios import profiles
from scenarios.attachments import Library
from scenarios.journeys.catalogue import JOURNEYS
from scenarios.population import Population
from scenarios.province import communes
from scenarios.schedule import Plan, share
from scenarios.types import Arrival, Call, ConfigError, Identities, Journey
from scenarios.world import World, plan_of

JOB_FILE = "THONGSUOT_JOB"  # environment: path of the job the master hands out
PARENT = "THONGSUOT_PARENT"  # environment: the process that this one must not outlive; unset on other hosts
STOP_FILE = "stop"
ZERO_FILE = "zero.json"
KILL_WAIT_S = 30.0  # a starved worker is slow to take its people off, and must not be taken for a hanging one
FILES_SPARE = 200  # descriptors of a worker besides one connection for each user


class Job(msgspec.Struct, frozen=True):
    """What a worker must know to do its share; travels from the master as one message."""

    manifest: Manifest
    folder: str  # the record's, on the master's machine
    users: dict[str, int]  # per system, over all workers
    target_file: str
    target_text: str
    cache: str
    allow_list: tuple[str, ...]
    drain_s: float
    boot_id: str
    trust: Trust | None = None  # None: nothing that is signed comes back in this run


class Worker:
    """Built before the run's zero is known, started with it, finished when each arrival of the share has ended."""

    def __init__(self, job: Job, index: int, folder: Path, watch: Watch) -> None:
        manifest = job.manifest
        _allow_files(files_needed(job.users, manifest.workers))
        self._folder = folder
        self._profile = profiles.parse(manifest.profile, manifest.profile_text, manifest.profile_overrides)
        self._target = targets.parse(job.target_file, job.target_text)
        missing = self._target.problems_before_traffic()
        if missing:
            raise ConfigError(missing)
        own = self._target.weights
        self._tag = manifest.tag
        self._own_writes = {operation.name for operation in manifest.operations if operation.write}
        self._plan = plan_of(self._profile, manifest.seed, own, self._target.info().bases)
        if self._plan.digest != manifest.plan_digest:
            raise RecordError("this worker's sources make another plan than the master's; run the same version on both")
        self._share: list[int] = share(self._plan, index, manifest.workers).tolist()
        self._world = (
            None if self._profile.kind == "flat" else _world(job, self._profile, self._plan, self._target.info().bases)
        )
        self._journal = Journal(folder / "journal", index)
        self._sink = JournalSink(self._journal, manifest.operations, watch)
        self._inboxes = {system: SimpleQueue(maxsize=self._profile.inbox_max) for system in self._profile.users}
        self._hub = CurlHub()
        self._timer = Timer()
        self._sessions = Sessions()
        self._keeping = Keeping(self._profile.traffic.compression)
        self._verifiers = None if job.trust is None else Verifiers(job.trust)
        self._trace = partial(_trace_line, manifest.tag, manifest.seed) if self._target.http.trace else None
        self._clock: RunClock | None = None
        self._zero_mono_ns = 0
        self._dispatcher: Dispatcher | None = None
        self._stopped = False
        self._running: Any = None  # the greenlet of `run`
        self._busy: set[Any] = set()
        self._index = index
        gc.freeze()  # what is here now stays; collecting it again and again costs time in the middle of the run

    def serve(self, system: str) -> None:
        """One user of a system: take arrivals from the inbox for ever. A parked user costs nothing.

        Whatever breaks a user breaks the run: with one user less it would go on to measure something else.
        """
        try:
            self._serve(system)
        except Exception as error:
            self._running.kill(error, block=False)
            raise

    def _serve(self, system: str) -> None:
        inbox, me = self._inboxes[system], gevent.getcurrent()
        person: Person | None = None
        while True:
            index = inbox.get()
            assert self._clock is not None
            if person is None:
                verify = self._verifiers.verify if self._verifiers else None
                shared = (self._hub, self._sessions, self._zero_mono_ns, self._keeping, verify, self._trace)
                person = Person(self._target, *shared)
            arrival = self._plan.arrival(index)
            self._busy.add(me)
            try:
                person.begin(arrival)
                drive(arrival, self._journey(arrival), person.send, self._clock, self._sink)
                person.end()
            finally:
                self._busy.discard(me)

    def run(self, zero: Zero) -> None:
        """From the zero to the last end of the share. Blocks; to be called in a greenlet of its own.

        Raises whatever broke one of its users or helpers, such as a journal that cannot be written any more.
        """
        gc.collect()
        gc.freeze()  # everybody is parked by now: ten thousands of greenlets that no collection need look at
        self._running = me = gevent.getcurrent()
        self._zero_mono_ns = zero_here(zero)
        self._clock = clock = RunClock(self._timer, self._zero_mono_ns)
        self._dispatcher = Dispatcher(self._plan, self._share, self._inboxes, clock, self._sink.end)
        self._dispatcher.stopped = self._stopped
        watch = SelfWatch(self._index, clock, self._journal, self._gauges)
        helpers = [gevent.spawn(watch.probe), gevent.spawn(watch.report, self._every)]
        for helper in helpers:
            helper.link_exception(lambda broken: me.kill(broken.exception, block=False))
        try:
            self._dispatcher.run()
            self._drain(clock)
        finally:
            gevent.killall(helpers)
            self._journal.close()
            if self._verifiers is not None:
                self._verifiers.close()

    def stop(self) -> None:
        """Send nothing new; what is under way may finish within the drain time. Before the zero: send nothing."""
        self._stopped = True
        if self._dispatcher is not None:
            self._dispatcher.stopped = True

    @property
    def ended(self) -> int:
        return self._sink.ended

    @property
    def dropped(self) -> int:
        return self._sink.dropped

    def _journey(self, arrival: Arrival) -> Journey:
        if self._world is None:
            return _own(arrival, self._tag if arrival.journey in self._own_writes else None)
        return JOURNEYS[arrival.journey](arrival, self._world)

    def _drain(self, clock: RunClock) -> None:
        """Wait for what is under way, at most drain_s; then take everybody off and end what nobody began."""
        deadline = clock.now() + round(self._profile.drain_s * 1e9)
        while self._sink.ended < len(self._share) and clock.now() < deadline:
            clock.sleep_until(clock.now() + 20_000_000)
        gevent.killall(list(self._busy), timeout=KILL_WAIT_S)
        now = clock.now()
        for inbox in self._inboxes.values():
            while not inbox.empty():
                index = int(inbox.get())
                self._sink.end(JourneyEnd(index, 0, Outcome.DROPPED, ERROR_INDEX["drained"], -1, now))

    def _every(self) -> None:
        """Twice a second: hand over what was measured; look whether somebody wants this to stop."""
        self._journal.flush()
        if (self._folder / "journal" / STOP_FILE).exists() or orphaned():
            self.stop()

    def _gauges(self) -> dict[str, float]:
        return {
            "requests_out": float(self._hub.active),
            "inbox": float(sum(inbox.qsize() for inbox in self._inboxes.values())),
            "busy": float(len(self._busy)),
            **self._keeping.gauges(),
        } | ({"verifying": float(self._verifiers.waiting)} if self._verifiers else {})


def _trace_line(tag: str, seed: int, arrival: int, step: int) -> str:
    return f"traceparent: {traceparent(tag, seed, arrival, step)}"


def files_needed(users: Mapping[str, int], processes: int) -> int:
    """Descriptors that one worker may need at once; `users` per system over all workers."""
    return max(-(-sum(users.values()) // processes), CONNECTIONS_MAX) + FILES_SPARE


def _allow_files(needed: int) -> None:
    """Raises ConfigError when this process may not have as many open files, even after asking for them."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    unlimited = resource.RLIM_INFINITY
    if hard != unlimited and needed > hard:
        raise ConfigError([f"this worker may need {needed} open files, its host allows {hard}"])
    if soft != unlimited and needed > soft:
        resource.setrlimit(resource.RLIMIT_NOFILE, (needed, hard))


def orphaned() -> bool:
    """The harness that started this process is gone; never true of a process that somebody else started."""
    return PARENT in os.environ and os.getppid() != int(os.environ[PARENT])


def _own(arrival: Arrival, tag: str | None) -> Journey:
    """One call of a target's own operation; a write carries a key made of the run's tag."""
    key = None if tag is None else f"{tag}-{arrival.index:x}.own"
    yield Call(arrival.journey, {"index": arrival.index}, key=key)


def _world(job: Job, profile: profiles.Profile, plan: Plan, systems: Iterable[str]) -> World:
    manifest = job.manifest
    identities = Identities(manifest.identities)
    population = Population(communes(), manifest.seed, identities, job.allow_list or None)
    library = Library.build(manifest.seed, Path(job.cache))
    world = World(profile, manifest.seed, manifest.tag, plan, population, library, systems)
    world.warm()
    return world
