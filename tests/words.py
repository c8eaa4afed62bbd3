"""Says findings aloud, so that a sentence that the catalogues lack is missed by every test that comes upon it."""

from __future__ import annotations

from collections.abc import Iterable

from reports import catalogue
from reports.verdict import Finding


def spoken(findings: Iterable[Finding]) -> list[Finding]:
    """The same findings, after every text and cell of theirs was put into both languages."""
    said = list(findings)
    for finding in said:
        for language in catalogue.LANGUAGES:
            for text in (finding.title, finding.summary, finding.needs_more):
                assert text is None or "{" not in catalogue.say(text, language)
            if finding.evidence is not None:
                assert all(f"column.{name}" in catalogue.words(language) for name in finding.evidence.columns)
                cells = [catalogue.param(cell, language) for row in finding.evidence.rows for cell in row]
                assert not any(cell.startswith(("class.", "signature.")) for cell in cells)
    return said
