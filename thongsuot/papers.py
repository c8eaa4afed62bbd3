"""The PDFs of a run: the report in both languages, a sheet for each unit, and the names under which they lie."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from scenarios.types import ConfigError

if TYPE_CHECKING:
    from pyhanko.sign.signers import Signer

    from reports.assess import Assessment
    from reports.case import Case
    from reports.page_one import PageOne
    from thongsuot.reporting import Told

REPORT = "report.pdf"  # in Vietnamese; the one to sign
SHEETS = "sheets"
SIGNED = ".signed.pdf"
BYTES_MAX = 64 * 1024 * 1024


def of(case: Case, assessment: Assessment, said: Told, *, sheets: bool) -> dict[str, bytes]:
    """By name, for the folder of the assessment; the report in English only where that is the language asked for."""
    from reports import pdf
    from reports import sheets as of_units

    files = {REPORT: pdf.render_pdf(said.page, assessment, case, "vi", said.extras)}
    if said.language == "en":
        files["report.en.pdf"] = pdf.render_pdf(said.page, assessment, case, "en", said.extras)
    if sheets:
        papers = of_units.render_sheets(said.page, assessment, case, given=said.extras.given)
        files |= {f"{SHEETS}/{code}.pdf": paper for code, paper in papers}
    return files


def signed_sheets(
    page: PageOne, assessment: Assessment, case: Case, signer: Signer, at: datetime
) -> Iterator[tuple[str, bytes]]:
    """(code, PDF) of every unit, each signed by `signer` as the head of the unit; what the bench measures."""
    from reports import catalogue, sheets, signing

    word = partial(catalogue.word, language="vi")
    for code, paper in sheets.render_sheets(page, assessment, case):
        yield code, signing.sign(paper, sheets.ROLES[0], signer, at, label=word)


def signed_name(path: Path) -> Path:
    """Where a paper goes when somebody has signed it: beside the one that nobody signed, or in its own place again."""
    return path if path.name.endswith(SIGNED) else path.with_name(path.stem + SIGNED)


def role_of(option: str, given: str) -> str:
    """The slug of a role, from itself or from the post in words. Raises ConfigError."""
    from reports import catalogue
    from reports.page_one import ROLES

    known = {
        name.casefold(): role
        for role in ROLES
        for name in (role, *(catalogue.word(f"role.{role}", language) for language in catalogue.LANGUAGES))
    }
    if given.casefold() not in known:
        raise ConfigError([f"{option} {given}: should be one of {', '.join(ROLES)}"])
    return known[given.casefold()]


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
