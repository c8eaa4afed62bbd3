"""Do linked systems hold the same?

For each link of the manifest every row of its kind at the source is looked for at the mirror: with the same subject, as
often, with the same content and the same value. Most subjects agree and are told by their counts and extremes; only the
others are paired row by row. A content or value that one side does not keep (null) is not compared.

lost: at the source only · doubled: the mirror has more of it · phantom: the source knows nothing of it · changed:
another content · stale: another value, with how long the source has had its own. A row falls into one class.
"""

from __future__ import annotations

from dataclasses import dataclass

from record.types import Link
from reports import lags, places
from reports.case import Case
from reports.latency import Estimate
from reports.verdict import EVIDENCE_ROWS_MAX, Evidence, Finding, Param, Quantity, Text, Verdict, Word

CLASSES = ("lost", "doubled", "phantom", "changed", "stale")
SHOWN_MAX = 16  # characters of a value or digest in the evidence

# What can be held against a place when only the other, or neither, was read to the end.
_SEEN = {
    (True, True): CLASSES,
    (True, False): ("doubled", "phantom", "changed", "stale"),
    (False, True): ("lost", "changed", "stale"),
    (False, False): (),
}
_ODD = """
    SELECT subject FROM observations WHERE kind = $kind AND place IN ($source, $mirror) GROUP BY subject
    HAVING count(*) FILTER (place = $source) <> count(*) FILTER (place = $mirror)
        OR min(value) <> max(value) OR min(digest) <> max(digest)
"""
# Rows that are alike on both sides cancel out, copy by copy. What is left is paired in order of value and content.
_WRONG = """
    WITH held AS (
        SELECT subject, place = $source AS at_source, value, digest, at_ms, commune,
               max(value) FILTER (place = $source) OVER subjects AS known_value,
               count(*) FILTER (place = $source) OVER subjects > 0 AS known,
               row_number() OVER (PARTITION BY subject, place, value, digest ORDER BY at_ms, commune) AS copy
        FROM observations SEMI JOIN ({odd}) USING (subject)
        WHERE kind = $kind AND place IN ($source, $mirror) WINDOW subjects AS (PARTITION BY subject)),
    alone AS (
        SELECT * FROM held QUALIFY count(*) OVER (PARTITION BY subject, value, digest, copy) = 1),
    placed AS (
        SELECT *, row_number() OVER (
            PARTITION BY subject, at_source ORDER BY value, digest, at_ms, commune) AS turn
        FROM alone)
    SELECT subject, coalesce(s.commune, m.commune) AS commune,
           CASE WHEN s.at_source IS NULL THEN if(m.known, 'doubled', 'phantom')
                WHEN m.at_source IS NULL THEN 'lost'
                WHEN s.digest <> m.digest THEN 'changed'
                WHEN s.value <> m.value THEN 'stale' END AS class,
           coalesce(s.value, m.known_value) AS source_value, m.value AS mirror_value,
           s.digest AS source_digest, m.digest AS mirror_digest,
           s.at_ms AS source_ms
    FROM (SELECT * FROM placed WHERE at_source) s
    FULL OUTER JOIN (SELECT * FROM placed WHERE NOT at_source) m USING (subject, turn)
    WHERE class IS NOT NULL
"""


@dataclass(frozen=True)
class Tally:
    """What became of one link: rows on both sides and how many fall into each class."""

    link: Link
    held: int
    mirrored: int
    counts: dict[str, int]
    stale_ms: float | None  # the longest that a source has been ahead of its mirror
    lag: tuple[Estimate, ...]  # p50 and p95; empty where the link is not timed

    @property
    def wrong(self) -> int:
        return sum(self.counts.values())


def check(case: Case) -> tuple[Finding, ...]:
    """One finding per link; none when nothing is linked."""
    return tuple(_judge(case, index, each) for index, each in enumerate(tallies(case)))


def tallies(case: Case) -> tuple[Tally, ...]:
    """One per link of the manifest, in its order."""
    if not places.applies(case):
        return ()
    return tuple(_tally(case, index, link) for index, link in enumerate(case.manifest.links))


def words(link: Link) -> Word:
    """The name of a link in the reader's language, its slug if nobody gave it one."""
    return Word(f"link.{link.slug}", link.slug)


def place(name: str) -> Word:
    """The name of a system in the reader's language."""
    return Word(f"place.{name}", name)


def _tally(case: Case, index: int, link: Link) -> Tally:
    asked = {"kind": link.kind, "source": link.source, "mirror": link.mirror}
    case.keep(f"link_{index}", _WRONG.format(odd=_ODD), asked)
    rows = case.one(
        """
        SELECT count(*) FILTER (place = $source) AS held, count(*) FILTER (place = $mirror) AS mirrored
        FROM observations WHERE kind = $kind""",
        asked,
    )
    found = case.rows(f"""
        SELECT class, count(*) AS n, min(source_ms) FILTER (class = 'stale') AS since
        FROM link_{index} GROUP BY class""")
    counts = {row["class"]: row["n"] for row in found}
    since = [row["since"] for row in found if row["since"] is not None]
    return Tally(
        link=link,
        held=rows["held"],
        mirrored=rows["mirrored"],
        counts={name: counts.get(name, 0) for name in CLASSES},
        stale_ms=_behind_ms(case, min(since)) if since else None,
        lag=lags.estimates(case, link),
    )


def _judge(case: Case, index: int, tally: Tally) -> Finding:
    link, read = tally.link, places.read(case)
    slug = f"linked.{link.slug}"
    params: dict[str, Param] = {name: Quantity(count, "count") for name, count in tally.counts.items()}
    params |= {"link": words(link), "source": place(link.source), "mirror": place(link.mirror)}
    params |= {"held": Quantity(tally.held, "count"), "mirrored": Quantity(tally.mirrored, "count")}
    params["behind"] = "-" if tally.stale_ms is None else Quantity(tally.stale_ms * 1e6, "ns")
    title = Text("linked.title", {name: params[name] for name in ("link", "source", "mirror")})
    seen = _SEEN[link.source in read, link.mirror in read]
    wrong = [name for name in seen if tally.counts[name]]
    if wrong:
        variant = "fail" if tally.stale_ms is None else "fail_stale"
        return Finding(slug, Verdict.FAIL, title, Text(f"linked.{variant}", params), _examples(case, index, wrong))
    unread = [name for name in (link.source, link.mirror) if name not in read]
    if unread:
        params["names"] = ", ".join(unread)
        return Finding(slug, Verdict.UNDECIDED, title, Text("linked.unread", params), None, Text("linked.needs_read"))
    if not tally.held:
        return Finding(slug, Verdict.UNDECIDED, title, Text("linked.empty", params), None, Text("linked.needs_rows"))
    return Finding(slug, Verdict.PASS, title, Text("linked.pass", params))


def _examples(case: Case, index: int, classes: list[str]) -> Evidence:
    """Some of each class, the oldest first."""
    rows = case.rows(
        f"""
        SELECT * FROM (
            SELECT *, row_number() OVER (
                PARTITION BY class ORDER BY source_ms NULLS LAST, subject, source_value, mirror_value) AS turn
            FROM link_{index} WHERE list_contains($classes::VARCHAR[], class)
            ORDER BY turn, class LIMIT {EVIDENCE_ROWS_MAX})
        ORDER BY class, turn""",
        {"classes": classes},
    )
    lines: list[tuple[Param, ...]] = []
    for row in rows:
        of = "digest" if row["class"] == "changed" else "value"
        behind = _behind_ms(case, row["source_ms"]) if row["class"] in ("lost", "stale") else None
        lines.append(
            (
                Word(f"class.{row['class']}"),
                row["subject"],
                row["commune"] or (row["subject"] if case.manifest.links[index].kind == "count" else "-"),
                _short(row[f"source_{of}"]),
                _short(row[f"mirror_{of}"]),
                "-" if behind is None else Quantity(behind * 1e6, "ns"),
            )
        )
    return Evidence(("class", "held_subject", "commune", "at_source", "at_mirror", "behind"), tuple(lines))


def _short(value: str | None) -> str:
    """A value, or so much of a digest as tells two apart."""
    value = value or "-"
    return value if len(value) <= SHOWN_MAX else f"{value[:SHOWN_MAX]}…"


def _behind_ms(case: Case, since_ms: int | None) -> float | None:
    """For how long the source had held something when the systems were asked, by two clocks: at least 0."""
    read_ms = places.read_ms(case)
    return None if read_ms is None or since_ms is None else max(read_ms - since_ms, 0.0)
