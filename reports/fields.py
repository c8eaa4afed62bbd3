"""Empty signature fields on a paper, one for each who signs, put there before anybody does.

PDF/A wants every field to have an appearance; pyHanko gives an empty one.
"""

from __future__ import annotations

import hashlib
import io
from typing import Any

from pyhanko.pdf_utils.generic import ArrayObject, ByteStringObject
from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter
from pyhanko.pdf_utils.reader import PdfFileReader
from pyhanko.sign.fields import SigFieldSpec, append_signature_field

from reports.typesetting import Box, Paper

PAGE_HEIGHT = 297 / 25.4 * 72


class Update(IncrementalPdfFileWriter):
    """pyHanko's writer without its clock and its dice: the same update of the same document has the same bytes."""

    def _update_meta(self) -> None:
        """Title and digests stay as they were printed; the time of a signature stands in the signature."""

    @classmethod
    def _handle_id(cls, prev: PdfFileReader) -> ArrayObject:
        stream = prev.stream
        stream.seek(0)
        second = ByteStringObject(hashlib.sha256(stream.read()).digest()[:16])
        try:
            first = ByteStringObject(prev.trailer["/ID"][0].original_bytes)
        except (KeyError, AttributeError):
            first = second
        return ArrayObject([first, second])


def reserve(paper: Paper) -> bytes:
    """The paper with its fields, named by role, as one update of the PDF."""
    writer = Update(io.BytesIO(paper.pdf))
    for box in paper.boxes:
        append_signature_field(writer, SigFieldSpec(box.role, on_page=box.page - 1, box=_corners(box)))
    return written(writer)


def written(writer: Any) -> bytes:
    stream = io.BytesIO()
    writer.write(stream)
    return stream.getvalue()


def _corners(box: Box) -> tuple[int, int, int, int]:
    left, top = round(box.x), round(PAGE_HEIGHT - box.y)
    return left, top - round(box.height), left + round(box.width), top
