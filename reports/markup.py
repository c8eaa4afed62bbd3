"""How values become HTML: words in Vietnamese with English beside them or in one language, numbers, states."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from types import CodeType

from jinja2 import BytecodeCache, Environment, FileSystemLoader, StrictUndefined
from jinja2.bccache import Bucket
from markupsafe import Markup, escape

from reports import catalogue, linked
from reports.errors import ErrorGroup
from reports.latency import ALL_JUDGED, Estimate
from reports.numbers import show
from reports.verdict import NEVER_NS, Finding, Param, Quantity, Text, Verdict, Word

MARKS = {Verdict.PASS: "✓", Verdict.UNDECIDED: "?", Verdict.FAIL: "✗", Verdict.VOID: "⊘"}
DASH = "–"
TEMPLATES = Path(__file__).parent / "templates"


class Pen:
    """Writes in one language, or (`language` None) in Vietnamese with English beside it and Vietnamese numbers."""

    def __init__(self, language: str | None) -> None:
        self.language = language
        self.style = language or "vi"

    def word(self, key: str) -> Markup:
        return self.pair(catalogue.word(key, "vi"), catalogue.word(key, "en"))

    def say(self, text: Text) -> Markup:
        return self.pair(catalogue.say(text, "vi"), catalogue.say(text, "en"))

    def pair(self, vi: str, en: str) -> Markup:
        if self.language is not None:
            return escape(vi if self.language == "vi" else en)
        if vi == en:
            return escape(vi)
        return Markup('<span lang="vi">{}</span> <span lang="en">{}</span>').format(vi, en)

    def plain(self, text: Text) -> str:
        """For places that take no markup, such as the label of a picture."""
        if self.language is not None:
            return catalogue.say(text, self.language)
        return " / ".join(catalogue.say(text, language) for language in catalogue.LANGUAGES)

    def error(self, group: ErrorGroup) -> Markup:
        """What went wrong and what it meant for the call; a bare slug that the catalogue does not know."""
        lines = []
        for language in catalogue.LANGUAGES:
            words = catalogue.words(language)
            error = words.get(f"error.{group.error or 'none'}", group.error)
            lines.append(f"{error} · {words[f'outcome.{group.outcome}']}")
        return self.pair(*lines)

    def metric(self, name: str) -> Markup:
        key = f"metric.{name}"
        return self.word(key) if key in catalogue.words("vi") else escape(name)

    def phase(self, name: str) -> Markup:
        return self.pair(*(catalogue.phase(name, language) for language in catalogue.LANGUAGES))

    def number(self, value: float, unit: str) -> str:
        return show(Quantity(value, unit), self.style)

    def time(self, value: float | None) -> str:
        """A duration in ns, a dash where the calls do not support it."""
        return DASH if value is None else self.number(value, "ns")

    def cell(self, value: Param) -> str | Markup:
        """A number in the style of the page; words of the catalogue in both languages."""
        return self.cells(value) if isinstance(value, Word | Text) else catalogue.param(value, self.style)

    def cells(self, value: Param) -> Markup:
        return self.pair(*(catalogue.param(value, language) for language in catalogue.LANGUAGES))

    def percentile(self, estimate: Estimate) -> Markup:
        """A percentile over its interval, or a dash."""
        if estimate.value is None or estimate.low is None or estimate.high is None:
            return Markup('<span class="none">{}</span>').format(DASH)
        low, high = (self.number(bound, "ns") for bound in (estimate.low, estimate.high))
        return Markup('{} <small class="interval">{} – {}</small>').format(self.number(estimate.value, "ns"), low, high)

    def share(self, part: int, whole: int) -> str:
        return self.number(part / whole, "share") if whole else DASH

    def figure(self, finding: Finding, name: str) -> str:
        """One figure of an objective's finding, a dash where it has none."""
        value = finding.summary.params.get(name, "-")
        return DASH if value == "-" else catalogue.param(value, self.style)

    def measured(self, finding: Finding) -> str:
        """The measured figure; where a percentile has none, the share that was within the limit."""
        if "within" in finding.summary.params:
            return f"{self.figure(finding, 'within')} ≤ {self.figure(finding, 'limit')}"
        return self.figure(finding, "value")

    def interval(self, finding: Finding) -> str:
        if "within" in finding.summary.params:
            if finding.verdict is Verdict.FAIL:
                return f"≤ {self.figure(finding, 'within_high')}"
            return f"≥ {self.figure(finding, 'within_low')}"
        low, high = self.figure(finding, "low"), self.figure(finding, "high")
        return DASH if low == high == DASH else f"{low} … {high}"


class _Compiled(BytecodeCache):
    """Templates as they were compiled, for all environments of this process."""

    def __init__(self) -> None:
        self._codes: dict[tuple[str, str], CodeType] = {}

    def load_bytecode(self, bucket: Bucket) -> None:
        bucket.code = self._codes.get((bucket.key, bucket.checksum))

    def dump_bytecode(self, bucket: Bucket) -> None:
        if bucket.code is not None:
            self._codes[bucket.key, bucket.checksum] = bucket.code


_COMPILED = _Compiled()


def compile_templates() -> None:
    """So that whoever writes a page later finds them ready."""
    made = environment(None)
    for name in made.list_templates(extensions=["j2"]):
        made.get_template(name)


def environment(language: str | None) -> Environment:
    """The templates with everything they may call."""
    pen = Pen(language)
    made = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        bytecode_cache=_COMPILED,
    )
    made.globals.update(
        language=language,
        t=pen.word,
        say=pen.say,
        plain_word=lambda key: pen.plain(Text(key)),
        error=pen.error,
        metric=pen.metric,
        interval=pen.interval,
        mark=MARKS.__getitem__,
        named=lambda link: pen.cells(linked.words(link)),
        percentile=pen.percentile,
        share=pen.share,
        num=partial(pen.number, unit="count"),
        at=partial(pen.number, unit="ns"),
        time=pen.time,
        cell=pen.cell,
        figure=pen.figure,
        measured=pen.measured,
        pair=pen.pair,
        quantity=Quantity,
        dash=DASH,
        phase=pen.phase,
        language_of=language_of,
        all_judged=ALL_JUDGED,
        never=NEVER_NS,
    )
    return made


def language_of(text: str) -> str:
    """The language of a text that the profile gives in one only: Vietnamese shows by its letters, our name aside."""
    return "en" if text.replace("Thông Suốt", "").isascii() else "vi"
