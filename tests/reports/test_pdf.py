"""The PDFs: what stands on them, the same bytes again, the layout of Decree 30 with a drill for each of its rules."""

from __future__ import annotations

import copy
import io
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import pypdfium2
import pytest
from pyhanko.pdf_utils.reader import PdfFileReader
from pyhanko.sign.fields import enumerate_sig_fields

from record.reader import open_record
from record.types import Outcome
from reports import bottleneck_page, bottlenecks, clauses, page_one, pdf, sheets, since, typesetting
from reports.assess import Assessment, assess
from reports.case import Case
from reports.clauses import Clause, Evidence
from reports.extras import Extras
from reports.numbers import show
from reports.page_one import PageOne
from reports.verdict import Text
from tests import decree30
from tests.records import COMMUNES, booked, healthy, losing, make_record, manifest, plan
from tests.sweeps import dues, queued, station, swept


class Judged(NamedTuple):
    """What a renderer takes."""

    page: PageOne
    assessment: Assessment
    case: Case


def judged(folder: Path, **changes: object) -> Judged:
    record = open_record(make_record(folder, **healthy() | changes), unsealed=True)
    case = Case(record)
    assessment = assess(record, case=case)
    return Judged(page_one.of(assessment, case), assessment, case)


@pytest.fixture(scope="module")
def failed(tmp_path_factory: pytest.TempPathFactory) -> Judged:
    """Refusals in one unit, a lost write in another."""
    samples = [
        msgspec.structs.replace(each, outcome=Outcome.REFUSED, status=503, error=12)
        if each.arrival % 3 == 1 and each.arrival % 2
        else each
        for each in healthy()["samples"]
    ]
    ledger = losing("t1-3", booked(samples))
    return judged(tmp_path_factory.mktemp("pdf") / "run", samples=samples, ledger=ledger)


def text_of(paper: bytes) -> str:
    pages = [page.get_textpage().get_text_bounded() for page in pypdfium2.PdfDocument(paper)]
    return " ".join(" ".join(pages).split())


def test_page_one_says_what_it_is_given_and_the_annex_the_rest(failed: Judged) -> None:
    text = text_of(pdf.render_pdf(*failed))
    assert "CHƯA ĐỦ ĐIỀU KIỆN" in text
    for figure in failed.page.figures:
        assert figure.value is None or show(figure.value, "vi").replace("\u202f", " ") in text.replace("\u202f", " ")
    for code in COMMUNES:
        assert code in text
    for digest in (failed.assessment.digests["record"], failed.assessment.digests["plan"]):
        assert digest in text.replace(" ", "")
    assert f"thongsuot verify report.pdf runs/{failed.case.record.folder.name}" in text


def test_the_same_record_gives_the_same_bytes_and_says_that_they_are_pdf_a(failed: Judged) -> None:
    paper = pdf.render_pdf(*failed)
    again = Judged(failed.page, failed.assessment, Case(open_record(failed.case.record.folder)))
    assert pdf.render_pdf(*again) == paper
    metadata = bytes(PdfFileReader(io.BytesIO(paper)).root["/Metadata"].data).decode()
    assert "<pdfaid:part>2</pdfaid:part>" in metadata
    assert "<pdfaid:conformance>B</pdfaid:conformance>" in metadata
    assert f"record:{failed.assessment.digests['record']}" in metadata


def test_each_who_signs_has_a_field_that_pdf_a_accepts_where_their_post_stands(failed: Judged) -> None:
    paper = pdf.set_report(*failed)
    fields = list(enumerate_sig_fields(PdfFileReader(io.BytesIO(pdf.render_pdf(*failed)))))
    assert [name for name, _, _ in fields] == [box.role for box in paper.boxes] == list(failed.page.roles)
    for _, value, reference in fields:
        field = reference.get_object()
        assert value is None
        assert "/N" in field["/AP"]
        assert field["/F"] & 4, "it is printed"
    lefts = [box.x for box in paper.boxes]
    assert lefts == sorted(lefts)
    assert len({box.page for box in paper.boxes}) == 1


@pytest.mark.parametrize("language", ["vi", "en"])
def test_those_who_sign_stand_on_page_one_however_much_must_be_done(failed: Judged, language: str) -> None:
    wordy = Text("unit.few", {"calls": "một việc dài " * 12})
    first = replace(failed.page.actions[0], what=wordy, unit="Xã Rất Dài " * 6, owner="Nguyễn Văn A " * 5)
    page = replace(failed.page, actions=tuple(replace(first, key=f"action-{place}") for place in range(30)))
    boxes = pdf.set_report(page, failed.assessment, failed.case, language).boxes
    assert [box.page for box in boxes] == [1, 1, 1]
    text = text_of(pdf.render_pdf(page, failed.assessment, failed.case))
    assert re.search(r"Còn (2[5-9]|30) việc khác trong phụ lục", text)


def test_what_is_shown_of_a_unit_is_called_what_it_is(failed: Judged) -> None:
    """A write may be a document or a fee: to call each a dossier would be wrong."""
    ((_, sheet),) = sheets.render_sheets(*failed, codes=(COMMUNES[0],))
    text = text_of(sheet)
    assert "Lần ghi đã được xác nhận nhưng bị mất" in text
    assert "so với giới hạn" not in text, "there is no limit on a sheet"


def test_letters_that_the_font_has_not_are_marked_and_stop_nothing(failed: Judged) -> None:
    name = "中 \x00 \ue000 😀 \ufffd \u202e Ạ́"
    page = replace(failed.page, untested=(Text("unit.few", {"calls": name}),))
    assert "■ ■ ■ ■ ■ ■ Ạ́" in text_of(pdf.render_pdf(page, failed.assessment, failed.case))


def test_each_unit_has_a_sheet_with_its_own_figures_and_one_field(failed: Judged) -> None:
    papers = dict(sheets.render_sheets(*failed))
    assert list(papers) == sorted(COMMUNES)
    refused, kept = (unit for unit in failed.page.units if unit.code in (COMMUNES[1], COMMUNES[2]))
    text = text_of(papers[refused.code])
    assert "ỦY BAN NHÂN DÂN XÃ 14812" in text
    assert "không đạt" in text
    assert "Tìm nguyên nhân lỗi riêng" in text
    assert "Tìm nguyên nhân" not in text_of(papers[kept.code])
    names = [name for name, _, _ in enumerate_sig_fields(PdfFileReader(io.BytesIO(papers[refused.code])))]
    assert names == ["unit-head"]


@pytest.mark.parametrize(
    "changes",
    [{"communes": ()}, {"seal": False}, {"head": manifest(0), "arrivals": plan(0), "samples": [], "ledger": []}],
    ids=["no communes", "never sealed", "nobody came"],
)
def test_a_record_that_says_little_still_has_its_paper(tmp_path: Path, changes: dict) -> None:
    found = judged(tmp_path / "run", **changes)
    paper = pdf.render_pdf(*found)
    assert "KHÔNG KẾT LUẬN ĐƯỢC" in text_of(paper) or "communes" in changes
    assert decree30.problems(paper, "vi") == []


def test_what_looks_like_markup_is_printed_as_it_is(failed: Judged) -> None:
    name = "*Xã* #pagebreak() $x$ <b> \\ `Y`"
    page = replace(failed.page, untested=(Text("unit.few", {"calls": name}),))
    assert name in text_of(pdf.render_pdf(page, failed.assessment, failed.case))


def test_a_phase_whose_name_looks_like_a_formula_does_not_stop_the_paper(tmp_path: Path) -> None:
    head = healthy()["head"]
    phases = tuple(msgspec.structs.replace(each, name=f"$\\frac$ {each.name}") for each in head.phases)
    found = judged(tmp_path / "run", head=msgspec.structs.replace(head, phases=phases))
    text = text_of(pdf.render_pdf(*found))
    assert f"$\\frac$ {head.phases[0].name}" in text
    assert "mathdefault" not in text


@pytest.mark.parametrize("language", ["vi", "en"])
def test_clauses_and_what_became_of_earlier_findings_stand_on_the_paper_to_be_signed(
    failed: Judged, language: str
) -> None:
    record, assessment = failed.case.record, failed.assessment
    asked = Clause("errors", "Tỷ lệ lỗi", "Errors", "điều 4", False, ("test",), ("objective.errors",), "unit-head")
    unseen = replace(asked, slug="recovery", measures=("recovery.*",))
    results = clauses.results([asked, unseen], [], [Evidence(assessment, record.manifest, record.sealed)])
    earlier = msgspec.structs.replace(record.manifest, run_id="run-0", created_utc="2025-06-01T00:00:00Z")
    seen = [since.Seen(assessment, failed.page.actions, head, True) for head in (record.manifest, earlier)]
    told = Extras(clauses=results, since=since.compare(seen[0], seen[1:]), given=("--clauses", "--since"))
    paper = pdf.render_pdf(*failed, language, told)
    text, words = text_of(paper), pdf.Words(language)
    assert results[0].evidence in text.replace(" ", "")
    for said in (words("sheet.clauses"), words("clause.not-met"), words("sheet.since"), words("since.open"), "run-0"):
        assert said in text
    assert f"recovery.*: {words('pdf.not_measured')}" in text, "what was only asked for is not taken for measured"
    other = pdf.Words("en" if language == "vi" else "vi")
    assert other("clause.not-met") not in text
    assert "--trust ca.pem --clauses … --since …" in text
    assert decree30.problems(paper, language) == []


def test_the_papers_say_what_limits_the_target(failed: Judged, tmp_path: Path) -> None:
    samples = queued(dues(), 100.0)
    run = swept(tmp_path / "run", samples, station("culprit", samples, demand_ms=10.0))
    found = bottlenecks.judge([open_record(run)])
    assert found.suspects[0].name == "culprit"
    text = text_of(pdf.render_pdf(*failed, "en", Extras(bottleneck=found)))
    assert "What limits the system" in text
    for line in bottleneck_page.text(found, None, ["en"]).splitlines():
        assert " ".join(line.split()) in text


@pytest.mark.parametrize("language", ["vi", "en"])
def test_the_papers_are_laid_out_by_the_decree(failed: Judged, language: str) -> None:
    assert decree30.problems(pdf.render_pdf(*failed, language), language) == []
    ((_, sheet),) = sheets.render_sheets(*failed, language, COMMUNES[:1])
    words = pdf.Words(language)
    texts = {name: words(f"pdf.sheet.{name}") for name in ("kind", "subject", "number")}
    texts |= {
        "issuer": words("pdf.sheet.issuer", unit="XÃ 14800"),
        "body": words("pdf.sheet.verdict"),
        "date": "14800,",
    }
    assert decree30.problems(sheet, language, texts) == []


def _margin(side: str, mm: float) -> Callable[[dict[str, Any]], None]:
    return lambda table: table["margin"][side].update(used=mm)


def _part(name: str, **values: object) -> Callable[[dict[str, Any]], None]:
    return lambda table: table["part"][name].update(values)


@pytest.mark.parametrize(
    ("change", "found"),
    [
        (_margin("left", 24), r"margin left 2[34]\.\d mm, should be at least 30"),
        (_margin("left", 39), r"margin left (38|39|40)\.\d mm, should be at most 35"),
        (_margin("right", 8), r"margin right \d+\.\d mm, should be at least 15"),
        (_margin("top", 31), r"margin top 3\d\.\d mm, should be at most 25|'' in the top margin"),
        (_margin("bottom", 8), r"margin bottom \d+\.\d mm, should be at least 20"),
        (_part("motto", used=16), r"^motto: 16 pt, should be 13 to 14$"),
        (_part("body", used=11), r"^body: 11 pt, should be 13 to 14$"),
        (_part("post", bold=False), r"^post: Tinos-Regular, should be bold$"),
        (_part("date", italic=False), r"^date: Tinos-Regular, should be italic$"),
        (_part("superior", bold=True), r"^superior: Tinos-Bold, should not be bold$"),
        (_part("page_number", used=9), r"^page \d: its number is 9 pt, should be 13 to 14$"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_the_lint_names_what_is_wrong_and_nothing_else(failed: Judged, change: Callable, found: str) -> None:
    layout = copy.deepcopy(dict(typesetting.sizes()))
    change(layout)
    problems = decree30.problems(pdf.set_report(*failed, layout=layout).pdf, "vi")
    strange = [line for line in problems if not decree30.re.search(found, line)]
    assert problems
    assert strange == []


def test_the_lint_names_another_font(failed: Judged, monkeypatch: pytest.MonkeyPatch) -> None:
    layout = copy.deepcopy(dict(typesetting.sizes())) | {"family": "Libertinus Serif"}
    fonts = typesetting.typst.Fonts(include_system_fonts=False, font_paths=[typesetting.FONTS])
    monkeypatch.setattr(typesetting, "_fonts", lambda: fonts)
    problems = decree30.problems(pdf.set_report(*failed, layout=layout).pdf, "vi")
    assert "font LibertinusSerif: should be Tinos" in problems


def test_the_lint_misses_a_part_that_is_not_there(failed: Judged) -> None:
    paper = pdf.render_pdf(*failed)
    assert decree30.problems(paper, "vi", {"motto": "Độc lập"}) == []
    assert decree30.problems(paper, "vi", {"motto": "Tự do mãi mãi"}) == ["motto: 'Tự do mãi mãi' is nowhere"]
