"""The pages of a site as HTML, from what is given; nothing here reads anything. Well-formed, so that tests can tell."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import NamedTuple

from testbed.catalogue import CATALOGUE, Entry
from testbed.web_texts import Article, Head, owner_of

LATEST = 10  # articles beside every page
ON_HOME = 12


class Figures(NamedTuple):
    """What a site says about the dossiers of its commune. `newest`: codes, the latest first."""

    received: int = 0
    processed: int = 0
    newest: tuple[str, ...] = ()
    at_ms: int = 0


def home(site: str, heads: Sequence[Head], figures: Figures) -> bytes:
    """`heads`: all articles, the newest first, here as in the other pages."""
    counters = (
        f'<section class="o-3"><h2>Kết quả giải quyết thủ tục hành chính</h2><dl><dt>Hồ sơ đã tiếp nhận</dt>'
        f"<dd>{_number(figures.received)}</dd><dt>Hồ sơ đã giải quyết</dt><dd>{_number(figures.processed)}</dd></dl>"
        f'<p><a href="/sites/{site}/statistics">Xem thống kê</a></p>{_lookup(site)}</section>'
    )
    news = "".join(
        f'<article class="o-{n + 10}"><h3>{_link(site, head)}</h3><p><time datetime="{head.at.isoformat()}">{head.day}'
        f"</time> | {escape(head.section)}</p></article>"
        for n, head in enumerate(heads[:ON_HOME])
    )
    return _page(site, "Trang chủ", f"{counters}<section><h2>Tin mới</h2>{news}</section>", heads)


def notices(site: str, heads: Sequence[Head]) -> bytes:
    rows = "".join(
        f"<tr><td>{n}</td><td>{_link(site, head)}</td><td>{escape(head.section)}</td><td>{head.day}</td></tr>"
        for n, head in enumerate(heads, 1)
    )
    head_row = "<tr><th>STT</th><th>Trích yếu</th><th>Chuyên mục</th><th>Ngày đăng</th></tr>"
    table = f"<table><thead>{head_row}</thead><tbody>{rows}</tbody></table>"
    return _page(site, "Thông báo, tin tức", f"<h1>Thông báo, tin tức</h1>{table}", heads)


def article(site: str, shown: Article, heads: Sequence[Head]) -> bytes:
    head = shown.head
    text = "".join(f"<p>{escape(paragraph)}</p>" for paragraph in shown.paragraphs)
    main = (
        f'<article><h1>{escape(head.title)}</h1><p><time datetime="{head.at.isoformat()}">{head.day}</time> | '
        f"{escape(head.section)}</p><p><strong>{escape(shown.lead)}</strong></p>{text}"
        f'<p class="o-7">Nguồn: {escape(owner_of(site))}</p></article>'
    )
    return _page(site, head.title, main, heads)


def procedures(site: str, heads: Sequence[Head]) -> bytes:
    return _page(site, "Thủ tục hành chính", f"<h1>Danh mục thủ tục hành chính</h1>{_table(CATALOGUE)}", heads)


def found(site: str, wanted: str, hits: Sequence[Head], entries: Sequence[Entry], heads: Sequence[Head]) -> bytes:
    """The answer to a search, best fit first."""
    count = len(hits) + len(entries)
    listed = "".join(f"<li>{_link(site, head)} ({head.day})</li>" for head in hits)
    main = (
        f"<h1>Kết quả tìm kiếm</h1><p>Từ khóa: <strong>{escape(wanted)}</strong>. Tìm thấy {count} kết quả.</p>"
        f"{f'<ol>{listed}</ol>' if hits else ''}{_table(entries) if entries else ''}"
    )
    return _page(site, "Tìm kiếm", main, heads)


def _page(site: str, title: str, main: str, heads: Sequence[Head]) -> bytes:
    owner = escape(owner_of(site))
    menu = "".join(f'<li><a href="/sites/{site}/{path}">{name}</a></li>' for path, name in _MENU)
    latest = "".join(f"<li>{_link(site, head)}</li>" for head in heads[:LATEST])
    return (
        f'<!DOCTYPE html>\n<html lang="vi"><head><meta charset="utf-8"/><title>{escape(title)} | {owner}</title>'
        '<meta name="viewport" content="width=device-width, initial-scale=1"/>'
        '<link rel="icon" href="/assets/emblem.svg" type="image/svg+xml"/>'
        '<link rel="stylesheet" href="/assets/site.css"/><script src="/assets/site.js" defer="defer"></script></head>'
        f'<body><header><img src="/assets/banner.png" width="400" height="180" alt="{owner}"/></header>'
        f'<nav aria-label="Danh mục chính"><ul>{menu}</ul></nav>'
        f'<form action="/sites/{site}/search" method="get" role="search"><label for="q">Tìm kiếm</label>'
        '<input id="q" name="q" type="search" maxlength="200"/><button type="submit">Tìm</button></form>'
        f"<main>{main}</main><aside><h2>Bài mới nhất</h2><ul>{latest}</ul>"
        '<img src="/assets/map.png" width="200" height="140" alt="Bản đồ địa giới hành chính"/>'
        '<img src="/assets/icons.svg" width="120" height="120" alt="Liên kết hữu ích"/></aside>'
        f"<footer><p>{owner}. Dữ liệu mô phỏng, không có giá trị pháp lý.</p></footer></body></html>\n"
    ).encode()


def _table(entries: Sequence[Entry]) -> str:
    rows = "".join(
        f"<tr><td>{entry.code}</td><td>{escape(entry.name)}</td><td>{_days(entry)}</td>"
        f"<td>{f'{_number(entry.fee_vnd)} đồng' if entry.fee_vnd else 'Không thu'}</td></tr>"
        for entry in entries
    )
    head_row = "<tr><th>Mã thủ tục</th><th>Tên thủ tục</th><th>Thời hạn giải quyết</th><th>Phí, lệ phí</th></tr>"
    return f"<table><thead>{head_row}</thead><tbody>{rows}</tbody></table>"


def _lookup(site: str) -> str:
    return (
        f'<form action="/sites/{site}/dossiers" method="get"><label for="ma">Tra cứu hồ sơ</label>'
        '<input id="ma" name="ma" placeholder="Mã hồ sơ"/><button type="submit">Tra cứu</button></form>'
    )


def _link(site: str, head: Head) -> str:
    return f'<a href="/sites/{site}/articles/{head.number}">{escape(head.title)}</a>'


def _days(entry: Entry) -> str:
    return f"{entry.legal_days} ngày làm việc" if entry.legal_days else "Trong ngày"


def _number(value: int) -> str:
    """As written in Vietnam: 149.470."""
    return f"{value:,}".replace(",", ".")


_MENU = (
    ("", "Trang chủ"),
    ("notices", "Thông báo"),
    ("procedures", "Thủ tục hành chính"),
    ("statistics", "Thống kê"),
)
