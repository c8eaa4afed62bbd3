"""An assessment as a comment for a pull request: verdict, promises, what is wrong, changes; at most 40 lines."""

from __future__ import annotations

from reports import catalogue
from reports.assess import Assessment
from reports.verdict import Finding, Verdict

LINES_MAX = 40
ROWS_MAX = 12  # of one table
MARKS = {Verdict.PASS: "✓", Verdict.UNDECIDED: "?", Verdict.FAIL: "✗", Verdict.VOID: "⊘"}


def render_markdown(assessment: Assessment) -> str:
    """Vietnamese with English beside it. What does not fit is counted, not dropped in silence."""
    gate = assessment.gate.word
    lines = [f"## {MARKS[assessment.gate]} {_both(f'gate.{gate}')}", "", f"`{_code(assessment.run_id)}`", ""]
    for title, prefix in (("page.objectives", "objective"), ("markdown.regression", "regression")):
        lines += _table(title, [finding for finding in assessment.findings if _of(finding, prefix)])
    others = [finding for finding in assessment.findings if not _of(finding, "objective", "regression")]
    wrong = sorted((one for one in others if one.verdict is not Verdict.PASS), key=lambda one: -one.verdict)
    lines += _table("markdown.findings", wrong)
    passed = sum(one.verdict is Verdict.PASS for one in others)
    lines.append(" / ".join(catalogue.words(language)["markdown.passed"].format(passed=passed, of=len(others))
                            for language in catalogue.LANGUAGES))  # fmt: skip
    return "\n".join(lines[:LINES_MAX]) + "\n"


def _table(title: str, findings: list[Finding]) -> list[str]:
    if not findings:
        return []
    worst_first = sorted(findings, key=lambda one: -one.verdict)
    rows = [f"| {MARKS[one.verdict]} | {_cell(one.check)} | {_say(one)} |" for one in worst_first[:ROWS_MAX]]
    more = len(findings) - ROWS_MAX
    if more > 0:
        rows[-1] = f"| … | | +{more + 1} |"
    return [f"| | {_both(title)} | |", "|---|---|---|", *rows, ""]


def _say(finding: Finding) -> str:
    return _cell(" / ".join(catalogue.say(finding.summary, language) for language in catalogue.LANGUAGES))


def _both(key: str) -> str:
    return " / ".join(catalogue.word(key, language) for language in catalogue.LANGUAGES)


def _cell(text: str) -> str:
    """One cell, whatever a target's words in it are."""
    return (
        "".join(c if c.isprintable() else " " for c in text)
        .replace("\\", "\\\\")
        .replace("|", "\\|")
        .replace("<", "&lt;")
    )


def _code(text: str) -> str:
    return "".join(c for c in text if c.isprintable()).replace("`", "'")


def _of(finding: Finding, *prefixes: str) -> bool:
    return finding.check.split(".")[0] in prefixes
