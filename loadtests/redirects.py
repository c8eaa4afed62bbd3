"""What follows a redirect, as browsers do it (RFC 9110, 15.4). Pure; whether we may go there is the target's to say."""

from __future__ import annotations

from loadtests.bindings import Content, Headers

_TO_GET = frozenset({301, 302, 303})  # after these a POST goes on as a GET
_SAME = frozenset({307, 308})


def following(
    status: int, there: str, method: str, url: str, headers: Headers, content: Content
) -> tuple[str, Headers, Content] | None:
    """Method, header lines and body of the next request; None for a status that asks for none."""
    if status in _TO_GET:
        if method not in ("GET", "HEAD"):
            method, content = "GET", None
            headers = [line for line in headers if not _about_body(line)]
    elif status not in _SAME:
        return None
    if _origin(there) != _origin(url):
        headers = [line for line in headers if not _private(line)]
    return method, headers, content


def _origin(url: str) -> list[str]:
    return url.split("/", 3)[:3]


def _name(line: str | bytes) -> str:
    text = line if isinstance(line, str) else line.decode()
    return text.split(":", 1)[0].lower()


def _about_body(line: str | bytes) -> bool:
    return _name(line) in ("content-type", "expect")


def _private(line: str | bytes) -> bool:
    """To another origin go only headers that say nothing about who asks."""
    return _name(line) not in ("accept", "accept-language", "content-type", "expect")
