"""Uploads: real JPEGs and PDFs, unique, of the drawn size, from a library that is drawn once."""

from __future__ import annotations

import hashlib
import io
import re
import statistics
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from scenarios import attachments, rng, scan_page
from scenarios.attachments import SIZE_MAX, SIZE_MEDIAN, SIZE_MIN, Library
from scenarios.types import Attachment, ConfigError

KEY = rng.stream(1, "upload")
PAGES = 3


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("pages")


@pytest.fixture(scope="module")
def library(cache: Path) -> Library:
    return Library.build(1, cache, PAGES)


def joined(attachment: Attachment) -> bytes:
    return b"".join(attachment.parts)


def pixels(jpeg: bytes) -> bytes:
    with Image.open(io.BytesIO(jpeg)) as image:
        assert (image.format, image.mode, image.size) == ("JPEG", "RGB", (scan_page.WIDTH, scan_page.HEIGHT))
        assert image.info["dpi"] == (200, 200)
        return image.tobytes()


def uploads(library: Library, suffix: str, how_many: int) -> list[Attachment]:
    made = (library.attachment(f"H56.1-250701-{index:04d}", KEY, index) for index in range(10_000))
    return [
        attachment for attachment, _ in zip((a for a in made if a.name.endswith(suffix)), range(how_many), strict=False)
    ]


@given(index=st.integers(0, 2**40), dossier=st.text(st.sampled_from("ABH56.-0123456789"), max_size=30))
@settings(max_examples=60, deadline=None)
def test_size_and_digest_are_those_of_the_bytes(library: Library, index: int, dossier: str) -> None:
    attachment = library.attachment(dossier, KEY, index)
    data = joined(attachment)
    assert SIZE_MIN <= attachment.size == len(data) <= SIZE_MAX
    assert attachment.sha256 == hashlib.sha256(data).hexdigest()
    assert attachment == library.attachment(dossier, KEY, index)


def test_a_jpeg_upload_has_the_pixels_of_its_page_and_names_the_dossier(library: Library) -> None:
    known = {pixels(jpeg) for _, jpeg in library.pages}
    for attachment in uploads(library, ".jpg", 6):
        assert attachment.content_type == "image/jpeg"
        data = joined(attachment)
        assert pixels(data) in known
        assert b"H56.1-250701-" in data
        assert data.endswith(b"\xff\xd9")


def test_a_pdf_upload_is_well_formed_and_holds_the_page(library: Library) -> None:
    """Every offset of the cross-reference table and every length is checked, as a strict reader would."""
    known = {jpeg for _, jpeg in library.pages}
    for attachment in uploads(library, ".pdf", 6):
        data = joined(attachment)
        assert attachment.content_type == "application/pdf"
        assert data.startswith(b"%PDF-1.4\n")
        assert data.endswith(b"%%EOF\n")
        table_at = int(re.search(rb"startxref\n(\d+)\n%%EOF\n$", data)[1])  # type: ignore[index]
        places = re.findall(rb"(\d{10}) 00000 n \n", data[table_at:])
        assert data[table_at:].startswith(b"xref\n0 9\n")
        assert len(places) == 8
        for number, place in enumerate(places, 1):
            assert data[int(place) :].startswith(f"{number} 0 obj\n".encode())
        image = data.index(b"stream\n", int(places[4])) + len(b"stream\n")
        length = int(re.search(rb"/Length (\d+) >>", data[int(places[4]) : image])[1])  # type: ignore[index]
        assert data[image : image + length] in known
        assert data[image + length :].startswith(b"\nendstream\nendobj\n")
        padding = data.index(b"stream\n", int(places[5])) + len(b"stream\n")
        padded = int(data[int(places[6]) :].split(b"\n", 2)[1])
        assert data[padding + padded :].startswith(b"\nendstream\nendobj\n")
        title = bytes.fromhex(re.search(rb"/Title <([0-9A-F]+)>", data)[1].decode())  # type: ignore[index]
        assert title.decode("utf-16").startswith("THỬ NGHIỆM H56.1-250701-")


def test_a_thousand_uploads_have_a_thousand_digests(library: Library) -> None:
    made = [library.attachment("H56.1-250701-0001", KEY, index) for index in range(1000)]
    made += [library.attachment("H56.1-250701-0002", KEY, index) for index in range(1000)]
    made += [library.attachment("H56.1-250701-0001", rng.stream(2, "upload"), index) for index in range(1000)]
    assert len({attachment.sha256 for attachment in made}) == 3000
    share = sum(attachment.name.endswith(".pdf") for attachment in made) / len(made)
    assert abs(share - attachments.PDF_SHARE) < 0.05


def test_sizes_are_log_normal_around_half_a_megabyte() -> None:
    sizes = [attachments.drawn_size(KEY, index) for index in range(20_000)]
    assert abs(statistics.median(sizes) / SIZE_MEDIAN - 1) < 0.03
    assert SIZE_MIN <= min(sizes) < 1.01 * SIZE_MIN
    assert 4_000_000 < max(sizes) <= SIZE_MAX
    assert sum(size in (SIZE_MIN, SIZE_MAX) for size in sizes) < 5, "cut off, not piled up"
    assert 0.03 < sum(size > 1_800_000 for size in sizes) / len(sizes) < 0.06


@pytest.mark.parametrize("size", [SIZE_MIN, SIZE_MIN + 1, 1_999_999, 4_990_000, SIZE_MAX])
def test_a_size_can_be_asked_for_exactly(library: Library, size: int) -> None:
    for index in range(10):
        attachment = library.attachment("x" * 100, KEY, index, size)
        assert len(joined(attachment)) == size
        assert hashlib.sha256(joined(attachment)).hexdigest() == attachment.sha256


def test_image_and_padding_are_shared_between_uploads_not_copied(library: Library) -> None:
    made = [library.attachment(f"d{index}", KEY, index) for index in range(200)]
    own = sum(len(part) for attachment in made for part in attachment.parts if isinstance(part, bytes))
    assert own / len(made) < 20_000


def test_pages_look_like_scans() -> None:
    """Not flat (noise keeps the JPEG large), not white (uneven light), red mark across."""
    image = np.asarray(scan_page.scan(1, 0), np.int16)
    margin = image[1500:1560, 60:120]
    assert 2 < margin.std() < 12
    assert 200 < np.median(image) < 250
    middle = image[900:1800, 300:1400]
    reddish = (middle[:, :, 0] - middle[:, :, 1] > 40).mean()
    assert reddish > 0.05


def test_every_letter_of_the_pages_has_a_glyph() -> None:
    missing = scan_page._font(40).getmask("\uffff").getbbox(), bytes(scan_page._font(40).getmask("\uffff"))
    texts = "".join(t.title + t.subtitle + "".join(t.lines + t.table) for t in scan_page.TEMPLATES) + scan_page.MARK
    for letter in set(texts) - {" "}:
        mask = scan_page._font(40).getmask(letter)
        assert (mask.getbbox(), bytes(mask)) != missing, letter


def test_the_second_build_reads_the_cache_and_a_damaged_page_is_drawn_again(cache: Path, library: Library) -> None:
    files = sorted(cache.iterdir())
    assert len(files) == PAGES
    before = [path.stat().st_mtime_ns for path in files]
    assert Library.build(1, cache, PAGES).pages == library.pages
    assert [path.stat().st_mtime_ns for path in files] == before
    good = files[0].read_bytes()
    files[0].write_bytes(good[:-1000])
    assert Library.build(1, cache, PAGES).pages == library.pages
    assert files[0].read_bytes() == good


def test_another_seed_draws_other_pages(cache: Path, library: Library) -> None:
    assert Library.build(2, None, 1).pages[0] != library.pages[0]


def test_wrong_arguments_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="pages: 0"):
        Library.build(1, None, 0)
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(ConfigError, match="cannot be used"):
        Library.build(1, tmp_path / "file", 1)
