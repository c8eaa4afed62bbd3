"""Does a paper say what its record proves? It is made again and compared, byte by byte, then line by line.

Signatures come after the bytes that were rendered, so a signed paper must begin with exactly these.
"""

from __future__ import annotations

import difflib
import io
import re
from collections.abc import Iterator
from dataclasses import dataclass

import pypdfium2
from pyhanko.pdf_utils.misc import PdfError
from pyhanko.pdf_utils.reader import PdfFileReader

from reports import pdf, sheets
from reports.assess import Assessment
from reports.case import Case
from reports.extras import Extras
from reports.page_one import PageOne
from reports.verdict import Quantity, Text

DIFFERENCES_SHOWN = 5
_PAPER = re.compile(r"paper:(report|sheet-([0-9A-Za-z_-]+)):(vi|en)\Z")


@dataclass(frozen=True)
class Bearing:
    """What a paper says it is. `unit` is the code on a unit's sheet, "" on the report; `given` as in Extras."""

    language: str
    unit: str
    record: str  # digest
    given: tuple[str, ...]


def bearing(paper: bytes) -> Bearing | None:
    """None when it bears no mark of ours."""
    try:
        info = PdfFileReader(io.BytesIO(paper)).trailer["/Info"]
        words = [word.strip() for word in str(info["/Keywords"]).split(",")]
    except (PdfError, LookupError, ValueError, TypeError):
        return None
    kind = next((found for word in words if (found := _PAPER.match(word))), None)
    digest = next((word.partition(":")[2] for word in words if word.startswith("record:")), "")
    given = tuple(word.partition(":")[2] for word in words if word.startswith("given:"))
    return Bearing(kind[3], kind[2] or "", digest, given) if kind else None


def render_again(wanted: Bearing, page: PageOne, assessment: Assessment, case: Case, extras: Extras) -> bytes | None:
    """The paper as the record has it; None when it is of a unit that the record does not know."""
    if not wanted.unit:
        return pdf.render_pdf(page, assessment, case, wanted.language, extras)
    found = dict(sheets.render_sheets(page, assessment, case, wanted.language, (wanted.unit,), extras.given))
    return found.get(wanted.unit)


def compare(paper: bytes, page: PageOne, assessment: Assessment, case: Case, extras: Extras) -> tuple[Text, ...]:
    """What the paper says that the record does not; nothing when it says the same."""
    wanted = bearing(paper)
    if wanted is None:
        return (Text("recompute.stranger"),)
    problems = []
    digest = case.record.digest
    if wanted.record != digest:
        problems.append(Text("recompute.record", {"paper": wanted.record[:16], "record": digest[:16]}))
    given = sheets.bearing(extras.given) if wanted.unit else extras.given
    if wanted.given != given:
        there, here = (", ".join(options) or "–" for options in (wanted.given, given))
        problems.append(Text("recompute.given", {"paper": there, "given": here}))
    again = render_again(wanted, page, assessment, case, extras)
    if again is None:
        return (*problems, Text("recompute.unit", {"unit": wanted.unit}))
    if paper.startswith(again):
        return tuple(problems)
    lines = list(_differences(paper, again))
    problems += lines[:DIFFERENCES_SHOWN]
    if len(lines) > DIFFERENCES_SHOWN:
        problems.append(Text("recompute.more", {"more": Quantity(len(lines) - DIFFERENCES_SHOWN, "count")}))
    return tuple(problems) if lines else (*problems, Text("recompute.drawn"))


def _differences(paper: bytes, again: bytes) -> Iterator[Text]:
    """Line by line; the foot with the digest of the record, on every page, is compared by itself."""
    there, here = _pages(paper), _pages(again)
    for number in range(max(len(there), len(here))):
        old, new = (pages[number] if number < len(pages) else [] for pages in (there, here))
        for tag, a, b, c, d in difflib.SequenceMatcher(None, old, new, autojunk=False).get_opcodes():
            if tag != "equal":
                said, right = " ".join(old[a:b]), " ".join(new[c:d])
                page = Quantity(number + 1, "count")
                yield Text("recompute.line", {"page": page, "said": _short(said), "right": _short(right)})


def _pages(paper: bytes) -> list[list[str]]:
    """Lines of text without the foot of the page, which the digests are compared with already."""
    try:
        document = pypdfium2.PdfDocument(paper)
    except pypdfium2.PdfiumError:
        return []
    pages = []
    for page in document:
        text = page.get_textpage().get_text_bounded()
        lines = [" ".join(line.split()) for line in text.splitlines()]
        pages.append([line for line in lines if line and "SHA-256" not in line])
    document.close()
    return pages


def _short(text: str) -> str:
    return text if len(text) <= 120 else text[:119] + "…"
