"""Every misbehaviour of the hostile server and what must become of it, for a read and for a write of the value `n`.

The rule stands in loadtests/outcomes.py: no whole answer leaves either unknown; an answer that is no good refuses a
read and leaves a write unknown, unless its status is one of those that say it was not done.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import NamedTuple

from record.types import Outcome

OK, REFUSED, UNKNOWN = Outcome.OK, Outcome.REFUSED, Outcome.UNKNOWN
Came = tuple[Outcome, int, str]  # outcome, status, slug


class Row(NamedTuple):
    kind: str
    read: Came
    write: Came
    endless: bool = False  # only the time-out ends it


def lost(slug: str, *kinds: str, endless: bool = False) -> tuple[Row, ...]:
    """No answer that came whole."""
    return tuple(Row(kind, (UNKNOWN, 0, slug), (UNKNOWN, 0, slug), endless) for kind in kinds)


def no_good(slug: str, *kinds: str, status: int = 200) -> tuple[Row, ...]:
    """A whole answer that is none we want."""
    return tuple(Row(kind, (REFUSED, status, slug), (UNKNOWN, status, slug)) for kind in kinds)


def good(*kinds: str) -> tuple[Row, ...]:
    """Odd, but what was promised is there."""
    return tuple(Row(kind, (OK, 200, ""), (OK, 200, "")) for kind in kinds)


TABLE: tuple[Row, ...] = (
    *lost(
        "connection-reset",
        "nothing",  # accepts, reads, closes
        "reset",  # RST instead of an answer
        "reset-in-body",
        "half-a-header",  # libcurl takes it for an answer
        "half-a-body",  # fewer bytes than Content-Length said
        "half-a-chunk",
        "terabyte",
        "only-cr",
    ),
    *lost(
        "total-timeout",
        "never",
        "much-and-silence",
        "slow-header",
        "slow-body",
        "continue-and-silence",
        "endless-extension",
        "slow-loop",  # one time-out for all redirects together
        endless=True,
    ),
    *lost(
        "reply-malformed",
        "garbage",
        "binary",
        "http-0.9",
        "http-7.5",
        "status-abc",
        "status-099",
        "status-1000",
        "no-colon",
        "nul-in-header",
        "length-of-many",
        "negative-length",
        "two-lengths",
        "two-lengths-less",
        "two-locations",
        "bad-chunk",
        "huge-chunk",
        "not-gzip",
        "unknown-encoding",
        "fifty-encodings",
        "endless-lines",
        "endless-zeros",
        "port-too-high",  # of a redirect
    ),
    *lost(
        "reply-too-large",
        "big-header",  # one line of 1 MB
        "many-headers",
        "endless-headers",
        "endless-header",
        "endless-status",
        "endless-trailer",
        "endless-1xx",
        "endless-hints",
        "endless-body",
        "endless-chunks",
        "endless-crumbs",  # a chunk for every byte
        "endless-bomb",
        "bomb",  # 24 MB from 24 kB
        "bomb-in-a-bomb",
    ),
    *lost("redirect-loop", "loop"),
    *no_good("status-other", "status-999", status=999),
    *no_good("status-other", "switching", status=101),
    *no_good("status-other", "not-modified-with-body", status=304),
    *no_good("status-other", "use-proxy", status=305),
    *no_good(
        "status-other",
        "away",
        "away-by-user",
        "away-by-tab",
        "away-by-number",
        "away-mapped",
        "away-by-name",
        "half-a-bracket",
        "not-utf-8",
        "to-a-script",
        "to-a-file",
        "to-mail",
        "to-nowhere",
        "without-location",
        status=302,
    ),
    Row("early-answer", (REFUSED, 413, "status-4xx"), (REFUSED, 413, "status-4xx")),  # 413 is definite
    *no_good("reply-malformed", "no-content-with-body", status=204),
    *no_good(
        "reply-malformed",
        "too-short-a-length",
        "half-a-gzip",
        "deep-list",
        "deep-object",
        "huge-number",
        "endless-number",
        "not-a-number",
        "bad-utf-8",
        "utf-16",
        "half-a-surrogate",
        "html",
        "empty",
    ),
    *no_good("reply-too-large", "too-wide"),  # 15 MB of JSON
    *no_good("value-missing", "other-json"),
    *good(
        "wide",  # JSON just below the limit
        "deep-enough",
        "big-number",
        "nul-in-value",
        "two-answers",
        "garbage-after",
        "hint-then-answer",
        "length-and-chunks",
        "length-beyond-numbers",  # no length at all, so all until the end (RFC 9112, 6.3)
        "only-lf",
        "folded",
        "server-timing",
        "server-timing-number",
        "thousands-of-cookies",
        "fat-cookies",
        "to-odd-bytes",
        "to-a-long-path",
    ),
)


def operations(endless_ms: int = 300, rare: Collection[str] = ()) -> str:
    """The [own.*] tables: "read KIND" and "write KIND" of every row, and "echo". `rare` kinds are drawn less often."""
    made = ['[own.echo]\nsystem = "sys"\npath = "/echo/{index}"\nreply.n = { pointer = "/n" }\n']
    for row in TABLE:
        timeout = f"timeout_ms = {endless_ms}\n" if row.endless else ""
        timeout += "weight = 0.2\n" if row.kind in rare else ""
        same = f'system = "sys"\npath = "/{row.kind}"\nreply.n = {{ pointer = "/n" }}\n{timeout}'
        made.append(f'[own."read {row.kind}"]\n{same}')
        made.append(f'[own."write {row.kind}"]\nmethod = "POST"\nwrite = true\nbody = "x"\n{same}')
    return "".join(made)
