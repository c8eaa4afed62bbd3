"""edXML, the wire form of official documents (QCVN 102:2016/BTTTT): build it, read it, refuse everything else.

Pure. What is read may come from anybody: nothing is fetched, no document type is taken (so there are no entities), and
size, depth and lengths have limits. Structure and spellings follow the regulation's tables as public implementations
have them; the schema is ours (data/edxml.xsd), the regulation prints none.
"""

from __future__ import annotations

import binascii
import datetime as dt
import re
from collections.abc import Sequence
from functools import cache
from importlib import resources
from typing import Any

import msgspec
from lxml import etree

NAMESPACE = "http://www.mic.gov.vn/TBT/QCVN_102_2016"
XLINK = "http://www.w3.org/1999/xlink"
CONTENT_TYPE = "application/xml"
BYTES_MAX = 8 * 1024 * 1024  # of a whole document; libxml2 itself ends at 10 MB for one text
RECIPIENTS_MAX = 1_000
ATTACHMENTS_MAX = 50
NEW, REVOKED, UPDATED, REPLACED = 0, 1, 2, 3  # BussinessDocType

_ACTOR = "http://schemas.xmlsoap.org/soap/actor/next"
_DAY, _MOMENT = "%Y/%m/%d", "%Y/%m/%d %H:%M:%S"
_DECLARED = re.compile(rb"<\?xml[^>]{0,200}?\bencoding\s*=\s*[\"']([^\"']{1,40})[\"']")
_IN = f"{{{NAMESPACE}}}"
_PLAIN: Any = {None: NAMESPACE}  # no prefix; lxml-stubs know only texts
_ATTACHED = f"{_IN}AttachmentEncoded/{_IN}Attachment"


class EdxmlError(Exception):
    """These bytes, or this value, are no edXML document. The text says why."""


class Organisation(msgspec.Struct, frozen=True):
    """Who sends or receives."""

    organ_id: str
    name: str
    in_charge: str = ""  # the organisation above
    address: str = ""
    email: str = ""
    telephone: str = ""
    fax: str = ""
    website: str = ""


class Signer(msgspec.Struct, frozen=True):
    """Who signed, in what authority ("TM.", "KT.") and position."""

    competence: str
    position: str
    full_name: str


class Trace(msgspec.Struct, frozen=True):
    """Where the message passed, and when by the clock there (whole seconds)."""

    organ_id: str
    at: dt.datetime


class Bussiness(msgspec.Struct, frozen=True):
    """What the message is for; the spelling is the regulation's."""

    doc_type: int = NEW
    reason: str = ""
    department: str = ""
    staff: str = ""
    mobile: str = ""
    email: str = ""
    paper: int = 0  # 1: a paper copy follows


class Attachment(msgspec.Struct, frozen=True):
    """One file inside the message."""

    content_id: str
    name: str
    content_type: str
    description: str
    content: bytes


class Document(msgspec.Struct, frozen=True):
    """One official document on its way to its recipients."""

    sender: Organisation
    recipients: tuple[Organisation, ...]
    number: str
    notation: str
    place: str
    promulgated: dt.date
    type: int
    type_name: str
    subject: str
    content: str
    signer: Signer
    traces: tuple[Trace, ...]
    bussiness: Bussiness = Bussiness()
    due: dt.date | None = None
    places: tuple[str, ...] = ()  # nơi nhận
    priority: int = 0
    page_amount: int = 1
    steering_type: int = 0
    attachments: tuple[Attachment, ...] = ()

    @property
    def document_id(self) -> str:
        """OrganId,yyyy/MM/dd,number/notation."""
        return f"{self.sender.organ_id},{_text_of_day(self.promulgated)},{self.number}/{self.notation}"


def build(document: Document) -> bytes:
    """The document as UTF-8. Raises EdxmlError when the value does not make a valid one."""
    root = etree.Element(f"{_IN}edXML", nsmap=_PLAIN)
    try:
        # Real receivers search by "edXML:…": the prefix is the envelope's, what stands beside it has none.
        envelope = etree.SubElement(root, f"{_IN}edXMLEnvelope", nsmap={"edXML": NAMESPACE, "xlink": XLINK})
        header = etree.SubElement(envelope, f"{_IN}edXMLHeader")
        _message_header(header, document)
        _trace_header_list(header, document)
        manifest = etree.SubElement(etree.SubElement(envelope, f"{_IN}edXMLBody"), f"{_IN}edXMLManifest", version="1.0")
        encoded = etree.SubElement(root, f"{_IN}AttachmentEncoded") if document.attachments else None
        for attachment in document.attachments:
            assert encoded is not None
            _reference(manifest, attachment)
            _attachment(encoded, attachment)
    except ValueError as error:  # lxml's word for letters that XML has no form for
        raise EdxmlError(f"cannot be written as XML: {error}") from error
    _check(root)
    made = etree.tostring(root, xml_declaration=True, encoding="UTF-8")
    if len(made) > BYTES_MAX:
        raise EdxmlError(f"{len(made)} bytes; at most {BYTES_MAX}")
    return made


def read(data: bytes) -> Document:
    """The document in these bytes. Raises EdxmlError, whatever they are, and nothing else."""
    root = _parse(data)
    _check(root)
    header = _child(_child(root, "edXMLEnvelope"), "edXMLHeader")
    message, traces = _child(header, "MessageHeader"), _child(header, "TraceHeaderList")
    code, promulgation = _child(message, "Code"), _child(message, "PromulgationInfo")
    kind, other = _child(message, "DocumentType"), _child(message, "OtherInfo")
    due, places = message.find(f"{_IN}DueDate"), message.find(f"{_IN}ToPlaces")
    document = Document(
        sender=_organisation(_child(message, "From")),
        recipients=tuple(_organisation(each) for each in message.findall(f"{_IN}To")),
        number=_text(code, "CodeNumber"),
        notation=_text(code, "CodeNotation"),
        place=_text(promulgation, "Place"),
        promulgated=_day(_text(promulgation, "PromulgationDate")),
        type=int(_text(kind, "Type")),
        type_name=_text(kind, "TypeName"),
        subject=_text(message, "Subject"),
        content=_text(message, "Content"),
        signer=_signer(_child(message, "SignerInfo")),
        traces=tuple(
            Trace(_text(each, "OrganId"), _moment(_text(each, "Timestamp")))
            for each in traces.findall(f"{_IN}TraceHeader")
        ),
        bussiness=_bussiness(_child(traces, "Bussiness")),
        due=None if due is None else _day(due.text or ""),
        places=() if places is None else tuple(each.text or "" for each in places),
        priority=int(_text(other, "Priority")),
        page_amount=int(_text(other, "PageAmount")),
        steering_type=int(_text(message, "SteeringType") or 0),
        attachments=_attachments(root),
    )
    if (stated := _text(message, "DocumentId")) != document.document_id:
        raise EdxmlError(f"DocumentId is {stated!r}, the rest of the header says {document.document_id!r}")
    return document


def _parse(data: bytes) -> etree._Element:
    """Well-formed UTF-8 without a document type, within limits."""
    if len(data) > BYTES_MAX:
        raise EdxmlError(f"{len(data)} bytes; at most {BYTES_MAX}")
    try:
        data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise EdxmlError("not UTF-8") from error
    declared = _DECLARED.match(data.removeprefix(b"\xef\xbb\xbf"))
    if declared and declared[1].lower() != b"utf-8":
        raise EdxmlError("declares another encoding than UTF-8")
    if b"<!DOCTYPE" in data:  # also inside CDATA, where it would be harmless: nobody needs it there
        raise EdxmlError("has a document type")
    parser = etree.XMLParser(
        encoding="utf-8",
        resolve_entities=False,
        no_network=True,
        load_dtd=False,
        huge_tree=False,
        remove_comments=True,
        remove_pis=True,
    )
    try:
        return etree.fromstring(data, parser)
    except (etree.XMLSyntaxError, ValueError) as error:
        raise EdxmlError(f"not well-formed: {error}") from error


def _check(root: etree._Element) -> None:
    """Against the schema, and what it cannot say: the manifest names each attached file once, in their order."""
    try:
        _schema().assertValid(root)
    except etree.DocumentInvalid as error:
        raise EdxmlError(f"not as the schema has it: {str(error).replace(_IN, '')[:500]}") from error
    if len(root.findall(f".//{_IN}To")) > RECIPIENTS_MAX:
        raise EdxmlError(f"more than {RECIPIENTS_MAX} recipients")
    ids = [f"cid:{_text(each, 'ContentId')}" for each in root.findall(_ATTACHED)]
    if len(ids) > ATTACHMENTS_MAX:
        raise EdxmlError(f"more than {ATTACHMENTS_MAX} attachments")
    named = [each.get(f"{{{XLINK}}}href") for each in root.iter(f"{_IN}Reference")]
    if named != ids or len(set(ids)) != len(ids):
        raise EdxmlError(f"the manifest names {named}, attached are {ids}"[:500])


@cache
def _schema() -> etree.XMLSchema:
    with resources.as_file(resources.files("scenarios") / "data") as folder:
        return etree.XMLSchema(file=str(folder / "edxml.xsd"))


def _message_header(header: etree._Element, document: Document) -> None:
    message = etree.SubElement(header, f"{_IN}MessageHeader")
    _add_organisation(message, "From", document.sender)
    for recipient in document.recipients:
        _add_organisation(message, "To", recipient)
    _add(message, "Code", (("CodeNumber", document.number), ("CodeNotation", document.notation)))
    promulgated = _text_of_day(document.promulgated)
    _add(message, "PromulgationInfo", (("Place", document.place), ("PromulgationDate", promulgated)))
    _add(message, "DocumentType", (("Type", str(document.type)), ("TypeName", document.type_name)))
    _leaf(message, "Subject", document.subject)
    _leaf(message, "Content", document.content)
    signer = document.signer
    names = (("Competence", signer.competence), ("Position", signer.position), ("FullName", signer.full_name))
    _add(message, "SignerInfo", names)
    if document.due is not None:
        _leaf(message, "DueDate", _text_of_day(document.due))
    if document.places:
        _add(message, "ToPlaces", [("Place", place) for place in document.places])
    _add(message, "OtherInfo", (("Priority", str(document.priority)), ("PageAmount", str(document.page_amount))))
    _leaf(message, "SteeringType", str(document.steering_type))
    _leaf(message, "DocumentId", document.document_id)


def _trace_header_list(header: etree._Element, document: Document) -> None:
    traces = etree.SubElement(header, f"{_IN}TraceHeaderList", version="1.0", mustUnderstand="1", actor=_ACTOR)
    for trace in document.traces:
        _add(traces, "TraceHeader", (("OrganId", trace.organ_id), ("Timestamp", _text_of_moment(trace.at))))
    about = document.bussiness
    kind = (("BussinessDocType", str(about.doc_type)), ("BussinessDocReason", about.reason))
    bussiness = _add(traces, "Bussiness", kind)
    staff = (("Department", about.department), ("Staff", about.staff), ("Mobile", about.mobile), ("Email", about.email))
    _add(bussiness, "StaffInfo", staff)
    _leaf(bussiness, "Paper", str(about.paper))


def _reference(manifest: etree._Element, attachment: Attachment) -> None:
    cid = f"cid:{attachment.content_id}"
    leaves = (
        ("Description", attachment.description),
        ("AttachmentName", attachment.name),
        ("ContentType", attachment.content_type),
        ("ContentId", cid),
    )
    reference = _add(manifest, "Reference", leaves)
    reference.set(f"{{{XLINK}}}href", cid)
    reference.set(f"{{{XLINK}}}type", "simple")


def _attachment(encoded: etree._Element, attachment: Attachment) -> None:
    leaves = (
        ("ContentType", attachment.content_type),
        ("ContentId", attachment.content_id),
        ("Description", attachment.description),
        ("ContentTransferEncoded", binascii.b2a_base64(attachment.content, newline=False).decode("ascii")),
        ("AttachmentName", attachment.name),
    )
    _add(encoded, "Attachment", leaves)


def _add_organisation(message: etree._Element, role: str, organisation: Organisation) -> None:
    leaves = [("OrganId", organisation.organ_id)]
    leaves += [("OrganizationInCharge", organisation.in_charge)] if organisation.in_charge else []
    leaves += [("OrganName", organisation.name)]
    leaves += [(name, getattr(organisation, field)) for name, field in _CONTACTS if getattr(organisation, field)]
    _add(message, role, leaves)


_CONTACTS = (
    ("OrganAdd", "address"),
    ("Email", "email"),
    ("Telephone", "telephone"),
    ("Fax", "fax"),
    ("Website", "website"),
)


def _add(parent: etree._Element, name: str, leaves: Sequence[tuple[str, str]]) -> etree._Element:
    element = etree.SubElement(parent, f"{_IN}{name}")
    for leaf, text in leaves:
        _leaf(element, leaf, text)
    return element


def _leaf(parent: etree._Element, name: str, text: str) -> None:
    etree.SubElement(parent, f"{_IN}{name}").text = text


def _organisation(element: etree._Element) -> Organisation:
    return Organisation(
        _text(element, "OrganId"),
        _text(element, "OrganName"),
        _text(element, "OrganizationInCharge"),
        *(_text(element, name) for name, _ in _CONTACTS),
    )


def _signer(element: etree._Element) -> Signer:
    return Signer(_text(element, "Competence"), _text(element, "Position"), _text(element, "FullName"))


def _bussiness(element: etree._Element) -> Bussiness:
    staff = _child(element, "StaffInfo")
    return Bussiness(
        int(_text(element, "BussinessDocType")),
        _text(element, "BussinessDocReason"),
        _text(staff, "Department"),
        _text(staff, "Staff"),
        _text(staff, "Mobile"),
        _text(staff, "Email"),
        int(_text(element, "Paper")),
    )


def _attachments(root: etree._Element) -> tuple[Attachment, ...]:
    return tuple(
        Attachment(
            _text(each, "ContentId"),
            _text(each, "AttachmentName"),
            _text(each, "ContentType"),
            _text(each, "Description"),
            _decoded(_text(each, "ContentTransferEncoded")),
        )
        for each in root.findall(_ATTACHED)
    )


def _decoded(text: str) -> bytes:
    try:
        return binascii.a2b_base64("".join(text.split()), strict_mode=True)
    except ValueError as error:
        raise EdxmlError(f"an attachment is not base64: {error}") from error


def _child(parent: etree._Element, name: str) -> etree._Element:
    found = parent.find(f"{_IN}{name}")
    assert found is not None, f"the schema demands {name}"
    return found


def _text(parent: etree._Element, name: str) -> str:
    """The text of a leaf, "" when it is empty or not there."""
    return parent.findtext(f"{_IN}{name}", "") or ""


def _text_of_day(day: dt.date) -> str:
    return f"{day.year:04d}/{day.month:02d}/{day.day:02d}"


def _text_of_moment(at: dt.datetime) -> str:
    return f"{_text_of_day(at)} {at:%H:%M:%S}"


def _day(text: str) -> dt.date:
    return _moment(f"{text} 00:00:00").date()


def _moment(text: str) -> dt.datetime:
    try:
        return dt.datetime.strptime(text, _MOMENT)
    except ValueError as error:
        raise EdxmlError(f"{text!r} is no day of the calendar") from error
