"""Citizens and officers who use a running testbed, for its tests."""

from __future__ import annotations

import itertools
from typing import Any

import httpx

from scenarios.contract import KEY_HEADER, Write, WritesPage
from tests.servers import OFFICER_PASSWORD

CCCD = "038123456789"
NAME = "Lê Thị Ánh Nguyệt"
PROCEDURE = "1.001193"
KIND = "Tờ khai"
FORM = {"Họ tên trẻ": "Lê Gia Bảo", "Ngày sinh": "2026-06-01"}
_communes = itertools.count(20_000)


class Office:
    """One commune that no other test uses, its people, and fresh keys under a tag of its own."""

    def __init__(self, client: httpx.Client) -> None:
        self.client = client
        self.commune = f"{next(_communes):05d}"
        self.tag = f"test{self.commune}"
        self._keys = itertools.count()
        self._tokens: dict[str, str] = {}

    def key(self) -> str:
        return f"{self.tag}-{next(self._keys)}"

    def token(self, who: str) -> str:
        """`who`: a role, or the twelve digits of a citizen."""
        if who not in self._tokens:
            if who.isdigit():
                reply = log_in(self.client, who)
            else:
                account = {"account": f"{self.commune}.{who}", "password": OFFICER_PASSWORD}
                reply = self.client.post("/tthc/login", json=account)
            assert reply.status_code == 200, reply.text
            self._tokens[who] = reply.json()["token"]
        return self._tokens[who]

    def headers(self, who: str, key: str | None = None) -> dict[str, str]:
        headers = {"Authorization": f"Bearer {self.token(who)}"}
        return headers | {KEY_HEADER: key} if key else headers

    def application(self, **changes: Any) -> dict[str, Any]:
        usual = {"commune": self.commune, "procedure": PROCEDURE, "cccd": CCCD, "applicant": NAME, "form": FORM}
        return usual | changes

    def submit(self, key: str | None = None, who: str = CCCD, **changes: Any) -> httpx.Response:
        body = self.application(**({"cccd": who} | changes))
        return self.client.post("/portal/dossiers", json=body, headers=self.headers(who, key or self.key()))

    def receive(self, key: str | None = None, who: str = "motcua", **changes: Any) -> httpx.Response:
        headers = self.headers(who, key or self.key())
        return self.client.post("/tthc/dossiers", json=self.application(**changes), headers=headers)

    def attach(
        self, code: str, content: bytes = b"%PDF-1.4 ban chup", key: str | None = None, who: str = CCCD
    ) -> httpx.Response:
        path = f"/{'portal' if who.isdigit() else 'tthc'}/dossiers/{code}/attachments"
        files = {"file": ("giay-to.pdf", content, "application/pdf")}
        return self.client.post(path, data={"kind": KIND}, files=files, headers=self.headers(who, key or self.key()))

    def claim(self, key: str | None = None, who: str = "motcua") -> httpx.Response:
        headers = self.headers(who, key or self.key())
        return self.client.post("/tthc/claims", json={"commune": self.commune}, headers=headers)

    def move(self, code: str, to: int, who: str, key: str | None = None, note: str = "đã xem") -> httpx.Response:
        headers = self.headers(who, key or self.key())
        return self.client.post(f"/tthc/dossiers/{code}/transitions", json={"to": to, "note": note}, headers=headers)

    def approved(self) -> str:
        """A dossier whose result waits for the leader's signature."""
        code: str = self.submit().json()["dossier"]
        for to, role in ((2, "motcua"), (4, "chuyenvien"), (9, "lanhdao")):
            assert self.move(code, to, role).status_code == 200
        return code

    def sign(self, code: str, key: str | None = None, who: str = "lanhdao") -> httpx.Response:
        headers = self.headers(who, key or self.key())
        return self.client.post(f"/sign/dossiers/{code}/signature", headers=headers)

    def result(self, code: str, who: str = "motcua") -> httpx.Response:
        path = f"/{'portal' if who.isdigit() else 'tthc'}/dossiers/{code}/result"
        return self.client.get(path, headers=self.headers(who))

    def rate(self, code: str, key: str | None = None, who: str = CCCD, stars: int = 5) -> httpx.Response:
        body = {"stars": stars, "comment": "Nhanh, tận tình."}
        return self.client.post(
            f"/portal/dossiers/{code}/rating", json=body, headers=self.headers(who, key or self.key())
        )

    @property
    def bank(self) -> str:
        """Where the bank is: outside, with the identity provider."""
        return outside_of(self.client)

    def order(self, code: str, amount: int, key: str | None = None, who: str = CCCD) -> httpx.Response:
        """Ask the portal for an order to pay the dossier's fee."""
        headers = self.headers(who, key or self.key())
        return self.client.post(f"/portal/dossiers/{code}/payment", json={"amount": amount}, headers=headers)

    def pay(self, order: str, amount: int, key: str | None = None) -> httpx.Response:
        """Pay an order at the bank."""
        url, headers = f"{self.bank}/bank/orders/{order}/payment", {KEY_HEADER: key or self.key()}
        return httpx.post(url, json={"amount": amount}, headers=headers, timeout=20, trust_env=False)

    def paid(self, code: str, who: str = CCCD) -> str:
        reply = self.client.get(f"/portal/dossiers/{code}/payment", headers=self.headers(who))
        status: str = reply.json()["status"]
        return status

    def state(self, code: str) -> int:
        state: int = self.client.get(f"/portal/dossiers/{code}").json()["state"]
        return state

    def writes(self, tag: str | None = None, limit: int = 1_000) -> list[Write]:
        """Everything that the final read finds under the tag, page by page."""
        found: list[Write] = []
        after: str | None = ""
        while after is not None:
            query = {"tag": tag or self.tag, "after": after, "limit": limit}
            found_here = page(self.client.get("/audit/writes", params=query))
            assert len(found_here.writes) <= limit
            found += found_here.writes
            after = found_here.next
        return found

    def by_keys(self, *keys: str) -> list[Write]:
        return page(self.client.post("/audit/keys", json={"keys": list(keys)})).writes


def outside_of(client: httpx.Client) -> str:
    """Where what is outside the platform is reached: the portal sends people who log in there."""
    way: str = client.get("/portal/login").json()["authorize"]
    return way.removesuffix("/identity/authorize")


def observed(url: str, tag: str, kind: str = "") -> list[dict[str, Any]]:
    """Everything that this address shows the audit under the tag."""
    found: list[dict[str, Any]] = []
    after: str | None = ""
    with httpx.Client(timeout=20, trust_env=False) as client:
        while after is not None:
            reply = client.get(f"{url}/audit/observations", params={"tag": tag, "after": after, "limit": 500})
            assert reply.status_code == 200, reply.text
            found += reply.json()["observations"]
            after = reply.json()["next"]
    return [one for one in found if not kind or one["kind"] == kind]


def authorize(client: httpx.Client, cccd: str) -> str:
    """A log-in code from the identity provider to which the portal leads."""
    way = f"{outside_of(client)}/identity/authorize"
    reply = httpx.post(way, json={"cccd": cccd, "applicant": NAME}, timeout=20, trust_env=False)
    assert reply.status_code == 200, reply.text
    code: str = reply.json()["code"]
    return code


def log_in(client: httpx.Client, cccd: str) -> httpx.Response:
    return client.post("/portal/login", json={"cccd": cccd, "applicant": NAME, "code": authorize(client, cccd)})


def page(reply: httpx.Response) -> WritesPage:
    assert reply.status_code == 200, reply.text
    body = reply.json()
    return WritesPage([Write(**write) for write in body["writes"]], body["next"])


def refused(reply: httpx.Response) -> tuple[int, str]:
    """Status and slug."""
    return reply.status_code, reply.json()["error"]
