"""A4 pages with Vietnamese text as PDF 1.7, quick enough to be made for each document.

The fonts are put together once: only the letters that Vietnamese needs, embedded, with the table that lets a reader
copy and search the text. Decree 30/2020 wants Times New Roman, which may not be passed on; DejaVu Serif stands in for
it. It comes with matplotlib, of which nothing else is used here.
"""

from __future__ import annotations

import importlib.util
import io
import zlib
from collections.abc import Iterable, Sequence
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

from fontTools.ttLib import TTFont
from fontTools.ttLib.tables._g_l_y_f import Glyph

WIDTH, HEIGHT = 595.28, 841.89  # A4 in points
PAGES_MAX = 50
CONTENT_TYPE = "application/pdf"
STYLES = {"": "DejaVuSerif", "bold": "DejaVuSerif-Bold", "italic": "DejaVuSerif-Italic"}
_LETTERS = frozenset((*range(0x20, 0x7F), *range(0xA0, 0x180), 0x1A0, 0x1A1, 0x1AF, 0x1B0, *range(0x1EA0, 0x1EFA)))
_SIGNS = frozenset(map(ord, "–—‘’“”…№•"))
_CMAP_ROWS_MAX = 100  # of one bfchar section (Adobe TN 5411)


class Line(NamedTuple):
    """One line of text, or a rule of that width (`room`) when the text is empty. `y` counts from the page's top.

    `align`: from x to the right, around x, up to x, or from x over all of `room`.
    """

    text: str
    x: float
    y: float
    size: float = 13.0
    style: str = ""
    align: str = "left"  # or "center", "right", "justify"
    room: float = 0.0


def warm() -> None:
    """Put the fonts together, which takes a good tenth of a second the first time."""
    _fixed()


def wrapped(text: str, room: float, size: float = 13.0, style: str = "") -> list[str]:
    """The text in lines that fit into `room` points; a longer word than that has a line of its own."""
    font = _fonts()[style]
    lines: list[str] = []
    line, wide, space = "", 0.0, font.width(" ", size)
    for word in text.split():
        needed = font.width(word, size)
        if line and wide + space + needed > room:
            lines.append(line)
            line, wide = word, needed
        else:
            line, wide = (f"{line} {word}", wide + space + needed) if line else (word, needed)
    return [*lines, line] if line else lines


def paragraph(text: str, x: float, y: float, room: float, leading: float, size: float = 13.0) -> list[Line]:
    """Justified lines, the last one as long as it is."""
    lines = wrapped(text, room, size)
    last = len(lines) - 1
    return [
        Line(line, x, y + leading * number, size, align="left" if number == last else "justify", room=room)
        for number, line in enumerate(lines)
    ]


def pdf(pages: Sequence[Iterable[Line]], title: str) -> bytes:
    """The pages as one file. The same arguments make the same bytes."""
    assert 1 <= len(pages) <= PAGES_MAX
    head, fixed, fonts = _fixed()
    out, offsets = bytearray(head), list(fixed)

    def add(body: bytes) -> int:
        offsets.append(len(out))
        out.extend(b"%d 0 obj\n%s\nendobj\n" % (len(offsets), body))
        return len(offsets)

    tree = len(offsets) + 2 * len(pages) + 1
    kids = []
    for page in pages:
        content = zlib.compress(b"\n".join(_drawn(line) for line in page), 6)
        stream = add(b"<< /Length %d /Filter /FlateDecode >>\nstream\n%s\nendstream" % (len(content), content))
        box = b"/MediaBox [0 0 %.2f %.2f]" % (WIDTH, HEIGHT)
        kids.append(
            add(b"<< /Type /Page /Parent %d 0 R %s /Contents %d 0 R /Resources << /Font << %s >> >> >>"
                % (tree, box, stream, fonts))
        )  # fmt: skip
    add(b"<< /Type /Pages /Count %d /Kids [%s] >>" % (len(kids), b" ".join(b"%d 0 R" % kid for kid in kids)))
    root = add(b"<< /Type /Catalog /Pages %d 0 R /Lang (vi-VN) >>" % tree)
    info = add(b"<< /Title <FEFF%s> /Producer (THONG SUOT) >>" % title.encode("utf-16-be").hex().upper().encode())
    table = len(out)
    out += b"xref\n0 %d\n0000000000 65535 f \n" % (len(offsets) + 1)
    out += b"".join(b"%010d 00000 n \n" % offset for offset in offsets)
    out += b"trailer\n<< /Size %d /Root %d 0 R /Info %d 0 R >>\n" % (len(offsets) + 1, root, info)
    return bytes(out + b"startxref\n%d\n%%%%EOF\n" % table)


def _drawn(line: Line) -> bytes:
    """The operators that draw one line."""
    y = HEIGHT - line.y
    if not line.text:
        return b"0.6 w %.2f %.2f m %.2f %.2f l S" % (line.x, y, line.x + line.room, y)
    font = _fonts()[line.style]
    wide = font.width(line.text, line.size)
    x = line.x - {"center": wide / 2, "right": wide}.get(line.align, 0.0)
    shown = font.shown(line.text, (line.room - wide) / line.size if line.align == "justify" else 0.0)
    return b"BT /%s %g Tf 1 0 0 1 %.2f %.2f Tm %s TJ ET" % (font.name, line.size, x, y, shown)


class _Font:
    """One style: where its glyphs are and how wide they are."""

    def __init__(self, style: str, number: int) -> None:
        self.name = b"F%d" % number
        self._base = f"THONGS+{STYLES[style]}"
        font: Any = TTFont(io.BytesIO((_folder() / f"{STYLES[style]}.ttf").read_bytes()), lazy=True)
        per_em = font["head"].unitsPerEm
        glyphs = {code: name for code, name in font.getBestCmap().items() if code in _LETTERS | _SIGNS}
        metrics = font["hmtx"].metrics
        self._glyph = {code: font.getGlyphID(name) for code, name in glyphs.items()}
        self._width: dict[int, float] = {code: metrics[name][0] / per_em for code, name in glyphs.items()}
        self._unknown = ord("?")
        hhea, head = font["hhea"], font["head"]
        box = [round(value * 1000 / per_em) for value in (head.xMin, head.yMin, head.xMax, head.yMax)]
        rise, fall = round(hhea.ascent * 1000 / per_em), round(hhea.descent * 1000 / per_em)
        self._about = f"/FontBBox [{' '.join(map(str, box))}] /Ascent {rise} /Descent {fall} /CapHeight 729 /StemV 80"
        self._about += f" /Flags 4 /ItalicAngle {-11 if style == 'italic' else 0}"
        self._file = _subset(font, set(glyphs.values()))

    def width(self, text: str, size: float) -> float:
        known, unknown = self._width, self._width[self._unknown]
        return size * sum(known.get(ord(letter), unknown) for letter in text)

    def shown(self, text: str, spare_em: float) -> bytes:
        """The operand of TJ; `spare_em` is spread over the blanks."""
        words = text.split(" ")
        if spare_em <= 0 or len(words) == 1:
            return b"[<%s>]" % self._hex(text)
        gap = b"%.1f" % (-1000 * spare_em / (len(words) - 1))
        return b"[%s]" % (b"<%s> %s" % (self._hex(" "), gap)).join(b"<%s>" % self._hex(word) for word in words)

    def objects(self, first: int) -> list[bytes]:
        """Font, descendant, descriptor, file and text table, numbered from `first`."""
        name = self._base.encode()
        pairs = sorted((glyph, code) for code, glyph in self._glyph.items())
        widths = _runs([(glyph, round(1000 * self._width[code])) for glyph, code in pairs])
        table = zlib.compress(_to_unicode(pairs), 9)
        return [
            b"<< /Type /Font /Subtype /Type0 /BaseFont /%s /Encoding /Identity-H /DescendantFonts [%d 0 R]"
            b" /ToUnicode %d 0 R >>" % (name, first + 1, first + 4),
            b"<< /Type /Font /Subtype /CIDFontType2 /BaseFont /%s /CIDToGIDMap /Identity /FontDescriptor %d 0 R"
            b" /CIDSystemInfo << /Registry (Adobe) /Ordering (Identity) /Supplement 0 >> /W [%s] >>"
            % (name, first + 2, widths),
            b"<< /Type /FontDescriptor /FontName /%s %s /FontFile2 %d 0 R >>"
            % (name, self._about.encode(), first + 3),
            b"<< /Length %d /Length1 %d /Filter /FlateDecode >>\nstream\n%s\nendstream"
            % (len(packed := zlib.compress(self._file, 9)), len(self._file), packed),
            b"<< /Length %d /Filter /FlateDecode >>\nstream\n%s\nendstream" % (len(table), table),
        ]  # fmt: skip

    def _hex(self, text: str) -> bytes:
        known, unknown = self._glyph, self._glyph[self._unknown]
        return b"".join(b"%04X" % known.get(ord(letter), unknown) for letter in text)


@cache
def _fonts() -> dict[str, _Font]:
    return {style: _Font(style, number) for number, style in enumerate(STYLES, 1)}


@cache
def _fixed() -> tuple[bytes, tuple[int, ...], bytes]:
    """What all files begin with: the fonts. Also the offsets of their objects, and the fonts as a page names them."""
    out = bytearray(b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n")
    offsets: list[int] = []
    names = []
    for font in _fonts().values():
        names.append(b"/%s %d 0 R" % (font.name, len(offsets) + 1))
        for body in font.objects(len(offsets) + 1):
            offsets.append(len(out))
            out += b"%d 0 obj\n%s\nendobj\n" % (len(offsets), body)
    return bytes(out), tuple(offsets), b" ".join(names)


def _folder() -> Path:
    found = importlib.util.find_spec("matplotlib")
    assert found is not None, "matplotlib is a dependency"
    assert found.origin is not None
    return Path(found.origin).parent / "mpl-data" / "fonts" / "ttf"


def _runs(widths: Sequence[tuple[int, int]]) -> bytes:
    """Widths by glyph as W wants them, neighbours in one array: whoever reads the document reads every array of it."""
    made, last = bytearray(), -2
    for glyph, width in widths:
        if glyph == last:  # two letters may share one
            continue
        made += b" %d" % width if glyph == last + 1 else b"%s%d [%d" % (b"] " if made else b"", glyph, width)
        last = glyph
    return bytes(made + b"]")


def _subset(font: Any, wanted: set[str]) -> bytes:
    """The font with every other glyph emptied: the numbers of the glyphs stay, so nothing else need be rewritten."""
    glyf = font["glyf"]
    keep, todo = {".notdef"}, [*wanted]
    while todo:
        name = todo.pop()
        if name not in keep:
            keep.add(name)
            todo += glyf[name].getComponentNames(glyf)
    for name in font.getGlyphOrder():
        if name not in keep:
            glyf.glyphs[name] = Glyph()
            font["hmtx"].metrics[name] = (0, 0)
    for name in keep:
        glyf[name].removeHinting()
    for tag in set(font.keys()) - {"GlyphOrder", "head", "hhea", "maxp", "hmtx", "loca", "glyf"}:
        del font[tag]
    font.recalcTimestamp = False
    made = io.BytesIO()
    font.save(made)
    return made.getvalue()


def _to_unicode(pairs: Sequence[tuple[int, int]]) -> bytes:
    """Glyph → letter, for those who search or copy."""
    rows = [b"<%04X> <%s>" % (glyph, chr(code).encode("utf-16-be").hex().upper().encode()) for glyph, code in pairs]
    parts = [rows[at : at + _CMAP_ROWS_MAX] for at in range(0, len(rows), _CMAP_ROWS_MAX)]
    return (
        b"/CIDInit /ProcSet findresource begin 12 dict begin begincmap\n/CMapType 2 def /CMapName /Letters def\n"
        b"1 begincodespacerange <0000> <FFFF> endcodespacerange\n"
        + b"".join(b"%d beginbfchar\n%s\nendbfchar\n" % (len(part), b"\n".join(part)) for part in parts)
        + b"endcmap CMapName currentdict /CMap defineresource pop end end"
    )
