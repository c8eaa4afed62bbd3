"""A duet in words: for people in two languages, for machines as JSON, for build servers as JUnit and Markdown."""

from __future__ import annotations

from typing import Any
from xml.etree import ElementTree as Xml

import msgspec

from reports import catalogue
from reports.duet import BUSY_MAX, Compared, Duet
from reports.verdict import Verdict

MARKS = {Verdict.PASS: "✓", Verdict.UNDECIDED: "?", Verdict.FAIL: "✗", Verdict.VOID: "⊘"}
_FORMAT = 1


def encode(duet: Duet) -> str:
    """duet.json: sorted keys, verdicts as words; the same records give the same bytes."""
    plain: dict[str, Any] = msgspec.to_builtins(duet)
    plain |= {"format": _FORMAT, "verdict": duet.verdict.word, "exit_code": duet.verdict.exit_code}
    for row, one in zip(plain["compared"], duet.compared, strict=True):
        row["verdict"] = one.verdict.word
    return msgspec.json.format(msgspec.json.encode(plain, order="sorted"), indent=1).decode() + "\n"


def lines(duet: Duet) -> list[str]:
    """For a terminal."""
    vi, en = (catalogue.word(f"duet.{duet.verdict.word}", language) for language in ("vi", "en"))
    found = [f"{MARKS[duet.verdict]} {vi} / {en}", f"  {_restarts(duet, 'vi')} / {_restarts(duet, 'en')}"]
    width = max((len(_name(one, "en")) for one in duet.compared), default=0)
    for one in duet.compared:
        found.append(f"  {MARKS[one.verdict]} {_name(one, 'en'):{width}}  {_change(one)}")
    return found + [f"  ⊘ {catalogue.say(text, 'vi')} / {catalogue.say(text, 'en')}" for text in duet.unfit]


def markdown(duet: Duet) -> str:
    """For a pull request."""
    vi, en = (catalogue.word(f"duet.{duet.verdict.word}", language) for language in ("vi", "en"))
    rows = [
        f"| {MARKS[one.verdict]} | {_name(one, 'vi')} / {_name(one, 'en')} | {_change(one)} |" for one in duet.compared
    ]
    head = [catalogue.word(f"duet.column.{name}", "vi") + " / " + catalogue.word(f"duet.column.{name}", "en")
            for name in ("what", "change")]  # fmt: skip
    return "\n".join(
        [
            f"## {MARKS[duet.verdict]} {vi} / {en}",
            "",
            f"{_restarts(duet, 'vi')}  ",
            _restarts(duet, "en"),
            *(f"- ⊘ {catalogue.say(text, 'vi')} / {catalogue.say(text, 'en')}" for text in duet.unfit),
            "",
            f"| | {head[0]} | {head[1]} |",
            "|---|---|---|",
            *rows,
            "",
        ]
    )


def junit(duet: Duet) -> str:
    """One test case for each thing compared; undecided is skipped, which no build server takes for a failure."""
    suite = Xml.Element("testsuite", name="thongsuot duet", tests=str(len(duet.compared)))
    for one in duet.compared:
        case = Xml.SubElement(suite, "testcase", classname="thongsuot.duet", name=_name(one, "en"))
        tag = {Verdict.FAIL: "failure", Verdict.UNDECIDED: "skipped"}.get(one.verdict, "system-out")
        element = Xml.SubElement(case, tag)
        if tag == "system-out":
            element.text = _change(one)
        else:
            element.set("message", _change(one))
    if duet.verdict is Verdict.VOID:
        case = Xml.SubElement(suite, "testcase", classname="thongsuot.duet", name="restarts")
        reasons = [_restarts(duet, "en"), *(catalogue.say(text, "en") for text in duet.unfit)]
        Xml.SubElement(case, "error", message="; ".join(reasons))
    for name in ("failure", "error", "skipped"):
        suite.set({"failure": "failures", "error": "errors"}.get(name, name), str(len(suite.findall(f"*/{name}"))))
    Xml.indent(suite)
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{Xml.tostring(suite, encoding="unicode")}\n'


def _name(one: Compared, language: str) -> str:
    question = one.question
    key = f"duet.what.{question.what}"
    name = catalogue.words(language).get(key, question.what)
    return f"{name}, {question.operation}" if question.operation else name


def _change(one: Compared) -> str:
    """The change with its interval, so many digits that none of them lies about the sign."""
    low, high = ("?" if bound is None else f"{bound:+.1%}" for bound in (one.low, one.high))
    return f"{one.change:+.2%} ({low} … {high})"


def _restarts(duet: Duet, language: str) -> str:
    template = catalogue.words(language)["duet.restarts"]
    text = template.format(restarts=duet.restarts, unusable=duet.unusable, most=duet.rule.looks[-1])
    if duet.busy is not None and duet.busy > BUSY_MAX:
        text += catalogue.words(language)["duet.busy"].format(busy=f"{duet.busy:.0%}")
    return text
