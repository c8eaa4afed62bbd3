"""JUnit XML: one test case per check. Undecided and void are errors there: nothing that was not shown looks green."""

from __future__ import annotations

import re
from xml.etree import ElementTree as Xml

from reports import catalogue
from reports.assess import Assessment
from reports.verdict import Finding, Verdict

_TAG = {Verdict.FAIL: "failure", Verdict.UNDECIDED: "error", Verdict.VOID: "error"}


_NOT_XML = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")  # production 2 of XML 1.0


def render_junit(assessment: Assessment, language: str = "en") -> str:
    """The document as text. What XML cannot hold, a target's control characters for example, becomes U+FFFD."""
    suite = Xml.Element("testsuite", name=f"thongsuot {assessment.run_id}")
    counts = {"failure": 0, "error": 0}
    for finding in assessment.findings:
        tag = _TAG.get(finding.verdict)
        _case(suite, finding, tag, language)
        if tag:
            counts[tag] += 1
    properties = Xml.Element("properties")
    for name, value in [("gate", assessment.gate.word), *sorted(assessment.digests.items())]:
        Xml.SubElement(properties, "property", name=name, value=value)
    suite.insert(0, properties)
    suite.set("tests", str(len(assessment.findings)))
    suite.set("failures", str(counts["failure"]))
    suite.set("errors", str(counts["error"]))
    Xml.indent(suite)
    text = _NOT_XML.sub("\ufffd", Xml.tostring(suite, encoding="unicode"))
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{text}\n'


def _case(suite: Xml.Element, finding: Finding, tag: str | None, language: str) -> None:
    group, _, name = finding.check.partition(".")
    case = Xml.SubElement(suite, "testcase", classname=f"thongsuot.{group}", name=name or group)
    message = catalogue.say(finding.summary, language)
    if tag is None:
        Xml.SubElement(case, "system-out").text = message
        return
    body = [catalogue.say(finding.title, language), message]
    if finding.needs_more is not None:
        body.append(catalogue.say(finding.needs_more, language))
    if finding.evidence is not None:
        body += [", ".join(catalogue.param(cell, language) for cell in row) for row in finding.evidence.rows]
    Xml.SubElement(case, tag, type=finding.verdict.word, message=message).text = "\n".join(body)
