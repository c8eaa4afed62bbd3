"""One run in order: preflight → manifest → drive → drain → final read → seal."""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Callable
from importlib import metadata, resources
from pathlib import Path

import msgspec
import psutil
import pyarrow as pa

from loadtests import preflight
from loadtests.crew import Crew, CrewError
from loadtests.final_read import FinalReadError, final_read
from loadtests.targets import Target
from loadtests.worker import STOP_FILE, ZERO_FILE, Job
from loadtests.zero import boot_id
from record import schema, writer
from record.journal import EventLog, Journal
from record.rows import SAMPLE
from record.types import Event, Manifest, OperationInfo, Reading, RecordError, State, Zero
from scenarios.attachments import Library
from scenarios.profiles import Profile
from scenarios.schedule import Plan, to_arrow
from scenarios.types import Identities
from scenarios.world import communes_of, plan_of

HOST_JOURNAL = 9998
POLL_S = 0.25
START_S_MAX = 90.0
GRACE_S_MAX = 40.0  # beyond the end of plan and drain


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


class Progress(msgspec.Struct):
    """What a watcher may show."""

    stage: str
    at_s: float = 0.0
    duration_s: float = 0.0
    calls: int = 0
    planned: int = 0


Watcher = Callable[[Progress], None]


def run(settings: Settings, watch: Watcher, stop: Callable[[], bool]) -> tuple[Path, Manifest]:
    """Drive the profile against the target. Returns the record's folder and its last manifest, sealed or aborted.

    Raises ConfigError before any traffic, RecordError when the record cannot be written. `stop` is asked several times
    a second: once true, nothing new is sent, what is under way drains, and the record is sealed.
    """
    watch(Progress("preflight"))
    profile, target = settings.profile, settings.target
    plan = plan_of(profile, settings.seed, target.weights)
    preflight.check(profile, target, plan, settings.identities, settings.runs)
    manifest = _manifest(settings, plan)
    folder = settings.runs / manifest.run_id
    if profile.kind == "day":
        watch(Progress("papers"))
        Library.build(settings.seed, settings.cache)  # drawn once here, found in the cache by every worker
    writer.create(folder, manifest, _communes(profile), to_arrow(plan))
    try:
        manifest, trouble = _drive(settings, folder, manifest, watch, stop)
        watch(Progress("final read"))
        trouble = trouble or _final_read(folder, manifest, target)
        watch(Progress("sealing"))
        if trouble is None and manifest.state is State.DRIVING:
            return folder, writer.seal(folder, manifest)
        return folder, writer.abort(folder, manifest, trouble or "the drive never began")
    except RecordError as error:
        return folder, writer.abort(folder, manifest, str(error))


def _drive(
    settings: Settings, folder: Path, manifest: Manifest, watch: Watcher, stop: Callable[[], bool]
) -> tuple[Manifest, str | None]:
    """Start the crew and stay with it to the end. Returns the manifest and what went wrong, if anything did."""
    watch(Progress("starting"))
    journal = folder / "journal"
    (journal / "job.json").write_bytes(msgspec.json.encode(_job(settings, folder, manifest)))
    events, host = EventLog(folder / "events.jsonl"), Journal(journal, HOST_JOURNAL)
    began, told, trouble = time.monotonic(), False, None
    phases = list(manifest.phases)
    psutil.cpu_percent()
    try:
        with Crew(settings, journal, _users(settings)) as crew:
            while crew.running():
                time.sleep(POLL_S)
                if manifest.zero is None and (journal / ZERO_FILE).exists():
                    zero = msgspec.json.decode((journal / ZERO_FILE).read_bytes(), type=Zero)
                    manifest = writer.start(folder, manifest, zero)
                at_ns = _now(manifest)
                while phases and manifest.zero is not None and at_ns >= phases[0].start_ns:
                    events.write(Event(at_ns, "phase", phases.pop(0).name))
                trouble = trouble or crew.trouble() or _overdue(settings, manifest, began, at_ns)
                if not told and (trouble or stop()):
                    (journal / STOP_FILE).touch()
                    events.write(Event(at_ns, "stop", trouble or "stopped by the operator"))
                    told = True
                if manifest.zero is not None:
                    host.reading(Reading("host", "cpu_share", "cores", at_ns, psutil.cpu_percent() / 100))
                    watch(_progress(journal, manifest, at_ns))
            trouble = trouble or crew.trouble()
    except CrewError as error:
        trouble = str(error)
    finally:
        host.close()
        events.close()
        (journal / "job.json").unlink(missing_ok=True)
    return manifest, trouble


def _final_read(folder: Path, manifest: Manifest, target: Target) -> str | None:
    """Failing to read is not failing to drive: the record is sealed, and the audit will say never-read."""
    if not any(operation.write for operation in manifest.operations):
        return None
    events = EventLog(folder / "events.jsonl")
    try:
        count = final_read(folder, target, manifest.tag, lambda: _now(manifest))
        events.write(Event(_now(manifest), "final-read", f"{count} keys"))
        if target.final_read is not None and target.final_read.writes_url:
            events.write(Event(_now(manifest), "final-listing", "all writes that carry the run's tag"))
    except FinalReadError as error:
        events.write(Event(_now(manifest), "final-read-failed", str(error)))
    finally:
        events.close()
    return None


def _manifest(settings: Settings, plan: Plan) -> Manifest:
    profile, target = settings.profile, settings.target
    created = writer.utc_now()
    run_id = f"{created.replace('-', '').replace(':', '')}-{profile.name}-{settings.seed}"
    number = 1
    while (settings.runs / run_id).exists():
        number += 1
        run_id = f"{run_id.split('_')[0]}_{number}"
    tag = settings.tag or hashlib.sha256(f"{run_id}{os.getpid()}{time.monotonic_ns()}".encode()).hexdigest()[:10]
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
        workers=settings.workers + settings.remote_workers,
        phases=profile.phases,
        objectives=profile.objectives,
        limits=profile.limits,
        operations=_operations(plan, target),
    )


def _operations(plan: Plan, target: Target) -> tuple[OperationInfo, ...]:
    """Every operation that a sample of this run may name."""
    return tuple(operation for operation in target.operations() if operation.system in plan.systems)


def _communes(profile: Profile) -> pa.Table:
    rows = communes_of(profile) if profile.kind == "day" else ()
    return pa.table(
        {field.name: pa.array([getattr(row, field.name) for row in rows], field.type) for field in schema.COMMUNES},
        schema=schema.COMMUNES,
    )


def _job(settings: Settings, folder: Path, manifest: Manifest) -> Job:
    return Job(
        manifest=manifest,
        folder=str(folder.resolve()),
        users=_users(settings),
        target_file=settings.target_file,
        target_text=settings.target_text,
        cache=str(settings.cache.resolve()),
        allow_list=settings.allow_list,
        boot_id=boot_id(),
    )


def _users(settings: Settings) -> dict[str, int]:
    """Users per system over all workers, rounded up so that each worker has as many."""
    workers = settings.workers + settings.remote_workers
    return {system: -(-count // workers) * workers for system, count in settings.profile.users.items()}


def _progress(journal: Path, manifest: Manifest, at_ns: int) -> Progress:
    calls = sum(path.stat().st_size for path in journal.glob("samples-*.bin")) // SAMPLE.size
    end_ns = manifest.phases[-1].end_ns
    stage = next((phase.name for phase in manifest.phases if at_ns < phase.end_ns), "drain")
    return Progress(stage, min(at_ns, end_ns) * 1e-9, end_ns * 1e-9, calls, manifest.arrivals)


def _overdue(settings: Settings, manifest: Manifest, began: float, at_ns: int) -> str | None:
    if manifest.zero is None:
        waited = time.monotonic() - began
        return f"the workers were not ready within {START_S_MAX:g} s" if waited > START_S_MAX else None
    end_s = settings.profile.duration_s + settings.profile.drain_s + GRACE_S_MAX
    return f"the drive was not over {GRACE_S_MAX:g} s after plan and drain" if at_ns > end_s * 1e9 else None


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
