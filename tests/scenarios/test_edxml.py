"""edXML: what is built can be read back, and what is read may come from anybody."""

from __future__ import annotations

import datetime as dt
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from scenarios import edxml
from scenarios.edxml import Attachment, Bussiness, Document, EdxmlError, Organisation, Signer, Trace

ROOT = Path(__file__).parents[2]
PROVINCE = Organisation("000.00.00.H56", "Văn phòng UBND tỉnh Thanh Hóa", "UBND tỉnh Thanh Hóa", "35 đại lộ Lê Lợi")
WARD = Organisation("H56.14797", "UBND phường Hạc Thành")
PDF = Attachment("van-ban-1", "12-UBND-VP.pdf", "application/pdf", "Bản ký số", b"%PDF-1.7\n\x00\xff")
LETTER = Document(
    sender=PROVINCE,
    recipients=(WARD, Organisation("H56.16234", "UBND xã Mường Mìn", email="muongmin@example.test")),
    number="12",
    notation="UBND-VP",
    place="Thanh Hóa",
    promulgated=dt.date(2025, 7, 1),
    type=18,
    type_name="Công văn",
    subject="V/v chuẩn bị vận hành chính quyền hai cấp (THỬ NGHIỆM)",
    content="Đề nghị Ủy ban nhân dân các xã, phường rà soát < & > thiết bị.",
    signer=Signer("TM.", "Chủ tịch", "Lê Văn Thử"),
    traces=(Trace("000.00.00.H56", dt.datetime(2025, 7, 1, 8, 30, 15)),),
    bussiness=Bussiness(reason="Văn bản mới", department="Văn phòng", staff="Lê Thị Ánh"),
    due=dt.date(2025, 7, 4),
    places=("Như trên", "Lưu: VT"),
    attachments=(PDF,),
)


def test_a_document_has_the_shape_and_the_spellings_of_the_regulation() -> None:
    text = edxml.build(LETTER).decode()
    for expected in (
        '<edXML xmlns="http://www.mic.gov.vn/TBT/QCVN_102_2016"><edXML:edXMLEnvelope ',
        "<edXML:OrganizationInCharge>UBND tỉnh Thanh Hóa</edXML:OrganizationInCharge>",
        "<edXML:Code><edXML:CodeNumber>12</edXML:CodeNumber><edXML:CodeNotation>UBND-VP</edXML:CodeNotation>",
        "<edXML:PromulgationDate>2025/07/01</edXML:PromulgationDate>",
        "<edXML:DocumentId>000.00.00.H56,2025/07/01,12/UBND-VP</edXML:DocumentId>",
        "<edXML:Bussiness><edXML:BussinessDocType>0</edXML:BussinessDocType>",
        "<edXML:Timestamp>2025/07/01 08:30:15</edXML:Timestamp>",
        '<edXML:Reference xlink:href="cid:van-ban-1" xlink:type="simple">',
        "</edXML:edXMLEnvelope><AttachmentEncoded><Attachment><ContentType>application/pdf</ContentType>",
        "<ContentTransferEncoded>JVBERi0xLjcKAP8=</ContentTransferEncoded>",
    ):
        assert expected in text
    assert text.count("<edXML:To>") == 2


def test_a_document_is_read_as_it_was_built() -> None:
    assert edxml.read(edxml.build(LETTER)) == LETTER


_xml_text = st.text(
    st.characters(blacklist_categories=("Cs", "Cc"), blacklist_characters="\ufffe\uffff")
    | st.sampled_from("\t\n\r<>&\"']]>"),
    max_size=40,
)
_word = _xml_text.filter(lambda text: len(text) >= 1)
_organisations = st.builds(
    Organisation, _word, _xml_text, _xml_text, _xml_text, _xml_text, _xml_text, _xml_text, _xml_text
)
_moments = st.datetimes(dt.datetime(1, 1, 1), dt.datetime(9999, 12, 31)).map(lambda at: at.replace(microsecond=0))
_kinds = st.integers(0, 99)
_documents = st.builds(
    Document,
    sender=_organisations,
    recipients=st.lists(_organisations, min_size=1, max_size=5).map(tuple),
    number=_word,
    notation=_word,
    place=_xml_text,
    promulgated=st.dates(dt.date(1, 1, 1)),
    type=_kinds,
    type_name=_xml_text,
    subject=_xml_text,
    content=_xml_text,
    signer=st.builds(Signer, _xml_text, _xml_text, _xml_text),
    traces=st.lists(st.builds(Trace, _word, _moments), min_size=1, max_size=3).map(tuple),
    bussiness=st.builds(Bussiness, _kinds, _xml_text, _xml_text, _xml_text, _xml_text, _xml_text, _kinds),
    due=st.none() | st.dates(dt.date(1, 1, 1)),
    places=st.lists(_xml_text, max_size=3).map(tuple),
    priority=_kinds,
    page_amount=st.integers(0, 999_999_999),
    steering_type=_kinds,
    attachments=st.lists(
        st.builds(
            Attachment, st.from_regex(r"[A-Za-z0-9._@-]{1,100}", fullmatch=True), _xml_text, _word, _xml_text,
            st.binary(max_size=200),
        ),
        max_size=3, unique_by=lambda attachment: attachment.content_id,
    ).map(tuple),
)  # fmt: skip


@given(_documents)
@settings(suppress_health_check=[HealthCheck.too_slow])
def test_any_document_survives_the_wire(document: Document) -> None:
    assert edxml.read(edxml.build(document)) == document


@pytest.mark.parametrize(
    ("why", "changes", "problem"),
    [
        ("nobody to send it to", {"recipients": ()}, "Expected is"),
        ("no sender's code", {"sender": Organisation("", "UBND")}, "OrganId"),
        ("a letter XML has no form for", {"subject": "một\x00hai"}, "cannot be written as XML"),
        ("half a letter", {"subject": "\ud800"}, "cannot be written as XML"),
        ("a number that is none", {"priority": -1}, "Priority"),
        ("a subject without end", {"subject": "x" * 20_001}, "Subject"),
        ("a content id that leaves its attribute", {"attachments": (Attachment('"', "", "a", "", b""),)}, "ContentId"),
        ("two files of one name", {"attachments": (PDF, PDF)}, "the manifest names"),
        ("everybody and more", {"recipients": (WARD,) * 1_001}, "more than 1000 recipients"),
        (
            "a file that no clerk sends",
            {"attachments": (Attachment("a", "", "a", "", bytes(7_000_000)),)},
            "at most 8388608",
        ),
    ],
)
def test_what_makes_no_document_is_not_built(why: str, changes: dict[str, object], problem: str) -> None:
    with pytest.raises(EdxmlError, match=problem):
        edxml.build(msgspec.structs.replace(LETTER, **changes))


@pytest.mark.parametrize(
    ("why", "old", "new", "problem"),
    [
        ("another namespace", "QCVN_102_2016", "QCVN_102_2017", "not as the schema"),
        ("the usual spelling of business", "Bussiness", "Business", "Business"),
        ("a day that no calendar has", "2025/07/01</", "2025/02/30</", "no day of the calendar"),
        ("a time that no clock shows", "08:30:15", "25:30:15", "no day of the calendar"),
        ("an id that is not its own", "12/UBND-VP</edXML:DocumentId", "13/UBND-VP</edXML:DocumentId", "DocumentId"),
        ("a reference to nothing", 'href="cid:van-ban-1"', 'href="cid:van-ban-2"', "the manifest names"),
        ("a broken base64", "JVBERi0xLjcKAP8=", "JVBERi0xLjcKAP8", "not base64"),
        ("two roots", "</edXML>", "</edXML><a/>", "not well-formed"),
        ("a document type", "<edXML xmlns=", "<!DOCTYPE edXML []><edXML xmlns=", "document type"),
        ("an entity nobody declared", "<edXML:Subject>", "<edXML:Subject>&a;", "not well-formed"),
        ("another encoding declared", "UTF-8", "ISO-8859-1", "another encoding"),
        ("a stranger inside", "<edXML:Code>", "<edXML:Code><x/>", "not as the schema"),
    ],
)
def test_what_is_no_document_is_refused_with_the_reason(why: str, old: str, new: str, problem: str) -> None:
    data = edxml.build(LETTER).decode()
    assert old in data
    with pytest.raises(EdxmlError, match=problem):
        edxml.read(data.replace(old, new).encode())


def test_comments_and_line_breaks_of_other_writers_do_no_harm() -> None:
    data = (
        edxml.build(LETTER).replace(b"JVBERi0x", b"JVBE\r\n Ri0x").replace(b"<edXML:Code>", b"<!-- a --><edXML:Code>")
    )
    assert edxml.read(b"\xef\xbb\xbf" + data) == LETTER


_built = edxml.build(LETTER)
_names = st.sampled_from(
    [b"edXML:To", b"edXML:Code", b"edXMLEnvelope", b"Attachment", b"edXML:Bussiness", b"x", b"<", b">", b"/>", b"</",
     b"<!--", b"<![CDATA[", b"]]>", b"<?xml", b"<!DOCTYPE a [", b"<!ENTITY b 'c'>", b"&b;", b"&#0;", b"&#xD800;",
     b"xmlns=''", b"cid:", b"\xff", b"\x00", b'"', b"2025/13/45", b"9" * 30]
)  # fmt: skip


@st.composite
def _mutated(draw: st.DrawFn) -> bytes:
    """A good document with up to five stretches cut out, doubled or replaced."""
    data = bytearray(_built)
    for _ in range(draw(st.integers(1, 5))):
        start = draw(st.integers(0, len(data)))
        end = min(len(data), start + draw(st.integers(0, 200)))
        middle = draw(st.binary(max_size=20) | _names | st.just(bytes(data[start:end]) * 2))
        data[start:end] = middle
    return bytes(data)


_trees = st.recursive(
    st.text(max_size=10),
    lambda inner: st.tuples(
        st.sampled_from(["edXML", "edXMLEnvelope", "edXMLHeader", "MessageHeader", "To", "OrganId", "Reference"]),
        st.lists(inner, max_size=4),
    ),
    max_leaves=20,
).map(lambda tree: _written(tree).encode("utf-8", "replace"))


def _written(tree: object) -> str:
    if isinstance(tree, str):
        return tree
    assert isinstance(tree, tuple)
    return f'<{tree[0]} xmlns="{edxml.NAMESPACE}">{"".join(_written(part) for part in tree[1])}</{tree[0]}>'


@given(st.binary(max_size=500) | _mutated() | _trees)
@settings(max_examples=1_000, suppress_health_check=[HealthCheck.too_slow])
def test_whatever_the_bytes_only_our_error_comes_out(data: bytes) -> None:
    try:
        document = edxml.read(data)
    except EdxmlError:
        return
    assert edxml.read(edxml.build(document)) == document


_BOMBS = f"""
import resource, sys
resource.setrlimit(resource.RLIMIT_AS, (600 << 20, 600 << 20))
from scenarios import edxml
good = sys.stdin.buffer.read()
head, tail = good.split(b"<edXML:Subject>")
ns = '{edxml.NAMESPACE}'
laughs = "".join(f'<!ENTITY l{{n}} "{{f"&l{{n - 1}};" * 10}}">' for n in range(1, 12))
bombs = {{
    "laughs": f'<!DOCTYPE a [<!ENTITY l0 "ha">{{laughs}}]><a>&l11;</a>'.encode(),
    "laughs in an attribute": f'<!DOCTYPE a [<!ENTITY l0 "ha">{{laughs}}]><a b="&l11;"/>'.encode(),
    "laughs in UTF-16": f'<!DOCTYPE a [<!ENTITY l0 "ha">{{laughs}}]><a>&l11;</a>'.encode("utf-16"),
    "laughs in UTF-7": b'<?xml version="1.0" encoding="UTF-7"?>+ADwAIQ-DOCTYPE a []><a/>',
    "a file": b'<!DOCTYPE a [<!ENTITY f SYSTEM "file:///etc/passwd">]><a>&f;</a>',
    "a net": b'<!DOCTYPE a SYSTEM "http://127.0.0.1:1/a.dtd"><a/>',
    "a schema of theirs": f'<edXML xmlns="{{ns}}" xmlns:i="http://www.w3.org/2001/XMLSchema-instance" '
        'i:schemaLocation="a http://127.0.0.1:1/a.xsd"/>'.encode(),
    "an inclusion": head + b'<x:include xmlns:x="http://www.w3.org/2001/XInclude" href="/etc/passwd"/>' + tail,
    "depth": b"<a>" * 200_000,
    "depth of ours": head + b"<edXML:Subject>" * 100_000 + tail,
    "breadth": head + b"<edXML:Subject/>" * 400_000 + tail,
    "an attribute": b'<a b="' + b"x" * 8_000_000 + b'"/>',
    "attributes": b"<a " + b" ".join(b'a%d=""' % n for n in range(300_000)) + b"/>",
    "a name": b"<" + b"a" * 8_000_000 + b"/>",
    "spaces of names": b"<a " + b" ".join(b'xmlns:a%d="u"' % n for n in range(100_000)) + b"/>",
    "recipients": head.replace(b"<edXML:Code>", b"<edXML:To><edXML:OrganId>1</edXML:OrganId>"
        b"<edXML:OrganName/></edXML:To>" * 80_000 + b"<edXML:Code>") + b"<edXML:Subject>" + tail,
    "too much": b" " * (8 << 20) + good,
}}
for name, bomb in bombs.items():
    try:
        edxml.read(bomb)
    except edxml.EdxmlError as error:
        assert len(str(error)) < 1_000, name
    else:
        raise SystemExit(name + " was taken")
print(next(line.split()[1] for line in open("/proc/self/status") if line.startswith("VmHWM")))
"""


def test_bombs_are_refused_within_bounded_memory_and_nothing_is_fetched() -> None:
    """In a process that may not have more than 600 MB of address space."""
    done = subprocess.run(
        [sys.executable, "-c", _BOMBS], input=_built, capture_output=True, cwd=ROOT, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr.decode()[-2_000:]
    assert int(done.stdout) < 400 * 1024, "kB at most"
