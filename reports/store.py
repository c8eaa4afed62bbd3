"""Write an assessment beside its record: assessments/<id>/. The id is the digest of what it says."""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec

from record.types import RecordError
from reports.assess import FORMAT, Assessment


def encode(assessment: Assessment) -> bytes:
    """assessment.json: sorted keys, verdicts as words, no time of day; the same record gives the same bytes."""
    plain = msgspec.to_builtins(assessment)
    plain["format"] = FORMAT
    plain["gate"] = assessment.gate.word
    plain["exit_code"] = assessment.gate.exit_code
    for row, finding in zip(plain["findings"], assessment.findings, strict=True):
        row["verdict"] = finding.verdict.word
    return msgspec.json.format(msgspec.json.encode(plain, order="sorted"), indent=1) + b"\n"


def identity(assessment: Assessment) -> str:
    """Twelve hex digits."""
    return hashlib.sha256(encode(assessment)).hexdigest()[:12]


def write(record_folder: Path, assessment: Assessment, files: Mapping[str, str | bytes] | None = None) -> Path:
    """Write assessment.json and the given pages (name → content) into assessments/<id>/; answers that folder."""
    folder = record_folder / "assessments" / identity(assessment)
    return write_into(folder, {"assessment.json": encode(assessment).decode(), **(files or {})})


def write_into(folder: Path, files: Mapping[str, str | bytes]) -> Path:
    """Write files into a folder that is made if need be; each appears under its name, and takes the place of the one
    before, only when it is complete. Raises RecordError when the disk does not let us."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, content in files.items():
            _replace(folder / name, content.encode() if isinstance(content, str) else content)
    except OSError as error:
        raise RecordError(f"{folder}: the assessment cannot be written: {error.strerror}") from error
    return folder


def _replace(path: Path, content: bytes) -> None:
    path.parent.mkdir(exist_ok=True)
    path = Path(os.path.realpath(path))  # what a link points to, not the link
    if path.exists() and not path.is_file():  # a pipe or a device
        path.write_bytes(content)
        return
    part = path.with_name(f".thongsuot-{os.getpid()}.part")
    try:
        with part.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        if path.exists():
            shutil.copymode(path, part)
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


def summary(assessment: Assessment) -> dict[str, Any]:
    """For machines that only want the gate: run, gate, exit code, the deciding checks."""
    return {
        "run": assessment.run_id,
        "gate": assessment.gate.word,
        "exit_code": assessment.gate.exit_code,
        "deciding": [finding.check for finding in assessment.deciding],
        "verdicts": {finding.check: finding.verdict.word for finding in assessment.findings},
    }
