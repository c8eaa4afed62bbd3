"""One run in order: preflight → manifest → drive → drain → final read → seal."""

from __future__ import annotations

import contextlib
import hashlib
import os
import time
from collections.abc import Callable
from importlib import metadata, resources
from pathlib import Path
from types import TracebackType
from typing import Any, Protocol

import msgspec
import psutil
import pyarrow as pa

from loadtests import preflight
from loadtests.crew import Crew, CrewError
from loadtests.final_read import final_read
from loadtests.linked_systems import links_of
from loadtests.scope import objectives_of, operations_of
from loadtests.signatures import Trust
from loadtests.targets import Target
from loadtests.telemetry import Telemetry
from loadtests.timed_faults import TimedFaults
from loadtests.trust import trust_of
from loadtests.wishes import Notes, ask_to_stop, asked_to_stop
from loadtests.worker import ZERO_FILE, Job
from loadtests.zero import boot_id
from record import schema, writer
from record.journal import EventLog, Journal
from record.rows import END, SAMPLE
from record.types import Event, Manifest, Reading, RecordError, State, Zero
from scenarios.attachments import Library
from scenarios.flows import ESSENTIAL
from scenarios.lifecycle import moves
from scenarios.profiles import Profile
from scenarios.schedule import Plan, to_arrow
from scenarios.types import Identities
from scenarios.world import communes_of, plan_of

HOST_JOURNAL = 9998
TARGET_JOURNAL = 9997
POLL_S = 0.25
START_S_MAX = 90.0
START_US_MAX_PER_ARRIVAL = 60.0  # and so much more for a long plan, which every worker draws up for itself
GRACE_S_MAX = 40.0  # beyond the end of plan and drain
GIVE_UP_S_MAX = 5.0  # for a crew that is beyond all limits


class Settings(msgspec.Struct, frozen=True):
    """What the command line decided."""

    profile: Profile
    target: Target
    target_file: str
    target_text: str
    runs: Path
    cache: Path
    seed: int
    identities: Identities
    workers: int = 1
    remote_workers: int = 0
    bind: str = "127.0.0.1"
    web_port: int | None = None
    tag: str | None = None
    allow_list: tuple[str, ...] = ()

    @property
    def processes(self) -> int:
        """Workers here and on other hosts."""
        return self.workers + self.remote_workers


class Progress(msgspec.Struct):
    """What a watcher may show."""

    stage: str
    at_s: float = 0.0
    duration_s: float = 0.0
    calls: int = 0
    ended: int = 0
    planned: int = 0
    folder: Path | None = None  # of the record, once there is one


Watcher = Callable[[Progress], None]


class Beside(Protocol):
    """What goes on beside the drive in a thread of its own: entered before it, told the zero, left after it."""

    def start(self, zero_mono_ns: int) -> None: ...
    def __enter__(self) -> Any: ...
    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...


MakeBeside = Callable[[Path, EventLog], Beside]  # of the journal's folder and the events of a run


def run(
    settings: Settings, watch: Watcher, stop: Callable[[], bool], beside: MakeBeside | None = None
) -> tuple[Path, Manifest]:
    """Drive the profile against the target. Returns the record's folder and its last manifest, sealed or aborted.

    Raises ConfigError before any traffic, RecordError when the record cannot be written. `stop` is asked several times
    a second: once true, nothing new is sent, what is under way drains, and the record is sealed; before the first
    request it is aborted. Broken off by an exception (a second Ctrl-C), it is aborted too and the exception goes on.
    """
    watch(Progress("preflight"))
    profile, target = settings.profile, settings.target
    plan = plan_of(profile, settings.seed, target.weights, target.info().bases)
    preflight.check(profile, target, plan, settings.identities, settings.runs, settings.allow_list)
    preflight.check_crew(settings, _users(settings))
    manifest = _manifest(settings, plan)
    trust = trust_of(target) if any(operation.signed for operation in manifest.operations) else None
    folder = settings.runs / manifest.run_id
    if profile.kind == "day":
        watch(Progress("papers"))
        Library.build(settings.seed, settings.cache)  # drawn once here, found in the cache by every worker
    try:
        writer.create(folder, manifest, _communes(profile), to_arrow(plan))
    except OSError as error:
        raise RecordError(f"{folder}: the plan cannot be written: {error}") from error
    drive = _Drive(settings, folder, manifest, trust, watch, stop, beside)
    try:
        trouble = drive.run()
        if trouble is None:
            watch(Progress("final read"))
            _final_read(folder, drive.manifest, target, watch)
            watch(Progress("sealing"))
            return folder, writer.seal(folder, drive.manifest)
    except (RecordError, OSError) as error:  # OSError: Arrow's, when the disk is full
        trouble = str(error)
    except BaseException as error:
        writer.abort(folder, drive.manifest, f"broken off ({type(error).__name__})")
        raise
    return folder, writer.abort(folder, drive.manifest, trouble)


def seconds() -> float:
    """A clock that only goes forward, for whoever makes several runs and must stay within a time."""
    return time.monotonic()


def age() -> float:
    """Seconds since this process was started, its imports and all."""
    return time.time() - psutil.Process().create_time()


class _Drive:
    """The crew's time, from its start to its end, watched from outside."""

    def __init__(
        self,
        settings: Settings,
        folder: Path,
        manifest: Manifest,
        trust: Trust | None,
        watch: Watcher,
        stop: Callable[[], bool],
        beside: MakeBeside | None,
    ) -> None:
        self._trust = trust
        self.manifest = manifest
        self._settings = settings
        self._journal = folder / "journal"
        self._watch = watch
        self._stop = stop
        self._began = time.monotonic()
        self._told_ns: int | None = None  # when the workers were told to stop
        self._trouble: str | None = None
        self._phases = list(manifest.phases)
        self._events = EventLog(folder / "events.jsonl")
        self._notes = Notes(self._journal)
        self._host = Journal(self._journal, HOST_JOURNAL)
        faults = TimedFaults(settings.target, settings.profile.faults, self._events)
        self._beside: list[Beside] = [faults, *([beside(self._journal, self._events)] if beside else [])]

    def run(self) -> str | None:
        """Returns what went wrong, if anything did. Nobody of the crew is left then, also when this raises."""
        self._watch(Progress("starting", folder=self._journal.parent))
        job = self._journal / "job.json"
        try:
            job.write_bytes(msgspec.json.encode(_job(self._settings, self._journal.parent, self.manifest, self._trust)))
            psutil.cpu_percent()
            meters = Journal(self._journal, TARGET_JOURNAL)
            target = self._settings.target
            metrics, bases = target.metrics, target.info().bases
            with (
                contextlib.ExitStack() as others,
                Telemetry(metrics, meters, self._now, target.http.trusted, target.resources, bases, target.postgres),
                Crew(self._settings, self._journal, _users(self._settings)) as crew,
            ):
                for other in self._beside:
                    others.enter_context(other)
                while self._step(crew) and not crew.over():
                    time.sleep(POLL_S)
            self._take_zero()  # a run may be over before it was looked at
            self._take_notes()
            return self._trouble
        except CrewError as error:
            return str(error)
        finally:
            job.unlink(missing_ok=True)
            self._host.close()
            self._events.close()

    def _step(self, crew: Crew) -> bool:
        """Look once; whether it is worth going on."""
        self._take_zero()
        at_ns = _now(self.manifest)
        while self._phases and self.manifest.zero is not None and at_ns >= self._phases[0].start_ns:
            self._events.write(Event(at_ns, "phase", self._phases.pop(0).name))
        self._trouble = self._trouble or crew.trouble()
        self._take_notes()
        if self._told_ns is None and (self._trouble or self._stop() or asked_to_stop(self._journal)):
            self._tell(at_ns, self._trouble or "stopped by the operator")
            if self.manifest.zero is None:
                self._trouble = self._trouble or "stopped by the operator before the first request"
                return False
        if overdue := self._overdue(at_ns):
            self._trouble = self._trouble or overdue
            self._tell(at_ns, overdue)
            time.sleep(GIVE_UP_S_MAX)
            return False
        if self.manifest.zero is not None:
            self._host.reading(Reading("host", "cpu_share", "cores", at_ns, psutil.cpu_percent() / 100))
            self._watch(self._progress(at_ns))
        return self._trouble is None or not crew.idle()

    def _now(self) -> int:
        return _now(self.manifest)

    def _take_zero(self) -> None:
        if self.manifest.zero is None and (self._journal / ZERO_FILE).exists():
            zero = msgspec.json.decode((self._journal / ZERO_FILE).read_bytes(), type=Zero)
            self.manifest = writer.start(self._journal.parent, self.manifest, zero)
            for other in self._beside:
                other.start(zero.mono_ns)

    def _take_notes(self) -> None:
        for note in self._notes.new():
            self._events.write(note)

    def _tell(self, at_ns: int, why: str) -> None:
        ask_to_stop(self._journal)
        self._events.write(Event(at_ns, "stop", why))
        self._told_ns = at_ns

    def _overdue(self, at_ns: int) -> str | None:
        """What took longer than anything legitimate can."""
        profile = self._settings.profile
        if self.manifest.zero is None:
            limit_s = START_S_MAX + self.manifest.arrivals * START_US_MAX_PER_ARRIVAL * 1e-6
            waited_s = time.monotonic() - self._began
            return f"the workers were not ready within {limit_s:.0f} s" if waited_s > limit_s else None
        if at_ns > self._last_ns() + round((profile.drain_s + GRACE_S_MAX) * 1e9):
            return f"the drive was not over {GRACE_S_MAX:g} s after the drain"
        return None

    def _last_ns(self) -> int:
        """When the last arrival is handed out: the end of the plan, or when the workers were told to stop."""
        end_ns = self.manifest.phases[-1].end_ns
        return end_ns if self._told_ns is None else min(end_ns, self._told_ns)

    def _progress(self, at_ns: int) -> Progress:
        planned = self.manifest.arrivals
        calls = self._rows("samples", SAMPLE.size)
        ended = self._rows("journeys", END.size)
        last_ns = self._last_ns()
        if at_ns >= last_ns:
            drain_s = self._settings.profile.drain_s
            return Progress("drain", min((at_ns - last_ns) * 1e-9, drain_s), drain_s, calls, ended, planned)
        stage = next(phase.name for phase in self.manifest.phases if at_ns < phase.end_ns)
        return Progress(stage, max(at_ns, 0) * 1e-9, last_ns * 1e-9, calls, ended, planned)

    def _rows(self, name: str, size: int) -> int:
        return sum(path.stat().st_size for path in self._journal.glob(f"{name}-*.bin")) // size


def _final_read(folder: Path, manifest: Manifest, target: Target, watch: Watcher) -> None:
    """Failing to read is not failing to drive: the record is sealed, and the audit will say never-read."""
    if not any(operation.write for operation in manifest.operations):
        return

    def tell(part: str, asked: int, of: int) -> None:
        watch(Progress(part, asked, of))

    done = final_read(folder, target, manifest.tag, manifest.links, lambda: _now(manifest), tell)
    if done is None:
        return
    events = EventLog(folder / "events.jsonl")
    try:
        told = [("final-read", f"{done.keys} keys")]
        if done.writes_listed:
            told.append(("final-listing", "all writes that carry the run's tag"))
        if done.listing.places:
            told.append(("final-observations", ", ".join(done.listing.places)))
        told += [("final-unsettled", missing) for missing in done.listing.missing]
        told += [("final-read-failed", problem) for problem in done.problems]
        for kind, text in told:
            events.write(Event(_now(manifest), kind, text))
    finally:
        events.close()


def _manifest(settings: Settings, plan: Plan) -> Manifest:
    profile, target = settings.profile, settings.target
    created = writer.utc_now()
    stem = f"{created.replace('-', '').replace(':', '')}-{profile.name}-{settings.seed}"
    run_id, number = stem, 1
    while (settings.runs / run_id).exists():
        number += 1
        run_id = f"{stem}_{number}"
    tag = settings.tag or hashlib.sha256(f"{run_id}{os.getpid()}{time.monotonic_ns()}".encode()).hexdigest()[:10]
    links = links_of(target, plan.systems)
    return Manifest(
        format=schema.FORMAT,
        run_id=run_id,
        tag=tag,
        state=State.PLANNED,
        created_utc=created,
        profile=profile.name,
        profile_text=profile.text,
        profile_overrides=profile.overrides,
        seed=settings.seed,
        plan_digest=plan.digest,
        arrivals=len(plan),
        code=_code(),
        target=target.info(),
        identities="none" if profile.kind == "flat" else str(settings.identities),
        rate_factor=profile.traffic.rate_factor,
        compression=profile.traffic.compression,
        workers=settings.processes,
        phases=profile.phases,
        objectives=objectives_of(profile, target, links),
        limits=profile.limits,
        operations=operations_of(plan, target),
        links=links,
        moves=moves() if set(plan.systems) & set(ESSENTIAL) else (),  # else nobody moves a dossier
    )


def _communes(profile: Profile) -> pa.Table:
    rows = communes_of(profile) if profile.kind == "day" else ()
    return pa.table(
        {field.name: pa.array([getattr(row, field.name) for row in rows], field.type) for field in schema.COMMUNES},
        schema=schema.COMMUNES,
    )


def _job(settings: Settings, folder: Path, manifest: Manifest, trust: Trust | None) -> Job:
    return Job(
        manifest=manifest,
        folder=str(folder.resolve()),
        users=_users(settings),
        target_file=settings.target_file,
        target_text=settings.target_text,
        cache=str(settings.cache.resolve()),
        allow_list=settings.allow_list,
        drain_s=settings.profile.drain_s,
        boot_id=boot_id(),
        trust=trust,
    )


def _users(settings: Settings) -> dict[str, int]:
    """Users per system over all workers, rounded up so that each worker has as many."""
    workers = settings.processes
    return {system: -(-count // workers) * workers for system, count in settings.profile.users.items()}


def _now(manifest: Manifest) -> int:
    return time.monotonic_ns() - manifest.zero.mono_ns if manifest.zero is not None else 0


def _code() -> str:
    """Version and digest of the sources that decide what a run is."""
    total = hashlib.sha256()
    for package in ("record", "scenarios", "loadtests"):
        root = Path(str(resources.files(package)))
        for path in sorted(root.rglob("*.py")):
            total.update(path.relative_to(root).as_posix().encode() + path.read_bytes())
    return f"{metadata.version('thongsuot')}+{total.hexdigest()[:16]}"
