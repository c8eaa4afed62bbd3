"""The PDFs of a run: the report in both languages, a sheet for each unit, and the names under which they lie."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from scenarios.types import ConfigError

if TYPE_CHECKING:
    from record.reader import RunRecord
    from reports.assess import Assessment
    from reports.page_one import PageOne

REPORT = "report.pdf"  # in Vietnamese; the one to sign
SHEETS = "sheets"
SIGNED = ".signed.pdf"
BYTES_MAX = 64 * 1024 * 1024


def of(record: RunRecord, assessment: Assessment, page: PageOne, *, sheets: bool) -> dict[str, bytes]:
    """By name, for the folder of the assessment."""
    from reports import pdf
    from reports import sheets as of_units
    from reports.case import Case

    case = Case(record)
    files = {
        REPORT: pdf.render_pdf(page, assessment, case, "vi"),
        "report.en.pdf": pdf.render_pdf(page, assessment, case, "en"),
    }
    if sheets:
        papers = of_units.render_sheets(page, assessment, case)
        files |= {f"{SHEETS}/{code}.pdf": paper for code, paper in papers}
    return files


def signed_name(path: Path) -> Path:
    """Where a paper goes when somebody has signed it: beside the one that nobody signed, or in its own place again."""
    return path if path.name.endswith(SIGNED) else path.with_name(path.stem + SIGNED)


def read(path: Path) -> bytes:
    """Raises ConfigError."""
    try:
        with path.open("rb") as file:
            data = file.read(BYTES_MAX + 1)
    except (OSError, ValueError) as error:
        raise ConfigError([f"{path}: cannot be read: {error}"]) from error
    if len(data) > BYTES_MAX:
        raise ConfigError([f"{path}: larger than {BYTES_MAX // 2**20} MiB; a report is far below that"])
    return data
