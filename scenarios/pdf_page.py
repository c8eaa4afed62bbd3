"""A scanned JPEG as a one-page PDF 1.4, written in pieces so that the fixed part need not be copied or hashed again.

The file is: head | JPEG | middle | padding | tail. Only the tail differs between uploads: it has /Info with the mark of
the upload, the length of the padding (an orphan stream), the cross-reference table and the trailer.
"""

from __future__ import annotations

A4_POINTS = (595.28, 841.89)
TAIL_MIN = 1_600  # bytes that the longest mark, table and trailer need


def fixed_parts(jpeg_size: int, width: int, height: int) -> tuple[bytes, bytes, tuple[int, ...]]:
    """Head, middle, and the offsets of objects 1 to 6. Object 6 is the stream that takes the padding."""
    right, top = A4_POINTS
    content = f"q {right} 0 0 {top} 0 0 cm /Im0 Do Q".encode()
    image = (
        f"<< /Type /XObject /Subtype /Image /Width {width} /Height {height} /ColorSpace /DeviceRGB "
        f"/BitsPerComponent 8 /Filter /DCTDecode /Length {jpeg_size} >>"
    )
    objects = (
        b"<< /Type /Catalog /Pages 2 0 R >>",
        b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        f"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 {right} {top}] /Contents 4 0 R "
        f"/Resources << /XObject << /Im0 5 0 R >> >> >>".encode(),
        f"<< /Length {len(content)} >>\nstream\n".encode() + content + b"\nendstream",
        image.encode() + b"\nstream\n",
    )
    head, offsets = b"%PDF-1.4\n%\xe2\xe3\xcf\xd3\n", []
    for number, body in enumerate(objects, 1):
        offsets.append(len(head))
        head += f"{number} 0 obj\n".encode() + body + (b"" if number == len(objects) else b"\nendobj\n")
    middle = b"\nendstream\nendobj\n"
    offsets.append(len(head) + jpeg_size + len(middle))
    middle += b"6 0 obj\n<< /Length 7 0 R >>\nstream\n"
    return head, middle, tuple(offsets)


def tail(offsets: tuple[int, ...], start: int, padding: int, mark: str, size: int) -> bytes:
    """Everything after the padding: exactly `size` bytes, the first at `start`. `mark` becomes the title in /Info."""
    ended = b"\nendstream\nendobj\n"
    length = f"7 0 obj\n{padding}\nendobj\n".encode()
    title = mark.encode("utf-16-be").hex().upper()
    info = f"8 0 obj\n<< /Title <FEFF{title}> /Producer (THONG SUOT) >>\nendobj\n".encode()
    places = (*offsets, start + len(ended), start + len(ended) + len(length))
    table = "xref\n0 9\n0000000000 65535 f \n" + "".join(f"{place:010d} 00000 n \n" for place in places)
    closing = table + "trailer\n<< /Size 9 /Root 1 0 R /Info 8 0 R >>\nstartxref\n"
    room = size - len(ended) - len(length) - len(info) - len(closing) - len("0000000000\n%%EOF\n")
    assert room >= 2, f"{size} bytes are too few for the end of a PDF"
    filler = b"%" + b"." * (room - 2) + b"\n"
    table_at = start + len(ended) + len(length) + len(info) + len(filler)
    return ended + length + info + filler + f"{closing}{table_at:010d}\n%%EOF\n".encode()
