"""Clerks, specialists, heads of units and leaders who use the document system of a running testbed, for its tests."""

from __future__ import annotations

import itertools
from typing import Any

import httpx

from scenarios.contract import KEY_HEADER, Observation, Write
from tests.servers import OFFICER_PASSWORD
from tests.testbed.people import page

TITLE = "Rà soát thiết bị đầu cuối tại trung tâm phục vụ hành chính công (THỬ NGHIỆM)"
CONTENT = "Đề nghị các đơn vị rà soát < & > báo cáo.\nTrân trọng."
SPECIALIST, HEAD, LEADER, CLERK = "chuyenvien", "truongphong", "lanhdao", "vanthu"
_communes = itertools.count(30_000)


class Registry:
    """The people of one organisation that no other test uses; keys under a tag of its own, or one that is given."""

    def __init__(self, client: httpx.Client, tag: str = "") -> None:
        self.client = client
        self.commune = f"{next(_communes):05d}"
        self.tag = tag or f"docs{self.commune}"
        self._keys = itertools.count()
        self._tokens: dict[str, str] = {}

    def neighbour(self) -> Registry:
        """Another organisation, in the same run."""
        return Registry(self.client, self.tag)

    def key(self) -> str:
        return f"{self.tag}-{self.commune}.{next(self._keys)}"

    def headers(self, role: str, key: str | None = None) -> dict[str, str]:
        if role not in self._tokens:
            account = {"account": f"{self.commune}.{role}", "password": OFFICER_PASSWORD}
            reply = self.client.post("/docs/login", json=account)
            assert reply.status_code == 200, reply.text
            self._tokens[role] = reply.json()["token"]
        headers = {"Authorization": f"Bearer {self._tokens[role]}"}
        return headers | {KEY_HEADER: key} if key else headers

    def post(self, path: str, body: Any, role: str, key: str | None = None) -> httpx.Response:
        return self.client.post(path, json=body, headers=self.headers(role, key or self.key()))

    def draft(self, *to: Registry, key: str | None = None, role: str = SPECIALIST, **changes: Any) -> httpx.Response:
        usual = {"commune": self.commune, "title": TITLE, "content": CONTENT, "recipients": [one.commune for one in to]}
        return self.post("/docs/drafts", usual | changes, role, key)

    def review(self, draft: str, key: str | None = None, role: str = HEAD) -> httpx.Response:
        return self.post(f"/docs/drafts/{draft}/review", {"opinion": "Đồng ý trình ký."}, role, key)

    def sign(self, draft: str, key: str | None = None, role: str = LEADER) -> httpx.Response:
        return self.post(f"/docs/drafts/{draft}/signature", {}, role, key)

    def issue(self, draft: str, key: str | None = None, role: str = CLERK) -> httpx.Response:
        return self.post(f"/docs/drafts/{draft}/issue", {}, role, key)

    def signed_draft(self, *to: Registry, **changes: Any) -> str:
        reply = self.draft(*to, **changes)
        assert reply.status_code == 201, reply.text
        draft: str = reply.json()["draft"]
        for step in (self.review, self.sign):
            reply = step(draft)
            assert reply.status_code == 200, reply.text
        return draft

    def send(self, *to: Registry, **changes: Any) -> str:
        """A document, issued to these organisations."""
        reply = self.issue(self.signed_draft(*to, **changes))
        assert reply.status_code == 201, reply.text
        document: str = reply.json()["document"]
        return document

    def untaken(self, role: str = CLERK) -> list[str]:
        reply = self.client.get("/docs/inbox", params={"commune": self.commune}, headers=self.headers(role))
        assert reply.status_code == 200, reply.text
        documents: list[str] = reply.json()["documents"]
        return documents

    def take(self, key: str | None = None, role: str = CLERK) -> httpx.Response:
        return self.post("/docs/inbox/takings", {"commune": self.commune}, role, key)

    def fetch(self, document: str, role: str = CLERK) -> httpx.Response:
        return self.client.get(self._place(document), headers=self.headers(role))

    def confirm(self, document: str, status: str, key: str | None = None, role: str = "") -> httpx.Response:
        role = role or (SPECIALIST if status in ("05", "06") else CLERK)
        return self.post(f"{self._place(document)}/status", {"status": status}, role, key)

    def register(self, document: str, key: str | None = None, role: str = CLERK) -> httpx.Response:
        return self.post(f"{self._place(document)}/registration", {}, role, key)

    def assign(self, document: str, key: str | None = None, role: str = CLERK) -> httpx.Response:
        return self.post(f"{self._place(document)}/assignment", {"to": f"{self.commune}.{SPECIALIST}"}, role, key)

    def finish(self, document: str, key: str | None = None, role: str = SPECIALIST) -> httpx.Response:
        return self.post(f"{self._place(document)}/completion", {"note": "Đã thực hiện."}, role, key)

    def accept(self, document: str) -> str:
        """Accepted and registered; the incoming number."""
        assert self.confirm(document, "03").status_code == 200
        reply = self.register(document)
        assert reply.status_code == 200, reply.text
        number: str = reply.json()["number"]
        return number

    def file(self, document: str, role: str = CLERK) -> httpx.Response:
        return self.client.get(f"/docs/documents/{document}/file", headers=self.headers(role))

    def by_keys(self, *keys: str) -> list[Write]:
        return page(self.client.post("/audit/keys", json={"keys": list(keys)})).writes

    def observed(self, place: str, kind: str) -> list[Observation]:
        """What the audit sees of the tag, page by page."""
        found: list[Observation] = []
        after: str | None = ""
        while after is not None:
            reply = self.client.get("/audit/observations", params={"tag": self.tag, "after": after, "limit": 100})
            assert reply.status_code == 200, reply.text
            found += [Observation(**each) for each in reply.json()["observations"]]
            after = reply.json()["next"]
        return [each for each in found if (each.place, each.kind) == (place, kind)]

    def numbers(self, series: str) -> list[int]:
        """All numbers of one's own outgoing ("di") or incoming ("den") series."""
        seen = self.observed("docs", "number")
        own = [each for each in seen if each.commune == self.commune and each.subject.endswith(f"/{series}")]
        return sorted(int(each.value or 0) for each in own)

    def _place(self, document: str) -> str:
        return f"/docs/inbox/{self.commune}/{document}"
