"""What citizens and officers can do, on both databases."""

from __future__ import annotations

import hashlib
import time
from collections import defaultdict
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest

from scenarios.contract import BY_NAME, STATES, digest
from tests.servers import OFFICER_PASSWORD
from tests.testbed.people import CCCD, FORM, KIND, NAME, PROCEDURE, Office, refused

OTHER = "038987654321"
WAY = ((2, "motcua"), (4, "chuyenvien"), (5, "chuyenvien"), (4, "chuyenvien"), (9, "lanhdao"), (10, "motcua"))


def test_an_online_dossier_goes_from_submission_to_the_returned_result(office: Office) -> None:
    code = office.submit().json()["dossier"]
    assert office.state(code) == 1
    assert office.attach(code).status_code == 201
    assert office.claim().json() == {"dossier": code}
    for to, role in WAY:
        reply = office.move(code, to, role)
        assert (reply.status_code, reply.json()["state"], office.state(code)) == (200, to, to)
    assert office.rate(code).status_code == 201
    operations = [write.operation for write in office.writes()]
    assert sorted(operations) == sorted(
        ["portal.submit", "portal.attach", "tthc.claim", "portal.rate"]
        + [f"tthc.{verb}" for verb in ("accept", "start", "ask", "resume", "approve", "hand_over")]
    )


def test_a_dossier_from_the_counter_begins_as_received(office: Office) -> None:
    code = office.receive().json()["dossier"]
    headers = office.headers("motcua")
    assert office.client.get(f"/tthc/dossiers/{code}", headers=headers).json() == {
        "dossier": code,
        "state": 2,
        "procedure": PROCEDURE,
    }
    assert office.attach(code, who="motcua").status_code == 201
    query = {"commune": office.commune, "state": 2}
    assert office.client.get("/tthc/queue", params=query, headers=headers).json() == {"dossiers": [code]}
    assert office.claim().json() == {"dossier": None}, "only online dossiers are there to be claimed"


def test_the_final_read_finds_every_write_as_the_contract_digests_it(office: Office) -> None:
    code = office.submit(key := office.key()).json()["dossier"]
    content = b"\xff\xd8 anh chup" * 1000
    sha256 = hashlib.sha256(content).hexdigest()
    reply = office.attach(code, content, attach_key := office.key())
    assert reply.json()["sha256"] == sha256
    office.claim(claim_key := office.key())
    office.move(code, 2, "motcua", move_key := office.key(), note="hợp lệ")
    office.rate(code, rate_key := office.key(), stars=4)
    expected = {
        key: ("portal.submit", office.application()),
        attach_key: ("portal.attach", {"dossier": code, "kind": KIND, "sha256": sha256}),
        claim_key: ("tthc.claim", {"commune": office.commune}),
        move_key: ("tthc.accept", {"dossier": code, "to": 2, "note": "hợp lệ"}),
        rate_key: ("portal.rate", {"dossier": code, "stars": 4, "comment": "Nhanh, tận tình."}),
    }
    found = {write.key: write for write in office.by_keys(*expected, "nobody-1")}
    assert set(found) == set(expected)
    for written, (operation, values) in expected.items():
        write = found[written]
        assert (write.operation, write.subject) == (operation, code)
        assert set(write.content) == set(BY_NAME[operation].kept)
        assert digest(operation, write.content) == digest(operation, values)


def test_a_repeated_key_answers_the_same_and_applies_nothing_again(office: Office) -> None:
    key = [office.key() for _ in range(6)]
    code = office.submit(key[0]).json()["dossier"]
    for _ in range(2):
        assert office.submit(key[0]).json()["dossier"] == code
        assert office.attach(code, key=key[1]).json()["sha256"]
        assert office.claim(key[2]).json() == {"dossier": code}
        assert office.move(code, 2, "motcua", key[3]).json()["state"] == 2
        assert office.rate(code, key[4]).status_code == 201
    assert office.move(code, 4, "chuyenvien", key[5]).status_code == 200
    assert office.move(code, 2, "motcua", key[3]).json()["state"] == 2, "the answer of then, though it moved on"
    assert [write.key for write in office.writes()] == [key[0], key[1], key[3], key[5], key[2], key[4]]


def test_a_key_is_not_good_for_anything_else(office: Office) -> None:
    code = office.submit(key := office.key()).json()["dossier"]
    reused = (409, "key-reused")
    assert refused(office.submit(key, form=FORM | {"Ngày sinh": "2026-06-02"})) == reused
    assert refused(office.receive(key)) == reused
    assert refused(office.claim(key)) == reused
    assert refused(office.attach(code, key=key)) == reused
    office.attach(code, key=(attach_key := office.key()))
    assert refused(office.attach(code, b"khac", attach_key)) == reused
    office.move(code, 2, "motcua", move_key := office.key())
    assert refused(office.move(code, 2, "motcua", move_key, note="khác")) == reused
    assert len(office.writes()) == 3


def test_requests_with_the_same_key_at_the_same_moment_apply_once(office: Office) -> None:
    key = office.key()
    office.token(CCCD)
    with ThreadPoolExecutor(8) as pool:
        replies = list(pool.map(lambda _: office.submit(key), range(24)))
    assert {reply.status_code for reply in replies} == {201}
    assert len({reply.json()["dossier"] for reply in replies}) == 1
    assert len(office.by_keys(key)) == 1


def test_codes_have_no_gaps_although_requests_fail_between(office: Office) -> None:
    key = office.key()
    office.submit(key)

    def one(number: int) -> httpx.Response:
        if number % 3 == 0:
            return office.submit(key, applicant="Người khác")  # refused late, inside the transaction
        return office.submit(procedure="0.000000") if number % 3 == 1 else office.submit()

    with ThreadPoolExecutor(8) as pool:
        codes = [reply.json()["dossier"] for reply in pool.map(one, range(60)) if reply.status_code == 201]
    stem = f"000.00.{office.commune}.H56-"
    assert all(code.startswith(stem) for code in codes)
    assert sorted(int(code.rsplit("-", 1)[1]) for code in codes) == list(range(2, 22))


def test_claims_give_the_oldest_first_and_none_twice(office: Office) -> None:
    codes = [office.submit().json()["dossier"] for _ in range(12)]
    assert [office.claim().json()["dossier"] for _ in range(2)] == codes[:2]
    with ThreadPoolExecutor(6) as pool:
        claimed = [reply.json()["dossier"] for reply in pool.map(lambda _: office.claim(), range(14))]
    assert sorted(code for code in claimed if code) == codes[2:]
    assert claimed.count(None) == 4
    claims = [write for write in office.writes() if write.operation == "tthc.claim"]
    assert len(claims) == 16, "a claim that found nothing is stored too"
    assert sum(write.subject == "" for write in claims) == 4


def test_only_the_steps_of_the_life_cycle_are_taken(office: Office) -> None:
    legal = {1: {2}, 2: {4}, 4: {5, 9}, 5: {4}, 9: {10}, 10: set()}
    code = office.submit().json()["dossier"]
    for to, role in (*WAY, (0, "")):
        state = office.state(code)
        for wrong in set(STATES) - legal[state]:
            assert refused(office.move(code, wrong, "lanhdao")) == (409, "transition-illegal"), (state, wrong)
        if role:
            office.move(code, to, role)
    assert office.state(code) == 10


def test_officers_act_in_their_role_and_commune_only(office: Office) -> None:
    code = office.submit().json()["dossier"]
    elsewhere = Office(office.client)
    assert refused(office.move(code, 2, "chuyenvien")) == (403, "role-wrong")
    assert refused(office.receive(who="lanhdao")) == (403, "role-wrong")
    assert refused(office.attach(code, who="chuyenvien")) == (403, "role-wrong")
    assert refused(office.claim(who="chuyenvien")) == (403, "role-wrong")
    assert refused(elsewhere.move(code, 2, "motcua")) == (403, "other-commune")
    assert refused(elsewhere.attach(code, who="motcua")) == (403, "other-commune")
    assert refused(elsewhere.receive(commune=office.commune)) == (403, "other-commune")
    query = {"commune": office.commune, "state": 1}
    assert refused(office.client.get("/tthc/queue", params=query, headers=elsewhere.headers("motcua")))[0] == 403
    assert refused(office.client.get(f"/tthc/dossiers/{code}", headers=elsewhere.headers("motcua")))[0] == 403
    assert office.state(code) == 1
    assert elsewhere.writes() == []


def test_citizens_touch_their_own_dossiers_only(office: Office) -> None:
    code = office.submit().json()["dossier"]
    own = (403, "other-applicant")
    assert refused(office.submit(who=OTHER, cccd=CCCD)) == own
    assert refused(office.attach(code, who=OTHER)) == own
    assert refused(office.rate(code, who=OTHER)) == own
    assert office.rate(code).status_code == 201
    assert refused(office.rate(code)) == (409, "already-rated")


def test_the_list_of_ones_own_dossiers_begins_with_the_newest(office: Office) -> None:
    who = f"0{office.commune}000000"
    codes = [office.submit(who=who).json()["dossier"] for _ in range(3)]
    office.submit(who=OTHER)
    assert office.client.get("/portal/dossiers", headers=office.headers(who)).json() == {"dossiers": codes[::-1]}


@pytest.mark.parametrize("operation", [each for each in BY_NAME.values() if each.auth], ids=lambda each: each.name)
def test_no_operation_that_needs_a_token_works_without(office: Office, operation: object) -> None:
    method, path, auth = operation.method, operation.path, operation.auth  # type: ignore[attr-defined]
    url = path.format_map(defaultdict(lambda: f"000.00.{office.commune}.H56-260701-0001"))
    wrong_kind = office.headers("motcua" if auth == "citizen" else CCCD)
    altered = {"Authorization": office.headers("motcua")["Authorization"].replace(office.commune, "16234")}
    missing = (401, "token-missing-or-invalid")
    assert refused(office.client.request(method, url)) == missing
    assert refused(office.client.request(method, url, headers=altered)) == missing
    assert refused(office.client.request(method, url, headers={"Authorization": "Bearer x"})) == missing
    assert refused(office.client.request(method, url, headers=wrong_kind)) == (403, "role-wrong")


def test_log_in_needs_the_right_account_and_password(office: Office) -> None:
    for account, password in (
        (f"{office.commune}.motcua", "sai"),
        (f"{office.commune}.quantri", OFFICER_PASSWORD),
        ("motcua", OFFICER_PASSWORD),
    ):
        reply = office.client.post("/tthc/login", json={"account": account, "password": password})
        assert refused(reply) == (401, "login-failed")
    assert refused(office.client.post("/portal/login", json={"cccd": "12", "applicant": NAME})) == (422, "body-invalid")


def test_the_catalogue_is_searched_without_diacritics(client: httpx.Client) -> None:
    def search(words: str) -> list[str]:
        reply = client.get("/portal/procedures", params={"q": words, "commune": "16234"})
        found: list[str] = reply.json()["procedures"]
        return found

    assert search("khai sinh")[0] == "1.001193"
    assert search("KHAI SINH") == search("khai sinh") == search("Khai Sinh")
    assert search("đăng ký kết hôn")[0] == search("dang ky ket hon")[0] == "1.000894"
    assert search("2.000815") == ["2.000815"]
    assert search("xyz") == []
    assert len(search("")) == 20
    assert client.get("/portal/procedures/1.004873").json()["legal_days"] == 3
    assert refused(client.get("/portal/procedures/7.777777")) == (404, "procedure-unknown")


def test_the_audit_sees_states_steps_and_numbers_of_the_run(office: Office) -> None:
    code = office.submit(born := office.key()).json()["dossier"]
    office.move(code, 2, "motcua", step := office.key())
    found, after = [], ""
    while after is not None:
        page = office.client.get("/audit/observations", params={"tag": office.tag, "after": after, "limit": 2}).json()
        assert "tthc" in page["places"]
        assert abs(page["at_ms"] / 1000 - time.time()) < 60
        here = [one for one in page["observations"] if one["place"] == "tthc" and one["kind"] != "count"]
        found += [(one["kind"], one["subject"], one["value"], one["key"]) for one in here]
        after = page["next"]
    assert found == [
        ("state", code, "2", born),
        ("move", code, "0>1", born),
        ("move", code, "1>2", step),
        ("history", code, "1", born),
        ("history", code, "2", step),
        ("number", code.rpartition("-")[0], "1", born),
    ]
