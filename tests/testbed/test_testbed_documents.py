"""Official documents from draft to done, on both databases."""

from __future__ import annotations

import datetime as dt
import hashlib
import io
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest
from pyhanko.pdf_utils.reader import PdfFileReader

from scenarios import edxml
from scenarios.contract import HANOI_OFFSET_HOURS, PROVINCE_OFFICE
from tests.testbed.clerks import CLERK, CONTENT, HEAD, LEADER, SPECIALIST, TITLE, Registry
from tests.testbed.people import Office, refused
from tests.testbed.test_testbed_paper import text_of

HANOI = dt.timezone(dt.timedelta(hours=HANOI_OFFSET_HOURS))


@pytest.fixture
def here(client: httpx.Client) -> Registry:
    return Registry(client)


def test_a_document_goes_from_draft_to_done_and_the_sender_is_told(here: Registry) -> None:
    there, elsewhere = here.neighbour(), here.neighbour()
    document = here.send(there, elsewhere)
    assert there.untaken() == elsewhere.untaken() == [document]
    assert there.take().json() == {"document": document}
    assert there.untaken() == []
    assert there.take().json() == {"document": None}
    assert there.fetch(document).status_code == 200
    assert there.accept(document) == "1"
    for reply in (
        there.assign(document), there.confirm(document, "04"), there.confirm(document, "05"),
        there.finish(document), there.confirm(document, "06"),
    ):  # fmt: skip
        assert reply.status_code == 200, reply.text
    sent = {each.subject: each.value for each in here.observed("docs.sent", "delivery")}
    assert sent == {f"{document}→{there.commune}": "06", f"{document}→{elsewhere.commune}": "sent"}


def test_what_arrives_is_edxml_with_the_signed_letter_inside(here: Registry) -> None:
    there = here.neighbour()
    here.send(there, title="Trước đó")
    document = here.send(there)
    reply = there.fetch(document)
    assert reply.headers["content-type"] == "application/xml"
    wire = edxml.read(reply.content)
    today = dt.datetime.now(HANOI).date()
    assert (wire.number, wire.notation, wire.subject, wire.content) == ("2", "UBND-VP", TITLE, CONTENT)
    assert wire.sender.organ_id == f"H56.{here.commune}"
    assert [one.organ_id for one in wire.recipients] == [f"H56.{there.commune}"]
    assert wire.document_id == f"H56.{here.commune},{today:%Y/%m/%d},2/UBND-VP"
    (attached,) = wire.attachments
    assert attached.content == here.file(document).content == there.file(document).content
    assert here.file(document).headers["content-type"] == "application/pdf"
    leader, office = PdfFileReader(io.BytesIO(attached.content)).embedded_signatures
    assert leader.sig_object["/Name"] == f"{here.commune}.lanhdao"
    assert office.sig_object["/Name"] == here.commune
    assert office.sig_object["/Reason"] == f"Số 2/UBND-VP, ngày {today:%d/%m/%Y}"
    shown = " ".join(text_of(attached.content))
    assert TITLE in shown
    assert f"ĐƠN VỊ {here.commune}" in shown


def test_the_province_issues_to_all_of_166_communes(client: httpx.Client) -> None:
    province = Registry(client)
    province.commune = PROVINCE_OFFICE
    communes = [province.neighbour() for _ in range(166)]
    document = province.send(*communes)
    received = province.observed("docs.received", "delivery")
    assert Counter(each.subject for each in received) == Counter(f"{document}→{one.commune}" for one in communes)
    assert sorted(map(str, received)) == sorted(
        str(each).replace("docs.sent", "docs.received") for each in province.observed("docs.sent", "delivery")
    )
    wire = communes[77].fetch(document)
    assert {each.digest for each in received} == {hashlib.sha256(wire.content).hexdigest()[:32]}
    assert len(edxml.read(wire.content).recipients) == 166
    assert edxml.read(wire.content).sender.organ_id == "000.00.00.H56"


def test_numbers_have_no_gaps_however_many_clerks_issue_and_register_at_once(here: Registry) -> None:
    there = here.neighbour()
    drafts = [here.signed_draft(there) for _ in range(12)]
    for organisation in (here, there):
        organisation.headers(CLERK)
    with ThreadPoolExecutor(12) as clerks:
        documents = [reply.json()["document"] for reply in clerks.map(here.issue, drafts)]
        assert sorted(documents) == sorted(drafts)
        numbers = list(clerks.map(there.accept, documents))
    assert sorted(map(int, numbers)) == there.numbers("den") == here.numbers("di") == [*range(1, 13)]
    received = Counter(each.subject for each in here.observed("docs.received", "delivery"))
    assert received == {f"{document}→{there.commune}": 1 for document in documents}
    in_letters = {edxml.read(there.fetch(document).content).number for document in documents}
    assert in_letters == set(map(str, range(1, 13)))


def test_everybody_takes_another_document(here: Registry) -> None:
    there = here.neighbour()
    documents = [here.send(there) for _ in range(4)]
    there.headers(CLERK)
    with ThreadPoolExecutor(6) as clerks:
        taken = [reply.json()["document"] for reply in clerks.map(lambda _: there.take(), range(6))]
    assert Counter(taken) == Counter(documents) + Counter({None: 2})


def test_a_step_asked_for_again_with_its_key_answers_the_same_and_is_done_once(here: Registry) -> None:
    there = here.neighbour()
    draft = here.draft(there, key=(key := here.key())).json()["draft"]
    assert here.draft(there, key=key).json() == {"draft": draft}
    steps = [
        lambda key: here.review(draft, key), lambda key: here.sign(draft, key), lambda key: here.issue(draft, key),
        there.take, lambda key: there.confirm(draft, "03", key), lambda key: there.register(draft, key),
        lambda key: there.assign(draft, key), lambda key: there.confirm(draft, "05", key),
        lambda key: there.finish(draft, key), lambda key: there.confirm(draft, "06", key),
    ]  # fmt: skip
    for step in steps:
        first, second = step(key := here.key()), step(key)
        assert first.status_code in (200, 201), first.text
        assert (first.status_code, first.content) == (second.status_code, second.content)
        assert len(here.by_keys(key)) == 1
    assert here.numbers("di") == there.numbers("den") == [1]
    assert len(here.observed("docs.received", "delivery")) == 1
    assert refused(here.review(draft, key)) == (409, "key-reused")


def test_the_final_read_finds_what_was_kept(here: Registry) -> None:
    there = here.neighbour()
    draft = here.draft(there, key=(drafted := here.key())).json()["draft"]
    here.review(draft)
    here.sign(draft)
    here.issue(draft, issued := here.key())
    there.confirm(draft, "03")
    there.register(draft, registered := here.key())
    found = {write.key: write for write in here.by_keys(drafted, issued, registered)}
    assert found[drafted].subject == found[issued].subject == draft
    assert found[drafted].content == {
        "commune": here.commune, "title": TITLE, "content": CONTENT, "recipients": f'["{there.commune}"]',
    }  # fmt: skip
    assert found[issued].content == {"draft": draft}
    assert found[registered].subject == "1"
    assert found[registered].content == {"commune": there.commune, "document": draft}


def test_only_who_may_takes_a_step_and_only_in_their_own_house(here: Registry) -> None:
    there = here.neighbour()
    assert refused(here.draft(there, role=CLERK)) == (403, "role-wrong")
    assert refused(here.draft(here.neighbour(), commune=there.commune)) == (403, "other-commune")
    draft = here.draft(there).json()["draft"]
    for step, role in ((here.review, SPECIALIST), (here.sign, HEAD), (here.issue, LEADER)):
        assert refused(step(draft, role=role)) == (403, "role-wrong")
    assert refused(there.review(draft)) == (403, "other-commune")
    here.review(draft)
    here.sign(draft)
    here.issue(draft)
    stranger = here.neighbour()
    assert refused(stranger.fetch(draft)) == refused(stranger.file(draft)) == (404, "document-unknown")
    assert refused(here.fetch(draft)) == (404, "document-unknown"), "the sender has not received it"
    for step, role in ((there.register, SPECIALIST), (there.assign, HEAD), (there.finish, CLERK)):
        assert refused(step(draft, role=role)) == (403, "role-wrong")
    assert refused(there.take(role=SPECIALIST)) == (403, "role-wrong")
    assert refused(there.confirm(draft, "03", role=SPECIALIST)) == (403, "role-wrong")
    assert refused(there.confirm(draft, "06", role=CLERK)) == (403, "role-wrong")
    other = {"commune": here.commune}
    assert refused(there.client.get("/docs/inbox", params=other, headers=there.headers(CLERK)))[1] == "other-commune"


def test_officers_and_clerks_are_not_each_other(here: Registry, office: Office) -> None:
    reply = office.client.get("/docs/inbox", params={"commune": office.commune}, headers=office.headers("chuyenvien"))
    assert refused(reply) == (403, "role-wrong")
    query = {"commune": here.commune, "state": 1}
    assert refused(here.client.get("/tthc/queue", params=query, headers=here.headers(SPECIALIST)))[0] == 403
    for account, password in ((f"{here.commune}.motcua", "x"), (f"{here.commune}.vanthu", "x"), ("vanthu", "x")):
        body = {"account": account, "password": password}
        assert refused(here.client.post("/docs/login", json=body)) == (401, "login-failed")


def test_a_draft_is_reviewed_signed_and_issued_in_that_order_and_once(here: Registry) -> None:
    there = here.neighbour()
    draft = here.draft(there).json()["draft"]
    steps = (here.review, here.sign, here.issue)
    for done, step in enumerate(steps):
        for other in (*steps[:done], *steps[done + 1 :]):
            assert refused(other(draft)) == (409, "draft-state-wrong")
        assert step(draft).status_code in (200, 201)
    assert {refused(step(draft)) for step in steps} == {(409, "draft-state-wrong")}
    assert refused(here.review("99999-1")) == (404, "draft-unknown")
    assert refused(here.review("nothing")) == (404, "draft-unknown")


@pytest.mark.parametrize(
    ("before", "code", "expected"),
    [
        ((), "04", "status-illegal"),
        ((), "05", "status-illegal"),
        ((), "06", "status-illegal"),
        (("01",), "01", "status-illegal"),
        (("02",), "03", "status-illegal"),
        (("02",), "01", "status-illegal"),
        (("01", "03"), "01", "status-illegal"),
        (("03",), "02", "status-illegal"),
        (("03",), "06", "status-illegal"),
        (("03",), "05", "status-too-early"),
        (("03", "register", "04"), "05", "status-too-early"),
        (("03", "register", "assign", "05"), "06", "status-too-early"),
        (("03", "register", "assign", "05", "finish", "06"), "05", "status-illegal"),
    ],
)
def test_codes_come_in_their_order(here: Registry, before: tuple[str, ...], code: str, expected: str) -> None:
    there = here.neighbour()
    document = here.send(there)
    for step in before:
        reply = there.confirm(document, step) if step.isdigit() else getattr(there, step)(document)
        assert reply.status_code == 200, reply.text
    assert refused(there.confirm(document, code)) == (409, expected)


def test_what_was_not_accepted_gets_no_number_and_nothing_is_done_twice(here: Registry) -> None:
    there = here.neighbour()
    document = here.send(there)
    assert refused(there.register(document)) == (409, "not-accepted")
    assert refused(there.assign(document)) == (409, "not-registered")
    there.accept(document)
    assert refused(there.register(document)) == (409, "already-registered")
    assert refused(there.finish(document)) == (409, "not-in-progress")
    there.assign(document)
    assert refused(there.assign(document)) == (409, "already-assigned")
    there.confirm(document, "05")
    there.finish(document)
    assert refused(there.finish(document)) == (409, "already-done")
    assert there.numbers("den") == [1]


@pytest.mark.parametrize(
    ("why", "changes", "expected"),
    [
        ("nobody to send it to", {"recipients": []}, (422, "body-invalid")),
        ("no commune", {"recipients": ["x"]}, (422, "body-invalid")),
        ("the same twice", {"recipients": ["00001", "00001"]}, (422, "recipients-invalid")),
        ("too many", {"recipients": [f"{number:05d}" for number in range(201)]}, (422, "body-invalid")),
        ("no title", {"title": ""}, (422, "body-invalid")),
        ("a letter XML has no form for", {"title": "a\x01b"}, (422, "body-invalid")),
        ("too long", {"content": "x" * 10_001}, (422, "body-invalid")),
    ],
)
def test_a_wrong_draft_is_refused(
    here: Registry, why: str, changes: dict[str, object], expected: tuple[int, str]
) -> None:
    assert refused(here.draft(here.neighbour(), **changes)) == expected, why


def test_nobody_writes_to_themselves(here: Registry) -> None:
    assert refused(here.draft(here)) == (422, "recipients-invalid")


def test_a_title_of_any_letters_travels_unharmed(here: Registry) -> None:
    there = here.neighbour()
    title = "a]]>&amp;<b>'\"\t\n\r\u2028 漢字 \U0001f600 é\u0301"
    document = here.send(there, title=title, content=title)
    assert edxml.read(there.fetch(document).content).subject == title
